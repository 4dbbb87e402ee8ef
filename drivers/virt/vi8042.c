/*
 * vi8042.c - the keyboard controller, with a keyboard on which nobody types.
 *
 * Kernels probe it, set it up, wait for its answers, ask it for A20 (always
 * open) and for a reset. There is no second port: its commands are taken and
 * nothing answers.
 *
 * Invariants
 *  1. queue_at < VI8042_QUEUE, queue_count <= VI8042_QUEUE; what does not fit
 *     is dropped.
 *  2. The line is high while config asks for interrupts and a byte waits.
 */
#include "vi8042.h"

#include <bh/string.h>

#define STATUS_OUTPUT   0x01u /* a byte waits for the guest */
#define STATUS_SYSTEM   0x04u
#define STATUS_COMMAND  0x08u
#define STATUS_UNLOCKED 0x10u

#define CONFIG_IRQ1      0x01u
#define CONFIG_SYSTEM    0x04u
#define CONFIG_NO_KEYS   0x10u /* first port is off */
#define CONFIG_NO_AUX    0x20u
#define CONFIG_TRANSLATE 0x40u
#define CONFIG_AT_RESET \
	(CONFIG_IRQ1 | CONFIG_SYSTEM | CONFIG_NO_AUX | CONFIG_TRANSLATE)

#define OUTPUT_NO_RESET 0x01u
#define OUTPUT_A20      0x02u

/* Controller commands (port 64H). */
#define CMD_READ_CONFIG  0x20u
#define CMD_WRITE_CONFIG 0x60u
#define CMD_AUX_OFF      0xa7u
#define CMD_AUX_ON       0xa8u
#define CMD_AUX_TEST     0xa9u
#define CMD_SELF_TEST    0xaau
#define CMD_KEYS_TEST    0xabu
#define CMD_KEYS_OFF     0xadu
#define CMD_KEYS_ON      0xaeu
#define CMD_READ_OUTPUT  0xd0u
#define CMD_WRITE_OUTPUT 0xd1u
#define CMD_ECHO_KEYS    0xd2u /* the next byte, as if from the keyboard */
#define CMD_ECHO_AUX     0xd3u
#define CMD_WRITE_AUX    0xd4u
#define CMD_PULSE        0xf0u /* to FFH: lines that are 0 are pulsed */
#define SELF_TEST_PASSED 0x55u
#define NO_SUCH_PORT     0xffu

/* Keyboard commands (port 60H) and answers. */
#define KEYS_SET_LEDS 0xedu
#define KEYS_ECHO     0xeeu
#define KEYS_SCAN_SET 0xf0u
#define KEYS_IDENTIFY 0xf2u
#define KEYS_RATE     0xf3u
#define KEYS_RESET    0xffu
#define ANSWER_ACK    0xfau
#define ANSWER_PASSED 0xaau
#define ANSWER_ID1    0xabu
#define ANSWER_ID2    0x83u

static void vi8042_update_line(struct vi8042 *k)
{
	irq_line_set(&k->line,
		     k->queue_count > 0 && (k->config & CONFIG_IRQ1) != 0);
}

static void vi8042_push(struct vi8042 *k, uint8_t byte)
{
	if (k->queue_count < VI8042_QUEUE) {
		k->queue[(k->queue_at + k->queue_count) % VI8042_QUEUE] = byte;
		k->queue_count++;
	}
}

static uint8_t vi8042_pop(struct vi8042 *k)
{
	uint8_t byte = k->queue[k->queue_at]; /* empty: the last one again */

	if (k->queue_count > 0) {
		k->queue_count--;
		if (k->queue_count > 0) {
			k->queue_at = (uint8_t)(k->queue_at + 1) % VI8042_QUEUE;
		}
	}
	return byte;
}

/* A byte for the keyboard. Those with an argument acknowledge that too. */
static void keyboard_write(struct vi8042 *k, uint8_t value)
{
	if (k->keyboard_command != 0) {
		k->keyboard_command = 0;
		vi8042_push(k, ANSWER_ACK);
		return;
	}
	if (value == KEYS_ECHO) {
		vi8042_push(k, KEYS_ECHO);
		return;
	}
	vi8042_push(k, ANSWER_ACK);
	if (value == KEYS_RESET) {
		vi8042_push(k, ANSWER_PASSED);
	} else if (value == KEYS_IDENTIFY) {
		vi8042_push(k, ANSWER_ID1);
		vi8042_push(k, ANSWER_ID2);
	} else if (value == KEYS_SET_LEDS || value == KEYS_SCAN_SET ||
		   value == KEYS_RATE) {
		k->keyboard_command = value;
	}
}

