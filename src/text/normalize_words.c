/* normalize_words.c - words that stand for others: abbreviations, initials, roman numerals. And the
 * question all of them ask: does their dot end the sentence, too? */
#include "text/normalize_parts.h"

#include <string.h>

/* ---- ends of sentences ----------------------------------------------------------------------- */

/* Words that begin sentences more often than they follow an abbreviation with a capital. */
static const char starters[] =
    "a after all also although an and as at before but by do each every for from he her here his "
    "how "
    "however i if in it its let many more most my no not now of on once one or our please she "
    "since "
    "so some that the their then there these they this those thus to today until was we were what "
    "when where which while who why will with yes yet you your";

bool mv_sentence_ends(const char *p) {
    while (*p && strchr("\"')]", *p))
        p++;
    if (mv_is_end(*p)) return true;
    if (*p != ' ') return false;
    p++;
    while (*p && strchr("\"'([", *p))
        p++;
    if (mv_is_end(*p)) return true;
    return mv_is_upper(*p) && mv_among(p, mv_count_alpha(p), starters);
}

static bool capital_follows(const char *p) {
    return *p == ' ' && (mv_is_upper(p[1]) || mv_is_foreign(p[1]));
}

/* ---- abbreviations --------------------------------------------------------------------------- */

typedef enum abbreviation_kind {
    BARE_TITLE,   /* before a name; the dot may be missing */
    TITLE,        /* before a name, with its dot */
    NUMBERED,     /* before a number */
    DOTTED,       /* with its dot, anywhere */
    BARE,         /* with or without dot, anywhere */
    STREET,       /* behind a name, with its dot */
    TWO_MEANINGS, /* Dr., St. */
    CLOSING       /* with its dot; any capital behind it begins a sentence */
} abbreviation_kind;

typedef struct abbreviation {
    const char *written; /* in lower case, without the last dot */
    const char *spoken;
    abbreviation_kind kind;
} abbreviation;

static const abbreviation abbreviations[] = {
    {"dr", "Doctor", TWO_MEANINGS},
    {"st", "Saint", TWO_MEANINGS},
    {"mr", "Mister", BARE_TITLE},
    {"mrs", "Missus", BARE_TITLE},
    {"ms", "Ms", BARE_TITLE},
    {"messrs", "Messieurs", TITLE},
    {"prof", "Professor", TITLE},
    {"rev", "Reverend", TITLE},
    {"gen", "General", TITLE},
    {"col", "Colonel", TITLE},
    {"capt", "Captain", TITLE},
    {"maj", "Major", TITLE},
    {"lt", "Lieutenant", TITLE},
    {"sgt", "Sergeant", TITLE},
    {"sen", "Senator", TITLE},
    {"rep", "Representative", TITLE},
    {"gov", "Governor", TITLE},
    {"pres", "President", TITLE},
    {"hon", "Honorable", TITLE},
    {"fr", "Father", TITLE},
    {"mt", "Mount", TITLE},
    {"ft", "Fort", TITLE},
    {"no", "number", NUMBERED},
    {"nos", "numbers", NUMBERED},
    {"nr", "number", NUMBERED},
    {"vol", "volume", NUMBERED},
    {"vols", "volumes", NUMBERED},
    {"p", "page", NUMBERED},
    {"pp", "pages", NUMBERED},
    {"pg", "page", NUMBERED},
    {"ch", "chapter", NUMBERED},
    {"chap", "chapter", NUMBERED},
    {"fig", "figure", NUMBERED},
    {"figs", "figures", NUMBERED},
    {"sec", "section", NUMBERED},
    {"eq", "equation", NUMBERED},
    {"art", "article", NUMBERED},
    {"ext", "extension", NUMBERED},
    {"est", "established", NUMBERED},
    {"tel", "telephone", NUMBERED},
    {"c", "circa", NUMBERED},
    {"ca", "circa", NUMBERED},
    {"etc", "et cetera", CLOSING},
    {"e.g", "for example", DOTTED},
    {"eg", "for example", DOTTED},
    {"i.e", "that is", DOTTED},
    {"ie", "that is", DOTTED},
    {"cf", "compare", DOTTED},
    {"viz", "namely", DOTTED},
    {"al", "others", CLOSING},
    {"vs", "versus", BARE},
    {"approx", "approximately", BARE},
    {"incl", "including", DOTTED},
    {"excl", "excluding", DOTTED},
    {"misc", "miscellaneous", DOTTED},
    {"max", "maximum", DOTTED},
    {"dept", "department", BARE},
    {"govt", "government", BARE},
    {"assn", "association", DOTTED},
    {"univ", "university", DOTTED},
    {"intl", "international", BARE},
    {"inc", "Incorporated", DOTTED},
    {"ltd", "Limited", BARE},
    {"corp", "Corporation", DOTTED},
    {"co", "Company", DOTTED},
    {"bros", "Brothers", DOTTED},
    {"jr", "Junior", BARE},
    {"sr", "Senior", DOTTED},
    {"esq", "Esquire", DOTTED},
    {"ave", "Avenue", STREET},
    {"blvd", "Boulevard", STREET},
    {"rd", "Road", STREET},
    {"ln", "Lane", STREET},
    {"hwy", "Highway", STREET},
    {"apt", "apartment", NUMBERED},
    {"a.k.a", "also known as", DOTTED},
    {"ph.d", "P H D", DOTTED},
    {"r.s.v.p", "R S V P", DOTTED},
};

