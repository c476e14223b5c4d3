/* checkpoint.c - opening a model's tensors under canonical names and accounting for their use; see
 * checkpoint.h. Handing them out is in checkpoint_take.c and checkpoint_rows.c, sharded indices in
 * checkpoint_index.c, what only GGUF has in checkpoint_gguf.c. */
#include "format/checkpoint_internal.h"

#include "base/memory.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

/* What may follow mlx-audio's outer "model.": exactly the children of its CSM module. transformers'
 * "backbone_model." and Mimi's "encoder.model." never begin with "model.". */
static const char *const csm_children[] = {"backbone.",   "decoder.",        "text_embeddings.",
                                           "projection.", "codebook0_head.", "audio_embeddings."};

static bool is_csm_child(const char *name) {
    for (size_t i = 0; i < sizeof csm_children / sizeof *csm_children; i++)
        if (mv_starts_with(name, csm_children[i])) return true;
    return strcmp(name, "audio_head") == 0 || mv_starts_with(name, "audio_head.");
}

/* Writes the canonical form of name, which is never longer; returns its length. The wrappers of
 * DistributedDataParallel ("module.") and torch.compile ("_orig_mod.") are dropped wherever they
 * stand as a component of their own. */
static size_t canonical_name(const char *name, char *out) {
    size_t len = 0;
    const char *part = name;
    for (const char *dot; (dot = strchr(part, '.')) != NULL; part = dot + 1) {
        size_t n = (size_t)(dot - part);
        if ((n == 6 && memcmp(part, "module", n) == 0) ||
            (n == 9 && memcmp(part, "_orig_mod", n) == 0))
            continue;
        memcpy(out + len, part, n + 1);
        len += n + 1;
    }
    size_t last = strlen(part);
    memcpy(out + len, part, last + 1);
    len += last;
    if (mv_starts_with(out, "model.") && is_csm_child(out + 6)) {
        len -= 6;
        memmove(out, out + 6, len + 1);
    }
    return len;
}

/* A tensor while the list is being sorted. */
typedef struct entry {
    mv_tensor tensor;
    const char *original;
    const char *file;
} entry;

static int compare_entries(const void *a, const void *b) {
    const entry *x = a, *y = b;
    return strcmp(x->tensor.name, y->tensor.name);
}

static marvis_status check_clashes(const mv_checkpoint *ckpt, const entry *entries, size_t n,
                                   marvis_error *err) {
    for (size_t i = 1; i < n; i++) {
        const entry *a = &entries[i - 1], *b = &entries[i];
        if (strcmp(a->tensor.name, b->tensor.name) != 0) continue;
        if (strcmp(a->original, b->original) == 0)
            return mv_fail(err, MARVIS_ERR_FORMAT,
                           "%s: tensor \"%s\" is in two shards, %s and %s; expected one",
                           ckpt->path, a->original, a->file, b->file);
        return mv_fail(err, MARVIS_ERR_FORMAT,
                       "%s: tensors \"%s\" and \"%s\" both mean \"%s\"; expected one of them",
                       ckpt->path, a->original, b->original, a->tensor.name);
    }
    return MARVIS_OK;
}

/* The tensors of one file. */
typedef struct source {
    const mv_tensor *tensors;
    size_t n;
    const char *path;
} source;

static size_t n_sources(const mv_checkpoint *ckpt) { return ckpt->gguf.path ? 1 : ckpt->n_files; }

static source source_of(const mv_checkpoint *ckpt, size_t f) {
    if (ckpt->gguf.path) return (source){ckpt->gguf.tensors, ckpt->gguf.n_tensors, ckpt->gguf.path};
    const mv_safetensors *file = &ckpt->files[f];
    return (source){file->tensors, file->n_tensors, file->path};
}

