/* say_report.c - what marvis say did: JSON statistics, a line for the terminal, a warning. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/json_text.h"
#include "cli/say.h"
#include "cli/say_advice.h"
#include "cli/say_json.h"
#include "cli/support.h"
#include "common/error.h"
#include "common/platform.h"

/* A float as a person would write it: 0.9, not 0.89999997615814209. */
static json_t *json_short(float value) {
    char digits[32];
    snprintf(digits, sizeof digits, "%.6g", (double)value);
    return json_real(strtod(digits, NULL));
}

static json_t *sampling_json(const marvis_sampling *sampling) {
    return json_pack("{s:o, s:i, s:o}", "temperature", json_short(sampling->temperature), "top_k",
                     sampling->top_k, "top_p", json_short(sampling->top_p));
}

static json_t *settings_json(const marvis_session_settings *s) {
    return json_pack("{s:i, s:o, s:o, s:i, s:i, s:b, s:o}", "speaker", s->speaker, "codebook0",
                     sampling_json(&s->codebook0), "depth", sampling_json(&s->depth), "codebooks",
                     s->n_codebooks, "max_frames", s->max_frames, "guard", s->guard, "eos_bias",
                     json_short(s->eos_bias));
}

json_t *say_pieces_json(const marvis_speech_info *info) {
    return json_pack("{s:I, s:I, s:I, s:I, s:I}", "spoken", (json_int_t)info->n_pieces, "retries",
                     (json_int_t)info->n_retries, "runaway", (json_int_t)info->n_runaway, "cap",
                     (json_int_t)info->n_cap, "early", (json_int_t)info->n_early);
}

json_t *say_played_json(bool plays, const jitter_report *p) {
    if (!plays) return json_null();
    return json_pack("{s:f, s:i, s:f}", "seconds", p->played_s, "gaps", p->n_gaps, "gap_s",
                     p->gap_s);
}

static json_t *result_json(const say_result *r) {
    const char *model = r->model ? r->model : "built-in";
    json_t *rtf = r->made_s > 0 ? json_real(r->step_s / r->made_s) : json_null();
    json_t *first = r->n_frames > 0 ? json_real(r->timing.first_pcm_s) : json_null();
    json_t *voice =
        r->voice ? json_pack("{s:o, s:f, s:f}", "file", json_text(r->voice, strlen(r->voice)),
                             "seconds", r->voice_s, "load_s", r->voice_load_s)
                 : json_null();
    return json_pack(
        "{s:o, s:o, s:o, s:I, s:i, s:I, s:f, s:s, s:f, s:o, s:f, s:f, s:f, s:o, s:f, s:f, s:f,"
        " s:f, s:i, s:s, s:I, s:s, s:o, s:o, s:i, s:s, s:o, s:b, s:o}",
        "text", json_text(r->text, r->text_len), "model", json_text(model, strlen(model)), "output",
        json_text(r->output, strlen(r->output)), "seed", (json_int_t)r->settings.seed, "n_prompt",
        r->timing.n_prompt, "n_frames", (json_int_t)r->n_frames, "seconds", r->seconds, "stop",
        marvis_stop_text(r->stop), "load_s", r->load_s, "first_audio_s", first, "wall_s", r->wall_s,
        "step_s", r->step_s, "made_s", r->made_s, "rtf", rtf, "prefill_s", r->timing.prefill_s,
        "backbone_s", r->timing.backbone_s, "depth_s", r->timing.depth_s, "codec_s",
        r->timing.codec_s, "threads", r->n_threads, "cpu", r->cpu, "peak_rss_bytes",
        (json_int_t)platform_peak_rss(), "version", marvis_version(), "settings",
        settings_json(&r->settings), "voice", voice, "n_reused", r->timing.n_reused, "runaway",
        marvis_runaway_text(r->info.runaway), "pieces", say_pieces_json(&r->info), "resumed",
        r->resumed, "played", say_played_json(r->plays, &r->played));
}

marvis_status say_write_stats(const say_result *result, out_file *file, marvis_error *err) {
    marvis_status status;
    json_t *root = result_json(result);
    char *text = root ? json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(root);
    if (!text) return app_fail(err, MARVIS_ERR_INTERNAL, "--stats: the statistics cannot be made");
    status = out_file_write(file, text, strlen(text), err);
    if (status == MARVIS_OK) status = out_file_write(file, "\n", 1, err);
    free(text);
    return status == MARVIS_OK ? out_file_commit(file, err) : status;
}

void say_print_summary(const say_result *r) {
    char waited[40] = "";
    if (!platform_stderr_is_terminal()) return;
    if (r->wall_s - r->step_s > r->wall_s / 10)
        snprintf(waited, sizeof waited, ", %.1f s of them work", r->step_s);
    fprintf(stderr,
            "%.1f s of speech in %.1f s%s (real-time factor %.2f), first audio after %.2f s, "
            "ended by %s, seed %llu\n",
            r->seconds, r->wall_s, waited, r->made_s > 0 ? r->step_s / r->made_s : 0.0,
            r->timing.first_pcm_s, marvis_stop_text(r->stop), (unsigned long long)r->settings.seed);
    if (r->info.n_retries == 0 && r->played.n_gaps == 0) /* work of its own; told already */
        fputs(say_advice_when_slow(r->step_s, r->made_s, r->could_be_smaller), stderr);
}

void say_warn_of_gaps(const jitter_report *played, bool could_be_smaller) {
    if (played->n_gaps > 0)
        cli_complain("warning: the speech came more slowly than it plays: %d gap%s of %.1f s in "
                     "all; %s",
                     played->n_gaps, played->n_gaps == 1 ? "" : "s", played->gap_s,
                     say_advice_after_gaps(could_be_smaller));
}

void say_print_warning(const say_result *r) {
    const marvis_speech_info *info = &r->info;
    say_warn_of_gaps(&r->played, r->could_be_smaller);
    if (info->n_pieces > 1 && info->n_runaway + info->n_cap + info->n_early > 0)
        cli_complain("warning: of %lld pieces of the text, %lld did not end by themselves and %lld "
                     "ended far too early; try another --seed",
                     (long long)info->n_pieces, (long long)(info->n_runaway + info->n_cap),
                     (long long)info->n_early);
    if (info->n_pieces > 1 && r->stop != MARVIS_STOP_CAP) return;
    if (r->stop == MARVIS_STOP_CAP)
        cli_complain("warning: cut off after %.1f s, before the model had ended; "
                     "--max-seconds sets the limit",
                     r->seconds);
    if (r->stop == MARVIS_STOP_RUNAWAY)
        cli_complain("warning: stopped after %.1f s, as the speech %s; try another --seed",
                     r->seconds,
                     info->runaway == MARVIS_RUNAWAY_REPEATS   ? "went on repeating itself"
                     : info->runaway == MARVIS_RUNAWAY_SILENCE ? "went on in silence"
                                                               : "was far too long for its text");
}
