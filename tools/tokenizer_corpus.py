"""What the small tokenizers are trained on, and the fragments that hostile texts are made of;
written for this project. Used by make_tokenizers.py."""

import unicodedata

NOUNS = """voice speaker garden river station window morning evening coffee bread engine letter number
frame sample codebook token model network memory thread kernel buffer question answer story
music piano village teacher doctor winter summer mountain island friend family kitchen market
bridge train ticket picture camera paper pencil computer keyboard screen language sentence word
syllable breath silence weather cloud rain thunder lightning forest animal horse rabbit spider
orange lemon potato tomato sugar pepper dinner breakfast journey traveller stranger neighbour
council government history science theatre hospital library university message telephone channel
signal noise spectrum filter window latency""".split()
VERBS = """speaks listens answers walks opens closes remembers forgets begins stops decodes samples reads
writes sings whispers travels follows changes improves measures compares returns holds carries
builds breaks repairs explains understands promises arrives leaves drinks cooks watches hears
imagines""".split()
ADJECTIVES = """quiet loud small large ancient modern bright dark gentle rapid slow careful honest strange
familiar beautiful expensive simple complicated natural electric frozen warm golden silver
broken empty thirsty hungry patient curious ordinary remarkable""".split()
PLACES = """in the garden|at the station|under the bridge|behind the library|near the river|on the island|
during the winter|before breakfast|after the concert|without a ticket|between two windows|
with great care|for the third time|as far as anyone knows|over the telephone""".replace("\n", "").split("|")
NAMES = "Anna Boris Clara David Elif Farid Grete Hugo Ines Jonas Keiko Liam Mira Noor Olga Pavel".split()
CONTRACTIONS = ["I'm", "you're", "he's", "she'll", "we've", "they'd", "don't", "isn't", "can't",
                "it's", "I'll", "wouldn't", "what's", "let's", "WE'RE", "DON'T", "IT'S"]
FOREIGN = [
    "Der kleine Fluss fließt hinter der Mühle; über der Brücke hängt eine Laterne.",
    "Où est la gare, s'il vous plaît ? Le café déjà fermé rouvrira à midi, peut-être.",
    "El niño pequeño mañana irá a la montaña con su tía y un señor muy amable.",
    "Il perché non è chiaro: così è, se vi pare, però la città è bella.",
    "Ayşe güneşli bir öğleden sonra çayını içti, İstanbul'a ışıl ışıl baktı.",
    "Žluťoučký vlak přijel do města dříve, než řekli v rozhlase.",
    "Łódka płynie wzdłuż brzegu, a źdźbła trawy śpią.",
    "Маленькая лодка плывёт по тихой реке, и никто не говорит ни слова.",
    "Сьогодні ввечері ми слухаємо музику біля вікна.",
    "Η μικρή βάρκα ταξιδεύει ήσυχα στο ποτάμι κάτω από το φεγγάρι.",
    "הסירה הקטנה שטה בנהר השקט בלילה.", "القارب الصغير يسير في النهر الهادئ ليلا.",
    "छोटी नाव शांत नदी में धीरे धीरे चलती है।", "เรือลำเล็กแล่นไปตามแม่น้ำที่เงียบสงบ",
    "小船在安静的河上慢慢地走，没有人说话。", "静かな川を小さな舟がゆっくり進む。カタカナも少し。",
    "작은 배가 조용한 강을 천천히 지나간다.", "Con thuyền nhỏ trôi trên dòng sông yên tĩnh.",
    "የትንሽ ጀልባ በጸጥታ", "მცირე ნავი მდინარეზე", "Փոքր նավակը գետում"]
