/*
 * test_bhk_cli.c - the real bhk against the real RPC server over fakes.
 *
 * A child process is the machine: it serves a unix socket with vmm/rpc.c and a
 * scripted agent. The program under test is $BHK, or build/tools/bhk/bhk.
 */
#include "tests/lib/unit.h"
/* keep the line above first: cmocka wants its headers in order */
#include "mgmt_fake.h"
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[64], sock[96], output[65536];
static const char *input = "</dev/null"; /* of the next bhk */
static pid_t machine;
static int machine_fd;

static bool on_send(void *ctx, const char *text, size_t len)
{
	(void)ctx;
	/* noise of an earlier user, then the message in two pieces */
	return write(machine_fd, "noise\n", 6) == 6 &&
	       write(machine_fd, text, len / 2) >= 0 &&
	       write(machine_fd, text + len / 2, len - len / 2) >= 0;
}

static const struct rpc_session_ops ops = { .send = on_send };

/* A container that writes what it is given, and ends with its input. */
static void machine_cat(struct fake *f, const char *line)
{
	char text[8192];
	const char *data = strstr(line, "\"data\":\"");
	int len;

	if (data == NULL) {
		return;
	}
	data += strlen("\"data\":\"");
	len = (int)(strchr(data, '"') - data);
	snprintf(text, sizeof(text),
		 "{\"method\":\"container.output\",\"params\":{\"id\":"
		 "\"c2\",\"stream\":\"stdout\",\"data\":\"%.*s\"}}",
		 len, data);
	fake_say(f, text);
	if (strstr(line, "\"eof\":true") != NULL) {
		fake_say(f, "{\"method\":\"container.event\",\"params\":{"
			    "\"id\":\"c2\",\"event\":\"exited\",\"exitCode\":"
			    "0}}");
	}
}

/* What the container does once its first output was read. */
static void machine_events(struct fake *f, const char *line)
{
	static bool is_cat;

	if (strstr(line, "\"container.run\"") != NULL) {
		is_cat = strstr(line, "/bin/cat") != NULL;
	}
	if (strstr(line, "\"container.exec\"") != NULL) {
		is_cat = false;
	}
	if (is_cat) {
		if (strstr(line, "\"container.stdin\"") != NULL) {
			machine_cat(f, line);
		}
		return;
	}
	if (strstr(line, "\"container.logs\"") != NULL &&
	    strstr(line, "\"offset\":6") != NULL) {
		fake_say(f, "{\"method\":\"container.output\",\"params\":{"
			    "\"id\":\"c2\",\"stream\":\"stdout\",\"data\":"
			    "\"hi\\n\"}}");
		fake_say(f, "{\"method\":\"container.event\",\"params\":{"
			    "\"id\":\"c2\",\"event\":\"exited\",\"exitCode\":"
			    "7}}");
	}
	if (strstr(line, "/bin/crash") != NULL) {
		agent_link_lost(&f->link, "the partition ended");
		fake_connect(f);
		return;
	}
	if (strstr(line, "\"container.exec\"") != NULL) {
		fake_say(f, "{\"method\":\"container.output\",\"params\":{"
			    "\"id\":\"c1\",\"exec\":\"e1\",\"stream\":"
			    "\"stderr\",\"data\":\"oops\\n\"}}");
		fake_say(f, "{\"method\":\"container.event\",\"params\":{"
			    "\"id\":\"c1\",\"exec\":\"e1\",\"event\":"
			    "\"exec-exited\",\"exitCode\":3}}");
	}
}

static void machine_serve(struct fake *f, struct rpc_session *com2)
{
	char buf[4096];
	ssize_t n;

	while ((n = read(machine_fd, buf, sizeof(buf))) > 0) {
		rpc_session_input(com2, buf, (size_t)n);
		for (;;) {
			char line[8192];

			snprintf(line, sizeof(line), "%s",
				 f->to_agent + f->to_agent_seen);
			if (!fake_agent_step(f)) {
				break;
			}
			machine_events(f, line);
		}
	}
}

static no_return void machine_main(int listener)
{
	static struct rpc_session com2;
	static struct rpc_server server;
	static struct fake f;

	signal(SIGPIPE, SIG_IGN);
	fake_init(&f);
	f.has_before = true;
	f.server = &server;
	rpc_server_init(&server);
	if (rpc_session_open(&com2, &server, &ops, NULL) != OK) {
		_exit(1);
	}
	fake_connect(&f);
	for (;;) {
		machine_fd = accept(listener, NULL, NULL);
		f.to_agent_len = 0;
		f.to_agent_seen = 0;
		com2.is_subscribed = false;
		machine_serve(&f, &com2);
		close(machine_fd);
	}
}

