/*
 * mmio.c - a guest's accesses to device memory, and string port I/O.
 *
 * An EPT violation says which guest-physical address was touched, not what the
 * instruction wanted: it is fetched once through the guest's own page tables,
 * decoded (insn_decode.c knows MOV and the few forms drivers use) and carried
 * out on the device's window. Anything else stops the partition with the bytes
 * in the report.
 */
#include "mmio.h"

#include "guest_walk.h"
#include "insn_decode.h"
#include "partition.h"

#include <bh/string.h>
#include <spec/x86.h>

#define STRING_STEP_MAX 64 /* elements of INS or OUTS an exit carries out */

struct mmio_target {
	struct guest_cpu *g;
	uint64_t at; /* guest-physical */
};

static uint64_t mmio_read(void *ctx, uint8_t size)
{
	struct mmio_target *t = ctx;

	return io_space_read(&t->g->partition->dev.bus.mmio, t->at, size);
}

static void mmio_write(void *ctx, uint8_t size, uint64_t value)
{
	struct mmio_target *t = ctx;

	io_space_write(&t->g->partition->dev.bus.mmio, t->at, size, value);
}

static enum insn_mode mmio_mode(struct guest_cpu *g)
{
	uint64_t rights = backend()->reg_get(&g->v, VREG_CS_RIGHTS);
	uint64_t efer = backend()->reg_get(&g->v, VREG_EFER);

	if ((efer & BIT(10)) != 0 && (rights & BIT(13)) != 0) {
		return INSN_MODE_64;
	}
	return (rights & BIT(14)) != 0 ? INSN_MODE_32 : INSN_MODE_16;
}

enum vm_verdict mmio_access(struct guest_cpu *g, struct vm_exit *e)
{
	struct mmio_target target = { g, e->nested_fault.gpa.v };
	const struct insn_bus bus = { mmio_read, mmio_write, &target };
	uint64_t rflags = backend()->reg_get(&g->v, VREG_RFLAGS);
	uint8_t bytes[INSN_MAX_LENGTH];
	size_t n = guest_cpu_fetch(g, bytes, sizeof(bytes));
	struct insn insn;
	bool is_complete;

	if (insn_decode(bytes, n, mmio_mode(g), &insn) != OK) {
		partition_end_at(g, END_REASON_MMIO_UNSUPPORTED, "at GPA %#llx",
				 (unsigned long long)target.at);
		return VM_STOP;
	}
	g->v.gpr[GPR_RSP] = backend()->reg_get(&g->v, VREG_RSP);
	is_complete = insn_execute(&insn, g->v.gpr, &rflags, &bus);
	backend()->reg_set(&g->v, VREG_RFLAGS, rflags);
	backend()->reg_set(&g->v, VREG_RSP, g->v.gpr[GPR_RSP]);
	e->insn_length = insn.length;
	if (g->v.state == VCPU_STOPPED) {
		return VM_STOP;
	}
	return is_complete ? VM_ADVANCE : VM_RETRY;
}

/* ---- INS, OUTS ---- */

static uint64_t string_mask(struct guest_cpu *g)
{
	switch (mmio_mode(g)) {
	case INSN_MODE_64:
		return ~0ull;
	case INSN_MODE_32:
		return 0xffffffffull;
	default:
		return 0xffffull;
	}
}

/*
 * The bytes of one element, to or from guest memory. It may cross a page, so
 * each byte is looked up: string I/O is rare and slow anyway.
 * Return: false, with the linear address in *@fault, if memory is not there.
 */
static bool string_copy(struct guest_cpu *g, uint64_t at, uint8_t *bytes,
			const struct vm_exit_pio *io, uint64_t *fault)
{
	struct gmem *gm = &g->partition->vm.gmem;

	for (uint32_t i = 0; i < io->size; i++) {
		enum status s = ERR_FAULT;
		gpa_t a;

		if (guest_walk(g, gva(at + i), &a)) {
			s = io->is_in ? gmem_write(gm, a, &bytes[i], 1)
				      : gmem_read(gm, a, &bytes[i], 1);
		}
		if (s != OK) {
			*fault = at + i;
			return false;
		}
	}
	return true;
}

/* One element between port and memory; false as string_copy(). */
static bool string_element(struct guest_cpu *g, const struct vm_exit_pio *io,
			   uint64_t at, uint64_t *fault)
{
	struct io_space *pio = &g->partition->dev.bus.pio;
	uint64_t value = 0;

	if (io->is_in) {
		value = io_space_read(pio, io->port, io->size);
		return string_copy(g, at, (uint8_t *)&value, io, fault);
	}
	if (!string_copy(g, at, (uint8_t *)&value, io, fault)) {
		return false;
	}
	io_space_write(pio, io->port, io->size, value);
	return true;
}

/* A faulting element is the guest's page fault to take. */
static enum vm_verdict string_fault(struct guest_cpu *g, uint64_t address,
				    bool is_write)
{
	uint64_t rights = backend()->reg_get(&g->v, VREG_CS_RIGHTS);
	uint32_t code =
		(is_write ? 2u : 0u) | ((rights >> 5 & 3) == 3 ? 4u : 0u);

	backend()->reg_set(&g->v, VREG_CR2, address);
	backend()->inject(&g->v, VECTOR_PF, true, code);
	return VM_RETRY;
}

enum vm_verdict string_pio(struct guest_cpu *g, struct vm_exit *e)
{
	const struct vm_exit_pio *io = &e->pio;
	enum gpr index = io->is_in ? GPR_RDI : GPR_RSI;
	uint64_t mask = string_mask(g);
	uint64_t base = backend()->reg_get(&g->v, io->is_in ? VREG_ES_BASE
							    : VREG_DS_BASE);
	bool is_down =
		(backend()->reg_get(&g->v, VREG_RFLAGS) & RFLAGS_DF) != 0;
	uint64_t left = io->is_rep ? g->v.gpr[GPR_RCX] & mask : 1;
	uint64_t fault = 0;

	for (uint32_t i = 0; i < STRING_STEP_MAX && left > 0; i++, left--) {
		uint64_t at = g->v.gpr[index] & mask;
		uint64_t next = is_down ? at - io->size : at + io->size;

		if (!string_element(g, io, base + at, &fault)) {
			return string_fault(g, fault, io->is_in);
		}
		if (g->v.state == VCPU_STOPPED) {
			return VM_STOP;
		}
		g->v.gpr[index] = (g->v.gpr[index] & ~mask) | (next & mask);
		if (io->is_rep) {
			g->v.gpr[GPR_RCX] = (g->v.gpr[GPR_RCX] & ~mask) |
					    ((left - 1) & mask);
		}
	}
	return left == 0 ? VM_ADVANCE : VM_RETRY;
}
