/*
 * svm_check.h - says in words which rule of VMRUN a VMCB breaks.
 *
 * The processor only says VMEXIT_INVALID, and emulators check less than silicon
 * does. Run after such an exit, and before the first VMRUN of each vCPU. Pure.
 */
#ifndef SVM_SVM_CHECK_H
#define SVM_SVM_CHECK_H

#include "vmcb.h"

/**
 * svm_check() - try every rule.
 * @phys_bits: width of physical addresses
 * @dst: gets "field = value: rule; field = value: ..."; may be cut short
 * Return: how many rules are broken.
 */
uint32_t svm_check(const union vmcb *b, uint8_t phys_bits, char *dst,
		   size_t size);

#endif
