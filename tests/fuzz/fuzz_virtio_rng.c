/* fuzz_virtio_rng.c - virtio_fuzz.h on a source that gives what it likes. */
#include "drivers/virt/virtio_rng.h"
#include "virtio_fuzz.h"

static struct virtio_rng rng;
static uint8_t generosity;

static size_t fill(void *ctx, void *dst, size_t len)
{
	size_t n = generosity & 0x80 ? len : generosity;

	(void)ctx;
	fuzz_work++;
	memset(dst, 0xa5, n < len ? n : len);
	return n; /* even more than asked for, or nothing */
}

static void start(const struct virtio_pci_env *env)
{
	const struct virtio_rng_source source = { fill, NULL };

	generosity = 0x80;
	fuzz_check(virtio_rng_init(&rng, env, &source) == OK);
}

static void step(struct fuzz_input *in)
{
	generosity = (uint8_t)fuzz_take(in, 1);
}

static bool works(void)
{
	const struct virtq_desc d = { FUZZ_ARENA, 8192, VIRTQ_DESC_F_WRITE, 0 };

	generosity = 0x80;
	return fuzz_honest(0, &d, 1, VIRTIO_RNG_REQUEST_MAX);
}

static const struct fuzz_device device = { &rng.pci, start, step, works };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_device_run(&device, data, size);
}
