/* test_first_job.c - the container of a partition's own config. */
#include "tests/lib/unit.h"
/* keep the line above first: cmocka wants its headers in order */
#include "first_job.h"
#include "mgmt_fake.h"

static struct fake f;
static struct first_job job;
static struct partition_config config;
static char shown[8192];

static void show(void *ctx, const char *text, size_t len)
{
	(void)ctx;
	assert_true(text[len - 1] == '\n');
	strncat(shown, text, len);
}

static int setup(void **state)
{
	(void)state;
	fake_init(&f);
	shown[0] = '\0';
	memset(&config, 0, sizeof(config));
	strcpy(config.name, "hello");
	config.has_process = true;
	config.text = "{\n\t\"process\":{}\r\n}";
	config.text_len = strlen(config.text);
	first_job_init(&job, &config, &f.link, show, NULL);
	fake_connect(&f);
	return 0;
}

static void notify(const char *method, const char *params)
{
	first_job_notify(&job, method, params, strlen(params));
}

static void test_whole_way(void **state)
{
	char *line;

	(void)state;
	first_job_ready(&job);
	assert_non_null(strstr(f.to_agent, "\"container.create\",\"params\":{"
					   "\"id\":\"hello\",\"config\":{  "
					   "\"process\":{}  }}}\n"));
	while (fake_agent_step(&f)) {
	}
	assert_int_equal(job.state, FIRST_JOB_RUNNING);
	assert_non_null(strstr(shown, "[hello] container hello created\n"));
	assert_non_null(strstr(shown, "[hello] container hello started\n"));
	assert_non_null(strstr(shown, "cpu.max=50000 100000"));
	assert_non_null(strstr(shown, "memory.max=67108864"));
	assert_non_null(strstr(shown, "memory.current=4096"));
	notify("container.output", "{\"id\":\"hello\",\"stream\":\"stdout\","
				   "\"data\":\"one\\r\\ntw\"}");
	notify("container.output", "{\"id\":\"hello\",\"stream\":\"stderr\","
				   "\"data\":\"err\\u001b[2J\\n\"}");
	notify("container.output", "{\"id\":\"other\",\"data\":\"no\\n\"}");
	notify("container.output",
	       "{\"id\":\"hello\",\"exec\":\"e1\",\"data\":\"no\\n\"}");
	notify("container.event",
	       "{\"id\":\"hello\",\"event\":\"exited\",\"exitCode\":3}");
	line = strstr(shown, "[hello] one\n");
	assert_non_null(line);
	assert_non_null(strstr(line, "[hello] err?[2J\n[hello] tw\n"
				     "[hello] container hello exited with code "
				     "3\n"));
	assert_null(strstr(shown, "no\n"));
	assert_int_equal(job.state, FIRST_JOB_DONE);
}

static void test_no_process(void **state)
{
	(void)state;
	config.has_process = false;
	first_job_ready(&job);
	assert_int_equal(f.to_agent_len, 0);
	assert_int_equal(job.state, FIRST_JOB_IDLE);
}

static void test_refused(void **state)
{
	(void)state;
	first_job_ready(&job);
	fake_agent_line(&f);
	fake_say(&f, "{\"id\":1,\"error\":{\"code\":-32004,\"message\":"
		     "\"bad\\u001bfield\",\"data\":{\"path\":\"/linux/x\"}}}");
	assert_int_equal(job.state, FIRST_JOB_FAILED);
	assert_non_null(strstr(shown, "not created: bad?field at /linux/x "
				      "(-32004)"));
}

static void test_lost(void **state)
{
	(void)state;
	first_job_ready(&job);
	agent_link_lost(&f.link, "the partition was killed");
	assert_int_equal(job.state, FIRST_JOB_FAILED);
	assert_non_null(strstr(shown, "the partition was killed"));
}

static void test_short_lived(void **state)
{
	(void)state;
	first_job_ready(&job);
	for (int i = 0; i < 3; i++) {
		assert_true(fake_agent_step(&f));
	}
	assert_int_equal(job.state, FIRST_JOB_STATS);
	notify("container.event",
	       "{\"id\":\"hello\",\"event\":\"exited\",\"exitCode\":0}");
	assert_int_equal(job.state, FIRST_JOB_STATS);
	fake_say(&f, "{\"id\":4,\"error\":{\"code\":-1,\"message\":\"m\"}}");
	assert_int_equal(job.state, FIRST_JOB_DONE);
	assert_non_null(strstr(shown, "exited with code 0"));
}

static void test_too_big(void **state)
{
	static char big[RPC_LINE_MAX + 1];

	(void)state;
	memset(big, ' ', sizeof(big) - 1);
	config.text = big;
	config.text_len = RPC_LINE_MAX;
	first_job_ready(&job);
	assert_int_equal(job.state, FIRST_JOB_FAILED);
	assert_non_null(strstr(shown, "could not be sent"));
}

static void test_long_output_line(void **state)
{
	char text[700];
	size_t at;

	(void)state;
	first_job_ready(&job);
	while (fake_agent_step(&f)) {
	}
	shown[0] = '\0';
	at = (size_t)sprintf(text, "{\"id\":\"hello\",\"data\":\"");
	memset(text + at, 'x', 600);
	strcpy(text + at + 600, "\"}");
	notify("container.output", text);
	assert_int_equal(strlen(shown), 2 * (256 + strlen("[hello] \n")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_whole_way, setup),
		cmocka_unit_test_setup(test_no_process, setup),
		cmocka_unit_test_setup(test_refused, setup),
		cmocka_unit_test_setup(test_lost, setup),
		cmocka_unit_test_setup(test_short_lived, setup),
		cmocka_unit_test_setup(test_too_big, setup),
		cmocka_unit_test_setup(test_long_output_line, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
