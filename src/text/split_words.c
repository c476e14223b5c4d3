/* split_words.c - the words that decide whether a dot ends a sentence, and those that begin a
 * clause. Lists in lower case, separated by spaces. */
#include "text/split_parts.h"

#include <string.h>

static const char never[] =
    "mr mrs ms mx messrs prof e.g eg i.e cf viz vs approx ca incl excl aka a.k.a resp";
static const char titles[] =
    "mme mlle rev gen col capt cpt cmdr maj lt sgt sen rep gov pres hon fr mt ft pvt adm supt det "
    "insp hr mgr msgr br sra dra";
static const char numbered[] =
    "no nos nr vol vols p pp pg ch chap fig figs sec sect eq eqs art ext tel c est ver v app para "
    "par ill tab pt l ll n fn";
/* Dr. and St. are titles before a name, and streets behind one. */
static const char ending[] =
    "dr st ave blvd rd ln hwy sq inc ltd corp co bros jr sr esq dept govt assn univ intl misc ph.d "
    "m.d b.a m.a b.sc m.sc jan feb mar apr jun jul aug sep sept oct nov dec tue tues thu thur "
    "thurs fri eds trans repr";
static const char closing[] =
    "etc al a.m p.m pm b.c a.d b.c.e c.e lb lbs oz kg km cm mm hrs mins secs";

/* More often the first word of a sentence than a name behind an abbreviation. */
static const char starters[] =
    "a after all also although an and another any as at because before both but by do each even "
    "every few finally first for from had has have he hence her here his how however i if in "
    "indeed instead is it its just last later let like many maybe more most my neither never next "
    "no nobody nor not nothing now of on once one only or our perhaps please several she since so "
    "some someone something soon still such that the their then there therefore these they this "
    "those though three through thus to today together two under unless until we well were what "
    "when where whether which while why will with without yes yet you your";
static const char conjunctions[] =
    "and but or nor so yet because although though while whereas which who whom whose when where "
    "if unless until since after before that";
static const char behind_times[] =
    "eastern pacific central mountain est edt pst pdt cst cdt mst gmt utc et pt ct cet monday "
    "tuesday wednesday thursday friday saturday sunday";
static const char behind_names[] = "jr sr inc ltd llc ph.d phd md m.d esq";
static const char numbered_nouns[] =
    "chapter part book section act scene volume canto letter appendix prologue epilogue";
static const char number_words[] =
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen twenty thirty";

static bool among(const char *word, size_t n, const char *list) {
    while (n > 0 && *list) {
        size_t len = strcspn(list, " ");
        if (len == n && memcmp(word, list, n) == 0) return true;
        list += len + (list[len] == ' ');
    }
    return false;
}

/* "u.s", "j.r.r": single letters with dots between. */
static bool is_dotted(const char *word, size_t n) {
    if (n < 3 || n % 2 == 0) return false;
    for (size_t i = 0; i < n; i++)
        if ((word[i] == '.') != (i % 2 == 1)) return false;
    return true;
}

mv_split_word mv_split_word_kind(const char *word, size_t n) {
    if (among(word, n, never)) return MV_WORD_NEVER;
    if (among(word, n, titles)) return MV_WORD_TITLE;
    if (among(word, n, numbered)) return MV_WORD_NUMBERED;
    if (among(word, n, closing)) return MV_WORD_CLOSING;
    if (among(word, n, ending) || is_dotted(word, n)) return MV_WORD_ENDING;
    return MV_WORD_PLAIN;
}

bool mv_split_starts_sentences(const char *word, size_t n) { return among(word, n, starters); }

bool mv_split_is_conjunction(const char *word, size_t n) { return among(word, n, conjunctions); }

bool mv_split_follows_time(const char *word, size_t n) { return among(word, n, behind_times); }

bool mv_split_follows_name(const char *word, size_t n) { return among(word, n, behind_names); }

bool mv_split_has_number(const char *word, size_t n) { return among(word, n, numbered_nouns); }

bool mv_split_is_number_word(const char *word, size_t n) { return among(word, n, number_words); }

bool mv_split_is_roman(const char *word, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!word[i] || !strchr("ivxlcdm", word[i])) return false;
    return n > 0;
}
