/* bench_svg.c - the real-time factors of marvis bench as a picture: a bar for each type of weights
 * and number of threads, its stages on top of each other, and the line where real time is. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bench.h"
#include "common/out_file.h"

enum { LEFT = 60, TOP = 50, HEIGHT = 300, BAR = 34, GAP = 22, LEGEND = 130, BOTTOM = 60 };

static const char *const colours[BENCH_N_STAGES] = {"#4269d0", "#efb118", "#ff725c", "#6cc5b0",
                                                    "#9c9c9c"};

typedef struct picture {
    out_file file;
    marvis_status status; /* of what was written so far */
    marvis_error *err;
} picture;

__attribute__((format(printf, 2, 3))) static void put(picture *p, const char *format, ...) {
    char line[512];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (p->status != MARVIS_OK || n < 0) return;
    if ((size_t)n >= sizeof line) n = sizeof line - 1;
    p->status = out_file_write(&p->file, line, (size_t)n, p->err);
}

/* A text that may hold anything, as XML. */
static void put_text(picture *p, const char *text) {
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < 0x20 || c >= 0x7f || strchr("<>&\"'", c))
            put(p, "&#%d;", c < 0x20 || c >= 0x7f ? '?' : c);
        else
            put(p, "%c", c);
    }
}

/* The top of the scale: 1, 2, 5, 10, ... */
static double scale_of(const bench *b) {
    double most = 0, top = 1;
    for (size_t i = 0; i < b->n_results; i++)
        if (b->results[i].rtf.median > most) most = b->results[i].rtf.median;
    for (int i = 0; top < most * 1.05 && i < 30; i++)
        top *= i % 3 == 1 ? 2.5 : 2;
    return top;
}

static double y_of(double value, double top) { return TOP + HEIGHT * (1 - value / top); }

static void put_axis(picture *p, double top, int width) {
    for (int i = 0; i <= 4; i++) {
        double value = top * i / 4, y = y_of(value, top);
        put(p, "<line x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\" stroke=\"#ddd\"/>\n", LEFT, y,
            width - LEGEND, y);
        put(p, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%g</text>\n", LEFT - 6, y + 4, value);
    }
}

static void put_bar(picture *p, const bench_result *r, double top, int x) {
    double sum = 0;
    for (int s = 0; s < BENCH_N_STAGES; s++) {
        double value = r->stages[s].median > 0 ? r->stages[s].median : 0;
        sum += value;
        put(p,
            "<rect x=\"%d\" y=\"%.1f\" width=\"%d\" height=\"%.1f\" fill=\"%s\">"
            "<title>%s %.3f</title></rect>\n",
            x, y_of(sum, top), BAR, HEIGHT * value / top, colours[s],
            bench_stage_name((bench_stage)s), value);
    }
    double middle = x + BAR / 2.0;
    put(p, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%.2f</text>\n", middle,
        y_of(sum, top) - 5, r->rtf.median);
    put(p, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>\n", middle,
        TOP + HEIGHT + 18, r->weights);
    put(p, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%d thr</text>\n", middle,
        TOP + HEIGHT + 33, r->threads);
}

static void put_picture(picture *p, const bench *b) {
    int width = LEFT + (int)b->n_results * (BAR + GAP) + GAP + LEGEND;
    double top = scale_of(b);
    put(p,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
        "font-family=\"sans-serif\" font-size=\"12\">\n"
        "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n<text x=\"%d\" y=\"24\" "
        "font-size=\"15\">",
        width, TOP + HEIGHT + BOTTOM, LEFT);
    put_text(p, b->name);
    put(p, ", %s: seconds for a second of speech</text>\n", b->cpu);
    put_axis(p, top, width);
    for (size_t i = 0; i < b->n_results; i++)
        put_bar(p, &b->results[i], top, LEFT + GAP + (int)i * (BAR + GAP));
    put(p,
        "<line x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\" stroke=\"black\" "
        "stroke-dasharray=\"5 3\"/>\n",
        LEFT, y_of(1, top), width - LEGEND, y_of(1, top));
    put(p, "<text x=\"%d\" y=\"%.1f\">real time</text>\n", width - LEGEND + 6, y_of(1, top) + 4);
    for (int s = 0; s < BENCH_N_STAGES; s++) {
        int y = TOP + HEIGHT - 18 * (s + 1);
        put(p, "<rect x=\"%d\" y=\"%d\" width=\"12\" height=\"12\" fill=\"%s\"/>\n",
            width - LEGEND + 10, y, colours[s]);
        put(p, "<text x=\"%d\" y=\"%d\">%s</text>\n", width - LEGEND + 28, y + 10,
            bench_stage_name((bench_stage)s));
    }
    put(p, "</svg>\n");
}

marvis_status bench_write_svg(const bench *b, const char *path, marvis_error *err) {
    picture p = {.file = OUT_FILE_CLOSED, .err = err};
    p.status = out_file_open(&p.file, path, err);
    put_picture(&p, b);
    if (p.status == MARVIS_OK) p.status = out_file_commit(&p.file, err);
    out_file_discard(&p.file);
    return p.status;
}
