/* regex.c - see regex.h. */
#define PCRE2_CODE_UNIT_WIDTH 8

#include "text/regex.h"

#include "base/memory.h"
#include "text/regex_translate.h"
#include "text/utf8.h"

#include <pcre2.h>
#include <string.h>

/* A pattern longer than this is none of a tokenizer. */
#define MAX_PATTERN 16384
/* Backtracking steps allowed per start position: linear in the text, plus room for short ones. */
#define STEPS_BASE     100000u
#define STEPS_PER_BYTE 4u
#define HEAP_KIB       65536u

struct mv_regex {
    pcre2_general_context *memory;
    pcre2_code *code;
    char *where;
};

struct mv_matcher {
    const mv_regex *regex;
    pcre2_match_context *context;
    pcre2_match_data *match;
    const char *text;
    size_t len;
    size_t at;       /* where the search goes on */
    size_t last_end; /* end of the last match, SIZE_MAX before the first */
};

static void *allocate(PCRE2_SIZE n, void *data) {
    (void)data;
    return mv_grow(NULL, n, 1);
}

static void release(void *p, void *data) {
    (void)data;
    mv_free(p);
}

static marvis_status compile(mv_regex *regex, const char *pattern, size_t len, uint32_t options,
                             marvis_error *err) {
    pcre2_compile_context *context = pcre2_compile_context_create(regex->memory);
    if (!context) return mv_fail_memory(err, len, "a regular expression");
    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    int code = 0;
    PCRE2_SIZE at = 0;
    regex->code = pcre2_compile((PCRE2_SPTR)pattern, len, PCRE2_UTF | options, &code, &at, context);
    pcre2_compile_context_free(context);
    if (!regex->code) {
        if (code == PCRE2_ERROR_HEAP_FAILED)
            return mv_fail_memory(err, len, "a regular expression");
        char text[128] = "";
        (void)pcre2_get_error_message(code, (PCRE2_UCHAR *)text, sizeof text);
        return mv_fail(err, MARVIS_ERR_TOKENIZER,
                       "%s: the regular expression cannot be compiled: %s (about byte %zu)",
                       regex->where, text, at);
    }
    /* Without JIT (not built in, or forbidden by the system) the interpreter does the same. */
    (void)pcre2_jit_compile(regex->code, PCRE2_JIT_COMPLETE);
    return MARVIS_OK;
}

static marvis_status translate_and_compile(mv_regex *regex, const char *pattern, size_t len,
                                           marvis_error *err) {
    char *translated;
    size_t translated_len;
    mv_regex_problem problem;
    if (!mv_regex_translate(pattern, len, &translated, &translated_len, &problem)) {
        if (!problem.what) return mv_fail_memory(err, len, "a regular expression");
        return mv_fail(err, MARVIS_ERR_TOKENIZER, "%s: regular expression, byte %zu: %s",
                       regex->where, problem.position, problem.what);
    }
    /* In Ruby syntax ^ and $ always match at lines. */
    marvis_status status = compile(regex, translated, translated_len,
                                   PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C | PCRE2_MULTILINE, err);
    mv_free(translated);
    return status;
}

marvis_status mv_regex_compile(const char *pattern, size_t len, bool literal, const char *where,
                               mv_regex **regex, marvis_error *err) {
    *regex = NULL;
    if (len > MAX_PATTERN)
        return mv_fail(err, MARVIS_ERR_TOKENIZER, "%s: a pattern of %zu bytes, at most %d are read",
                       where, len, MAX_PATTERN);
    mv_regex *r = mv_alloc(1, sizeof *r);
    if (!r) return mv_fail_memory(err, sizeof *r, "a regular expression");
    r->where = mv_strdup(where);
    r->memory = pcre2_general_context_create(allocate, release, NULL);
    marvis_status status;
    if (!r->where || !r->memory) {
        status = mv_fail_memory(err, strlen(where), "a regular expression");
        goto fail;
    }
    if (literal)
        MV_TRY_GOTO(compile(r, pattern, len, PCRE2_LITERAL, err));
    else
        MV_TRY_GOTO(translate_and_compile(r, pattern, len, err));
    *regex = r;
    return MARVIS_OK;
fail:
    mv_regex_destroy(&r);
    return status;
}

