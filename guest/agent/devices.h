/*
 * devices.h - which devices a container may open and make: OCI
 * `linux.resources.devices` as a program of the kernel's cgroup device hook.
 *
 * Each right (read, write, mknod) is decided by the last rule that matches the
 * device and names it. Nothing is allowed at first but the nodes that every
 * container has, terminals, and the container's own linux.devices; a rule
 * "deny all" leads back to there.
 */
#ifndef AGENT_DEVICES_H
#define AGENT_DEVICES_H

#include "spec.h"
#include <linux/bpf.h>

#define DEVICES_PROGRAM_MAX 1024

/**
 * devices_program() - @s's device rules as BPF.
 * @out: room for DEVICES_PROGRAM_MAX instructions
 * Return: how many there are.
 */
size_t devices_program(const struct spec *s, struct bpf_insn *out);
/** devices_attach() - hand it to the kernel for the cgroup @fd; 0 or -1. */
int devices_attach(const struct spec *s, int fd, struct agent_error *e);

#endif
