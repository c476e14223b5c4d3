/* say_advice.c - see say_advice.h. */
#include "cli/say_advice.h"

const char *say_advice_when_slow(double step_s, double seconds, bool could_be_smaller) {
    if (seconds <= 0 || step_s <= seconds || !could_be_smaller) return "";
    return "slower than it plays: --weights mix, 8 and 4 bits, is faster; 'marvis bench' tells how "
           "much\n";
}

const char *say_advice_after_gaps(bool could_be_smaller) {
    return could_be_smaller ? "--weights mix is faster, and fewer --codebooks cost less"
                            : "fewer --codebooks cost less";
}