CODE = [
    "int main(void) { return 0; }", "for (size_t i = 0; i < n; i++) sum += x[i] * y[i];",
    "def encode(text):\n    return [vocab[t] for t in split(text)]",
    "if (a != b && c <= d || !e) { f(a, b); } else { g(c); }",
    "SELECT name, count(*) FROM voices WHERE id >= 10 GROUP BY name;",
    "<p class=\"note\">100% sure &amp; done</p>", "https://example.org/a/b?c=d&e=f#g",
    "x = {'key': [1, 2, 3], \"other\": None}  # comment", "#include <stdio.h>\n#define MAX 100\n",
    "\tmov eax, [ebx+4*ecx]\n\tret\n",
    "$HOME/bin:~/lib:/usr/share @user ^caret `tick` |pipe| \\back\\",
    "".join(map(chr, range(0x21, 0x7F))), "while True:\n        step(); wait(0.5)\n\n\n", "a+b-c*d/e%f=g;h:i,j.k!l?m_n@o#p$q^r&s(t)u{v}w[x]y<z>"]
EMOJI = ["🙂", "🎉", "👍🏽", "👩‍👩‍👧‍👦", "🇩🇪", "❤️", "🏴‍☠️", "1️⃣"]


def corpus(rng):
    """A few thousand lines; every printable ASCII character, but not every byte."""
    lines = []
    for i in range(6000):
        noun, other = rng.choice(NOUNS), rng.choice(NOUNS)
        line = rng.choice([
            f"The {rng.choice(ADJECTIVES)} {noun} {rng.choice(VERBS)} {rng.choice(PLACES)}.",
            f"{rng.choice(NAMES)} {rng.choice(VERBS)} about a {noun} and the {other}, "
            f"{rng.choice(PLACES)}.",
            f"{rng.choice(CONTRACTIONS)} {rng.choice(ADJECTIVES)}, said {rng.choice(NAMES)}: "
            f"\"{noun.capitalize()}!\"",
            f"{noun.upper()} {rng.randint(0, 99999)}: {other}_{rng.choice(NOUNS)} = "
            f"{rng.random():.3f}",
            f"[{rng.randint(0, 9)}]Is the {noun} {rng.choice(ADJECTIVES)}? "
            f"{rng.choice(CONTRACTIONS)} sure.",
            f"On {rng.randint(1, 31)}/{rng.randint(1, 12)}/20{rng.randint(10, 30)} the {noun}s "
            f"{rng.choice(PLACES)} cost ${rng.randint(1, 900)}.{rng.randint(10, 99)}; 50% off!"])
        lines.append(line)
        if i % 12 == 0:
            lines.append(rng.choice(FOREIGN))
        if i % 20 == 0:
            lines.append(rng.choice(CODE))
        if i % 40 == 0:
            lines.append(f"{noun} {rng.choice(EMOJI)} {'  ' * rng.randint(1, 4)}{other}\n\n")
    return lines + FOREIGN * 3 + CODE * 3


