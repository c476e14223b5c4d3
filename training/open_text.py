"""Open English for the built-in voice: clauses of the King James text and made-up sentences over a word list.

The sources are Debian's bible-kjv (public domain; its program `bible` prints the text) and wamerican-small. Ruth and
Jonah, and every 20th word of the list, are kept for the test sentences: the made-up half of training never has such a word.
"""
import pathlib
import random
import re
import shutil
import subprocess

WORD_LISTS = [pathlib.Path("/usr/share/dict/american-english-small"), pathlib.Path("/usr/share/dict/american-english")]
TEST_BOOKS = ("Ruth", "Jonah")
TEMPLATES = """<w> and <w>.|<w>, <w> and <w>.|The <w> is <w>.|The <w> was <w>.|I said <w> again.|A word is <w>.|<w>.|<w>?|<w> <w>.|
Is it <w> or <w>?|The <w> of the <w>.|He said <w>, and she said <w>.|My <w> is not a <w>.|We have <w> and <w>.|This is the <w> <w>.|
Do you know the word <w>?|Say <w>, then <w>.|They talk about <w>.|No <w> without <w>.|<w> with <w>.|From <w> to <w>.|It is a <w> <w>.|
There was <w> in the <w>.|Her <w> and his <w>.|<w> for the <w>.|Please write <w>.|You can <w> the <w>.|<w> is like <w>.|
Why is the <w> so <w>?|I think of <w> and <w>.|<w>, not <w>!|Some <w> <w> on the <w>.|<w> <w> <w>.|<w> <w> <w> <w>.|
When <w> came, we were <w>.|<w>: <w> and <w>.|All the <w> were <w>.|What does <w> mean?|She wrote <w> <w> <w>.|<w> but <w>.""".replace("\n", "")
ROMAN = re.compile(r"c{0,3}(xc|xl|l?x{0,3})(ix|iv|v?i{0,3})")
# What the teacher spells out.
NO_WORDS = set("mi ma md ms mt st sr jr dr mr mrs ft oz lb kg mm cm km pl ed eds etc vs mnemonic scotchs thousandth twelfths "
               "tzar tzars".split())
DICTIONARY = pathlib.Path("/usr/share/pocketsphinx/model/en-us/cmudict-en-us.dict")


def words():
    """The word list: words of 2 to 10 small letters, none with an apostrophe."""
    path = next((p for p in WORD_LISTS if p.exists()), None)
    if not path:
        raise SystemExit(f"{WORD_LISTS[0]}: not found; install the package wamerican-small")
    found = sorted(set(re.findall(r"^[a-z]{2,10}$", path.read_text(), re.M)))
    return [w for w in found if w not in NO_WORDS and not ROMAN.fullmatch(w) and re.search(r"[aeiouy]", w)]


def recognised():
    """The words that the recogniser of the evaluation knows; the test sentences have no others."""
    if not DICTIONARY.exists():
        raise SystemExit(f"{DICTIONARY}: not found; install the package pocketsphinx-en-us")
    return {line.split(" ", 1)[0] for line in DICTIONARY.read_text().splitlines()}


def verses(test):
    """Verses of the King James text: of the test books, or of all others."""
    if not shutil.which("bible"):
        raise SystemExit("bible: not found; install the package bible-kjv")
    out = subprocess.run(["bible", "-f", "Gen1:1-Rev22:21"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    for line in out.stdout.splitlines():
        book, text = line.split(" ", 1)
        if book.startswith(TEST_BOOKS) == test:
            yield text


def clauses(test, limit):
    """Clauses of 2 to 12 words, each once; two neighbours in one where both are short."""
    found = {}
    for verse in verses(test):
        verse = re.sub(r"[^A-Za-z' ,.;:?!-]", "", verse).replace("LORD", "Lord").replace("GOD", "God")
        verse = re.sub(r" +(?=[,.;:?!])", "", verse)
        parts = re.findall(r"[^,.;:?!]+[,.;:?!]?", verse)
        parts = [p.strip() for p in parts] + [f"{a.strip()} {b.strip()}" for a, b in zip(parts[::2], parts[1::2])]
        for text in parts:
            if 2 <= len(re.findall(r"[A-Za-z']+", text)) <= 12 and len(text) <= limit and "AM" not in text:
                found.setdefault(text.lower().rstrip(",.;:?!"), text)
    return list(found.values())


def made_up(rng, pack):
    """A template filled with the next words of the pack."""
    text = re.sub("<w>", lambda m: pack(), rng.choice(TEMPLATES.split("|")))
    text = re.sub(r"\b([Aa]) (?=[aeiou])(?!uni|use|usu|eu|one)", r"\1n ", text)
    return text if rng.random() < 0.1 else text[0].upper() + text[1:]


def dealer(rng, cards):
    """A function that deals the cards one by one, shuffled anew each time they have run out."""
    left = []

    def deal():
        if not left:
            left.extend(rng.sample(cards, len(cards)))
        return left.pop()
    return deal


def styled(rng, text):
    """Written as people type: the clause as it was cut, ended by a stop, without an end, or in lower case."""
    style = rng.random()
    if style < 0.45:
        text = re.sub(r"[,;:]$", ".", text)
    elif style < 0.6:
        text = text.rstrip(",.;:?!")
    return text.lower() if rng.random() < 0.05 else text[0].upper() + text[1:] if rng.random() < 0.6 else text


def open_sentences(seed, count, limit=70, exclude=(), test=False, key=str.lower):
    """Yields open English, one half of each kind, none twice; exclude: keys that must not come.

    When the clauses have run out, the rest is made up."""
    rng, seen = random.Random(seed), set(exclude)
    vocabulary = words()
    pack = dealer(rng, vocabulary[::20] if test else [w for i, w in enumerate(vocabulary) if i % 20])
    known = recognised() if test else None
    text_pack = clauses(test, limit)
    rng.shuffle(text_pack)
    while count > 0:
        verse = text_pack and (count % 2 if test else rng.random() < 0.5)
        text = styled(rng, text_pack.pop()) if verse else made_up(rng, pack)
        k = key(text)
        if k in seen or len(text) > limit or (test and not known.issuperset(re.findall(r"[a-z']+", text.lower()))):
            continue
        seen.add(k)
        count -= 1
        yield text
