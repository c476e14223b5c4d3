/* normalize_web.c - addresses: "https://example.com/a", "john@example.com", "example.org", read as
 * one tells them. The scheme and a leading www. are not spoken. */
#include "text/normalize_parts.h"

#include <string.h>

enum { MAX_ADDRESS = 2000, MAX_NAME = 256 };

/* Ends of domains that are no English words, so that "end.So" is not taken for one. */
static const char top_domains[] = "com org net edu gov mil int info biz app dev io ai co uk de fr "
                                  "nl ch eu es pl ca au jp cn ru br "
                                  "ie nz tv fm xyz online site tech cloud";

/* ---- saying an address ---------------------------------------------------------------------- */

static const char *sign_name(char c) {
    static const struct {
        char sign;
        const char *name;
    } rows[] = {{'.', "dot"},  {'/', "slash"},         {'-', "dash"},     {'_', "underscore"},
                {'@', "at"},   {'?', "question mark"}, {'=', "equals"},   {'&', "and"},
                {'#', "hash"}, {'%', "percent"},       {'~', "tilde"},    {':', "colon"},
                {'+', "plus"}, {',', "comma"},         {';', "semicolon"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].sign == c) return rows[i].name;
    }
    return NULL;
}

/* Letters between signs: two capitals-to-be at the end of a domain are spelled. */
static void say_label(mv_out *out, const char *p, size_t n, bool last_of_host) {
    if (last_of_host && n == 2 && !mv_among(p, n, "co me so it"))
        mv_out_spell(out, p, n);
    else
        mv_out_say_n(out, p, n);
}

/* n bytes at p; the first n_host of them are the host. */
static void say_address(mv_out *out, const char *p, size_t n, size_t n_host) {
    for (size_t i = 0; i < n;) {
        size_t len = 0;
        const char *name;
        mv_number x;
        while (i + len < n && mv_is_letter(p[i + len]))
            len++;
        if (len) {
            say_label(out, p + i, len, i < n_host && i + len == n_host);
        } else if (mv_is_digit(p[i])) {
            len = mv_count_digits(p + i);
            if (len > n - i) len = n - i;
            x = (mv_number){.integer = p + i, .n_integer = len, .n_digits = len, .len = len};
            if (len <= 4)
                mv_say_maybe_year(out, &x);
            else
                mv_say_digits(out, p + i, len);
        } else {
            len = 1;
            name = sign_name(p[i]);
            if (name) mv_out_say(out, name);
        }
        i += len;
    }
}

/* ---- finding one ---------------------------------------------------------------------------- */

static bool in_host(char c) { return mv_is_word(c) || c == '-' || c == '.'; }

/* The bytes at p that fit into an address, without marks at the end that belong to the sentence. */
static size_t address_length(const char *p) {
    size_t n = 0;
    int open = 0;
    for (; n < MAX_ADDRESS && !mv_is_gap(p[n]) && !strchr("\"<>|{}[]^`\\", p[n]); n++) {
        if (p[n] == '(') open++;
        if (p[n] == ')' && open-- == 0) break;
    }
    while (n && strchr(".,;:!?'/*_)", p[n - 1])) {
        if (p[n - 1] == ')' && memchr(p, '(', n)) break;
        n--;
    }
    return n;
}

/* Length of "name.name.end" at p, where the end is a known one (any: any end of letters); 0: none.
 */
static size_t host_length(const char *p, bool any) {
    size_t n = 0, label = 0, n_labels = 0;
    while (n < MAX_NAME && in_host(p[n])) {
        if (p[n] == '.') {
            if (n == label || !mv_is_word(p[n + 1])) break;
            n_labels++;
            label = n + 1;
        }
        n++;
    }
    while (n > label && p[n - 1] == '-')
        n--;
    if (n_labels == 0 || n == label || mv_is_digit(p[label])) return 0;
    if (any) return n;
    return mv_among(p + label, n - label, top_domains) &&
                   (mv_is_lower(p[label]) || mv_is_upper(p[0]))
               ? n
               : 0;
}

/* A scheme at p: its length with the slashes, or 0. */
static size_t scheme_length(const char *p) {
    static const char *const schemes[] = {"https://", "http://", "ftp://", "mailto:", "file://"};
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        if (mv_begins(p, schemes[i])) return strlen(schemes[i]);
    }
    return 0;
}

static size_t read_mail(mv_scan *scan, const char *p) {
    size_t n = 0, n_host;
    while (n < MAX_NAME && (mv_is_word(p[n]) || (p[n] && strchr("._%+-", p[n]))))
        n++;
    if (n == 0 || p[n] != '@') return 0;
    n_host = host_length(p + n + 1, true);
    if (!n_host) return 0;
    say_address(scan->out, p, n, 0);
    mv_out_say(scan->out, "at");
    say_address(scan->out, p + n + 1, n_host, n_host);
    return n + 1 + n_host;
}

size_t mv_read_web(mv_scan *scan, const char *p) {
    size_t scheme = scheme_length(p), n = scheme, n_all, n_host = 0;
    if (mv_is_word(p[-1])) return 0;
    if (scheme && p[scheme - 1] == ':') {
        n_all = read_mail(scan, p + scheme);
        return n_all ? scheme + n_all : 0;
    }
    if (mv_begins(p + n, "www.")) n += 4;
    if (n == 0) {
        n_all = read_mail(scan, p);
        if (n_all) return n_all;
        n_host = host_length(p, false);
        if (!n_host) return 0;
        n_all = p[n_host] == '/' || p[n_host] == ':' ? address_length(p) : n_host;
        if (n_all < n_host) n_all = n_host;
    } else {
        n_all = address_length(p + n);
        if (!n_all) return 0;
        while (n_host < n_all && in_host(p[n + n_host]))
            n_host++;
    }
    say_address(scan->out, p + n, n_all, n_host);
    n += n_all;
    return p[n] == '/' && mv_is_gap(p[n + 1]) ? n + 1 : n;
}
