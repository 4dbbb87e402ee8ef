/* fuzz_virtio_console.c - virtio_fuzz.h, and somebody who types. */
#include "drivers/virt/virtio_console.h"
#include "virtio_fuzz.h"

static struct virtio_console console;
static uint8_t seen; /* reads each byte that arrives */
static bool answers; /* type from within ready() */

static void on_output(void *ctx, const uint8_t *src, size_t len)
{
	(void)ctx;
	fuzz_work++;
	fuzz_check(len > 0 && len <= 512);
	for (size_t i = 0; i < len; i++) {
		seen ^= src[i];
	}
}

static void on_ready(void *ctx)
{
	static const uint8_t text[700];

	(void)ctx;
	fuzz_work++;
	if (answers) {
		fuzz_check(virtio_console_input(&console, text, sizeof(text)) <=
			   sizeof(text));
	}
}

static void start(const struct virtio_pci_env *env)
{
	const struct chardev_sink sink = { on_output, on_ready, NULL };

	answers = false;
	fuzz_check(virtio_console_init(&console, env, &sink) == OK);
}

static void step(struct fuzz_input *in)
{
	static const uint8_t text[256];
	uint8_t n = (uint8_t)fuzz_take(in, 1);

	answers = (n & 1) != 0;
	fuzz_check(virtio_console_input(&console, text, n) <= n);
}

static bool works(void)
{
	const struct virtq_desc out = { FUZZ_ARENA, 3, 0, 0 };
	const struct virtq_desc in = { FUZZ_ARENA, 64, VIRTQ_DESC_F_WRITE, 0 };
	uint64_t before = console.out_bytes;

	answers = false;
	fuzz_work = 0;
	if (!fuzz_honest(VIRTIO_CONSOLE_TX, &out, 1, 0)) {
		return false;
	}
	fake_queue_desc(&fuzz_driver, VIRTIO_CONSOLE_RX, 0, in);
	fake_queue_offer(&fuzz_driver, VIRTIO_CONSOLE_RX, 0);
	return console.out_bytes == before + 3 &&
	       virtio_console_input(&console, (const uint8_t *)"ok", 2) == 2 &&
	       memcmp(fake_ram(&fuzz_guest, FUZZ_ARENA), "ok", 2) == 0;
}

static const struct fuzz_device device = { &console.pci, start, step, works };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_device_run(&device, data, size);
}