/* Commands whose only effect is a byte. */
static bool command_answers(struct vi8042 *k, uint8_t value)
{
	const struct {
		uint8_t command, answer;
	} rows[] = {
		{ CMD_READ_CONFIG, k->config },
		{ CMD_SELF_TEST, SELF_TEST_PASSED },
		{ CMD_KEYS_TEST, 0 },
		{ CMD_AUX_TEST, NO_SUCH_PORT },
		{ CMD_READ_OUTPUT, k->output_port },
	};

	for (uint32_t i = 0; i < ARRAY_COUNT(rows); i++) {
		if (rows[i].command == value) {
			vi8042_push(k, rows[i].answer);
			return true;
		}
	}
	return false;
}

static void command_write(struct vi8042 *k, uint8_t value)
{
	k->command = 0;
	if (command_answers(k, value)) {
		return;
	}
	switch (value) {
	case CMD_WRITE_CONFIG:
	case CMD_WRITE_OUTPUT:
	case CMD_ECHO_KEYS:
	case CMD_ECHO_AUX:
	case CMD_WRITE_AUX:
		k->command = value;
		break;
	case CMD_KEYS_OFF:
		k->config |= CONFIG_NO_KEYS;
		break;
	case CMD_KEYS_ON:
		k->config &= (uint8_t)~CONFIG_NO_KEYS;
		break;
	case CMD_AUX_OFF:
		k->config |= CONFIG_NO_AUX;
		break;
	case CMD_AUX_ON:
		break; /* there is none */
	default:
		if (value >= CMD_PULSE && (value & OUTPUT_NO_RESET) == 0) {
			k->reset(k->ctx);
		}
		break;
	}
}

static void data_write(struct vi8042 *k, uint8_t value)
{
	uint8_t command = k->command;

	k->command = 0;
	switch (command) {
	case CMD_WRITE_CONFIG:
		k->config = value | CONFIG_NO_AUX;
		break;
	case CMD_WRITE_OUTPUT:
		k->output_port = value | OUTPUT_A20;
		if ((value & OUTPUT_NO_RESET) == 0) {
			k->reset(k->ctx);
		}
		break;
	case CMD_ECHO_KEYS:
		vi8042_push(k, value);
		break;
	case CMD_ECHO_AUX:
	case CMD_WRITE_AUX:
		break;
	default:
		keyboard_write(k, value);
		break;
	}
}

static uint64_t vi8042_data_read(void *dev, uint32_t offset, uint32_t size)
{
	struct vi8042 *k = dev;
	uint8_t byte = vi8042_pop(k);

	(void)offset;
	(void)size;
	vi8042_update_line(k);
	return byte;
}

static void vi8042_data_write(void *dev, uint32_t offset, uint32_t size,
			      uint64_t value)
{
	struct vi8042 *k = dev;

	(void)offset;
	(void)size;
	data_write(k, (uint8_t)value);
	vi8042_update_line(k);
}

static uint64_t vi8042_status_read(void *dev, uint32_t offset, uint32_t size)
{
	const struct vi8042 *k = dev;

	(void)offset;
	(void)size;
	return (k->queue_count > 0 ? STATUS_OUTPUT : 0) |
	       (k->config & CONFIG_SYSTEM ? STATUS_SYSTEM : 0) |
	       (k->command != 0 ? STATUS_COMMAND : 0) | STATUS_UNLOCKED;
}

static void vi8042_command_write(void *dev, uint32_t offset, uint32_t size,
				 uint64_t value)
{
	struct vi8042 *k = dev;

	(void)offset;
	(void)size;
	command_write(k, (uint8_t)value);
	vi8042_update_line(k);
}

static const struct vdev_ops data_ops = { "i8042", vi8042_data_read,
					  vi8042_data_write };
static const struct vdev_ops command_ops = { "i8042-command",
					     vi8042_status_read,
					     vi8042_command_write };

void vi8042_init(struct vi8042 *k, const struct irq_line *line,
		 void (*reset)(void *ctx), void *ctx)
{
	*k = (struct vi8042){ .line = *line,
			      .reset = reset,
			      .ctx = ctx,
			      .config = CONFIG_AT_RESET,
			      .output_port = OUTPUT_NO_RESET | OUTPUT_A20 };
}

enum status vi8042_attach(struct vi8042 *k, struct io_bus *bus)
{
	enum status s =
		io_space_add(&bus->pio, VI8042_PORT_DATA, 1, &data_ops, k);

	if (s == OK) {
		s = io_space_add(&bus->pio, VI8042_PORT_COMMAND, 1,
				 &command_ops, k);
	}
	return s;
}
