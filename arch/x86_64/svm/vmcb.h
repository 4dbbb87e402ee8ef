/*
 * vmcb.h - the virtual machine control block, as one table.
 *
 * AMD64 Architecture Programmer's Manual vol. 2, appendix "Layout of VMCB"; the
 * last column is the group of the table in "VMCB Clean Field": the processor
 * may go on using its copy of a field until the group's clean bit is 0.
 * Names are the manual's, in lower case.
 */
#ifndef SVM_VMCB_H
#define SVM_VMCB_H

#include <bh/attr.h>
#include <stddef.h>

/* One segment register; attributes are descriptor bits 55:52 and 47:40. */
struct vmcb_segment {
	uint16_t selector;
	uint16_t attributes;
	uint32_t limit;
	uint64_t base;
} packed_struct;

/* clang-format off */

/* Bits of the clean field; ALWAYS: fields that are never kept. */
#define VMCB_CLEAN_ALWAYS       0u
#define VMCB_CLEAN_I            (1u << 0)  /* intercepts, TSC offset, PAUSE */
#define VMCB_CLEAN_IOPM         (1u << 1)  /* bases of IOPM and MSRPM */
#define VMCB_CLEAN_ASID         (1u << 2)
#define VMCB_CLEAN_TPR          (1u << 3)  /* the V_ fields */
#define VMCB_CLEAN_NP           (1u << 4)  /* nested paging */
#define VMCB_CLEAN_CR           (1u << 5)  /* CR0, CR3, CR4, EFER */
#define VMCB_CLEAN_DR           (1u << 6)  /* DR6, DR7 */
#define VMCB_CLEAN_DT           (1u << 7)  /* GDT, IDT */
#define VMCB_CLEAN_SEG          (1u << 8)  /* CS, DS, SS, ES, CPL */
#define VMCB_CLEAN_CR2          (1u << 9)
#define VMCB_CLEAN_LBR          (1u << 10)
#define VMCB_CLEAN_ALL          0xfffu

/* X(type, name, offset, clean group) */
#define VMCB_CONTROL_LIST(X)                                                   \
	X(uint16_t, intercept_cr_reads,      0x000, I)                         \
	X(uint16_t, intercept_cr_writes,     0x002, I)                         \
	X(uint16_t, intercept_dr_reads,      0x004, I)                         \
	X(uint16_t, intercept_dr_writes,     0x006, I)                         \
	X(uint32_t, intercept_exceptions,    0x008, I)                         \
	X(uint32_t, intercept_misc1,         0x00c, I)                         \
	X(uint32_t, intercept_misc2,         0x010, I)                         \
	X(uint16_t, pause_filter_threshold,  0x03c, I)                         \
	X(uint16_t, pause_filter_count,      0x03e, I)                         \
	X(uint64_t, iopm_base_pa,            0x040, IOPM)                      \
	X(uint64_t, msrpm_base_pa,           0x048, IOPM)                      \
	X(uint64_t, tsc_offset,              0x050, I)                         \
	X(uint32_t, guest_asid,              0x058, ASID)                      \
	X(uint32_t, tlb_control,             0x05c, ALWAYS)                    \
	X(uint64_t, v_intr,                  0x060, TPR)                       \
	X(uint64_t, interrupt_shadow,        0x068, ALWAYS)                    \
	X(uint64_t, exitcode,                0x070, ALWAYS)                    \
	X(uint64_t, exitinfo1,               0x078, ALWAYS)                    \
	X(uint64_t, exitinfo2,               0x080, ALWAYS)                    \
	X(uint64_t, exitintinfo,             0x088, ALWAYS)                    \
	X(uint64_t, np_enable,               0x090, NP)                        \
	X(uint64_t, eventinj,                0x0a8, ALWAYS)                    \
	X(uint64_t, n_cr3,                   0x0b0, NP)                        \
	X(uint64_t, lbr_control,             0x0b8, LBR)                       \
	X(uint32_t, clean,                   0x0c0, ALWAYS)                    \
	X(uint64_t, nrip,                    0x0c8, ALWAYS)                    \
	X(uint8_t,  insn_length,             0x0d0, ALWAYS)

#define VMCB_SAVE_LIST(X)                                                      \
	X(struct vmcb_segment, es,           0x400, SEG)                       \
	X(struct vmcb_segment, cs,           0x410, SEG)                       \
	X(struct vmcb_segment, ss,           0x420, SEG)                       \
	X(struct vmcb_segment, ds,           0x430, SEG)                       \
	X(struct vmcb_segment, fs,           0x440, ALWAYS)                    \
	X(struct vmcb_segment, gs,           0x450, ALWAYS)                    \
	X(struct vmcb_segment, gdtr,         0x460, DT)                        \
	X(struct vmcb_segment, ldtr,         0x470, ALWAYS)                    \
	X(struct vmcb_segment, idtr,         0x480, DT)                        \
	X(struct vmcb_segment, tr,           0x490, ALWAYS)                    \
	X(uint8_t,  cpl,                     0x4cb, SEG)                       \
	X(uint64_t, efer,                    0x4d0, CR)                        \
	X(uint64_t, cr4,                     0x548, CR)                        \
	X(uint64_t, cr3,                     0x550, CR)                        \
	X(uint64_t, cr0,                     0x558, CR)                        \
	X(uint64_t, dr7,                     0x560, DR)                        \
	X(uint64_t, dr6,                     0x568, DR)                        \
	X(uint64_t, rflags,                  0x570, ALWAYS)                    \
	X(uint64_t, rip,                     0x578, ALWAYS)                    \
	X(uint64_t, rsp,                     0x5d8, ALWAYS)                    \
	X(uint64_t, rax,                     0x5f8, ALWAYS)                    \
	X(uint64_t, star,                    0x600, ALWAYS)                    \
	X(uint64_t, lstar,                   0x608, ALWAYS)                    \
	X(uint64_t, cstar,                   0x610, ALWAYS)                    \
	X(uint64_t, sfmask,                  0x618, ALWAYS)                    \
	X(uint64_t, kernel_gs_base,          0x620, ALWAYS)                    \
	X(uint64_t, sysenter_cs,             0x628, ALWAYS)                    \
	X(uint64_t, sysenter_esp,            0x630, ALWAYS)                    \
	X(uint64_t, sysenter_eip,            0x638, ALWAYS)                    \
	X(uint64_t, cr2,                     0x640, CR2)                       \
	X(uint64_t, g_pat,                   0x668, NP)                        \
	X(uint64_t, dbgctl,                  0x670, LBR)

