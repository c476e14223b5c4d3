"""Sentences for the built-in voice: the grammar of grammar.py, expanded at random, and open English.

    corpus.py --seed 1 --count 30000 > train.txt             training text (test sentences are left out)
    corpus.py --test > data/test_sentences.txt               the unseen test sentences (their own seed)
    corpus.py --open --seed 1 --count 30000 > open.txt       open English for training (open_text.py)
    corpus.py --open-test > data/open_test_sentences.txt     unseen open English

Written forms vary as people type: digits or words, contractions, with and without final punctuation, now and then all
lower case or all capitals. Each list is dealt like a pack of cards, so that every word comes up equally often.
"""
import argparse
import collections
import functools
import math
import pathlib
import random
import re

from grammar import FIXED, KINDS, LETTERS, MONTHS, ORDINALS, RULES, TENS, UNITS, WEIGHTS
import open_text

DATA = pathlib.Path(__file__).parent / "data"
TEST_SEED, TEST_COUNT, TEST_FILE = 20251122, 240, DATA / "test_sentences.txt"
OPEN_TEST_SEED, OPEN_TEST_COUNT, OPEN_TEST_FILE = 20251125, 120, DATA / "open_test_sentences.txt"
LIMIT = 70


def number(n):
    """0 .. 999999 in words."""
    if n < 20:
        return UNITS[n]
    if n < 100:
        return TENS[n // 10 - 2] + (f" {UNITS[n % 10]}" if n % 10 else "")
    size, name = (1000, "thousand") if n >= 1000 else (100, "hundred")
    return f"{number(n // size)} {name}" + (f" {number(n % size)}" if n % size else "")


def ordinal(n):
    """1st .. 99th in words."""
    if n <= 20:
        return ORDINALS[n - 1]
    if n % 10 == 0:
        return number(n)[:-1] + "ieth"
    return f"{number(n // 10 * 10)} {ORDINALS[n % 10 - 1]}"


def year(n):
    """1900 .. 2099 in words."""
    if 2000 <= n < 2010:
        return number(n)
    return f"{number(n // 100)} " + ("hundred" if n % 100 == 0 else low_pair(n % 100))


def low_pair(n):
    """The minutes of a time, the last two digits of a year."""
    return number(n) if n >= 10 else f"oh {number(n)}"


def digits_ordinal(n):
    suffix = "th" if 10 <= n % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{suffix}"


def clock(rng):
    hour, style = rng.randint(1, 12), rng.random()
    minute = rng.choice([5, 10, 15, 20, 25, 30, 30, 30, 35, 40, 45, 50, 55, rng.randint(1, 59)])
    if style < 0.14:
        return f"{number(hour)} o'clock"
    if style < 0.36:
        return f"{hour}:{minute:02}"
    if style < 0.48:
        return f"{hour}:{minute:02} {rng.choice(['am', 'pm', 'pm', 'AM', 'PM'])}"
    if style < 0.58:
        return f"{hour} {rng.choice(['am', 'pm', 'pm'])}"
    if style < 0.75:
        return f"{number(hour)} {low_pair(minute)}"
    if style < 0.78:
        return rng.choice(["noon", "midnight"])
    part = rng.choice(["half past", "half past", "quarter past", "a quarter to", "quarter to", "ten past", "twenty to",
                       "five to", "five past", "ten to", "twenty past"])
    return f"{part} {rng.choice([number(hour), number(hour), str(hour)])}"


def day_of_month(rng):
    n = rng.randint(1, 31)
    return digits_ordinal(n) if rng.random() < 0.4 else ordinal(n)


def date(rng):
    n, month = rng.randint(1, 31), rng.choice(MONTHS)
    return rng.choice([f"{month} {digits_ordinal(n)}", f"{month} {n}", f"{month} {ordinal(n)}", f"the {ordinal(n)} of {month}",
                       f"the {digits_ordinal(n)} of {month}", f"{month} the {ordinal(n)}"])


def some_year(rng):
    n = rng.randint(1900, 2030)
    return str(n) if rng.random() < 0.6 else year(n)


def some_number(rng):
    n = rng.randint(2, 99) if rng.random() < 0.5 else rng.randint(2, 20)
    return str(n) if rng.random() < 0.35 else number(n)


def digit_by_digit(n):
    """Numbers that the teacher reads like a telephone's where they are written in digits; here they never are."""
    return 374 <= n <= 392 or 717 <= n <= 773


def large_number(rng):
    n = rng.choice([rng.randint(0, 20), rng.randint(21, 99), rng.randint(100, 999), rng.randint(1000, 9999),
                    rng.randint(1, 9) * 100, rng.randint(1, 9) * 1000])
    if rng.random() < 0.4 or digit_by_digit(n):
        return number(n)
    return f"{n:,}" if rng.random() < 0.8 else str(n)


def decimal(rng):
    text = f"{rng.choice([rng.randint(0, 10), rng.randint(0, 99)])}.{rng.choice([rng.randint(1, 9), rng.randint(1, 99)])}"
    return text if rng.random() < 0.7 else spoken_form(text)


def money(rng):
    n, style = rng.choice([rng.randint(2, 20), rng.randint(2, 99), rng.randint(1, 30) * 5, rng.randint(100, 999)]), rng.random()
    if digit_by_digit(n):
        return f"{number(n)} dollars"
    if style < 0.3:
        return f"${n}"
    if style < 0.55:
        return f"${n}.{rng.choice([25, 50, 75, 99, 95, rng.randint(10, 99)])}"
    if style < 0.65:
        return f"{n} dollars"
    if style < 0.85:
        return f"{number(n)} {rng.choice(['dollars', 'dollars', 'euros', 'pounds', 'cents'])}"
    return rng.choice(["one dollar", "$1", f"{number(n)} dollars and {number(rng.randint(2, 99))} cents", "a dollar"])


def percent(rng):
    n = rng.choice([rng.randint(1, 100), rng.randint(1, 20) * 5])
    return rng.choice([f"{n}%", f"{n} percent", f"{number(n)} percent"])


def digits(rng):
    row = [rng.randint(0, 9) for _ in range(rng.randint(3, 7))]
    if rng.random() < 0.5:
        return ", ".join(map(str, row))
    return rng.choice([" ", ", "]).join(map(number, row))


def phone(rng):
    row = [str(rng.randint(0, 9)) for _ in range(7)]
    if rng.random() < 0.5:
        return "".join(row[:3]) + "-" + "".join(row[3:])
    return " ".join(number(int(d)) for d in row[:3]) + ", " + " ".join(number(int(d)) for d in row[3:])


def letters(rng):
    first, n = rng.randint(0, 25), rng.randint(2, 5)
    row = [LETTERS[(first + i) % 26] for i in range(n)] if rng.random() < 0.3 else rng.choices(LETTERS, k=n)
    return rng.choice([", ", ", ", "-"]).join(row)


def spelled(rng):
    row = rng.choice([n for n in RULES["name"] if len(n) < 7]).upper()
    return rng.choice([", ", ", ", "-"]).join(row)


FUNCTIONS = {"clock": clock, "nth": day_of_month, "num": some_number, "number": large_number, "date": date, "year": some_year,
             "decimal": decimal, "money": money, "percent": percent, "digits": digits, "phone": phone, "letters": letters,
             "spelled": spelled, "said": lambda rng: number(rng.randint(0, 99)), "letter": lambda rng: rng.choice(LETTERS)}

CONTRACTIONS = [(re.compile(rf"\b({a})( (?=[a-z]))", re.I), b) for a, b in (
    ("cannot|can not", "can't"), ("will not", "won't"), ("let us", "let's"), ("I am", "I'm"), ("I would like", "I'd like"))]
CONTRACTIONS += [
    (re.compile(r"\b(do|does|did|is|are|was|were|could|should|would|have|has|had|must) not(?= [a-z])", re.I), r"\1n't"),
    (re.compile(r"\b(he|she|it|that|there|here|what|where|who|how) is(?= [a-z])", re.I), r"\1's"),
    (re.compile(r"\b(you|we|they) are(?= [a-z])", re.I), r"\1're"),
    (re.compile(r"\b(I|you|we|they|he|she|it) will(?= [a-z])", re.I), r"\1'll"),
    (re.compile(r"\b(I|you|we|they) have(?= (?:never|been|found|set|sent|added|updated))", re.I), r"\1've"),
    (re.compile(r"\b(I|you|we|they|he|she) would(?= [a-z])", re.I), r"\1'd")]
VOWELS = re.compile(r"\b([Aa]) (?=(?:[aeiou]|hour|honest|8|11\b|18\b)(?!ne\b|nce|ni|s[eiu]|uro))")


@functools.cache
def vocabulary():
    """Every word of the rules; the salad is made of these."""
    words = {w for rule in RULES.values() for text in rule for w in re.findall(r"(?<!<)\b[A-Za-z][A-Za-z']*(?!>)\b", text)}
    words |= {*UNITS, *TENS, *ORDINALS, "hundred", "thousand", "million", "thirtieth", "o'clock", "dollars", "cents", "percent"}
    words |= set("isn't aren't wasn't weren't don't doesn't didn't can't couldn't shouldn't wouldn't won't haven't hasn't I'm "
                 "you're we're they're he's she's it's that's there's here's what's where's who's I'll you'll we'll they'll "
                 "he'll she'll it'll I've you've we've they've I'd you'd we'd they'd he'd she'd let's mustn't".split())
    first = {w.lower(): w for w in sorted(words)}                   # of "The" and "the" the latter
    return sorted(w for w in first.values() if len(w) > 1 and w != "OK" or w in "aI")


@functools.cache
def salad_cards():
    """The vocabulary for the salad, rare words more than once: each comes up some 25 times in 30 000 sentences."""
    grammar, kinds = Grammar(0), {k: w for k, w in WEIGHTS.items() if k != "salad"}
    count = collections.Counter(w for _ in range(10000) for w in spoken(grammar.sentence(kinds)[1]))
    return [w for w in vocabulary() for _ in range(max(1, math.ceil((36 - 2.6 * count[w.lower()]) / 4)))]


class Grammar:
    def __init__(self, seed):
        self.rng, self.packs = random.Random(seed), {}

    def deal(self, name, cards):
        """The next card of a pack that is shuffled when it has run out."""
        pack = self.packs.setdefault(name, [])
        if not pack:
            pack.extend(self.rng.sample(cards, len(cards)))
        return pack.pop()

    def expand(self, rule):
        if rule in FUNCTIONS:
            return FUNCTIONS[rule](self.rng)
        if rule == "any":
            return self.deal("any", salad_cards()) if self.rng.random() < 0.92 else self.expand(self.rng.choice(sorted(FUNCTIONS)))
        return re.sub(r"<(\w+)>", lambda m: self.expand(m.group(1)), self.deal(rule, RULES[rule]))

    def sentence(self, kinds=WEIGHTS):
        rng, kind = self.rng, self.rng.choices(list(kinds), kinds.values())[0]
        text = self.expand(kind)
        for pattern, short in CONTRACTIONS:
            if rng.random() < 0.6:
                text = pattern.sub(lambda m: m.expand(short) + (m[2] if m.re.groups == 2 else ""), text)
        text = re.sub(r" +([.,!?;:])", r"\1", re.sub(r"\s+", " ", text)).strip()
        text = VOWELS.sub(r"\1n ", text).replace("children's's", "children's")
        if kind == "salad" and rng.random() < 0.5:
            text += rng.choice("....?!")
        if kind != "salad" or rng.random() < 0.7:
            text = text[0].upper() + text[1:]
        text = re.sub(r"([.?!:]\"? \"?)([a-z])", lambda m: m[1] + m[2].upper(), text)
        return kind, self.styled(text)

    def styled(self, text):
        style = self.rng.random()
        if style < 0.07:
            return text.rstrip(".!?")
        if style < 0.12:
            return text.lower()
        if style < 0.14 and not re.search(r"\b(am|me)\b", text, re.I):    # AM and ME are read as names of letters
            return text.upper()
        if style < 0.17 and text.endswith("."):
            return text[:-1] + "!"
        return text


def digits_said(text):
    return " ".join(number(int(d)) for d in re.findall(r"\d", text))


def whole_number(text):
    n = int(text.replace(",", ""))
    if "," not in text and (1774 <= n < 2000 or 2010 <= n < 2100):
        return year(n)
    return digits_said(text) if text[0] == "0" and len(text) > 1 or n > 999999 else number(n)


def spoken_form(text):
    """Digits and signs in words, as the teacher says them."""
    text = re.sub(r"\b(\d{3})-(\d{4})\b", lambda m: digits_said(m[0]), text)
    text = re.sub(r"\b(\d+):(\d\d)\b", lambda m: number(int(m[1])) + (f" {low_pair(int(m[2]))}" if int(m[2]) else ""), text)
    text = re.sub(r"\$(\d+(?:,\d{3})*)\.(\d\d)", lambda m: f"{m[1]} dollar{'s' * (m[1] != '1')} {int(m[2])} cent{'s' * (m[2] != '01')}",
                  text)
    text = re.sub(r"\$(\d+(?:,\d{3})*)", lambda m: f"{m[1]} dollar{'s' * (m[1] != '1')}", text)
    text = re.sub(r"(\d)%", r"\1 percent", text)
    text = re.sub(r"(\d+)(st|nd|rd|th)\b", lambda m: ordinal(int(m[1])), text)
    text = re.sub(rf"\b({'|'.join(MONTHS)}) ([12]?\d|3[01])\b(?![.:,]\d)", lambda m: f"{m[1]} {ordinal(int(m[2]))}", text, flags=re.I)
    text = re.sub(r"(\d)\.(\d+)", lambda m: f"{m[1]} point {digits_said(m[2])}", text)
    return re.sub(r"\d{1,3}(,\d{3})+|\d+", lambda m: whole_number(m[0]), text)


def spoken(text):
    """The words of a sentence as they are said, for scoring."""
    text = re.sub(r"\b(\d+|\d+:\d\d) ([ap])\.?m\b", r"\1 \2 m", text.lower())
    return re.findall(r"[a-z']*[a-z][a-z']*", spoken_form(text))


def key(text):
    """What counts as the same sentence: letters and digits only."""
    return re.sub(r"[^a-z0-9]+", " ", text.lower()).strip()


@functools.cache
def stock_phrases():
    """Sentences that the rules give word for word: trained on more often, never used as tests."""
    return {key(t) for rule in [*KINDS, "stock"] for t in RULES[rule] if "<" not in t} | {key(t) for t in FIXED}


def test_keys():
    """All test sentences: no training text has any of them."""
    return {key(t) for f in (TEST_FILE, OPEN_TEST_FILE) if f.exists() for t in f.read_text().splitlines()}


def sentences(seed, count, exclude=None, limit=LIMIT, stock=None, salad=True):
    """Yields sentences; none twice but the stock phrases, which may come `stock` times (more the more are asked for).

    exclude: keys that must not come; without it those of the test sentences."""
    grammar, phrases, stock = Grammar(seed), stock_phrases(), stock or max(6, count // 2500)
    seen = {k: stock for k in (test_keys() if exclude is None else exclude)}
    while count > 0:
        kind, text = grammar.sentence()
        k = key(text)
        if len(text) > limit or seen.get(k, 0) >= (stock if k in phrases else 1) or (not salad and kind in ("salad", "one")):
            continue
        seen[k] = seen.get(k, 0) + 1
        count -= 1
        yield text


def open_sentences(seed, count, limit=LIMIT):
    """Yields open English for training: half King James, half made up over a word list; no test sentence."""
    return open_text.open_sentences(seed, count, limit, test_keys(), key=key)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=30000)
    parser.add_argument("--test", action="store_true")
    parser.add_argument("--open", action="store_true")
    parser.add_argument("--open-test", action="store_true")
    args = parser.parse_args()
    if args.test:
        lines = list(sentences(TEST_SEED, TEST_COUNT, stock_phrases(), salad=False))
    elif args.open_test:
        lines = open_text.open_sentences(OPEN_TEST_SEED, OPEN_TEST_COUNT, LIMIT, test=True, key=key)
    elif args.open:
        lines = open_sentences(args.seed, args.count)
    else:
        lines = FIXED + list(sentences(args.seed, args.count - len(FIXED)))
    for line in lines:
        print(line)


if __name__ == "__main__":
    main()
