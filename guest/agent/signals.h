/* signals.h - names of signals, and PID 1's duty to reap. */
#ifndef AGENT_SIGNALS_H
#define AGENT_SIGNALS_H

/** signals_of() - number of "TERM" or "SIGTERM"; -1 if unknown or NULL. */
int signals_of(const char *name);
/** signals_check() - @number if it is a signal's, else -1. */
int signals_check(long long number);
/** signals_init() - block all, take SIGCHLD by signalfd; 0 or -1. */
int signals_init(void);

#endif
