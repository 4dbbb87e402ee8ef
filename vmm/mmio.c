/*
 * mmio.c - a guest's accesses to device memory, and string port I/O.
 *
 * An EPT violation says which guest-physical address was touched, not what the
 * instruction wanted: it is fetched once through the guest's own page tables,
 * decoded (insn_decode.c knows MOV and the few forms drivers use) and carried
 * out on the device's window; where there is no device reads are all ones, and
 * writes vanish. Anything else stops the partition with the bytes in the
 * report.
 */
#include "mmio.h"

#include "insn_decode.h"
#include "partition.h"

#include <bh/string.h>
#include <spec/x86.h>

#define STRING_STEP_MAX 64 /* elements of INS or OUTS an exit carries out */

struct mmio_target {
	struct guest_cpu *g;
	uint64_t at; /* guest-physical */
};

bool mmio_is_apic(struct guest_cpu *g, uint64_t at)
{
	return at - VLAPIC_GPA < VLAPIC_SIZE && vlapic_is_xapic(&g->lapic);
}

static uint64_t mmio_read(void *ctx, uint8_t size)
{
	struct mmio_target *t = ctx;

	if (mmio_is_apic(t->g, t->at)) {
		return vlapic_mmio_read(guest_cpu_apic(t->g),
					(uint32_t)(t->at - VLAPIC_GPA), size);
	}
	return io_space_read(&t->g->partition->dev.bus.mmio, t->at, size);
}

