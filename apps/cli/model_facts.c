/* model_facts.c - see model_facts.h. */
#include "cli/model_facts.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "cli/say_advice.h"
#include "cli/support.h"
#include "common/error.h"

marvis_status model_facts_read(model_facts *facts, const marvis_model *model, marvis_error *err) {
    char *text = NULL;
    *facts = (model_facts){0};
    marvis_status status = marvis_model_describe(model, &text, err);
    if (status != MARVIS_OK) return status;
    json_t *root = json_loads(text, 0, NULL), *of_model = json_object_get(root, "model");
    facts->speakers = json_incref(json_object_get(of_model, "speakers"));
    facts->languages = json_incref(json_object_get(of_model, "languages"));
    facts->is_large = say_advice_is_large(of_model);
    marvis_free(text);
    if (!root) return app_fail(err, MARVIS_ERR_MEMORY, "out of memory");
    json_decref(root);
    return MARVIS_OK;
}

void model_facts_free(model_facts *facts) {
    json_decref(facts->speakers);
    json_decref(facts->languages);
    *facts = (model_facts){0};
}

bool model_facts_could_be_smaller(const model_facts *facts, const cli_call *call) {
    marvis_weights chosen = cli_weights_named(cli_text(call, CLI_WEIGHTS));
    bool are_floats = chosen == MARVIS_WEIGHTS_AUTO || chosen == MARVIS_WEIGHTS_F32 ||
                      chosen == MARVIS_WEIGHTS_BF16;
    return are_floats && facts->is_large;
}

/* ---- speakers ------------------------------------------------------------------------------- */

/* "0 (rms), 1 (slt)" */
static void list_speakers(const model_facts *facts, char *list, size_t size) {
    size_t i, at = 0;
    json_t *speaker;
    list[0] = '\0';
    json_array_foreach(facts->speakers, i, speaker) {
        if (at >= size) return;
        at += (size_t)snprintf(list + at, size - at, "%s%lld (%.40s)", i ? ", " : "",
                               (long long)json_integer_value(json_object_get(speaker, "number")),
                               json_string_value(json_object_get(speaker, "name")));
    }
}

marvis_status model_facts_speaker(const model_facts *facts, const cli_call *call, int *speaker,
                                  marvis_error *err) {
    const char *given = cli_text(call, CLI_SPEAKER);
    char list[400];
    size_t i;
    json_t *declared;
    if (!given) return MARVIS_OK;
    *speaker = cli_integer(call, CLI_SPEAKER, 0);
    if (*speaker >= 0) return MARVIS_OK;
    json_array_foreach(facts->speakers, i, declared) {
        if (strcmp(json_string_value(json_object_get(declared, "name")), given) != 0) continue;
        *speaker = (int)json_integer_value(json_object_get(declared, "number"));
        return MARVIS_OK;
    }
    list_speakers(facts, list, sizeof list);
    if (!*list)
        return app_fail(err, MARVIS_ERR_CALL,
                        "--speaker %.80s: this model has no names for its speakers; give a number",
                        given);
    return app_fail(err, MARVIS_ERR_CALL, "--speaker %.80s: this model's speakers are %s", given,
                    list);
}

void model_facts_warn_of_speaker(const model_facts *facts, const char *who, int speaker) {
    char list[400];
    size_t i;
    json_t *declared;
    if (json_array_size(facts->speakers) == 0) return;
    json_array_foreach(facts->speakers, i,
                       declared) if (json_integer_value(json_object_get(declared, "number")) ==
                                     speaker) return;
    list_speakers(facts, list, sizeof list);
    cli_complain("warning: %.100s %d: this model's speakers are %s; another number has no voice of "
                 "its own",
                 who, speaker, list);
}

/* ---- scripts -------------------------------------------------------------------------------- */

/* The character at *i, which is moved behind it; what is no UTF-8 counts as no letter, 0. */
static uint32_t next_character(const char *text, size_t n, size_t *i) {
    unsigned char first = (unsigned char)text[(*i)++];
    int more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : first >= 0xc2 ? 1 : 0;
    if (more == 0) return first < 0x80 ? first : 0;
    uint32_t cp = first & (0x3fu >> more);
    for (; more > 0; more--) {
        if (*i >= n || ((unsigned char)text[*i] & 0xc0) != 0x80) return 0;
        cp = cp << 6 | ((unsigned char)text[(*i)++] & 0x3f);
    }
    return cp;
}

static bool is_latin(uint32_t cp) {
    return (cp | 0x20) - 'a' < 26 || (cp >= 0xc0 && cp < 0x250) || (cp >= 0x1e00 && cp < 0x1f00);
}

/* Letters and syllables of the other scripts; what lies between them are signs and emoji. */
static bool is_of_another_script(uint32_t cp) {
    static const uint32_t ranges[][2] = {
        {0x370, 0x1dff},  {0x1f00, 0x1fff}, {0x2c00, 0x2dff},   {0x3040, 0xd7ff},
        {0xf900, 0xfdff}, {0xfe70, 0xfefe}, {0x10000, 0x1cfff}, {0x20000, 0x3ffff},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (cp >= ranges[i][0] && cp <= ranges[i][1]) return true;
    return false;
}

/* The beginning of a text, cut between characters. */
static int excerpt_length(const char *text, size_t n) {
    size_t most = 40;
    if (n <= most) return (int)n;
    while (most > 0 && ((unsigned char)text[most] & 0xc0) == 0x80)
        most--;
    return (int)most;
}

bool model_facts_warn_of_script(const model_facts *facts, const char *text, size_t n) {
    const char *language = json_string_value(json_array_get(facts->languages, 0));
    long long n_latin = 0, n_other = 0;
    if (json_array_size(facts->languages) != 1 || strcmp(language, "en") != 0) return false;
    for (size_t i = 0; i < n;) {
        uint32_t cp = next_character(text, n, &i);
        n_latin += is_latin(cp);
        n_other += is_of_another_script(cp);
    }
    if (n_other == 0) return false;
    if (n_latin == 0)
        cli_complain(
            "warning: nothing in \"%.*s\" can be spoken in this voice, which knows English "
            "only",
            excerpt_length(text, n), text);
    else
        cli_complain("warning: %lld of the %lld letters in \"%.*s%s\" cannot be spoken in this "
                     "voice, which knows English only",
                     n_other, n_other + n_latin, excerpt_length(text, n), text,
                     n > 40 ? "..." : "");
    return true;
}
