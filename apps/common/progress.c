/* progress.c - see progress.h. */
#include "common/progress.h"

#include <math.h>
#include <stdio.h>

#include "common/platform.h"

void progress_init(progress *p, bool enabled) {
    *p = (progress){.enabled = enabled && platform_stderr_is_terminal()};
}

/* Blanks instead of an escape sequence: good on any terminal. */
static void draw(progress *p, const char *line, int width) {
    fprintf(stderr, "\r%-*s", p->width, line);
    fflush(stderr);
    p->width = width;
}

void progress_update(progress *p, int n_frames, double audio_s, double wall_s, double first_s) {
    char line[120];
    double now = platform_seconds();
    int width;
    if (!p->enabled || n_frames == 0 || now - p->last_s < 0.1) return;
    width = snprintf(line, sizeof line,
                     "%d frames, %.1f s of speech, real-time factor %.2f, first audio %.2f s",
                     n_frames, audio_s, p->factor, first_s);
    if (p->done > p->begun && p->begun > 0 && width < (int)sizeof line) {
        double left = (wall_s - p->begun_s) / (p->done - p->begun) * (1 - p->done);
        width += snprintf(line + width, sizeof line - (size_t)width, ", %.0f %%, %.0f:%02.0f left",
                          100 * p->done, floor(left / 60), floor(fmod(left, 60)));
    }
    draw(p, line, width);
    p->last_s = now;
}

void progress_share(progress *p, const char *what, double done) {
    char line[120];
    double now = platform_seconds();
    if (!p->enabled || now - p->last_s < 0.1) return;
    draw(p, line, snprintf(line, sizeof line, "%3.0f %%  %.60s", 100 * done, what));
    p->last_s = now;
}

void progress_clear(progress *p) {
    if (p->width > 0) {
        fprintf(stderr, "\r%*s\r", p->width, "");
        fflush(stderr);
    }
    p->width = 0;
}
