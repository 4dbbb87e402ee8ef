/*
 * kvm_para.h - KVM's paravirtual interface, as stock kernels expect it.
 *
 * Numbers and layouts are those of the kernel's documentation "KVM CPUID
 * bits", "KVM-specific MSRs" and "pvclock". A unit test compares them with the
 * kernel's own UAPI header.
 */
#ifndef SPEC_KVM_PARA_H
#define SPEC_KVM_PARA_H

#include <bh/attr.h>

/* clang-format off */
#define KVM_LEAF_SIGNATURE              0x40000000u
#define KVM_LEAF_FEATURES               0x40000001u
#define HV_LEAF_TIMING                  0x40000010u /* EAX: TSC kHz, EBX: bus */
#define BULKHEAD_LEAF_SIGNATURE         0x40000100u

#define KVM_PV_FEATURE_NOP_IO_DELAY     (1u << 1)
#define KVM_PV_FEATURE_CLOCKSOURCE2     (1u << 3)
#define KVM_PV_FEATURE_STEAL_TIME       (1u << 5)
#define KVM_PV_FEATURE_PV_EOI           (1u << 6)
#define KVM_PV_FEATURE_PV_UNHALT        (1u << 7)
#define KVM_PV_FEATURE_PV_TLB_FLUSH     (1u << 9)
#define KVM_PV_FEATURE_PV_SEND_IPI      (1u << 11)
#define KVM_PV_FEATURE_PV_SCHED_YIELD   (1u << 13)
#define KVM_PV_FEATURE_MSI_EXT_DEST_ID  (1u << 15)
#define KVM_PV_FEATURE_CLOCK_STABLE     (1u << 24)

#define MSR_KVM_PV_WALL_CLOCK_NEW       0x4b564d00u
#define MSR_KVM_PV_SYSTEM_TIME_NEW      0x4b564d01u
#define   KVM_PV_SYSTEM_TIME_ENABLE     1ull
#define MSR_KVM_PV_STEAL_TIME           0x4b564d03u
#define   KVM_PV_STEAL_TIME_ENABLE      1ull
#define   KVM_PV_STEAL_TIME_RESERVED    0x3eull
#define MSR_KVM_PV_EOI                  0x4b564d04u
#define   KVM_PV_EOI_ENABLE             1ull
#define   KVM_PV_EOI_RESERVED           2ull

/* Hypercalls: RAX the number, RBX, RCX, RDX, RSI the arguments. */
#define KVM_HYPERCALL_KICK_CPU          5u
#define KVM_HYPERCALL_SEND_IPI          10u
#define KVM_HYPERCALL_SCHED_YIELD       11u
/* What RAX has afterwards, besides 0 or a count. */
#define KVM_HYPERCALL_EPERM             (-1)
#define KVM_HYPERCALL_EINVAL            (-22)
#define KVM_HYPERCALL_ENOSYS            (-1000)
/* clang-format on */

#define PVCLOCK_TSC_STABLE_BIT (1u << 0)

/* One a vCPU; @version is odd while the others are being changed. */
struct pvclock_vcpu_time_info {
	uint32_t version;
	uint32_t pad0;
	uint64_t tsc_timestamp; /* guest TSC at which @system_time was true */
	uint64_t system_time;   /* ns since the partition started */
	uint32_t tsc_to_system_mul;
	int8_t tsc_shift;
	uint8_t flags;
	uint8_t pad[2];
};

/* Wall-clock time at system_time 0; @version as above. */
struct pvclock_wall_clock {
	uint32_t version;
	uint32_t sec;
	uint32_t nsec;
};

/* One a vCPU; @version is odd while @steal is being changed. */
struct kvm_pv_steal_time {
	uint64_t steal; /* ns in which it wanted to run and did not */
	uint32_t version;
	uint32_t flags;
	uint8_t preempted; /* atomic on both sides: KVM_PV_VCPU_* */
	uint8_t pad0[3];
	uint32_t pad[11];
};

#define KVM_PV_VCPU_PREEMPTED (1u << 0)
#define KVM_PV_VCPU_FLUSH_TLB (1u << 1) /* before it runs again */

/* PV EOI: bit 0 of a guest's word. Set by the hypervisor: the interrupt in
 * service needs no EOI but the bit's clearing. */
#define KVM_PV_EOI_PENDING (1u << 0)

_Static_assert(sizeof(struct kvm_pv_steal_time) == 64, "steal_time");
_Static_assert(sizeof(struct pvclock_vcpu_time_info) == 32, "vcpu_time_info");
_Static_assert(sizeof(struct pvclock_wall_clock) == 12, "wall_clock");

#endif
