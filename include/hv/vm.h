/*
 * vm.h - what one virtual machine's vCPUs share and the backend must know.
 *
 * Everything else about a partition (devices, consoles, limits) is vmm/'s.
 */
#ifndef HV_VM_H
#define HV_VM_H

#include <arch/host_space.h>
#include <arch/pt_walk.h>
#include <bh/gmem.h>

struct vm {
	uint32_t index;          /* (c) partition number, from 0 */
	uint64_t serial;         /* (c) no two of one run have the same */
	frame_owner_t owner;     /* (c) who pays for its frames */
	struct gmem gmem;        /* its RAM */
	struct host_space space; /* the VMM's own while it works for it */
	struct pt npt;           /* EPT or NPT: GPA to HPA */
	uint64_t tsc_offset;     /* (c) guest TSC = TSC + offset */
	uint64_t cr4_allowed;    /* (c) CR4 bits that CPUID offers */
	uint64_t xcr0_allowed;   /* (c) XCR0 bits that CPUID offers */
	bool has_siblings;       /* (c) several vCPUs: one waits for another */
	uint16_t asid;           /* (c) VPID or ASID of vCPU 0; + vCPU number */
};

#endif