static void mmio_write(void *ctx, uint8_t size, uint64_t value)
{
	struct mmio_target *t = ctx;

	if (mmio_is_apic(t->g, t->at)) {
		vlapic_mmio_write(guest_cpu_apic(t->g),
				  (uint32_t)(t->at - VLAPIC_GPA), size,
				  (uint32_t)value);
		return;
	}
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

/* The operand's linear address. */
static uint64_t mmio_operand(struct guest_cpu *g, const struct insn *i,
			     enum insn_mode mode)
{
	static const enum vreg bases[] = {
		[INSN_SEGMENT_ES] = VREG_ES_BASE,
		[INSN_SEGMENT_CS] = VREG_CS_BASE,
		[INSN_SEGMENT_SS] = VREG_SS_BASE,
		[INSN_SEGMENT_DS] = VREG_DS_BASE,
		[INSN_SEGMENT_FS] = VREG_FS_BASE,
		[INSN_SEGMENT_GS] = VREG_GS_BASE,
	};
	const struct insn_address *a = &i->address;
	const uint64_t *gpr = g->v.gpr;
	uint64_t at = (uint64_t)(int64_t)a->disp;

	/* without a register: absolute, and cut to 32 bits */
	at += a->base != INSN_NO_REG ? gpr[a->base] : 0;
	at += a->index != INSN_NO_REG ? gpr[a->index] << a->scale : 0;
	if (mode == INSN_MODE_64 && a->is_rip) {
		at += backend()->reg_get(&g->v, VREG_RIP) + i->length;
	}
	if (mode != INSN_MODE_64 || i->segment >= INSN_SEGMENT_FS) {
		at += backend()->reg_get(&g->v, bases[i->segment]);
	}
	return mode == INSN_MODE_64 ? at : (uint32_t)at;
}

/*
 * The operand of @insn crosses a page: two accesses, of which one may be RAM.
 * If a page is not there the guest gets its fault, else the partition ends.
 */
static enum vm_verdict mmio_crosses(struct guest_cpu *g, struct vm_exit *e,
				    uint64_t linear)
{
	const uint64_t pages[] = { linear, (linear | (PAGE_SIZE - 1)) + 1 };
	struct walk_regs regs;
	uint32_t access = guest_cpu_walk_regs(g, &regs) |
			  (e->nested_fault.is_write ? WALK_WRITE : 0);

	for (uint32_t i = 0; i < ARRAY_COUNT(pages); i++) {
		uint32_t error = access;
		gpa_t at;

		if (!guest_walk(&g->partition->vm.gmem, &regs, gva(pages[i]),
				access, &at, &error)) {
			backend()->reg_set(&g->v, VREG_CR2, pages[i]);
			vcpu_inject(&g->v, VECTOR_PF, true, error);
			return VM_RETRY;
		}
	}
	partition_end_at(g, END_REASON_MMIO_UNSUPPORTED,
			 "at GPA %#llx: the operand crosses a page",
			 (unsigned long long)e->nested_fault.gpa.v);
	return VM_STOP;
}

enum vm_verdict mmio_access(struct guest_cpu *g, struct vm_exit *e)
{
	struct mmio_target target = { g, e->nested_fault.gpa.v };
	const struct insn_bus bus = { mmio_read, mmio_write, &target };
	uint64_t rflags = backend()->reg_get(&g->v, VREG_RFLAGS);
	uint8_t bytes[INSN_MAX_LENGTH];
	size_t n = guest_cpu_fetch(g, bytes, sizeof(bytes));
	enum insn_mode mode = mmio_mode(g);
	struct insn insn;
	uint64_t linear;
	bool is_complete;

	if (insn_decode(bytes, n, mode, &insn) != OK) {
		partition_end_at(g, END_REASON_MMIO_UNSUPPORTED, "at GPA %#llx",
				 (unsigned long long)target.at);
		return VM_STOP;
	}
	g->v.gpr[GPR_RSP] = backend()->reg_get(&g->v, VREG_RSP);
	linear = mmio_operand(g, &insn, mode);
	if ((linear & (PAGE_SIZE - 1)) > PAGE_SIZE - insn.size) {
		return mmio_crosses(g, e, linear);
	}
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

/* One exit's worth of INS or OUTS. */
struct string_op {
	struct guest_cpu *g;
	const struct vm_exit_pio *io;
	struct walk_regs regs;
	uint32_t access; /* WALK_ */
	bool is_64;
	uint64_t mask; /* of RCX, RSI, RDI */
};

/* The bytes of one element, in one page or on both sides of a boundary. */
struct string_bytes {
	void *part[2]; /* the second is NULL if one holds all */
	uint32_t size[2];
};

static bool is_canonical(uint64_t linear)
{
	return (uint64_t)((int64_t)(linear << 16) >> 16) == linear;
}

/*
 * Find the element at @at as the processor would, before the port is touched.
 * Return: false if the guest gets an exception instead.
 */
static bool string_find(const struct string_op *op, uint64_t at,
			struct string_bytes *out)
{
	struct gmem *gm = &op->g->partition->vm.gmem;
	uint32_t room = (uint32_t)(PAGE_SIZE - (at & (PAGE_SIZE - 1)));
	uint32_t size = op->io->size;
	uint32_t first = size < room ? size : room;

	if (op->is_64 && (!is_canonical(at) || !is_canonical(at + size - 1))) {
		vcpu_inject(&op->g->v, op->io->is_stack ? VECTOR_SS : VECTOR_GP,
			    true, 0);
		return false;
	}
	*out = (struct string_bytes){ .size = { first, size - first } };
	for (uint32_t i = 0; i < 2 && out->size[i] != 0; i++) {
		uint64_t a = at + (i == 0 ? 0 : first);
		uint32_t error = op->access;
		gpa_t where;

		a = op->is_64 ? a : (uint32_t)a;
		if (guest_walk(gm, &op->regs, gva(a), op->access, &where,
			       &error)) {
			out->part[i] = gmem_map(gm, where, out->size[i]);
		}
		if (out->part[i] == NULL) {
			backend()->reg_set(&op->g->v, VREG_CR2, a);
			vcpu_inject(&op->g->v, VECTOR_PF, true, error);
			return false;
		}
	}
	return true;
}

/* One element between port and memory; nothing here can fail. */
static void string_move(const struct string_op *op,
			const struct string_bytes *b)
{
	struct io_space *pio = &op->g->partition->dev.bus.pio;
	uint64_t value = 0;
	uint8_t *bytes = (uint8_t *)&value;

	if (op->io->is_in) {
		value = io_space_read(pio, op->io->port, op->io->size);
		memcpy(b->part[0], bytes, b->size[0]);
		if (b->part[1] != NULL) {
			memcpy(b->part[1], bytes + b->size[0], b->size[1]);
		}
		return;
	}
	memcpy(bytes, b->part[0], b->size[0]);
	if (b->part[1] != NULL) {
		memcpy(bytes + b->size[0], b->part[1], b->size[1]);
	}
	io_space_write(pio, op->io->port, op->io->size, value);
}

/* A register of the address size: 16 bits leave the rest, 32 clear it. */
static void string_set(const struct string_op *op, enum gpr n, uint64_t value)
{
	uint64_t *r = &op->g->v.gpr[n];

	*r = (op->mask == 0xffff ? *r & ~op->mask : 0) | (value & op->mask);
}

enum vm_verdict string_pio(struct guest_cpu *g, struct vm_exit *e)
{
	const struct vm_exit_pio *io = &e->pio;
	enum gpr index = io->is_in ? GPR_RDI : GPR_RSI;
	struct string_op op = { .g = g, .io = io };
	uint64_t step = io->size;
	uint64_t left = 1;

	op.access = guest_cpu_walk_regs(g, &op.regs) |
		    (io->is_in ? (uint32_t)WALK_WRITE : 0);
	op.is_64 = mmio_mode(g) == INSN_MODE_64;
	op.mask = io->address_size >= 8 ? ~0ull : BIT(8 * io->address_size) - 1;
	if ((op.regs.rflags & RFLAGS_DF) != 0) {
		step = -step;
	}
	if (io->is_rep) {
		left = g->v.gpr[GPR_RCX] & op.mask;
	}
	for (uint32_t i = 0; i < STRING_STEP_MAX && left > 0; i++) {
		uint64_t at = g->v.gpr[index] & op.mask;
		uint64_t linear = io->base + at;
		struct string_bytes bytes;

		linear = op.is_64 ? linear : (uint32_t)linear;
		if (!string_find(&op, linear, &bytes)) {
			return VM_RETRY;
		}
		string_move(&op, &bytes);
		if (g->v.state == VCPU_STOPPED) {
			return VM_STOP;
		}
		string_set(&op, index, at + step);
		left--;
		if (io->is_rep) {
			string_set(&op, GPR_RCX, left);
		}
	}
	return left == 0 ? VM_ADVANCE : VM_RETRY;
}
