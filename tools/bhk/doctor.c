/*
 * doctor.c - looks at this host and at the machine, and says what to do.
 */
#include "bhk.h"
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define BHK_PROTOCOL_VERSION 1

static void bhk_finding(struct bhk *b, json_t *list, const char *what,
			const char *state, const char *text)
{
	json_array_append_new(list, json_pack("{ssssss}", "check", what,
					      "state", state, "text", text));
	if (!b->want_json) {
		printf("%-5s %-10s ", state, what);
		bhk_text(stdout, text);
		printf("\n");
	}
}

/* Does a file's text contain @word? */
static bool bhk_file_has(const char *path, const char *word)
{
	FILE *f = fopen(path, "r");
	char line[8192];
	bool found = false;

	while (f != NULL && !found && fgets(line, sizeof(line), f) != NULL) {
		found = strstr(line, word) != NULL;
	}
	if (f != NULL) {
		fclose(f);
	}
	return found;
}

static void bhk_doctor_program(struct bhk *b, json_t *list, const char *name,
			       const char *path, const char *packages)
{
	bool is_there = access(path, X_OK) == 0;
	char text[200];

	snprintf(text, sizeof(text),
		 is_there ? "%s is there"
			  : "%s is not installed: apt-get install %s",
		 path, packages);
	bhk_finding(b, list, name, is_there ? "ok" : "warn", text);
}

/* What `make run` makes of this computer. */
static void bhk_doctor_host(struct bhk *b, json_t *list)
{
	bool vmx = bhk_file_has("/proc/cpuinfo", " vmx");
	bool svm = bhk_file_has("/proc/cpuinfo", " svm");
	bool kvm = access("/dev/kvm", R_OK | W_OK) == 0;
	const char *name = vmx ? "VT-x" : "AMD-V";
	const char *module = vmx ? "kvm_intel" : "kvm_amd";
	char path[64], text[300];
	bool nested;

	snprintf(path, sizeof(path), "/sys/module/%s/parameters/nested",
		 module);
	nested = bhk_file_has(path, "Y") || bhk_file_has(path, "1");
	if (!vmx && !svm) {
		snprintf(text, sizeof(text),
			 "neither VT-x nor AMD-V here: make run takes Bochs "
			 "(slow, exact), make run ON=qemu is faster");
	} else if (!kvm) {
		snprintf(text, sizeof(text),
			 "%s but no access to /dev/kvm: load %s and join the "
			 "group kvm; until then make run takes Bochs",
			 name, module);
	} else if (!nested) {
		snprintf(text, sizeof(text),
			 "%s and /dev/kvm, but guests have no %s: load %s with "
			 "nested=1; until then make run takes Bochs",
			 name, name, module);
	} else {
		snprintf(text, sizeof(text),
			 "%s, /dev/kvm and nesting: make run takes QEMU with "
			 "KVM",
			 name);
	}
	bhk_finding(b, list, "host",
		    (vmx || svm) && !(kvm && nested) ? "warn" : "ok", text);
	bhk_doctor_program(b, list, "bochs", "/usr/bin/bochs",
			   "bochs bochsbios vgabios bochs-term");
	bhk_doctor_program(b, list, "qemu", "/usr/bin/qemu-system-x86_64",
			   "qemu-system-x86");
}

static int bhk_doctor_machine(struct bhk *b, json_t *list)
{
	char text[600];
	json_t *info, *parts;
	long long version;
	int code = bhk_connect(b, text, sizeof(text));

	if (code != BHK_OK) {
		bhk_finding(b, list, "connection", "fail", text);
		return code;
	}
	snprintf(text, sizeof(text), "%s is open", b->where);
	bhk_finding(b, list, "connection", "ok", text);
	code = bhk_call(b, "machine.info", NULL, &info);
	if (code != BHK_OK) {
		bhk_finding(b, list, "answer", "fail",
			    "the VMM does not answer on COM2: is it up (see "
			    "COM1), and is rpc=on in boot.cfg?");
		return code;
	}
	version = json_integer_value(json_object_get(info, "protocol"));
	snprintf(text, sizeof(text),
		 "Bulkhead %s on %s, %lld CPU(s), backend "
		 "%s",
		 json_string_value(json_object_get(info, "version")) ?: "?",
		 json_string_value(json_object_get(info, "cpu_brand")) ?: "?",
		 (long long)json_integer_value(json_object_get(info, "cpus")),
		 json_string_value(json_object_get(info, "backend")) ?: "?");
	bhk_finding(b, list, "answer", "ok", text);
	bhk_finding(
		b, list, "protocol",
		version == BHK_PROTOCOL_VERSION ? "ok" : "fail",
		version == BHK_PROTOCOL_VERSION
			? "bhk and the VMM speak the same version"
			: "another version: build bhk and the image from one "
			  "tree");
	json_decref(info);
	code = bhk_call(b, "partition.list", NULL, &parts);
	if (code == BHK_OK) {
		size_t n =
			json_array_size(json_object_get(parts, "partitions"));

		snprintf(text, sizeof(text),
			 "%zu partition(s); bhk ps shows "
			 "them",
			 n);
		bhk_finding(b, list, "partitions", n > 0 ? "ok" : "warn", text);
	}
	json_decref(parts);
	return version == BHK_PROTOCOL_VERSION ? code : BHK_PROTOCOL;
}

/** bhk_doctor() - all checks; the exit code is that of the first failure. */
int bhk_doctor(struct bhk *b)
{
	json_t *list = json_array();
	int code;

	if (b->arg_count != 0) {
		json_decref(list);
		return bhk_usage(b, "takes nothing");
	}
	bhk_doctor_host(b, list);
	code = bhk_doctor_machine(b, list);
	if (b->want_json) {
		json_t *out = json_pack("{sO}", "checks", list);

		bhk_json(out);
		json_decref(out);
	}
	json_decref(list);
	return code;
}
