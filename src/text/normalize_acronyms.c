/* normalize_acronyms.c - words in capitals: spelled letter by letter, or left as words.
 *
 * Spelled: the initialisms of the table; what has no vowel; any other word of two or three letters
 * that is no word of English. Left: names said as words (NASA), words in capitals for emphasis
 * (STOP), and what is longer. A paragraph all in capitals is read in small letters, and only the
 * first two kinds are spelled in it. */
#include "text/normalize_parts.h"

#include <string.h>

/* With vowels, and of four letters and more or also words. */
static const char spelled[] =
    "aaa aclu ai aka aol api asap atm aws bbc bmi bmw cbs ceo cfo cia cio coo cpu cto dea diy dna "
    "dob dui "
    "ecg "
    "eeg espn eta eu eur faq fbi gbp gop gpa gps gpu gui hdmi hiv hqs ibm id iban ieee iou ip ipa "
    "ipo iq irs isbn iso isp iud kfc kpi lgbt lgbtq llc mba mlb mri mvp nba nbc nfl nhl nhs nyc "
    "nyu "
    "oecd os pa pc pdf pga phd pin poc pov pr psa qa rca rna roi sdk seo sos suv tba tbd ucla ufc "
    "ufo "
    "ui uk uno url usa usaf usb usd usda usmc usps ussr utc uuid ux vip vpn wifi ymca";

/* Said as words, of two and three letters. */
static const char said[] =
    "ad ace act add ado age ago aid ail aim air ale all am an and ant any ape apt arc are ark arm "
    "art "
    "as ash ask at ate awe axe bad bag ban bar bat bay be bed bee beg bet bid big bin bit bow box "
    "boy "
    "bud bug bun bus but buy by bye cab can cap car cat cop cot cow cry cup cut dad dam day den "
    "dew "
    "did die dig dim dip do doc dog dos dot dry due dug ear eat egg ego elf end era eve ewe eye "
    "fan "
    "far fat fax fed fee few fig fin fit fix fly foe fog for fox fun fur gap gas gel gem get gif "
    "gin "
    "go god got gum gun gut guy gym had ham has hat hay he hen her hey hi him hip his hit ho hop "
    "hot "
    "how hub hug huh hut ice if in ink inn ion is it its jab jam jar jaw jet job jog joy jug key "
    "kid "
    "kin kit la lab lad lag lan lap law lay lee leg let lid lie lip lit log lot low ma mac mad man "
    "map "
    "mat may me men met mix mob mom mop mud mug my nap net new nil no nod nor not now nut oak oar "
    "odd "
    "of off oh oil old on one opt or our out owl own pad pal pan pat pay pea pen pet pie pig pit "
    "pop pot put ram ran rap rat raw ray red rep rib rid rim rip rob rod rom rot row rub rug run "
    "sad "
    "sag saw say sea see set sew she shy sim sin sip sir sit six ski sky so son soy spy sub sue "
    "sum "
    "sun tab tag tan tap tar tax tea ten the tie tin tip to toe ton too top toy try tub two up urn "
    "us "
    "use van via vow wan war was wax way we web wed wet who why wig win wit won wow yes yet you "
    "zip "
    "zoo";

static const struct {
    const char *written, *spoken;
} special[] = {
    {"OK", "okay"},         {"NAACP", "N double A C P"}, {"IEEE", "I triple E"},
    {"PhD", "P H D"},       {"w/o", "without"},          {"w/", "with"},
    {"b/c", "because"},     {"PhDs", "P H D's"},         {"WiFi", "Wi-Fi"},
    {"IPv4", "I P v four"}, {"IPv6", "I P v six"},
};

static bool has_vowel(const char *p, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (strchr("AEIOUY", p[i])) return true;
    }
    return false;
}

static bool is_spelled(const mv_scan *scan, const char *p, size_t n) {
    if (n < 2 || n > 5) return false;
    if (strncmp(p, "AD ", 3) == 0 && mv_is_digit(p[3])) return true;
    if (mv_among(p, n, spelled) || !has_vowel(p, n)) return !(scan->shouting && n == 5);
    if (scan->shouting || n > 3) return false;
    return !mv_among(p, n, said);
}

/* "US" is the country among small letters; shouted, it may be us. */
static bool is_united_states(const mv_scan *scan, const char *p, size_t n) {
    return n == 2 && p[0] == 'U' && p[1] == 'S' && !scan->shouting;
}

size_t mv_read_acronym(mv_scan *scan, const char *p) {
    size_t n = 0;
    for (size_t i = 0; i < sizeof special / sizeof special[0]; i++) {
        n = strlen(special[i].written);
        if (strncmp(p, special[i].written, n) != 0 || mv_is_word(p[n])) continue;
        mv_out_say(scan->out, special[i].spoken);
        return n;
    }
    for (n = 0; mv_is_upper(p[n]);)
        n++;
    if (n == 0 || mv_is_foreign(p[n])) return 0;
    if (n > 2 && p[n] == 's' && !mv_is_word(p[n + 1])) { /* CDs, PDFs */
        if (!is_spelled(scan, p, n)) return 0;
    } else if (n == 2 && p[n] == 's' && !mv_is_word(p[n + 1])) {
        if (mv_among(p, n, "am an as at be by do go he if in is it me my no of on or so to up we"))
            return 0;
    } else {
        if (mv_is_lower(p[n])) return 0;
        /* AT&T, R&D */
        bool joined = (p[n] == '&' && mv_is_upper(p[n + 1])) ||
                      (p[-1] == '&' && mv_is_upper(p[-2]) && n <= 3);
        if (!(joined && n <= 3) && !is_spelled(scan, p, n) && !is_united_states(scan, p, n))
            return 0;
        mv_out_spell(scan->out, p, n);
        return n;
    }
    mv_out_spell(scan->out, p, n);
    mv_out_put(scan->out, "'s", 2);
    scan->out->spoken = true;
    return n + 1;
}
