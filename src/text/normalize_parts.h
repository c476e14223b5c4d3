/* normalize_parts.h - what the normalize_*.c files share: the growing output, the scan, and the
 * readers, each of which knows one kind of written thing. */
#ifndef MV_TEXT_NORMALIZE_PARTS_H
#define MV_TEXT_NORMALIZE_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- characters; bytes of 0x80 and more count as letters that are not ours ------------------- */

static inline bool mv_is_digit(char c) { return c >= '0' && c <= '9'; }
static inline bool mv_is_upper(char c) { return c >= 'A' && c <= 'Z'; }
static inline bool mv_is_lower(char c) { return c >= 'a' && c <= 'z'; }
static inline bool mv_is_alpha(char c) { return mv_is_upper(c) || mv_is_lower(c); }
static inline bool mv_is_alnum(char c) { return mv_is_alpha(c) || mv_is_digit(c); }
static inline bool mv_is_foreign(char c) { return ((unsigned char)c & 0x80u) != 0; }
static inline bool mv_is_letter(char c) { return mv_is_alpha(c) || mv_is_foreign(c); }
static inline bool mv_is_word(char c) { return mv_is_alnum(c) || mv_is_foreign(c); }
static inline bool mv_is_end(char c) { return c == '\0' || c == '\n'; }
static inline bool mv_is_gap(char c) { return c == ' ' || mv_is_end(c); }
static inline char mv_lower(char c) { return mv_is_upper(c) ? (char)(c + ('a' - 'A')) : c; }

/* Number of digits, of ASCII letters at p. */
size_t mv_count_digits(const char *p);
size_t mv_count_alpha(const char *p);

/* p begins with word (in lower case), whatever p's case. */
bool mv_begins(const char *p, const char *word);
/* The same, and no letter or digit follows. */
bool mv_begins_word(const char *p, const char *word);
/* A sign beyond ASCII begins at p, no letter: a currency, a power, a degree. */
bool mv_is_sign(const char *p);
/* The n bytes at p are one of the words (lower case, separated by spaces). */
bool mv_among(const char *p, size_t n, const char *words);

/* ---- output --------------------------------------------------------------------------------- */

/* Text that grows, always NUL-terminated once something was put. After a failed allocation it
 * takes no more and `failed` is set. Zero it first; data is owned. */
typedef struct mv_out {
    char *data;
    size_t len, cap;
    bool spoken; /* the last thing put was words by mv_out_say */
    bool failed;
} mv_out;

void mv_out_put(mv_out *out, const char *text, size_t n);
void mv_out_char(mv_out *out, char c);
/* The last byte, or a newline when there is none. */
char mv_out_last(const mv_out *out);
/* Nothing in it any more; keeps its memory. */
void mv_out_empty(mv_out *out);
/* Takes spaces from the end. */
void mv_out_trim(mv_out *out);
/* Words, with a space before them where one is needed. */
void mv_out_say(mv_out *out, const char *words);
void mv_out_say_n(mv_out *out, const char *words, size_t n);
/* A mark right behind the last word. */
void mv_out_mark(mv_out *out, char mark);
/* Letters one by one, in capitals: "F B I". */
void mv_out_spell(mv_out *out, const char *letters, size_t n);
/* The last word as an ordinal (five: fifth), in the plural (twenty: twenties). */
void mv_out_make_ordinal(mv_out *out);
void mv_out_make_plural(mv_out *out);

/* ---- the passes ----------------------------------------------------------------------------- */

/* All but the first take NUL-terminated text that begins with a newline and holds no other NUL, so
 * that looking one character back or ahead is always allowed; from mv_strip_markup on, a line is a
 * paragraph. */

/* Bytes to ASCII and foreign letters: repairs UTF-8, decodes entities, turns typographic signs into
 * plain ones, drops emoji, controls and what has no width. */
void mv_clean(const char *text, size_t len, mv_out *out);
/* HTML tags and comments to line breaks or nothing. */
void mv_strip_tags(const char *text, mv_out *out);
/* Markdown to paragraphs of plain text. */
void mv_strip_markup(const char *text, mv_out *out);
/* Spaces and punctuation in order; words stay as they are. */
void mv_tidy(const char *text, mv_out *out);

/* ---- the scan ------------------------------------------------------------------------------- */

