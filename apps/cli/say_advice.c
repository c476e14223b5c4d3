/* say_advice.c - see say_advice.h. */
#include "cli/say_advice.h"

#include <string.h>

bool say_advice_is_large(const json_t *model) {
    json_int_t in_floats = 0, in_integers = 0;
    const char *name;
    json_t *of_class;
    json_object_foreach(json_object_get(model, "classes"), name, of_class) {
        const char *computed = json_string_value(json_object_get(of_class, "computed"));
        json_int_t bytes = json_integer_value(json_object_get(of_class, "bytes"));
        if (!computed || strcmp(name, "text") == 0 || strcmp(name, "audio") == 0) continue;
        bool are_floats = strstr(computed, "f16") || strstr(computed, "f32");
        *(are_floats ? &in_floats : &in_integers) += bytes;
    }
    return in_floats > in_integers;
}

const char *say_advice_when_slow(double step_s, double seconds, bool could_be_smaller) {
    if (seconds <= 0 || step_s <= seconds || !could_be_smaller) return "";
    return "slower than it plays: --weights mix, 8 and 4 bits, is faster; 'marvis bench' tells how "
           "much\n";
}

const char *say_advice_after_gaps(bool could_be_smaller) {
    return could_be_smaller ? "--weights mix is faster, and fewer --codebooks cost less"
                            : "fewer --codebooks cost less";
}