#define VMCB_FIELD_LIST(X) VMCB_CONTROL_LIST(X) VMCB_SAVE_LIST(X)

/* clang-format on */

/* Each field at its own offset: a table is the layout. */
union vmcb {
	uint8_t bytes[4096];
	struct {
		uint8_t before_insn_bytes[0x0d1];
		uint8_t insn_bytes[15];
	} packed_struct;
#define X(type, name, offset, group)             \
	struct {                                 \
		uint8_t before_##name[(offset)]; \
		type name;                       \
	} packed_struct;
	VMCB_FIELD_LIST(X)
#undef X
};

_Static_assert(sizeof(union vmcb) == 4096, "a VMCB is one page");

/* The clean bit of each field. */
enum {
#define X(type, name, offset, group) VMCB_GROUP_OF_##name = VMCB_CLEAN_##group,
	VMCB_FIELD_LIST(X)
#undef X
};

/* vmcb_set() - change a field, and have the processor read it again. */
#define vmcb_set(b, field, value)                               \
	do {                                                    \
		(b)->field = (value);                           \
		(b)->clean &= ~(uint32_t)VMCB_GROUP_OF_##field; \
	} while (0)

/* clang-format off */

/* intercept_misc1, intercept_misc2: APM vol. 2, "VMCB Control Area" */
#define INTERCEPT1_INTR         BIT(0)
#define INTERCEPT1_NMI          BIT(1)
#define INTERCEPT1_INIT         BIT(3)
#define INTERCEPT1_RDPMC        BIT(15)
#define INTERCEPT1_IRET         BIT(20)
#define INTERCEPT1_CPUID        BIT(18)
#define INTERCEPT1_RSM          BIT(19)
#define INTERCEPT1_INVD         BIT(22)
#define INTERCEPT1_PAUSE        BIT(23)
#define INTERCEPT1_HLT          BIT(24)
#define INTERCEPT1_INVLPGA      BIT(26)
#define INTERCEPT1_IOIO         BIT(27)
#define INTERCEPT1_MSR          BIT(28)
#define INTERCEPT1_TASK_SWITCH  BIT(29)
#define INTERCEPT1_SHUTDOWN     BIT(31)
#define INTERCEPT2_VMRUN        BIT(0)
#define INTERCEPT2_VMMCALL      BIT(1)
#define INTERCEPT2_VMLOAD       BIT(2)
#define INTERCEPT2_VMSAVE       BIT(3)
#define INTERCEPT2_STGI         BIT(4)
#define INTERCEPT2_CLGI         BIT(5)
#define INTERCEPT2_SKINIT       BIT(6)
#define INTERCEPT2_WBINVD       BIT(9)
#define INTERCEPT2_MONITOR      BIT(10)
#define INTERCEPT2_MWAIT        BIT(11)
#define INTERCEPT2_MWAIT_ARMED  BIT(12)
#define INTERCEPT2_XSETBV       BIT(13)
#define INTERCEPT2_RDPRU        BIT(14)

/* tlb_control */
#define TLB_CONTROL_NOTHING     0u
#define TLB_CONTROL_FLUSH_ALL   1u
#define TLB_CONTROL_FLUSH_ASID  3u

/* v_intr */
#define V_INTR_IRQ              BIT(8)
#define V_INTR_PRIO(p)          ((uint64_t)(p) << 16)
#define V_INTR_IGN_TPR          BIT(20)
#define V_INTR_MASKING          BIT(24)
#define V_INTR_VECTOR(v)        ((uint64_t)(v) << 32)
#define V_INTR_VECTOR_OF(i)     ((uint8_t)((i) >> 32))

/* interrupt_shadow */
#define INTERRUPT_SHADOW        BIT(0)

/* np_enable */
#define NP_ENABLE               BIT(0)

/* eventinj, exitintinfo: the layout is VT-x's, too (hv/vcpu.h) */
#define EVENTINJ_ERROR_CODE(e)  ((uint64_t)(e) << 32)
#define EXITINTINFO_ERROR_CODE(i) ((uint32_t)((i) >> 32))

/* Segment attributes */
#define VMCB_ATTR_P             BIT(7)
#define VMCB_ATTR_S             BIT(4)
#define VMCB_ATTR_L             BIT(9)
#define VMCB_ATTR_DB            BIT(10)
#define VMCB_ATTR_G             BIT(11)
/* clang-format on */

#endif