typedef struct mv_scan {
    mv_out *out;
    const char *after_number; /* where the last number ended that a reader has read, or NULL */
    const char *path_end;     /* up to here a slash is spoken, or NULL */
    bool quoted;              /* between a pair of double quotes */
    bool shouting;            /* the paragraph is all in capitals */
    bool singular;            /* "a $5 tip": the number says what follows it is of */
} mv_scan;

/* A reader looks at p; p[-1] is readable. It writes what is spoken and returns how many bytes it
 * has read, or writes nothing and returns 0. None looks further than a few hundred bytes. */
typedef size_t mv_reader(mv_scan *scan, const char *p);

mv_reader mv_read_web;      /* URL, e-mail address, domain */
mv_reader mv_read_phone;    /* and other numbers that are read digit by digit */
mv_reader mv_read_date;     /* in digits; "3 March" */
mv_reader mv_read_month;    /* "March 3, 2024", "Mar. 3" */
mv_reader mv_read_time;     /* "10:30", ratios */
mv_reader mv_read_fraction; /* "1/2", "3 1/2", "24/7" */
mv_reader mv_read_special;  /* "192.168.1.1", "3x4", "1080p", "5'11\"" */
mv_reader mv_read_money;    /* a sign or a code, and an amount */
mv_reader mv_read_quantity; /* number or range, and its unit */
mv_reader mv_read_decade;   /* "'90s" */
mv_reader mv_read_abbreviation;
mv_reader mv_read_initials; /* "U.S.", "J. Smith" */
mv_reader mv_read_roman;    /* behind a name or a noun that has a number */
mv_reader mv_read_acronym;  /* "FBI" */
mv_reader mv_read_emoticon;
mv_reader mv_read_symbol; /* whatever else is no letter */

/* ---- shared by readers ---------------------------------------------------------------------- */

/* A number in digits: "1,234.5". */
typedef struct mv_number {
    const char *integer; /* [n_integer], with its commas */
    size_t n_integer, n_digits;
    const char *fraction; /* [n_fraction] behind the point */
    size_t n_fraction;
    size_t len;
} mv_number;

/* Reads a number at p, which may begin with its point. */
bool mv_number_parse(const char *p, mv_number *x);
/* 1, and not 1.0 */
bool mv_number_is_one(const mv_number *x);
void mv_say_number(mv_out *out, const mv_number *x);
/* As a year where it could be one: four digits, 1100 to 2099. */
void mv_say_maybe_year(mv_out *out, const mv_number *x);
void mv_say_year(mv_out *out, unsigned year);
void mv_say_integer(mv_out *out, unsigned value);
/* Digit by digit. */
void mv_say_digits(mv_out *out, const char *digits, size_t n);
/* The value of up to nine digits. */
unsigned mv_value(const char *digits, size_t n);

/* A unit at p, and its length, or 0. spaced: a space lies between it and its number. */
typedef struct mv_unit {
    const char *symbol, *one, *many;
    unsigned flags;
} mv_unit;
enum { MV_UNIT_GLUED = 1, MV_UNIT_POWER = 2, MV_UNIT_DOT = 4 };
size_t mv_unit_find(const char *p, bool spaced, const mv_unit **unit);
/* Says the unit at p for one or many, with "square", "per hour" and such. Returns its length. */
size_t mv_unit_say(mv_out *out, const char *p, bool spaced, bool one);

/* Power signs at p: 2 and 3 are ^2 and ^3, superscript or not; *len is their length. 0: none. */
int mv_power_at(const char *p, size_t *len);

/* am or pm at p, with or without dots, a space before it or not: its length, or 0. */
size_t mv_day_half_at(const char *p, bool *morning);

/* The word that ends before p (one space between them at most), and its length. */
size_t mv_word_before(const char *p, const char **word);
/* A dot that belongs to an abbreviation ends a sentence too, if p behind it is the end of the
 * paragraph or a word that begins sentences. */
bool mv_sentence_ends(const char *p);
/* Month 1..12 at p in full or abbreviated, and its length with the dot; 0: none. */
int mv_month_at(const char *p, size_t *len);
const char *mv_month_name(int month);
/* Value of a roman numeral in capitals, or 0. */
int mv_roman_value(const char *p, size_t n);

#endif
