/*
 * power.c - see power.h.
 *
 * STAYING -> TERM sent (power_off) -> KILL sent (power_timeout) -> off. The
 * reply to agent.poweroff is queued before the first look at the containers,
 * so even an empty guest waits for one turn of the loop.
 */
#define _GNU_SOURCE
#include "power.h"
#include "cgroup.h"
#include "conn.h"
#include "container.h"
#include "log.h"
#include "loop.h"
#include <signal.h>
#include <sys/reboot.h>

#define POWER_GRACE_MS 2000u
#define POWER_KILL_MS  1000u

static void power_timeout(struct loop_timer *t);
static void power_done(struct loop_timer *t);

static enum { POWER_STAY, POWER_TERM, POWER_KILL } power_state;
static struct loop_timer power_timer = { .fire = power_timeout };
static struct loop_timer power_end = { .fire = power_done };

static void power_done(struct loop_timer *t)
{
	(void)t;
	conn_flush();
	log_notice("power off");
	sync();
	(void)reboot(RB_POWER_OFF);
}

static void power_signal_all(int signal)
{
	for (size_t i = 0; i < CONTAINER_MAX; i++) {
		if (container_at(i) != NULL) {
			cgroup_signal(container_at(i)->id, signal);
		}
	}
}

static void power_timeout(struct loop_timer *t)
{
	(void)t;
	if (power_state == POWER_KILL) {
		power_done(NULL);
		return;
	}
	power_state = POWER_KILL;
	power_signal_all(SIGKILL);
	loop_arm(&power_timer, POWER_KILL_MS);
}

void power_off(void)
{
	if (power_state != POWER_STAY) {
		return;
	}
	power_state = POWER_TERM;
	power_signal_all(SIGTERM);
	loop_arm(&power_timer, POWER_GRACE_MS);
	power_on_reaped();
}

void power_on_reaped(void)
{
	if (power_state != POWER_STAY && !container_is_any_alive()) {
		loop_arm(&power_end, 20);
	}
}
