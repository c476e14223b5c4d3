/* normalize_units.c - the table of units, and saying them: "km/h", "m\u00b2", "sq ft". */
#include "text/normalize_parts.h"

#include <string.h>

enum { GLUED = MV_UNIT_GLUED, POWER = MV_UNIT_POWER, DOT = MV_UNIT_DOT, ONLY_PER = 8 };

/* GLUED: only right behind its number, as a word or a letter would be mistaken for it. POWER: has
 * areas and volumes. DOT: is also written with a dot. ONLY_PER: is a unit only behind a slash. */
static const mv_unit units[] = {
    {"km", "kilometer", "kilometers", POWER},
    {"m", "meter", "meters", POWER},
    {"dm", "decimeter", "decimeters", POWER},
    {"cm", "centimeter", "centimeters", POWER},
    {"mm", "millimeter", "millimeters", POWER},
    {"\u03bcm", "micrometer", "micrometers", POWER},
    {"nm", "nanometer", "nanometers", 0},
    {"mi", "mile", "miles", POWER | DOT},
    {"yd", "yard", "yards", POWER | DOT},
    {"yds", "yard", "yards", DOT},
    {"ft", "foot", "feet", POWER | DOT},
    {"in", "inch", "inches", GLUED | POWER | DOT},
    {"mph", "mile per hour", "miles per hour", 0},
    {"kph", "kilometer per hour", "kilometers per hour", 0},
    {"kmh", "kilometer per hour", "kilometers per hour", 0},
    {"kg", "kilogram", "kilograms", 0},
    {"g", "gram", "grams", 0},
    {"mg", "milligram", "milligrams", 0},
    {"\u03bcg", "microgram", "micrograms", 0},
    {"lb", "pound", "pounds", DOT},
    {"lbs", "pound", "pounds", DOT},
    {"oz", "ounce", "ounces", DOT},
    {"l", "liter", "liters", 0},
    {"L", "liter", "liters", 0},
    {"dl", "deciliter", "deciliters", 0},
    {"cl", "centiliter", "centiliters", 0},
    {"ml", "milliliter", "milliliters", 0},
    {"mL", "milliliter", "milliliters", 0},
    {"\u03bcl", "microliter", "microliters", 0},
    {"cc", "C C", "C C", 0},
    {"gal", "gallon", "gallons", DOT},
    {"tsp", "teaspoon", "teaspoons", DOT},
    {"tbsp", "tablespoon", "tablespoons", DOT},
    {"ha", "hectare", "hectares", 0},
    {"h", "hour", "hours", 0},
    {"hr", "hour", "hours", DOT},
    {"hrs", "hour", "hours", DOT},
    {"min", "minute", "minutes", DOT},
    {"mins", "minute", "minutes", DOT},
    {"s", "second", "seconds", POWER},
    {"sec", "second", "seconds", DOT},
    {"secs", "second", "seconds", DOT},
    {"ms", "millisecond", "milliseconds", 0},
    {"\u03bcs", "microsecond", "microseconds", 0},
    {"ns", "nanosecond", "nanoseconds", 0},
    {"yr", "year", "years", DOT},
    {"yrs", "year", "years", DOT},
    {"mo", "month", "months", GLUED},
    {"wk", "week", "weeks", DOT},
    {"Hz", "hertz", "hertz", 0},
    {"kHz", "kilohertz", "kilohertz", 0},
    {"MHz", "megahertz", "megahertz", 0},
    {"GHz", "gigahertz", "gigahertz", 0},
    {"B", "byte", "bytes", ONLY_PER},
    {"kB", "kilobyte", "kilobytes", 0},
    {"KB", "kilobyte", "kilobytes", 0},
    {"MB", "megabyte", "megabytes", 0},
    {"GB", "gigabyte", "gigabytes", 0},
    {"TB", "terabyte", "terabytes", 0},
    {"PB", "petabyte", "petabytes", 0},
    {"KiB", "kibibyte", "kibibytes", 0},
    {"MiB", "mebibyte", "mebibytes", 0},
    {"GiB", "gibibyte", "gibibytes", 0},
    {"kb", "kilobit", "kilobits", 0},
    {"Mb", "megabit", "megabits", 0},
    {"Gb", "gigabit", "gigabits", 0},
    {"kbps", "kilobit per second", "kilobits per second", 0},
    {"Mbps", "megabit per second", "megabits per second", 0},
    {"Gbps", "gigabit per second", "gigabits per second", 0},
    {"mV", "millivolt", "millivolts", 0},
    {"V", "volt", "volts", 0},
    {"kV", "kilovolt", "kilovolts", 0},
    {"mA", "milliamp", "milliamps", 0},
    {"A", "amp", "amps", GLUED},
    {"mAh", "milliamp hour", "milliamp hours", 0},
    {"W", "watt", "watts", 0},
    {"mW", "milliwatt", "milliwatts", 0},
    {"kW", "kilowatt", "kilowatts", 0},
    {"MW", "megawatt", "megawatts", 0},
    {"GW", "gigawatt", "gigawatts", 0},
    {"Wh", "watt hour", "watt hours", 0},
    {"kWh", "kilowatt hour", "kilowatt hours", 0},
    {"MWh", "megawatt hour", "megawatt hours", 0},
    {"\u03a9", "ohm", "ohms", 0},
    {"k\u03a9", "kilohm", "kilohms", 0},
    {"J", "joule", "joules", GLUED},
    {"kJ", "kilojoule", "kilojoules", 0},
    {"cal", "calorie", "calories", 0},
    {"kcal", "kilocalorie", "kilocalories", 0},
    {"N", "newton", "newtons", GLUED},
    {"Nm", "newton meter", "newton meters", 0},
    {"Pa", "pascal", "pascals", 0},
    {"hPa", "hectopascal", "hectopascals", 0},
    {"kPa", "kilopascal", "kilopascals", 0},
    {"MPa", "megapascal", "megapascals", 0},
    {"psi", "P S I", "P S I", 0},
    {"hp", "horsepower", "horsepower", 0},
    {"dB", "decibel", "decibels", 0},
    {"rpm", "R P M", "R P M", 0},
    {"bpm", "beat per minute", "beats per minute", 0},
    {"fps", "frame per second", "frames per second", 0},
    {"dpi", "D P I", "D P I", 0},
    {"ppm", "part per million", "parts per million", 0},
    {"px", "pixel", "pixels", 0},
    {"MP", "megapixel", "megapixels", 0},
    {"\u00b0C", "degree Celsius", "degrees Celsius", 0},
    {"\u00b0F", "degree Fahrenheit", "degrees Fahrenheit", 0},
    {"\u00b0", "degree", "degrees", 0},
};

