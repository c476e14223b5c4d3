/* signals.c - Ctrl-C and its like (see support.h): the first one ends the speech at the next frame,
 * and what was spoken is kept; a second one, or one at any other time, ends the program. A closed
 * pipe and a file size limit are write errors, not signals. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/select.h>
#include <unistd.h>

#include "cli/support.h"
#include "common/out_file.h"

static marvis_session *volatile running;
static volatile sig_atomic_t cancelled;
static volatile sig_atomic_t deferred;
/* The sound card's library has threads that would take a signal from the one that waits. */
static pthread_t main_thread;
/* Gets a byte when a signal has cancelled something, which ends waits that begin after it, too. */
static int wake[2] = {-1, -1};

static void cancel(void) {
    const int error = errno;
    cancelled = 1;
    if (wake[1] >= 0) (void)!write(wake[1], "", 1);
    errno = error;
}

static void on_signal(int number) {
    static const char message[] = "marvis: interrupted\n";
    marvis_session *session = running;
    if (!pthread_equal(pthread_self(), main_thread)) {
        pthread_kill(main_thread, number);
        return;
    }
    if (deferred) {
        cancel();
        return;
    }
    if (session) {
        running = NULL;
        marvis_session_cancel(session);
        cancel();
        return;
    }
    out_file_remove_temporaries();
    if (write(STDERR_FILENO, message, sizeof message - 1) < 0) _exit(CLI_FAILED);
    _exit(CLI_FAILED);
}

static const int ending[] = {SIGINT, SIGTERM, SIGHUP};
enum { N_ENDING = sizeof ending / sizeof *ending };

/* Neither end is inherited, and a full pipe holds up no handler. */
static void make_wake(void) {
    int ends[2];
    if (pipe(ends) != 0) return; /* a signal just before a wait is then seen after it */
    for (int i = 0; i < 2; i++) {
        (void)fcntl(ends[i], F_SETFD, FD_CLOEXEC);
        (void)fcntl(ends[i], F_SETFL, O_NONBLOCK);
        wake[i] = ends[i];
    }
}

void cli_catch_signals(void) {
    main_thread = pthread_self();
    make_wake();
    struct sigaction action = {.sa_handler = on_signal};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigemptyset(&action.sa_mask);
    sigemptyset(&ignore.sa_mask);
    for (int i = 0; i < N_ENDING; i++) {
        struct sigaction before;
        /* A hang-up that nohup ignores stays ignored. The others are always taken: a script's
         * background jobs start with SIGINT ignored, and `kill -INT` must still reach them. */
        if (ending[i] == SIGHUP && sigaction(SIGHUP, NULL, &before) == 0 &&
            before.sa_handler == SIG_IGN)
            continue;
        sigaction(ending[i], &action, NULL);
    }
    sigaction(SIGPIPE, &ignore, NULL);
    sigaction(SIGXFSZ, &ignore, NULL);
}

void cli_block_signals(bool block) {
    sigset_t set;
    sigemptyset(&set);
    for (int i = 0; i < N_ENDING; i++)
        sigaddset(&set, ending[i]);
    pthread_sigmask(block ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

void cli_cancel_on_signal(marvis_session *session) { running = session; }

void cli_defer_signals(bool defer) { deferred = defer; }

void cli_wait_readable(int fd) {
    fd_set ready;
    if (fd >= FD_SETSIZE || wake[0] >= FD_SETSIZE) return;
    FD_ZERO(&ready);
    FD_SET(fd, &ready);
    if (wake[0] >= 0) FD_SET(wake[0], &ready);
    (void)select((fd > wake[0] ? fd : wake[0]) + 1, &ready, NULL, NULL, NULL);
}

bool cli_wait_writable(int fd) {
    if (fd >= FD_SETSIZE || wake[0] >= FD_SETSIZE) return true;
    for (;;) {
        fd_set to_read, to_write;
        FD_ZERO(&to_read);
        FD_ZERO(&to_write);
        FD_SET(fd, &to_write);
        if (wake[0] >= 0) FD_SET(wake[0], &to_read);
        int n = select((fd > wake[0] ? fd : wake[0]) + 1, &to_read, &to_write, NULL, NULL);
        if (n < 0 && errno != EINTR) return true; /* the write tells why */
        if (n > 0 && FD_ISSET(fd, &to_write)) return true;
        if (cancelled) return false;
    }
}

bool cli_is_readable(int fd) {
    struct timeval now = {0};
    fd_set ready;
    if (fd >= FD_SETSIZE) return true; /* cli_wait_readable does not wait either */
    FD_ZERO(&ready);
    FD_SET(fd, &ready);
    return select(fd + 1, &ready, NULL, NULL, &now) != 0;
}

bool cli_is_cancelled(void) { return cancelled != 0; }