/* Fills the entries and writes their canonical names; room for both is there. */
static void fill_entries(mv_checkpoint *ckpt, entry *e) {
    char *name = ckpt->names, expanded[1024];
    for (size_t f = 0; f < n_sources(ckpt); f++) {
        source s = source_of(ckpt, f);
        for (size_t i = 0; i < s.n; i++, e++) {
            *e = (entry){s.tensors[i], s.tensors[i].name, s.path};
            e->tensor.name = name;
            const char *full = e->original;
            if (ckpt->gguf.path) {
                mv_gguf_long_name(full, expanded); /* the reader allows 512 bytes */
                full = expanded;
            }
            name += canonical_name(full, name) + 1;
        }
    }
}

/* Merges the files' lists into ckpt's, sorted by canonical name. */
static marvis_status merge_files(mv_checkpoint *ckpt, marvis_error *err) {
    size_t n = 0, name_bytes = 0;
    for (size_t f = 0; f < n_sources(ckpt); f++) {
        source s = source_of(ckpt, f);
        for (size_t i = 0; i < s.n; i++)
            name_bytes += strlen(s.tensors[i].name) + 1 + (ckpt->gguf.path ? MV_NAME_GROWTH : 0);
        n += s.n;
    }
    if (n == 0)
        return mv_fail(err, MARVIS_ERR_TENSOR, "%s: no tensors; expected a model's weights",
                       ckpt->path);
    entry *entries = mv_alloc(n, sizeof *entries);
    ckpt->names = mv_alloc(name_bytes, 1);
    ckpt->tensors = mv_alloc(n, sizeof *ckpt->tensors);
    ckpt->file_of = mv_alloc(n, sizeof *ckpt->file_of);
    ckpt->used = mv_alloc(n, sizeof *ckpt->used);
    if (!entries || !ckpt->names || !ckpt->tensors || !ckpt->file_of || !ckpt->used) {
        mv_free(entries);
        return mv_fail_memory(err, n * sizeof *entries, "the list of tensors");
    }
    fill_entries(ckpt, entries);
    qsort(entries, n, sizeof *entries, compare_entries);
    marvis_status status = check_clashes(ckpt, entries, n, err);
    for (size_t i = 0; i < n; i++) {
        ckpt->tensors[i] = entries[i].tensor;
        ckpt->file_of[i] = entries[i].file;
    }
    ckpt->n_tensors = n;
    mv_free(entries);
    return status;
}

static marvis_status open_single(mv_checkpoint *ckpt, marvis_error *err) {
    bool is_gguf;
    MV_TRY(mv_checkpoint_sniff_gguf(ckpt->path, &is_gguf, err));
    if (is_gguf) return mv_gguf_open(ckpt->path, &ckpt->gguf, err);
    ckpt->files = mv_alloc(1, sizeof *ckpt->files);
    if (!ckpt->files) return mv_fail_memory(err, sizeof *ckpt->files, "a file");
    MV_TRY(mv_safetensors_open(ckpt->path, &ckpt->files[0], err));
    ckpt->n_files = 1;
    return MARVIS_OK;
}

marvis_status mv_checkpoint_open(const char *path, mv_checkpoint **ckpt, marvis_error *err) {
    marvis_status status;
    *ckpt = NULL;
    mv_checkpoint *c = mv_alloc(1, sizeof *c);
    if (!c) return mv_fail_memory(err, sizeof *c, "a checkpoint");
    if (!(c->path = mv_strdup(path))) {
        status = mv_fail_memory(err, strlen(path) + 1, "a path");
        goto fail;
    }
    if (mv_ends_with(path, ".index.json"))
        MV_TRY_GOTO(mv_checkpoint_open_index(c, err));
    else
        MV_TRY_GOTO(open_single(c, err));
    MV_TRY_GOTO(merge_files(c, err));
    *ckpt = c;
    return MARVIS_OK;
fail:
    mv_checkpoint_close(&c);
    return status;
}