def by_category():
    """Some code points of every general category, early and late ones."""
    found = {}
    for cp in range(0x323B0):
        found.setdefault(unicodedata.category(chr(cp)), []).append(chr(cp))
    out = []
    for category in sorted(found):
        if category not in ("Cs", "Cn", "Co"):
            members = found[category]
            out += members[::max(1, len(members) // 14)][:16]
    return out


SPACES = [chr(c) for c in (0x9, 0xA, 0xB, 0xC, 0xD, 0x20, 0x85, 0xA0, 0x1680, 0x2000, 0x2001, 0x2002,
                           0x2003, 0x2004, 0x2005, 0x2006, 0x2007, 0x2008, 0x2009, 0x200A, 0x2028,
                           0x2029, 0x202F, 0x205F, 0x3000)]
NOT_SPACES = [chr(c) for c in (0x180E, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0x1C, 0x1F, 0xAD)]
DIGITS = ["0", "1", "9", "12", "345", "67890", "3.14", "1,000", "²", "½", "Ⅷ", "①", "٣", "५", "๗", "𝟗",
          "〇", "五", "𐄇", "٣٤٥", "৭৮", "1²3", "𒐀", "🄀"]
TRICKY = [
    "'s", "'S", "'ſ", "'t", "'T", "'re", "'RE", "'Re", "'ve", "'VE", "'m", "'M", "'ll", "'LL", "'lL", "'d",
    "'D", "’s", "''s", "'", "s'", "'st", "'ﬆ", "ſ", "K", "ß", "ẞ", "İ", "ı", "ŉ", "ǆ", "Ǆ", "ǅ", "ﬁ", "ſt",
    "don't", "DON'T", "I'll", "we'Ve", "o'clock", "rock'n'roll",
    "e\u0301", "é", "a\u0300\u0301\u0302\u0303", "\u0301", " \u0301", "\u1e9b\u0323", "\uac00\u11a8", "각",
    "👩‍👩‍👧‍👦", "👍🏽", "🇩🇪🇫🇷", "❤️", "🏴‍☠️", "1️⃣", "#️⃣", "\u200d", "\ufe0f", "\u202eabc\u202c", "\u2066x\u2069",
    "\x00", "\x01", "\x07", "\x08", "\x1b[0m", "\x7f", "\x80", "\x9f", "\ufffd", "\ufffe", "\uffff",
    "\ue000", "\U0010ffff", "\U000e0041", "  ", "   ", "    ", "\t\t", "\r\n", "\n\n", "\r\n\r\n", " \n",
    "\n ", " \t ", "\u00a0 ", " \u3000", "\u2003\u2003", "\v\f",
    "[0]", "[1]", "[12]", "[0] ", "[0]\"", "[0]?!", "]", "[", "]]", "...", "…", "--", "—", "!!!", "?!",
    "://", "</", "/>", "&&", "||", "==", "+=", "\\n", "\\", "_", "__", "a_b", "$", "€", "£5", "%", "°C",
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|im_start|>user", "<|im_", "|>", "<|", "<repo_name>",
    "<reponame>", "<filename>", "<empty_output>", "<|begin_of_text|>", "<|end_of_text|>",
    "<|reserved_special_token_0|>", "<|reserved_special_token_9|>", "<|eot_id|>", "<|EOT_ID|>",
    "<|begin_of_text", "<<|im_end|>>", " <|im_end|> ", "<|im_end|><|im_end|>",
    "[MASK]", " [MASK] ", "\u2003[MASK]", "<tool>", "<tool>  ", "<tool>\u3000\n", " <both> ", "<both>",
    "friend", "friends", "_friend", " friend ", "friend,", "<w>", "x<w>", "<w>\u0301", "<w>\u200d", "é<w>",
    "<w>½", "<w>²", "世", "世界", "的世", "ka", "kat", "kate", "kat<", "kat<|eot_id|>", "kat<tool>", "don't ",
    "\u00e9\u00e9", " \u00e9 "]
FRAGMENTS = (NOUNS[:60] + VERBS[:25] + ADJECTIVES[:15] + NAMES[:8] + CONTRACTIONS + EMOJI
             + [" " + n for n in NOUNS[60:]] + [" " + v for v in VERBS[25:]] + [" the", " of", " a", "An"]
             + FOREIGN[::2] + CODE[::2] + SPACES * 3 + NOT_SPACES + DIGITS * 2 + TRICKY * 2
             + [" "] * 40 + by_category())

HAND = ["", " ", "a", "Hello, we can use", "The capital of France is", "\n", "Hello world! 123",
        "Café déjà vu.", "  multiple   spaces", "[0]Hello.", "[0] Hello.", "[12]Hello.", "[0]\"Hello\"",
        "<|im_start|>user\nHi<|im_end|>", "<|begin_of_text|>Hi<|end_of_text|>", "a\u0000b", "\u0000",
        "it's IT'S it'ſ", "1234567", "x = 3.14\n\n\n  y", "\u180e\u180ea \u180e", "\u0085\u0085a",
        "a\u00a0b \u3000 c", "٣٤٥ apples", "Ⅷ½²", "   \n   x", "tail   ", "\r\n\r\n a"]
