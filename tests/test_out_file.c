/* test_out_file.c - writing to a pipe: one that is full and never holds up a write, and one whose
 * reader is not to be waited for any longer. Files are in test_audio_file.c and the program's
 * tests. */
#include "support.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/out_file.h"

enum { PIPED = 2 << 20 };

static struct {
    int fd, n_asked;
    size_t n;
    bool is_right;
    unsigned char data[PIPED];
} reader;

static const char *path_of_pipe(void) {
    static char path[600];
    snprintf(path, sizeof path, "%s/pipe", test_temp_dir());
    return path;
}

static out_file open_pipe(bool never_blocks) {
    out_file file;
    marvis_error err;
    const char *path = path_of_pipe();
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    reader.fd = open(path, O_RDONLY | O_NONBLOCK);
    reader.n_asked = 0;
    reader.n = 0;
    reader.is_right = true;
    for (size_t i = 0; i < PIPED; i++)
        reader.data[i] = (unsigned char)(i * 7 + i / 251);
    assert_true(reader.fd >= 0);
    assert_ok(out_file_open(&file, path, &err), err);
    if (never_blocks) assert_int_equal(fcntl(file.fd, F_SETFL, O_NONBLOCK), 0);
    return file;
}

static void read_pipe(size_t most) {
    unsigned char block[4096];
    for (ssize_t n; most > 0 && reader.n < PIPED; most -= (size_t)n) {
        n = read(reader.fd, block, most < sizeof block ? most : sizeof block);
        if (n <= 0) return;
        reader.is_right = reader.is_right && memcmp(block, reader.data + reader.n, (size_t)n) == 0;
        reader.n += (size_t)n;
    }
}

static bool is_writable(int fd) {
    struct pollfd out = {.fd = fd, .events = POLLOUT};
    return poll(&out, 1, 0) == 1;
}

/* Says yes too soon, until the pipe has been full for a while: the last 4 KB of one still take
 * eight writes when poll calls it full. */
static bool read_when_full(int fd) {
    if (!is_writable(fd) && ++reader.n_asked % 12 == 0) read_pipe(PIPED);
    return true;
}

static void *read_all(void *unused) {
    while (reader.n < PIPED)
        read_pipe(64);
    return unused;
}

static void a_pipe_that_does_not_block_gets_all_of_it(void **state) {
    (void)state;
    marvis_error err;
    pthread_t thread;
    out_file file = open_pipe(true);
    file.wait = read_when_full;
    assert_ok(out_file_write(&file, reader.data, PIPED, &err), err);
    read_pipe(PIPED);
    assert_int_equal(reader.n, PIPED);
    assert_true(reader.is_right);
    assert_true(reader.n_asked >= 12);
    out_file_discard(&file);
    close(reader.fd);

    file = open_pipe(true); /* with nobody to ask */
    assert_int_equal(pthread_create(&thread, NULL, read_all, NULL), 0);
    marvis_status status = out_file_write(&file, reader.data, PIPED, &err);
    if (status != MARVIS_OK) reader.n = PIPED; /* the thread ends */
    pthread_join(thread, NULL);
    assert_ok(status, err);
    assert_true(reader.is_right);
    out_file_discard(&file);
    close(reader.fd);
}

static void a_pipe_that_is_given_up_is_cut(void **state) {
    (void)state;
    marvis_error err;
    out_file file = open_pipe(false);
    file.wait = is_writable;
    assert_ok(out_file_write(&file, reader.data, 44, &err), err);
    assert_ok(out_file_write(&file, reader.data + 44, PIPED - 44, &err), err);
    assert_true(file.is_cut);
    size_t before = (size_t)file.size;
    read_pipe(PIPED);
    assert_ok(out_file_write(&file, reader.data, 8, &err), err); /* no hole in the sound */
    read_pipe(PIPED);
    assert_int_equal(reader.n, before);
    assert_true(before > 512 && before % 4 == 0 && reader.is_right);
    assert_ok(out_file_commit(&file, &err), err);
    assert_true(file.is_cut); /* to be told at the end */
    close(reader.fd);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pipe_that_does_not_block_gets_all_of_it),
        cmocka_unit_test(a_pipe_that_is_given_up_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
