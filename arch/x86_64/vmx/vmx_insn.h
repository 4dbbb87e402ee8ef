/*
 * vmx_insn.h - VMX instructions, each with its result checked.
 *
 * VMREAD and VMWRITE on the current VMCS fail only if we name a field that the
 * processor lacks or if the VMCS is not current: our own bug, reported with the
 * field by vmx_insn_failed(). The others return a status.
 */
#ifndef VMX_INSN_H
#define VMX_INSN_H

#include "vmcs.h"

#include <bh/addr.h>
#include <bh/status.h>

/** vmx_insn_failed() - panic with the instruction's name and its operand. */
no_return void vmx_insn_failed(const char *insn, uint64_t operand);

static inline uint64_t vmread(enum vmcs_field field)
{
	uint64_t value;

	__asm__ goto("vmread %1, %0\n\tjbe %l2"
		     : "=rm"(value)
		     : "r"((uint64_t)field)
		     : "cc"
		     : failed);
	return value;
failed:
	vmx_insn_failed("VMREAD", field);
}

static inline uint32_t vmread32(enum vmcs_field field)
{
	return (uint32_t)vmread(field);
}

static inline void vmwrite(enum vmcs_field field, uint64_t value)
{
	__asm__ goto("vmwrite %0, %1\n\tjbe %l2"
		     :
		     : "rm"(value), "r"((uint64_t)field)
		     : "cc", "memory"
		     : failed);
	return;
failed:
	vmx_insn_failed("VMWRITE", field);
}

#define VMX_INSN_ON_ADDRESS(name)                    \
	static inline enum status name(hpa_t region) \
	{                                            \
		__asm__ goto(#name " %0\n\tjbe %l1"  \
			     :                       \
			     : "m"(region.v)         \
			     : "cc", "memory"        \
			     : failed);              \
		return OK;                           \
	failed:                                      \
		return ERR_HARDWARE;                 \
	}

VMX_INSN_ON_ADDRESS(vmxon)
VMX_INSN_ON_ADDRESS(vmclear)
VMX_INSN_ON_ADDRESS(vmptrld)
#undef VMX_INSN_ON_ADDRESS

struct vmx_inv_descriptor {
	uint64_t first; /* EPTP, or VPID in bits 15:0 */
	uint64_t second;
};

static inline enum status invept(uint64_t type, uint64_t eptp)
{
	const struct vmx_inv_descriptor d = { eptp, 0 };

	__asm__ goto("invept %0, %1\n\tjbe %l2"
		     :
		     : "m"(d), "r"(type)
		     : "cc", "memory"
		     : failed);
	return OK;
failed:
	return ERR_HARDWARE;
}

static inline enum status invvpid(uint64_t type, uint16_t vpid)
{
	const struct vmx_inv_descriptor d = { vpid, 0 };

	__asm__ goto("invvpid %0, %1\n\tjbe %l2"
		     :
		     : "m"(d), "r"(type)
		     : "cc", "memory"
		     : failed);
	return OK;
failed:
	return ERR_HARDWARE;
}

#endif
