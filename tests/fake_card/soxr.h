/* soxr.h - as much of libsoxr as playback.c uses, for test_playback.c: its converter changes no
 * sample, and keeps some back until its input ends, as a true one does. */
#ifndef TESTS_FAKE_CARD_SOXR_H
#define TESTS_FAKE_CARD_SOXR_H

#include <stddef.h>

typedef const char *soxr_error_t;
typedef struct fake_converter *soxr_t;

soxr_t soxr_create(double from, double to, unsigned n_channels, soxr_error_t *error, const void *io,
                   const void *quality, const void *runtime);
soxr_error_t soxr_process(soxr_t converter, const void *in, size_t n_in, size_t *n_used, void *out,
                          size_t n_out, size_t *n_done);
soxr_error_t soxr_clear(soxr_t converter);
void soxr_delete(soxr_t converter);

#endif
