/* dialogue_report.c - see dialogue.h. */
#include "cli/dialogue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/json_text.h"
#include "cli/say_advice.h"
#include "cli/say_json.h"
#include "cli/support.h"
#include "common/error.h"
#include "common/platform.h"

/* Paragraphs go on in lines that begin with a space, so that the whole is a script again; what is a
 * comment there stays in one line. */
static void print_text(const dialogue_turn *turn, bool in_one_line) {
    for (size_t i = 0; i < turn->text_len; i++) {
        bool is_break = turn->text[i] == '\n';
        putchar(is_break && in_one_line ? ' ' : turn->text[i]);
        if (is_break && !in_one_line && i + 1 < turn->text_len && turn->text[i + 1] != '\n')
            putchar(' ');
    }
    putchar('\n');
}

void dialogue_print_script(const dialogue_script *script) {
    for (size_t i = 0; i < script->n_people; i++) {
        const dialogue_person *p = &script->people[i];
        const char *voice = p->voice ? p->voice : p->audio ? p->audio : p->codes;
        printf("# %s: speaker %d%s%s\n", p->name, p->speaker, voice ? ", voice " : "",
               voice ? voice : "");
    }
    for (size_t i = 0; i < script->n_turns; i++) {
        const dialogue_turn *turn = &script->turns[i];
        const char *recorded = turn->audio ? turn->audio : turn->codes;
        if (recorded) printf("# recorded, %s: ", recorded);
        printf("%s: ", script->people[turn->person].name);
        print_text(turn, recorded != NULL);
    }
}

void dialogue_print_summary(const dialogue_result *r) {
    int64_t n_retries = 0;
    if (!platform_stderr_is_terminal()) return;
    fprintf(stderr, "%zu turns, %.1f s of speech in %.1f s (real-time factor %.2f), seed %llu\n",
            r->n_said, r->seconds, r->wall_s, r->made_s > 0 ? r->step_s / r->made_s : 0.0,
            (unsigned long long)r->settings.seed);
    for (size_t i = 0; i < r->n_said; i++)
        n_retries += r->said[i].info.n_retries;
    if (n_retries == 0 && r->played.n_gaps == 0)
        fputs(say_advice_when_slow(r->step_s, r->made_s, r->could_be_smaller), stderr);
}

void dialogue_print_warnings(const dialogue_result *r) {
    say_warn_of_gaps(&r->played, r->could_be_smaller);
    for (size_t i = 0; i < r->n_said; i++) {
        const dialogue_said *said = &r->said[i];
        const char *what = NULL;
        marvis_error message;
        if (said->info.n_cap) what = "was cut off; --max-seconds sets the limit";
        if (said->info.n_runaway) what = "ran away and was stopped; try another --seed";
        if (said->stop == MARVIS_STOP_EOS && said->n_frames == 0)
            what = said->info.n_pieces ? "came out empty; try another --seed"
                                       : "has nothing in it that is spoken";
        if (!what) continue;
        (void)app_fail(&message, MARVIS_ERR_INTERNAL, "%s", what);
        (void)dialogue_blame_turn(r->script, i, MARVIS_ERR_INTERNAL, &message);
        cli_complain("warning: %s", message.message);
    }
}

static json_t *turn_json(const dialogue_result *r, size_t i) {
    const dialogue_turn *turn = &r->script->turns[i];
    const dialogue_person *person = &r->script->people[turn->person];
    const dialogue_said *said = &r->said[i];
    const char *recorded = turn->audio ? turn->audio : turn->codes;
    json_t *text = json_stringn(turn->text, turn->text_len);
    json_t *o =
        json_pack("{s:s, s:i, s:o, s:f, s:f, s:I}", "name", person->name, "speaker",
                  person->speaker, "text", text ? text : json_null(), "start_s", said->start_s,
                  "seconds", said->seconds, "n_frames", (json_int_t)said->n_frames);
    if (!o) return NULL;
    if (recorded) {
        json_object_set_new(o, "recorded", json_text(recorded, strlen(recorded)));
        return o;
    }
    json_t *rest = json_pack(
        "{s:s, s:i, s:i, s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:o}", "stop",
        marvis_stop_text(said->stop), "n_prompt", said->info.timing.n_prompt, "n_reused",
        said->info.timing.n_reused, "n_dropped", said->info.timing.n_dropped, "first_audio_s",
        said->info.timing.first_pcm_s, "prefill_s", said->info.timing.prefill_s, "backbone_s",
        said->info.timing.backbone_s, "depth_s", said->info.timing.depth_s, "codec_s",
        said->info.timing.codec_s, "wall_s", said->wall_s, "pieces", say_pieces_json(&said->info));
    json_object_update(o, rest);
    json_decref(rest);
    return o;
}

static json_t *result_json(const dialogue_result *r) {
    const char *script = r->script->name, *model = r->model ? r->model : "built-in";
    json_t *turns = json_array();
    for (size_t i = 0; i < r->n_said; i++)
        json_array_append_new(turns, turn_json(r, i));
    return json_pack(
        "{s:o, s:o, s:o, s:I, s:s, s:i, s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:I, s:i, s:s, s:I,"
        " s:s, s:o, s:o, s:o}",
        "script", json_text(script, strlen(script)), "model", json_text(model, strlen(model)),
        "output", json_text(r->output, strlen(r->output)), "seed", (json_int_t)r->settings.seed,
        "layout", r->layout == MARVIS_VOICE_CONTEXT ? "context" : "match", "codebooks",
        r->settings.n_codebooks, "max_frames", r->settings.max_frames, "seconds", r->seconds,
        "wall_s", r->wall_s, "step_s", r->step_s, "made_s", r->made_s, "load_s", r->load_s,
        "voices_s", r->voices_s, "n_dropped", (json_int_t)r->n_dropped, "threads", r->n_threads,
        "cpu", r->cpu, "peak_rss_bytes", (json_int_t)platform_peak_rss(), "version",
        marvis_version(), "turns", turns, "played", say_played_json(r->plays, &r->played), "error",
        r->error ? json_text(r->error, strlen(r->error)) : json_null());
}

marvis_status dialogue_write_stats(const dialogue_result *result, out_file *file,
                                   marvis_error *err) {
    json_t *root = result_json(result);
    char *text = root ? json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(root);
    if (!text) return app_fail(err, MARVIS_ERR_INTERNAL, "--stats: the statistics cannot be made");
    marvis_status status = out_file_write(file, text, strlen(text), err);
    if (status == MARVIS_OK) status = out_file_write(file, "\n", 1, err);
    free(text);
    return status == MARVIS_OK ? out_file_commit(file, err) : status;
}
