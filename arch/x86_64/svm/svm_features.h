/*
 * svm_features.h - the whole policy of what we want from AMD-V, as one table.
 *
 * A row: X(NAME, leaf, bits, need, switch, "title", "text")
 *   leaf     FEATURES: CPUID 8000000AH:EDX; EXT_EDX: CPUID 80000001H:EDX
 *   bits     all of them have to be 1
 *   need     SVM_REQUIRED: without it the machine is refused; text = remedy.
 *            SVM_OPTIONAL: used where it is; text = what its absence costs.
 *            SVM_UNUSED: known, never used; text = why.
 *   switch   the boot option <switch>=off; "" if there is none. Rows of one
 *            switch stand together.
 *
 * APM vol. 3, "Obtaining Processor Information Via the CPUID Instruction".
 * See hostile-input rule "a plan never enables what is absent":
 * test_svm_caps.c proves it over combinations.
 */
#ifndef SVM_SVM_FEATURES_H
#define SVM_SVM_FEATURES_H

#include <bh/attr.h>

enum svm_need { SVM_REQUIRED, SVM_OPTIONAL, SVM_UNUSED };

/* clang-format off */
#define SVM_FEATURE_LIST(X)                                                    \
	X(NPT, FEATURES, BIT(0), SVM_REQUIRED, "", "nested paging",            \
	  "needs a processor of family 10H or newer (QEMU: add +npt)")         \
	X(PAGE_2M, EXT_EDX, BIT(3), SVM_OPTIONAL, "ept-2m",                    \
	  "nested pages of 2 MiB",                                             \
	  "guest memory is mapped in 4 KiB pages: more memory, more misses")   \
	X(PAGE_1G, EXT_EDX, BIT(26), SVM_OPTIONAL, "ept-1g",                   \
	  "nested pages of 1 GiB",                                             \
	  "guest memory is mapped in 2 MiB pages at most")                     \
	X(NRIPS, FEATURES, BIT(3), SVM_OPTIONAL, "nrips", "next RIP on exit",  \
	  "instructions are fetched again to find their length")               \
	X(DECODE_ASSISTS, FEATURES, BIT(7), SVM_OPTIONAL, "decode-assists",    \
	  "decode assists",                                                    \
	  "moves of control registers and string port instructions are "       \
	  "fetched again")                                                     \
	X(FLUSH_BY_ASID, FEATURES, BIT(6), SVM_OPTIONAL, "flush-by-asid",      \
	  "TLB flush by ASID",                                                 \
	  "a flush for one vCPU flushes the TLB for all")                      \
	X(VMCB_CLEAN, FEATURES, BIT(5), SVM_OPTIONAL, "vmcb-clean",            \
	  "VMCB clean bits",                                                   \
	  "each VMRUN loads the guest's whole state")                          \
	X(TSC_RATE, FEATURES, BIT(4), SVM_OPTIONAL, "tsc-scaling",             \
	  "TSC ratio",                                                         \
	  "guests see the machine's own TSC frequency")                        \
	X(PAUSE_FILTER, FEATURES, BIT(10), SVM_OPTIONAL, "pause-filter",       \
	  "PAUSE filter",                                                      \
	  "spinning vCPUs use up their slice")                                 \
	X(PAUSE_THRESHOLD, FEATURES, BIT(10) | BIT(12), SVM_OPTIONAL,          \
	  "pause-filter", "PAUSE filter threshold",                            \
	  "PAUSEs far apart count as a spinning loop, too")                    \
	X(RDTSCP, EXT_EDX, BIT(27), SVM_OPTIONAL, "", "RDTSCP",                \
	  "RDTSCP is hidden from guests")                                      \
	X(LBR_VIRT, FEATURES, BIT(1), SVM_UNUSED, "",                          \
	  "LBR virtualization",                                                \
	  "guests are shown no last-branch records")                           \
	X(AVIC, FEATURES, BIT(13), SVM_UNUSED, "", "AVIC",                     \
	  "interrupts go through V_IRQ, which every processor has")            \
	X(V_VMSAVE_VMLOAD, FEATURES, BIT(15), SVM_UNUSED, "",                  \
	  "virtual VMSAVE and VMLOAD",                                         \
	  "guests are shown no AMD-V")                                         \
	X(VGIF, FEATURES, BIT(16), SVM_UNUSED, "", "virtual GIF",              \
	  "guests are shown no AMD-V")

enum svm_feature {
#define X(name, ...) SVM_FEATURE_##name,
	SVM_FEATURE_LIST(X)
#undef X
	SVM_FEATURE_COUNT
};
/* clang-format on */

#define SVM_FEATURE_MASK(name) (1u << SVM_FEATURE_##name)

#endif
