/*
 * management.c - what the operator reaches: partitions, shell, JSON-RPC.
 *
 * Everything here runs in the CPU's loop, between stays in guests, and never
 * waits: bytes come from rings, go to rings.
 */
#include "management.h"

#include "config.h"
#include "files.h"
#include "partition.h"
#include "platform.h"
#include "recorder.h"
#include "shell.h"

#include "lib/log_sink.h"

#include <bh/log.h>
#include <bh/string.h>

#define STOP_AGENT_MS 12000u
#define STOP_ACPI_MS  6000u
#define STOP_LIMIT_US 20000000u
#define RPC_OUT_SIZE  KIB(128)

static const struct boot_opts *opts;
static struct rpc_server server;
static struct rpc_session com2_session;
static struct shell shell;
static struct config_parser parser;
static bool has_shell;
static uint64_t log_seen;  /* position of the log at the last prompt */
static uint64_t end_at_us; /* of the machine, at the latest; 0: goes on */
static bool is_reboot;     /* it begins anew */

/* What COM2 has not taken yet: whole messages, sent in order. */
static struct ring com2_out;
static uint8_t com2_bytes[RPC_OUT_SIZE];
static uint64_t com2_pos;

const struct boot_opts *management_opts(void)
{
	return opts;
}

/* ---- COM2 ---- */

static bool com2_send(void *ctx, const char *text, size_t len)
{
	(void)ctx;
	if (com2_out.head - com2_pos + len > RPC_OUT_SIZE) {
		return false;
	}
	ring_write(&com2_out, text, len);
	return true;
}

static void com2_drain(void)
{
	char chunk[512];

	for (;;) {
		uint64_t at = com2_pos;
		size_t n =
			ring_read(&com2_out, &at, chunk, sizeof(chunk), NULL);
		size_t done = platform_rpc_write(chunk, n);

		com2_pos += done;
		if (done < n || n == 0) {
			return;
		}
	}
}

static const struct rpc_session_ops com2_ops = { com2_send };

static void rpc_input(const uint8_t *bytes, size_t len)
{
	rpc_session_input(&com2_session, bytes, len);
}

/* ---- shell ---- */

static void shell_write(void *ctx, const char *text, size_t len)
{
	(void)ctx;
	platform_shell_write(text, len);
}

/* The log goes to the terminal by itself, into the line that is being edited:
 * prompt and line again, below. */
static void shell_redraw(void)
{
	if (has_shell && shell.mode == SHELL_LINE && log_head() != log_seen) {
		log_seen = log_head();
		shell_print_async(&shell, "", 0);
	}
}

static void shell_bytes(const uint8_t *bytes, size_t len)
{
	shell_redraw();
	if (has_shell) {
		shell_input(&shell, bytes, len);
	}
}

void management_show(const char *text, size_t len)
{
	if (has_shell) {
		shell_print_async(&shell, text, len);
	} else {
		platform_shell_write(text, len);
	}
}

void management_notify(const char *partition, const char *method,
		       const char *params, size_t len)
{
	rpc_notify(&server, partition, method, params, len);
}

/* ---- partitions from the ESP ---- */

static void load_config(const struct boot_file *f)
{
	static struct partition_config config;
	static struct config_report report;
	struct refusal why;
	char line[480];

	if (config_parse(&parser, f->path, phys_to_virt(hpa(f->base)), f->size,
			 partition_life_checks(), &config, &report) != OK) {
		for (uint32_t i = 0; i < report.count; i++) {
			(void)config_error_print(&report.errors[i], f->path,
						 line, sizeof(line));
			log_error("%s", line);
		}
		log_error("%s: %u error(s); this partition cannot start",
			  f->path, report.total);
		/* listed all the same, with the reason config-error */
		config = (struct partition_config){ 0 };
		if (!config_name(f->path, config.name)) {
			return;
		}
		str_copy(config.fault, sizeof(config.fault),
			 report.errors[0].text);
		limits_default(&config.limits);
		config.limits.memory_max = 0;
	}
	if (partition_life_add(&config, &why) != OK) {
		log_error("%s: %s", f->path, why.text);
	}
}

