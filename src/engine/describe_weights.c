/* describe_weights.c - what the weights of each class are in the file, and what they are computed
 * with. */
#include "engine/describe.h"

#include "base/memory.h"
#include "model/csm_tensors.h"

#include <stdio.h>
#include <string.h>

typedef struct class_sum {
    unsigned stored, computed; /* bits by mv_dtype and mv_wtype */
    size_t bytes;              /* in the file */
} class_sum;

static void add(const marvis_model *model, const mv_csm_tensor *t, class_sum *sum) {
    static const char *const companions[] = {"_scale", ".scales", ".biases"};
    char name[192];
    snprintf(name, sizeof name, "%s%s", t->name, t->kind == MV_TENSOR_MATRIX ? ".weight" : "");
    const mv_tensor *stored = mv_checkpoint_peek(model->ckpt, name);
    if (!stored) return;
    sum->stored |= 1u << stored->type;
    sum->computed |= 1u << mv_csm_tensor_matrix(&model->csm, t)->type;
    sum->bytes += stored->len_bytes;
    for (size_t i = 0; i < sizeof companions / sizeof *companions; i++) {
        snprintf(name, sizeof name, "%s%s%s", t->name,
                 i == 0 && t->kind == MV_TENSOR_MATRIX ? ".weight" : "", companions[i]);
        stored = mv_checkpoint_peek(model->ckpt, name);
        if (stored) sum->bytes += stored->len_bytes;
    }
}

/* "Q8_0, I8" of the bits that are set. */
static json_t *names_of(unsigned bits, bool computed) {
    char text[128] = "";
    size_t len = 0;
    for (unsigned i = 0; bits >> i && len < sizeof text; i++) {
        if (!(bits >> i & 1)) continue;
        const char *name = computed ? mv_wtype_name((mv_wtype)i) : mv_dtype_name((mv_dtype)i);
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", len ? ", " : "", name);
    }
    return json_string(text);
}

json_t *mv_describe_classes(const marvis_model *model) {
    class_sum sums[MV_N_CLASSES] = {{0}};
    mv_csm_tensor *list;
    size_t n;
    if (mv_csm_tensors(model->ckpt, model->layout, &model->csm.config, &list, &n, NULL) !=
        MARVIS_OK)
        return NULL;
    for (size_t i = 0; i < n; i++)
        if (list[i].kind != MV_TENSOR_NORM) add(model, &list[i], &sums[list[i].which]);
    mv_free(list);
    json_t *all = json_object();
    for (int i = 0; all && i < MV_N_CLASSES; i++) {
        json_t *entry =
            json_pack("{s:o, s:o, s:I}", "stored", names_of(sums[i].stored, false), "computed",
                      names_of(sums[i].computed, true), "bytes", (json_int_t)sums[i].bytes);
        if (json_object_set_new(all, mv_weight_class_name((mv_weight_class)i), entry) == 0)
            continue;
        json_decref(all);
        all = NULL;
    }
    return all;
}
