/* engine.c - threads, kernels and the log (marvis_engine). */
#include "engine/engine.h"

#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define STRING2(x) #x
#define STRING(x)  STRING2(x)

const char *marvis_version(void) { return STRING(MARVIS_VERSION); }

void marvis_free(void *memory) { mv_free(memory); }

void marvis_engine_settings_init(marvis_engine_settings *settings) {
    *settings = (marvis_engine_settings){.struct_size = sizeof *settings};
}

static marvis_status choose_tier(const char *name, mv_tier *tier, marvis_error *err) {
    *tier = mv_tier_best();
    if (!name || strcmp(name, "auto") == 0) return MARVIS_OK;
    if (!mv_tier_from_name(name, tier))
        return mv_fail(err, MARVIS_ERR_CALL,
                       "cpu tier '%s' is unknown; use auto, scalar, avx2, avx512, amx or neon",
                       name);
    if (!mv_kernels_get(*tier))
        return mv_fail(err, MARVIS_ERR_UNSUPPORTED,
                       "cpu tier '%s' cannot run on this machine; use auto or %s", name,
                       mv_tier_name(mv_tier_best()));
    return MARVIS_OK;
}

marvis_status marvis_engine_create(const marvis_engine_settings *settings, marvis_engine **engine,
                                   marvis_error *err) {
    *engine = NULL;
    marvis_engine_settings defaults;
    marvis_engine_settings_init(&defaults);
    if (!settings) settings = &defaults;
    if (settings->struct_size != sizeof *settings)
        return mv_fail(err, MARVIS_ERR_CALL,
                       "engine settings of another version: fill them with "
                       "marvis_engine_settings_init");
    if (settings->n_threads < 0 || settings->n_threads > 256)
        return mv_fail(err, MARVIS_ERR_CALL, "%d threads: use 1 to 256, or 0 for one per core",
                       settings->n_threads);
    mv_tier tier;
    MV_TRY(choose_tier(settings->cpu, &tier, err));
    marvis_engine *e = mv_alloc(1, sizeof *e);
    if (!e) return mv_fail_memory(err, sizeof *e, "the engine");
    e->n_threads = settings->n_threads ? settings->n_threads : mv_n_cores();
    if (e->n_threads > 256) e->n_threads = 256;
    e->log = settings->log;
    e->log_ctx = settings->log_ctx;
    marvis_status status = mv_pool_create(e->n_threads, &e->pool, err);
    if (status != MARVIS_OK) {
        mv_free(e);
        return status;
    }
    e->exec = (mv_exec){.kernels = mv_kernels_get(tier), .pool = e->pool};
    *engine = e;
    return MARVIS_OK;
}

void marvis_engine_destroy(marvis_engine **engine) {
    if (!engine || !*engine) return;
    mv_pool_destroy(&(*engine)->pool);
    mv_free(*engine);
    *engine = NULL;
}

const char *marvis_engine_cpu(const marvis_engine *engine) {
    return mv_tier_name(engine->exec.kernels->tier);
}

int marvis_engine_n_threads(const marvis_engine *engine) { return engine->n_threads; }

void mv_log(const marvis_engine *engine, marvis_log_level level, const char *fmt, ...) {
    if (!engine->log) return;
    char line[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    engine->log(engine->log_ctx, level, line);
}