void mv_regex_destroy(mv_regex **regex) {
    mv_regex *r = *regex;
    *regex = NULL;
    if (!r) return;
    pcre2_code_free(r->code);
    pcre2_general_context_free(r->memory);
    mv_free(r->where);
    mv_free(r);
}

marvis_status mv_matcher_create(const mv_regex *regex, mv_matcher **matcher, marvis_error *err) {
    *matcher = NULL;
    mv_matcher *m = mv_alloc(1, sizeof *m);
    if (!m) return mv_fail_memory(err, sizeof *m, "a matcher");
    m->regex = regex;
    m->context = pcre2_match_context_create(regex->memory);
    m->match = pcre2_match_data_create(1, regex->memory);
    if (!m->context || !m->match) {
        mv_matcher_destroy(&m);
        return mv_fail_memory(err, sizeof *m, "a matcher");
    }
    pcre2_set_heap_limit(m->context, HEAP_KIB);
    *matcher = m;
    return MARVIS_OK;
}

void mv_matcher_destroy(mv_matcher **matcher) {
    mv_matcher *m = *matcher;
    *matcher = NULL;
    if (!m) return;
    pcre2_match_data_free(m->match);
    pcre2_match_context_free(m->context);
    mv_free(m);
}

void mv_matcher_start(mv_matcher *matcher, const char *text, size_t len) {
    matcher->text = text;
    matcher->len = len;
    matcher->at = 0;
    matcher->last_end = SIZE_MAX;
    size_t most = (UINT32_MAX - STEPS_BASE) / STEPS_PER_BYTE;
    uint32_t steps = (uint32_t)(len < most ? len : most) * STEPS_PER_BYTE + STEPS_BASE;
    pcre2_set_match_limit(matcher->context, steps);
}

/* One search from m->at. The text is known to be valid, so that PCRE2 need not check it again at
 * every call (which would make splitting quadratic). */
static marvis_status search(mv_matcher *m, bool *found, marvis_error *err) {
    const mv_regex *r = m->regex;
    PCRE2_SPTR text = (PCRE2_SPTR)m->text;
    int rc = pcre2_match(r->code, text, m->len, m->at, PCRE2_NO_UTF_CHECK, m->match, m->context);
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT)
        rc = pcre2_match(r->code, text, m->len, m->at, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, m->match,
                         m->context);
    *found = rc >= 0;
    if (rc >= 0 || rc == PCRE2_ERROR_NOMATCH) return MARVIS_OK;
    if (rc == PCRE2_ERROR_NOMEMORY) return mv_fail_memory(err, m->len, "matching a pattern");
    if (rc == PCRE2_ERROR_MATCHLIMIT || rc == PCRE2_ERROR_DEPTHLIMIT || rc == PCRE2_ERROR_HEAPLIMIT)
        return mv_fail(err, MARVIS_ERR_TOKENIZER,
                       "%s: the regular expression needs too many steps on this text", r->where);
    return mv_fail(err, MARVIS_ERR_INTERNAL, "%s: matching failed (PCRE2 error %d)", r->where, rc);
}

marvis_status mv_matcher_next(mv_matcher *matcher, bool *found, size_t *start, size_t *end,
                              marvis_error *err) {
    mv_matcher *m = matcher;
    *found = false;
    *start = *end = 0;
    while (m->at <= m->len) {
        bool hit;
        MV_TRY(search(m, &hit, err));
        if (!hit) break;
        const PCRE2_SIZE *at = pcre2_get_ovector_pointer(m->match);
        if (at[0] < m->at || at[1] < at[0] || at[1] > m->len)
            return mv_fail(err, MARVIS_ERR_TOKENIZER,
                           "%s: the regular expression matches backwards", m->regex->where);
        if (at[0] == at[1] && at[1] == m->last_end) {
            m->at += m->at < m->len ? mv_utf8_len(m->text[m->at]) : 1;
            continue;
        }
        m->at = m->last_end = at[1];
        *found = true;
        *start = at[0];
        *end = at[1];
        return MARVIS_OK;
    }
    m->at = m->len + 1;
    return MARVIS_OK;
}