void mv_checkpoint_close(mv_checkpoint **ckpt) {
    mv_checkpoint *c = *ckpt;
    *ckpt = NULL;
    if (!c) return;
    for (size_t f = 0; f < c->n_files; f++)
        mv_safetensors_close(&c->files[f]);
    mv_free(c->files);
    mv_gguf_close(&c->gguf);
    for (size_t i = 0; c->blocks && i < c->n_tensors; i++)
        mv_free(c->blocks[i]);
    mv_free(c->blocks);
    mv_free(c->tensors);
    mv_free(c->file_of);
    mv_free(c->used);
    mv_free(c->names);
    mv_free(c->path);
    mv_free(c);
}

const char *mv_checkpoint_path(const mv_checkpoint *ckpt) { return ckpt->path; }

size_t mv_checkpoint_n_tensors(const mv_checkpoint *ckpt) { return ckpt->n_tensors; }

size_t mv_checkpoint_n_files(const mv_checkpoint *ckpt) { return n_sources(ckpt); }

size_t mv_checkpoint_bytes(const mv_checkpoint *ckpt) {
    size_t total = 0;
    for (size_t i = 0; i < ckpt->n_tensors; i++)
        total += ckpt->tensors[i].len_bytes;
    return total;
}

const mv_tensor *mv_checkpoint_tensor(const mv_checkpoint *ckpt, size_t i) {
    return &ckpt->tensors[i];
}

const char *mv_checkpoint_file_of(const mv_checkpoint *ckpt, size_t i) { return ckpt->file_of[i]; }

size_t mv_checkpoint_index(const mv_checkpoint *ckpt, const char *name) {
    size_t low = 0, high = ckpt->n_tensors;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(ckpt->tensors[middle].name, name);
        if (order == 0) return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return ckpt->n_tensors;
}

const mv_tensor *mv_checkpoint_peek(const mv_checkpoint *ckpt, const char *name) {
    size_t i = mv_checkpoint_index(ckpt, name);
    return i < ckpt->n_tensors ? &ckpt->tensors[i] : NULL;
}

bool mv_checkpoint_has(const mv_checkpoint *ckpt, const char *name) {
    return mv_checkpoint_peek(ckpt, name) != NULL;
}

void mv_checkpoint_ignore(mv_checkpoint *ckpt, const char *name) {
    size_t i = mv_checkpoint_index(ckpt, name);
    if (i < ckpt->n_tensors) ckpt->used[i] = true;
}

size_t mv_checkpoint_ignore_prefix(mv_checkpoint *ckpt, const char *prefix) {
    size_t n = 0;
    for (size_t i = 0; i < ckpt->n_tensors; i++) {
        if (!mv_starts_with(ckpt->tensors[i].name, prefix)) continue;
        ckpt->used[i] = true;
        n++;
    }
    return n;
}

marvis_status mv_checkpoint_finish(const mv_checkpoint *ckpt, const char *const *known_prefixes,
                                   int strict, marvis_log_fn log, void *log_ctx,
                                   marvis_error *err) {
    size_t n_unused = 0, first = 0;
    for (size_t i = 0; i < ckpt->n_tensors; i++) {
        if (ckpt->used[i]) continue;
        for (const char *const *prefix = known_prefixes; prefix && *prefix; prefix++)
            if (mv_starts_with(ckpt->tensors[i].name, *prefix))
                return mv_fail(
                    err, MARVIS_ERR_TENSOR,
                    "%s: unexpected tensor \"%s\"; the network as configured has no place for it",
                    ckpt->file_of[i], ckpt->tensors[i].name);
        if (n_unused++ == 0) first = i;
    }
    if (n_unused == 0) return MARVIS_OK;
    if (strict)
        return mv_fail(err, MARVIS_ERR_TENSOR,
                       "%s: unexpected tensor \"%s\" (%zu in all); leave strict mode to ignore it",
                       ckpt->file_of[first], ckpt->tensors[first].name, n_unused);
    if (log) {
        marvis_error line;
        (void)mv_fail(&line, MARVIS_OK,
                      "%s: ignoring %zu tensors that no part uses, such as \"%s\"", ckpt->path,
                      n_unused, ckpt->tensors[first].name);
        log(log_ctx, MARVIS_LOG_WARNING, line.message);
    }
    return MARVIS_OK;
}