static bool number_follows(const char *p) {
    p += *p == ' ';
    return mv_is_digit(*p) || (*p == '#' && mv_is_digit(p[1]));
}

/* What stands before p is a name (or an ordinal), as before a street. */
static bool name_before(const char *p) {
    const char *word;
    size_t n = mv_word_before(p, &word);
    if (n == 0) return false;
    if (p[-1] == ' ' && mv_among(word, n, "st nd rd th") && mv_is_digit(word[-1])) return true;
    return p[-1] == ' ' && (mv_is_upper(*word) || mv_is_foreign(*word));
}

/* The word before p begins its sentence: what it is in capitals for. */
static bool starts_sentence(const char *p) {
    const char *word;
    mv_word_before(p, &word);
    return word[-1] == '\n' || (word[-1] == ' ' && strchr(".!?", word[-2]) && word[-2]);
}

/* "St." is Saint before a name and Street behind one; "Dr." is Doctor, or Drive. NULL: neither. */
static const char *saint_or_street(const char *p, const char *after, bool doctor) {
    bool before = name_before(p), behind = capital_follows(after);
    if (before && !(behind && starts_sentence(p)) &&
        (!behind || mv_sentence_ends(after) || !doctor))
        return doctor ? "Drive" : "Street";
    if (behind) return doctor ? "Doctor" : "Saint";
    return NULL;
}

static bool fits(abbreviation_kind kind, const char *p, const char *after, bool dot) {
    switch (kind) {
    case BARE_TITLE:
        if (p[1] == 'S' && (!dot || mv_sentence_ends(after))) return false; /* MS, the letters */
        return capital_follows(after) ||
               (dot && (mv_begins(after, " and ") || mv_begins(after, " & ")));
    case TITLE: return dot && mv_is_upper(*p) && capital_follows(after);
    case NUMBERED: return dot && number_follows(after);
    case DOTTED: return dot;
    case BARE: return true;
    case STREET: return dot && mv_is_upper(*p) && name_before(p);
    case TWO_MEANINGS:
    case CLOSING: return dot;
    }
    return false;
}

/* The dot of an abbreviation is spoken for; where it ends the sentence, too, a full stop stays. */
static void say_abbreviation(mv_out *out, const abbreviation *row, const char *spoken,
                             const char *after, bool dot) {
    bool title = row->kind == BARE_TITLE || row->kind == TITLE || row->kind == NUMBERED ||
                 (row->kind == TWO_MEANINGS && strcmp(spoken, row->spoken) == 0);
    mv_out_say(out, spoken);
    if (!dot || title) return;
    if (mv_sentence_ends(after) || (row->kind == CLOSING && capital_follows(after)))
        mv_out_mark(out, '.');
}

/* "St." and "Dr.": which of their two meanings, or NULL. */
static const char *two_meanings(const char *p, const char *after, bool dot, bool doctor) {
    if (!mv_is_upper(*p)) return NULL;
    if (dot) return saint_or_street(p, after, doctor);
    return doctor && capital_follows(after) ? "Doctor" : NULL;
}

/* The row at p, if it is written there as a whole word: its length in *n, its dot in *dot. */
static bool row_at(const abbreviation *row, const char *p, size_t n_word, size_t *n, bool *dot) {
    *n = strlen(row->written);
    if (*n < n_word || !mv_begins(p, row->written) || mv_is_word(p[*n])) return false;
    *dot = p[*n] == '.' && p[*n + 1] != '.' &&
           (!mv_is_alnum(p[*n + 1]) || (row->kind == NUMBERED && mv_is_digit(p[*n + 1])));
    return *dot || !(p[*n] && strchr(".'-", p[*n]));
}