static bool is_config_path(const char *path)
{
	size_t n = strlen(path);

	return strncmp(path, "partitions/", 11) == 0 && n > 16 &&
	       strcmp(path + n - 5, ".json") == 0;
}

static void start_all(void)
{
	uint32_t count;
	struct partition **all = partition_table(&count);

	for (uint32_t i = 0; i < count; i++) {
		/* one with a faulty file ends at once */
		if (((opts->autostart && all[i]->config.autostart) ||
		     all[i]->config.fault[0] != '\0') &&
		    partition_start(all[i]) != OK) {
			log_error("partition %s: not started; type: why %s",
				  all[i]->config.name, all[i]->config.name);
		}
	}
	if (count == 0) {
		log_warn("no partition: put partitions/NAME.json below "
			 "\\bulkhead on the ESP");
	}
}

void management_init(const struct boot_opts *o)
{
	const struct boot_file *f;

	opts = o;
	ring_init(&com2_out, com2_bytes, RPC_OUT_SIZE);
	rpc_server_init(&server);
	partition_life_load_groups();
	for (uint32_t i = 0; (f = files_at(i)) != NULL; i++) {
		if (is_config_path(f->path)) {
			load_config(f);
		}
	}
	if (o->rpc &&
	    rpc_session_open(&com2_session, &server, &com2_ops, NULL) != OK) {
		log_error("rpc: COM2 could not be opened");
	}
	if (o->shell) {
		has_shell =
			shell_init(&shell, &server, shell_write, NULL) == OK;
	}
	start_all();
	if (has_shell) {
		shell_start(&shell);
	}
}

/* ---- the loop's part ---- */

static void machine_end(bool reboot)
{
	const struct stop_times times = { STOP_AGENT_MS, STOP_ACPI_MS };
	uint32_t count;
	struct partition **all = partition_table(&count);

	is_reboot = reboot;
	end_at_us = platform_now_us() + STOP_LIMIT_US;
	for (uint32_t i = 0; i < count; i++) {
		all[i]->config.restart = CONFIG_RESTART_NO;
		all[i]->restart_at_us = 0;
		if (all[i]->state == PARTITION_RUNNING) {
			partition_life_stop(all[i], &times);
		}
	}
}

void management_poweroff(void)
{
	machine_end(false);
}

void management_reboot(void)
{
	machine_end(true);
}

static void poll_end(void)
{
	uint32_t count;
	struct partition **all = partition_table(&count);
	bool is_any_running = false;
	bool has_any_run = false;

	for (uint32_t i = 0; i < count; i++) {
		is_any_running |= all[i]->state == PARTITION_RUNNING ||
				  all[i]->restart_at_us != 0 ||
				  all[i]->reset_wanted;
		has_any_run |= all[i]->state != PARTITION_CREATED;
	}
	if (end_at_us != 0 && ((!is_any_running && platform_is_quiet()) ||
			       platform_now_us() > end_at_us)) {
		log_notice(is_reboot ? "reboot" : "power off");
		recorder_end(is_reboot ? BLACK_BOX_END_REBOOT
				       : BLACK_BOX_END_POWEROFF,
			     "");
		if (is_reboot) {
			platform_reboot();
		}
		platform_poweroff();
	}
	if (end_at_us == 0 && opts->poweroff_at_end && has_any_run &&
	    !is_any_running) {
		management_poweroff();
	}
}

/* console-echo=on: what guests print, as it comes. */
static void echo_console(struct partition *p)
{
	char text[256];
	size_t n;

	while ((n = ring_read(&p->console, &p->echo_pos, text, sizeof(text),
			      NULL)) > 0) {
		platform_shell_write(text, n);
	}
}

void management_poll(void)
{
	struct partition **all;
	uint32_t count;

	platform_poll(shell_bytes, rpc_input);
	shell_redraw();
	com2_drain();
	all = partition_table(&count); /* an order may have changed it */
	for (uint32_t i = 0; i < count; i++) {
		partition_poll(all[i]);
		partition_life_poll(all[i]);
		if (opts->console_echo) {
			echo_console(all[i]);
		}
	}
	rpc_poll(&server);
	if (has_shell) {
		shell_poll(&shell);
	}
	recorder_poll(platform_now_us());
	poll_end();
}
