/*
 * ept_format.h - bits of EPT entries, of the EPT pointer, and of the MSR that
 * tells what EPT and VPID can do on this CPU.
 *
 * SDM vol. 3, "The Extended Page Table Mechanism (EPT)" and "VPID and EPT
 * Capabilities".
 */
#ifndef VMX_EPT_FORMAT_H
#define VMX_EPT_FORMAT_H

#include <bh/attr.h>

/* clang-format off */

/* Any entry */
#define EPT_READ                BIT(0)
#define EPT_WRITE               BIT(1)
#define EPT_EXEC                BIT(2)
#define EPT_RWX                 (EPT_READ | EPT_WRITE | EPT_EXEC)
#define EPT_ACCESSED            BIT(8)  /* with EPTP_AD */
#define EPT_EXEC_USER           BIT(10) /* mode-based execute control */
#define EPT_ADDRESS_MASK        0x000ffffffffff000ull

/* Leaves */
#define EPT_MEMTYPE(type)       ((uint64_t)(type) << 3)
#define EPT_MEMTYPE_MASK        EPT_MEMTYPE(7)
#define EPT_MEMTYPE_OF(e)       ((uint32_t)((e) >> 3) & 7)
#define EPT_IGNORE_PAT          BIT(6)
#define EPT_LARGE               BIT(7)  /* 2 MiB or 1 GiB leaf */
#define EPT_DIRTY               BIT(9)  /* with EPTP_AD */
#define EPT_SUPPRESS_VE         BIT(63)
/* software's own: bits 52..56 are ignored in leaves without special modes */
#define EPT_SOFTWARE_SHIFT      52

/* Memory types (the numbers of PAT and MTRR) */
#define EPT_TYPE_UC             0u
#define EPT_TYPE_WC             1u
#define EPT_TYPE_WT             4u
#define EPT_TYPE_WP             5u
#define EPT_TYPE_WB             6u

/* EPT pointer */
#define EPTP_MEMTYPE(type)      ((uint64_t)(type))
#define EPTP_MEMTYPE_MASK       7ull
#define EPTP_WALK_4             (3ull << 3) /* page-walk length minus 1 */
#define EPTP_WALK_5             (4ull << 3)
#define EPTP_WALK_MASK          (7ull << 3)
#define EPTP_AD                 BIT(6)
#define EPTP_SHADOW_STACK       BIT(7)
#define EPTP_RESERVED_LOW       0xf00ull

/* IA32_VMX_EPT_VPID_CAP */
#define EPT_CAP_EXEC_ONLY       BIT(0)
#define EPT_CAP_WALK_4          BIT(6)
#define EPT_CAP_WALK_5          BIT(7)
#define EPT_CAP_UC              BIT(8)
#define EPT_CAP_WB              BIT(14)
#define EPT_CAP_2M              BIT(16)
#define EPT_CAP_1G              BIT(17)
#define EPT_CAP_INVEPT          BIT(20)
#define EPT_CAP_AD              BIT(21)
#define EPT_CAP_VIOLATION_INFO  BIT(22) /* advanced exit information */
#define EPT_CAP_SHADOW_STACK    BIT(23)
#define EPT_CAP_INVEPT_SINGLE   BIT(25)
#define EPT_CAP_INVEPT_ALL      BIT(26)
#define VPID_CAP_INVVPID        BIT(32)
#define VPID_CAP_ADDRESS        BIT(40)
#define VPID_CAP_SINGLE         BIT(41)
#define VPID_CAP_ALL            BIT(42)
#define VPID_CAP_SINGLE_GLOBALS BIT(43)

/* INVEPT and INVVPID types */
enum invept_type { INVEPT_SINGLE_CONTEXT = 1, INVEPT_ALL_CONTEXTS = 2 };
enum invvpid_type { INVVPID_INDIVIDUAL_ADDRESS = 0, INVVPID_SINGLE_CONTEXT = 1,
		    INVVPID_ALL_CONTEXTS = 2,
		    INVVPID_SINGLE_CONTEXT_RETAINING_GLOBALS = 3 };

/* clang-format on */

#endif