size_t mv_read_abbreviation(mv_scan *scan, const char *p) {
    size_t n_word = mv_count_alpha(p), n;
    bool dot;
    if (n_word == 0 || n_word > 6 || mv_is_foreign(p[n_word])) return 0;
    for (size_t i = 0; i < sizeof abbreviations / sizeof abbreviations[0]; i++) {
        const abbreviation *row = &abbreviations[i];
        const char *after, *spoken = row->spoken;
        if (!row_at(row, p, n_word, &n, &dot)) continue;
        after = p + n + dot;
        if (row->kind == TWO_MEANINGS) {
            spoken = two_meanings(p, after, dot, row->written[0] == 'd');
            if (!spoken) continue;
        } else if (!fits(row->kind, p, after, dot)) {
            continue;
        }
        say_abbreviation(scan->out, row, spoken, after, dot);
        return n + dot;
    }
    return 0;
}

/* ---- initials -------------------------------------------------------------------------------- */

/* "U.S.", "a.m.", "J.R.R.": letters with dots, two at least. */
static size_t read_dotted(mv_scan *scan, const char *p) {
    size_t n = 0, n_letters = 0;
    while (mv_is_alpha(p[n]) && p[n + 1] == '.' && n < 24) {
        n += 2;
        n_letters++;
    }
    if (mv_is_word(p[n])) {
        if (n_letters < 2 || !mv_is_alpha(p[n]) || mv_is_word(p[n + 1])) return 0;
        /* "U.S.A" without its last dot */
        for (size_t i = 0; i <= n; i += 2)
            mv_out_spell(scan->out, p + i, 1);
        return n + 1;
    }
    if (n_letters < 2) return 0;
    for (size_t i = 0; i < n; i += 2)
        mv_out_spell(scan->out, p + i, 1);
    if (mv_sentence_ends(p + n)) mv_out_mark(scan->out, '.');
    return n;
}

/* "J. Smith", "George W. Bush": the dot of an initial is no end. */
static size_t read_initial(mv_scan *scan, const char *p) {
    const char *word;
    size_t n;
    bool other = p[-1] == ' ' && p[-2] == '.' && mv_is_upper(p[-3]) && !mv_is_word(p[-4]);
    if (!mv_is_upper(*p) || *p == 'I' || p[1] != '.' || !capital_follows(p + 2)) return 0;
    if (mv_sentence_ends(p + 2)) return 0;
    n = mv_word_before(p, &word);
    if (!(p[-1] == '\n' || other || (n > 1 && mv_is_upper(*word) && p[-1] == ' ') ||
          (p[-1] == ' ' && strchr(".!?", p[-2]))))
        return 0;
    mv_out_spell(scan->out, p, 1);
    return 2;
}

size_t mv_read_initials(mv_scan *scan, const char *p) {
    size_t n = read_dotted(scan, p);
    return n ? n : read_initial(scan, p);
}

/* ---- roman numerals -------------------------------------------------------------------------- */

static const char numbered_nouns[] =
    "chapter part volume book act scene section article appendix phase stage type class level unit "
    "lesson war title figure table canto psalm episode season grade bowl";
static const char regnal_names[] =
    "alexander alfonso benedict catherine charles christian clement constantine edward elizabeth "
    "ferdinand francis frederick george gregory gustav harald henry innocent ivan james john "
    "joseph "
    "julius leo leopold louis ludwig margaret mary napoleon nicholas otto paul peter philip pius "
    "ptolemy ramesses richard umberto urban victor wilhelm william xerxes";

size_t mv_read_roman(mv_scan *scan, const char *p) {
    const char *word;
    size_t n = mv_count_alpha(p), n_word;
    int value;
    bool noun, name;
    if (n == 0 || n > 8 || p[-1] != ' ' || mv_is_word(p[n]) || p[n] == '-') return 0;
    value = mv_roman_value(p, n);
    if (value == 0) return 0;
    n_word = mv_word_before(p, &word);
    noun = mv_among(word, n_word, numbered_nouns);
    name = mv_is_upper(*word) && mv_among(word, n_word, regnal_names);
    if (!noun && !name) return 0;
    if (p[n] == '\'' && n == 1 && *p == 'I') return 0;
    if (n == 1) { /* "Chapter I", but not "as chapter I wrote", nor letters that were spelled */
        bool letter = p[1] == ' ' && mv_is_upper(p[2]) && !mv_is_letter(p[3]);
        if (letter || (p[1] == '.' && mv_is_alpha(p[2]))) return 0;
        if (*p == 'I' && p[1] == ' ' && !mv_begins_word(p + 2, "of")) return 0;
        if (*p == 'C' || *p == 'L') return 0;
    }
    if (name) mv_out_say(scan->out, "the");
    mv_say_integer(scan->out, (unsigned)value);
    if (name) mv_out_make_ordinal(scan->out);
    return n;
}
