/*
 * recorder.h - keeps the black box: what is written into it when, and what the
 * run before left there.
 */
#ifndef VMM_RECORDER_H
#define VMM_RECORDER_H

#include "black_box.h"
#include "boot_opts.h"
#include "partition.h"

/** recorder_init() - open the box that boot/ reserved; after the VMM's map. */
void recorder_init(const struct boot_info *bi);
/** recorder_options() - what a panic does at its end. */
void recorder_options(const struct boot_opts *o);
/** recorder_load() - the run before as text; once the backend is known. */
void recorder_load(void);

/** recorder_poll() - note the exits of what runs, now and then. */
void recorder_poll(uint64_t now_us);
/** recorder_partition_ended() - note the exits in its report. */
void recorder_partition_ended(const struct partition *p);
/** recorder_end() - note why this run ends. */
void recorder_end(enum black_box_end end, const char *text);

#endif