static int group_setup(void **state)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	strcpy(dir, "/tmp/bhk-test-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(sock, sizeof(sock), "%s/com2", dir);
	strcpy(sa.sun_path, sock);
	assert_int_equal(bind(listener, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(listener, 4), 0);
	fflush(NULL);
	machine = fork();
	if (machine == 0) {
		machine_main(listener);
	}
	close(listener);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	kill(machine, SIGKILL);
	waitpid(machine, NULL, 0);
	snprintf(sock, sizeof(sock), "%s/new.json", dir);
	unlink(sock);
	snprintf(sock, sizeof(sock), "%s/com2", dir);
	unlink(sock);
	rmdir(dir);
	return 0;
}

static const char *program(void)
{
	const char *path = getenv("BHK");

	return path != NULL ? path : "build/tools/bhk/bhk";
}

/* Run bhk with @words; its output (both streams) in output; its exit code. */
static int bhk(const char *words)
{
	char line[1024];
	size_t n;
	FILE *p;
	int code;

	if (access(program(), X_OK) != 0) {
		fail_msg("%s is not built (make bhk)", program());
	}
	snprintf(line, sizeof(line), "BHK_CONNECT=%s timeout 20 %s %s 2>&1 %s",
		 sock, program(), words, input);
	input = "</dev/null";
	p = popen(line, "r");
	assert_non_null(p);
	n = fread(output, 1, sizeof(output) - 1, p);
	output[n] = '\0';
	code = pclose(p);
	assert_true(WIFEXITED(code));
	return WEXITSTATUS(code);
}

static void expect(const char *part)
{
	if (strstr(output, part) == NULL) {
		fail_msg("\nno: %s\nin: %s", part, output);
	}
}

static void test_help(void **state)
{
	(void)state;
	assert_int_equal(bhk("--help"), 0);
	expect("doctor");
	expect("Exit codes");
	assert_int_equal(bhk("run --help"), 0);
	expect("usage: bhk run PART");
	assert_int_equal(bhk(""), 2);
	assert_int_equal(bhk("frob"), 2);
	expect("no command \"frob\"");
	assert_int_equal(bhk("--frob ps"), 2);
}

static void test_ps(void **state)
{
	(void)state;
	assert_int_equal(bhk("ps"), 0);
	expect("PARTITION  STATE    REASON");
	expect("web        running  none              1    256M  yes");
	expect("web        c1         running    7     -  /bin/sleep 9");
	assert_int_equal(bhk("ps --json"), 0);
	expect("{\"partitions\":[{\"name\":\"web\"");
	assert_int_equal(bhk("ps now"), 2);
}

/* The agent of a paused partition is not asked: it could not answer. */
static void test_ps_paused(void **state)
{
	(void)state;
	assert_int_equal(bhk("pause web"), 0);
	assert_int_equal(bhk("ps"), 0);
	expect("web        paused  none              1    256M  yes");
	assert_null(strstr(output, "CONTAINER"));
	assert_int_equal(bhk("resume web"), 0);
	assert_int_equal(bhk("ps"), 0);
	expect("web        c1         running");
}

static void test_reports(void **state)
{
	(void)state;
	assert_int_equal(bhk("version"), 0);
	expect("version: 0.1-test");
	assert_int_equal(bhk("stats web"), 0);
	expect("cpu.stat usage_usec: 5000");
	expect("virtio-blk      7");
	assert_int_equal(bhk("stats web/c1"), 0);
	expect("memory.max: 67108864");
	assert_int_equal(bhk("exits web"), 0);
	expect("CPUID          500     60000");
	assert_int_equal(bhk("why batch"), 0);
	expect("partition batch: triple-fault");
	expect("boot?[2J");
	assert_int_equal(bhk("mem"), 0);
	expect("image");
	assert_int_equal(bhk("cpuid web"), 0);
	expect("0x40000000");
	assert_int_equal(bhk("log"), 0);
	assert_string_equal(output, "first line\nsecond line\n");
	assert_int_equal(bhk("mitigations"), 0);
	expect("l1tf  on          a flush");
	assert_int_equal(bhk("dmesg"), 0);
	assert_string_equal(output, "first line\nsecond line\n");
	assert_int_equal(bhk("dmesg --previous"), 0);
	assert_string_equal(output, "the run before\n");
	assert_int_equal(bhk("dmesg --previous --json"), 0);
	expect("\"end\":\"panic\"");
	assert_int_equal(bhk("dmesg --later"), 2);
	expect("takes nothing but --previous");
	assert_int_equal(bhk("fault bug"), 1);
	expect("fault-injection=on");
	assert_int_equal(bhk("fault"), 2);
	assert_int_equal(bhk("logs web/c1"), 0);
	assert_string_equal(output, "early\n");
	assert_int_equal(bhk("console web"), 0);
	assert_string_equal(output, "login: ");
}

static void test_errors(void **state)
{
	(void)state;
	assert_int_equal(bhk("why web"), 1);
	expect("bhk: partition web has not ended");
	assert_int_equal(bhk("why web --json"), 1);
	expect("{\"error\":{\"code\":-32003,");
	assert_int_equal(bhk("stop nobody"), 1);
	assert_int_equal(bhk("stop"), 2);
	assert_int_equal(bhk("--connect /nowhere/at/all ps"), 3);
	expect("make run");
	assert_int_equal(bhk("--connect /nowhere run web -- a"), 125);
}

static void test_run(void **state)
{
	(void)state;
	assert_int_equal(bhk("run web --memory 64M --cpus 0.5 -- /bin/true"),
			 7);
	assert_string_equal(output, "early\nhi\n");
	assert_int_equal(bhk("run web --json -- /bin/true"), 7);
	expect("{\"id\":\"c2\",\"exitCode\":7}");
	assert_int_equal(bhk("run web"), 2);
	assert_int_equal(bhk("run web --cpus x -- a"), 2);
	assert_int_equal(bhk("run batch -- a"), 125);
}

static void test_run_takes_input(void **state)
{
	(void)state;
	input = "<<END\na\xc3\xa9z\nEND";
	assert_int_equal(bhk("run web -- /bin/cat"), 0);
	assert_string_equal(output, "early\na\xc3\xa9z\n");
	input = "<<END\na\xff\nEND";
	assert_int_equal(bhk("run web -- /bin/cat"), 0);
	expect("the input is not UTF-8");
}

static void test_exec(void **state)
{
	(void)state;
	assert_int_equal(bhk("exec web/c1 -- ls --json"), 3);
	assert_string_equal(output, "oops\n");
	assert_int_equal(bhk("exec web/c1"), 2);
	assert_int_equal(bhk("exec web/c1 -- /bin/crash"), 125);
	expect("bhk: c1: no longer there: the partition ended");
}

static void test_doctor(void **state)
{
	(void)state;
	assert_int_equal(bhk("doctor"), 0);
	expect("Bulkhead 0.1-test on Fake CPU");
	expect("2 partition(s)");
	expect("make run"); /* what the host is good for */
	assert_int_equal(bhk("doctor --json"), 0);
	expect("{\"checks\":[");
	assert_int_equal(bhk("--connect /nowhere doctor"), 3);
	expect("fail  connection");
}

static void test_orders(void **state)
{
	(void)state;
	assert_int_equal(bhk("kill web/c1 TERM"), 0);
	assert_string_equal(output, "");
	assert_int_equal(bhk("start batch"), 0);
	assert_int_equal(bhk("start batch"), 1);
	assert_int_equal(bhk("stop batch"), 0);
	expect("it had ended already");
	assert_int_equal(bhk("stop web --no-wait --agent-ms 5 --json"), 0);
	expect("{\"stage\":\"agent\"}");
	assert_int_equal(bhk("stop web --agent-ms x"), 2);
	assert_int_equal(bhk("stop web --acpi-ms 600001"), 2);
	assert_int_equal(bhk("reset web --json"), 0);
	assert_string_equal(output, "{}\n");
	assert_int_equal(bhk("kill web"), 0);
	assert_int_equal(bhk("poweroff"), 0);
	assert_int_equal(bhk("reboot"), 0);
}

/* A config.json of our own. */
static void config_file(const char *text)
{
	char path[128];
	FILE *to;

	snprintf(path, sizeof(path), "%s/new.json", dir);
	to = fopen(path, "w");
	assert_non_null(to);
	fputs(text, to);
	fclose(to);
}

static int create(void)
{
	char line[200];

	snprintf(line, sizeof(line), "create new %s/new.json", dir);
	return bhk(line);
}

static void test_life(void **state)
{
	(void)state;
	config_file("{\"ociVersion\": \"1.0.2\",\n \"vm\": {\"kernel\": "
		    "{\"path\": \"k\"}}}\n");
	assert_int_equal(create(), 0);
	assert_int_equal(create(), 1);
	expect("there is one");
	assert_int_equal(bhk("state new"), 0);
	expect("status: created");
	assert_int_equal(bhk("start new"), 0);
	assert_int_equal(bhk("pause new"), 0);
	assert_int_equal(bhk("ps"), 0);
	expect("new        paused");
	assert_int_equal(bhk("resume new"), 0);
	assert_int_equal(bhk("delete new"), 1);
	expect("partition new is running");
	assert_int_equal(bhk("delete new --force"), 0);
	assert_int_equal(bhk("delete new --frce"), 2);
	assert_int_equal(bhk("create more --file partitions/more.json"), 0);
	assert_int_equal(bhk("delete more"), 0);
	config_file("{\"vm\": 7}");
	assert_int_equal(create(), 1);
	expect("the configuration: ");
	config_file("{,");
	assert_int_equal(create(), 2);
	expect("new.json:1:");
	assert_int_equal(bhk("create x"), 2);
	assert_int_equal(bhk("create x /nowhere.json"), 2);
	config_file("");
}

static void test_limits(void **state)
{
	(void)state;
	assert_int_equal(bhk("update web cpu.weight=200 --cpu-max '25000 "
			     "100000'"),
			 0);
	assert_int_equal(bhk("update web --cpus 0.5"), 0);
	assert_int_equal(bhk("stats web"), 0);
	expect("cpu.weight: 200");
	expect("cpu.max: 50000 100000");
	expect("cpu.pressure some: avg10=12.34 avg60=0.05");
	expect("memory.stat sec_pagetables: 40960");
	assert_int_equal(bhk("update web cpu.weight=0 --json"), 1);
	expect("\"errno\":\"ERANGE\"");
	assert_int_equal(bhk("update web --memory 4G"), 1);
	expect("too much");
	assert_int_equal(bhk("update web"), 2);
	assert_int_equal(bhk("update web weight"), 2);
	assert_int_equal(bhk("update web --weight 5"), 2);
	assert_int_equal(bhk("update web --cpu-max"), 2);
	assert_int_equal(bhk("update web --cpus x"), 2);
	assert_int_equal(bhk("group create t memory.max=512M"), 0);
	assert_int_equal(bhk("group update t --cpu-weight 9"), 0);
	assert_int_equal(bhk("group"), 0);
	expect("t               1       9  max 100000  0-1         512M");
	assert_int_equal(bhk("group delete t"), 1);
	expect("not empty");
	assert_int_equal(bhk("group make t"), 2);
	assert_int_equal(bhk("group create"), 2);
}

static void test_top(void **state)
{
	(void)state;
	assert_int_equal(bhk("top"), 0);
	expect("up 0.0 s, 1 CPU(s), 700M of 1024M free\n");
	expect("PARTITION  STATE    %CPU  %STEAL  %THROTTLED  MEMORY   MAX  "
	       "EXITS/S  MOST OF THEM\n");
	expect("web        running   0.0     0.0         0.7     64M  256M     "
	       " "
	       "123  CPUID 50, HLT 3\n");
	assert_int_equal(bhk("top --json"), 0);
	expect("\"partitions\":[{\"name\":\"web\"");
	assert_null(strchr(strchr(output, '\n') + 1, '\n'));
	assert_int_equal(bhk("top 1 --json --count 2"), 0);
	assert_non_null(strchr(strchr(output, '\n') + 1, '\n'));
	assert_int_equal(bhk("top x"), 2);
	assert_int_equal(bhk("top 0"), 2);
	assert_int_equal(bhk("top 1 1"), 2);
	assert_int_equal(bhk("top --count -1"), 2);
}

int main(void)
{
	/* orders come last: they change the machine */
	const struct CMUnitTest tests[] = {
		UNIT(test_help),
		UNIT(test_ps),
		UNIT(test_ps_paused),
		UNIT(test_reports),
		UNIT(test_errors),
		UNIT(test_run),
		UNIT(test_run_takes_input),
		UNIT(test_exec),
		UNIT(test_doctor),
		UNIT(test_life),
		UNIT(test_limits),
		UNIT(test_top),
		UNIT(test_orders),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
