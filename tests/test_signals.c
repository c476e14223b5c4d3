/* test_signals.c - signals that end a speech, whichever thread they come to. */
#include "support.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "cli/support.h"

static volatile sig_atomic_t is_too_late;

static void on_alarm(int number) {
    (void)number;
    is_too_late = 1;
}

/* A thread of a library's: it knows nothing of signals, and gets one. */
static void *get_signal(void *number) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, *(int *)number);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    pthread_kill(pthread_self(), *(int *)number);
    return NULL;
}

/* The main thread may wait for something that only a signal of its own ends. */
static void the_main_thread_gets_what_others_take(void **state) {
    (void)state;
    int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    cli_catch_signals();
    cli_defer_signals(true);
    signal(SIGALRM, on_alarm);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        pthread_t other;
        sigset_t none;
        cli_block_signals(true); /* not before we wait for it */
        assert_int_equal(pthread_create(&other, NULL, get_signal, &numbers[i]), 0);
        sigemptyset(&none);
        alarm(20);
        sigsuspend(&none);
        alarm(0);
        assert_false(is_too_late);
        assert_true(cli_is_cancelled());
        pthread_join(other, NULL);
        cli_block_signals(false);
    }
    cli_defer_signals(false);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_main_thread_gets_what_others_take),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
