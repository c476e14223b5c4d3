/* save_types.c - the types of a file's weights from what a person writes: the name of a type or of
 * the mix, then exceptions for classes, "mix,depth.ffn=q8". */
#include "engine/save.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    mv_dtype type;
} types_by_name[] = {{"f32", MV_DT_F32}, {"f16", MV_DT_F16}, {"bf16", MV_DT_BF16},
                     {"q8", MV_DT_Q8_0}, {"q4", MV_DT_Q4_0}, {"int8", MV_DT_I8}};

enum { N_TYPES = sizeof types_by_name / sizeof *types_by_name };

/* Names for several classes. Only what they are about is set. */
static const struct {
    const char *name;
    unsigned classes; /* bits */
} groups[] = {
    {"backbone", 1u << MV_CLASS_BACKBONE_ATTENTION | 1u << MV_CLASS_BACKBONE_FFN},
    {"depth", 1u << MV_CLASS_DEPTH_ATTENTION | 1u << MV_CLASS_DEPTH_FFN},
    {"tables", 1u << MV_CLASS_AUDIO | 1u << MV_CLASS_TEXT},
    {"all", (1u << MV_N_CLASSES) - 1},
};

static bool find_type(const char *text, size_t n, mv_dtype *type) {
    for (size_t i = 0; i < N_TYPES; i++) {
        if (strlen(types_by_name[i].name) != n || memcmp(types_by_name[i].name, text, n) != 0)
            continue;
        *type = types_by_name[i].type;
        return true;
    }
    return false;
}

static bool find_classes(const char *text, size_t n, unsigned *classes) {
    for (int i = 0; i < MV_N_CLASSES; i++) {
        const char *name = mv_weight_class_name((mv_weight_class)i);
        if (strlen(name) != n || memcmp(name, text, n) != 0) continue;
        *classes = 1u << i;
        return true;
    }
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        if (strlen(groups[i].name) != n || memcmp(groups[i].name, text, n) != 0) continue;
        *classes = groups[i].classes;
        return true;
    }
    return false;
}

/* Eight bits wherever an error is heard at once (the depth decoder's attention and the heads), four
 * where there is most to read and least to lose. Of tables a step reads some rows alone: in 16 bits
 * they cost nothing at the start, nor in memory what is never read. */
static void set_mix(mv_dtype types[MV_N_CLASSES]) {
    for (int i = 0; i < MV_N_CLASSES; i++)
        types[i] = MV_DT_Q8_0;
    types[MV_CLASS_DEPTH_FFN] = MV_DT_Q4_0;
    types[MV_CLASS_AUDIO] = types[MV_CLASS_TEXT] = MV_DT_BF16;
}

/* One type for all; four bits leave tables and projection at eight: they are read by the row, and
 * small. */
static void set_all(mv_dtype type, mv_dtype types[MV_N_CLASSES]) {
    for (int i = 0; i < MV_N_CLASSES; i++)
        types[i] = type;
    if (type != MV_DT_Q4_0) return;
    types[MV_CLASS_AUDIO] = types[MV_CLASS_TEXT] = types[MV_CLASS_PROJECTION] = MV_DT_Q8_0;
}

static marvis_status unknown(const char *what, const char *item, size_t n, marvis_error *err) {
    return mv_fail(err, MARVIS_ERR_CALL,
                   "%s \"%.*s\"; expected mix, f32, f16, bf16, q8, q4 or int8, then exceptions "
                   "CLASS=TYPE with the classes backbone.attn, backbone.ffn, depth.attn, "
                   "depth.ffn, heads, projection, audio, text, or backbone, depth, tables, all",
                   what, (int)(n < 60 ? n : 60), item);
}

static marvis_status apply(const char *item, size_t n, bool first, mv_dtype types[MV_N_CLASSES],
                           marvis_error *err) {
    const char *sign = memchr(item, '=', n);
    mv_dtype type;
    unsigned classes;
    if (!sign) {
        if (!first) return unknown("not CLASS=TYPE:", item, n, err);
        if (n == 3 && memcmp(item, "mix", 3) == 0) return MARVIS_OK;
        if (!find_type(item, n, &type)) return unknown("unknown type", item, n, err);
        set_all(type, types);
        return MARVIS_OK;
    }
    size_t n_class = (size_t)(sign - item);
    if (!find_classes(item, n_class, &classes)) return unknown("unknown class", item, n_class, err);
    if (!find_type(sign + 1, n - n_class - 1, &type))
        return unknown("unknown type", sign + 1, n - n_class - 1, err);
    for (int i = 0; i < MV_N_CLASSES; i++)
        if (classes >> i & 1) types[i] = type;
    return MARVIS_OK;
}

marvis_status mv_save_types_parse(const char *text, mv_dtype types[MV_N_CLASSES],
                                  marvis_error *err) {
    set_mix(types);
    if (!text || !*text) return MARVIS_OK;
    for (const char *item = text;; item++) {
        size_t n = strcspn(item, ",");
        MV_TRY(apply(item, n, item == text, types, err));
        item += n;
        if (!*item) return MARVIS_OK;
    }
}