int mv_power_at(const char *p, size_t *len) {
    if (*p == '^' && (p[1] == '2' || p[1] == '3') && !mv_is_word(p[2])) {
        *len = 2;
        return p[1] - '0';
    }
    *len = 2;
    if (strncmp(p, "\u00b2", 2) == 0) return 2;
    if (strncmp(p, "\u00b3", 2) == 0) return 3;
    *len = 0;
    return 0;
}

/* No letter or digit may follow a unit, but for the sign of a power. */
static bool unit_ends(const mv_unit *unit, const char *p) {
    size_t len;
    int power = mv_power_at(p, &len);
    if (power && (unit->flags & POWER)) return !mv_is_word(p[len]);
    if (unit->flags & POWER && (*p == '2' || *p == '3') && !(unit->flags & GLUED))
        return !mv_is_word(p[1]) && p[1] != '.' && p[1] != '-';
    if (*p == '\'' && mv_is_letter(p[1])) return false;
    if (*p == '&') return false;
    return !mv_is_word(*p);
}

/* "12 in. wide": the dot tells. */
static bool dotted(const mv_unit *unit, const char *p) {
    return unit->flags & DOT && *p == '.' && p[1] == ' ' && mv_is_lower(p[2]);
}

/* `per`: behind a slash, where even a B is a byte. */
static size_t find(const char *p, bool spaced, bool per, const mv_unit **unit) {
    size_t longest = 0;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        const mv_unit *row = &units[i];
        size_t n = strlen(row->symbol);
        if (n <= longest || strncmp(p, row->symbol, n) != 0) continue;
        if (row->flags & GLUED && spaced && !dotted(row, p + n)) continue;
        if (row->flags & ONLY_PER && !per) continue;
        if (!unit_ends(row, p + n)) continue;
        *unit = row;
        longest = n;
    }
    return longest;
}

size_t mv_unit_find(const char *p, bool spaced, const mv_unit **unit) {
    return find(p, spaced, false, unit);
}

/* The exponent behind a unit with areas: ^2, superscript, or a bare 2 or 3. */
static int unit_power(const mv_unit *unit, const char *p, size_t *len) {
    int power;
    *len = 0;
    if (!(unit->flags & POWER)) return 0;
    power = mv_power_at(p, len);
    if (power || unit->flags & GLUED) return power;
    if (*p != '2' && *p != '3') return 0;
    *len = 1;
    return *p - '0';
}

/* "sq" before a unit. */
static size_t square_before(const char *p) {
    size_t n = 0;
    if (strncmp(p, "sq", 2) != 0) return 0;
    n = p[2] == '.' ? 3 : 2;
    return p[n] == ' ' ? n + 1 : 0;
}

/* A dot that is the unit's, not the sentence's. */
static size_t unit_dot(const mv_unit *unit, const char *p) {
    return unit->flags & DOT && *p == '.' && !mv_is_digit(p[1]) && !mv_sentence_ends(p + 1);
}

size_t mv_unit_say(mv_out *out, const char *p, bool spaced, bool one) {
    const mv_unit *unit, *per;
    size_t square = square_before(p), n = square, len, n_power;
    int power;
    len = find(p + n, spaced && !square, false, &unit);
    if (len == 0) return 0;
    n += len;
    power = unit_power(unit, p + n, &n_power);
    n += n_power;
    if (square || power == 2) mv_out_say(out, "square");
    if (power == 3) mv_out_say(out, "cubic");
    mv_out_say(out, one ? unit->one : unit->many);
    if (p[n] == '/') {
        len = find(p + n + 1, false, true, &per);
        if (len) {
            n += 1 + len;
            mv_out_say(out, "per");
            power = unit_power(per, p + n, &n_power);
            n += n_power;
            if (power == 3) mv_out_say(out, "cubic");
            if (power == 2 && per->one[0] == 's') {
                mv_out_say(out, "second squared");
                return n;
            }
            if (power == 2) mv_out_say(out, "square");
            mv_out_say(out, per->one);
            return n;
        }
    }
    return n + unit_dot(unit, p + n);
}
