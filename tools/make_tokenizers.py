"""Trains the small tokenizers of tests/data/tokenizers and writes what the `tokenizers` library
makes of many hostile texts to tests/golden/tokenizer.json, for tests/test_tokenizer.c.

Texts are not stored: both sides make them from the same seeded generator (make_text here,
case_text there) over the table of fragments in the golden file. Of every block of 25 texts the file
keeps one FNV-1a hash of all ids, with and without special tokens; of some texts the ids themselves.

    python tools/make_tokenizers.py            (needs tokenizers; run from the repository)
"""

import copy
import json
import pathlib
import platform
import random
import sys
import unicodedata

import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, processors
from tokenizers import trainers

from tokenizer_corpus import FRAGMENTS, HAND, corpus

ROOT = pathlib.Path(__file__).resolve().parent.parent
DATA = ROOT / "tests" / "data" / "tokenizers"
GOLDEN = ROOT / "tests" / "golden" / "tokenizer.json"
MASK = (1 << 64) - 1
BLOCK = 25
LLAMA_REGEX = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
               r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
SMOLLM_SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<repo_name>", "<reponame>",
                   "<file_sep>", "<filename>", "<gh_stars>", "<issue_start>", "<issue_comment>",
                   "<issue_closed>", "<jupyter_start>", "<jupyter_text>", "<jupyter_code>",
                   "<jupyter_output>", "<jupyter_script>", "<empty_output>"]
LLAMA_SPECIALS = (["<|begin_of_text|>", "<|end_of_text|>"]
                  + [f"<|reserved_special_token_{i}|>" for i in range(4)]
                  + ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"])


# ---- the two tokenizers -------------------------------------------------------------------------

def train_smollm(lines):
    """Digits, then GPT-2's regex; specials first; only bytes that the corpus has."""
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
    t.decoder = decoders.ByteLevel()
    t.train_from_iterator(lines, trainers.BpeTrainer(
        vocab_size=2000, special_tokens=SMOLLM_SPECIALS, show_progress=False))
    t.post_processor = processors.TemplateProcessing(
        single="<|im_start|> $A <|im_end|>", pair="<|im_start|> $A <|im_end|> $B:1",
        special_tokens=[("<|im_start|>", 1), ("<|im_end|>", 2)])
    j = json.loads(t.to_str())
    j["model"]["merges"] = [" ".join(m) for m in j["model"]["merges"]]
    return j


def train_llama(lines):
    """One regex; whole words first (ignore_merges); specials behind the vocabulary."""
    t = Tokenizer(models.BPE(ignore_merges=True))
    t.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(LLAMA_REGEX), "isolated", invert=False),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    t.decoder = decoders.ByteLevel()
    t.train_from_iterator(lines, trainers.BpeTrainer(
        vocab_size=2000, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False))
    t.add_special_tokens([AddedToken(s, special=True) for s in LLAMA_SPECIALS])
    t.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(
            single="<|begin_of_text|> $A", pair="<|begin_of_text|> $A <|begin_of_text|>:1 $B:1",
            special_tokens=[("<|begin_of_text|>", t.token_to_id("<|begin_of_text|>"))])])
    j = json.loads(t.to_str())
    # Some words lose their merge, so that only ignore_merges finds them, as in the real file.
    merges = j["model"]["merges"]
    parts = {p for m in merges for p in m}
    last = [i for i, (a, b) in enumerate(merges) if a + b not in parts]
    for i in reversed(last[::6]):
        del merges[i]
    return j


# ---- texts --------------------------------------------------------------------------------------

class Random:
    """splitmix64"""

    def __init__(self, state):
        self.state = state & MASK

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)

    def below(self, n):
        return self.next() % n


FRAGMENT_BYTES = [f.encode() for f in FRAGMENTS]
ALLOWED = [False] * 0x110000
for cp in range(0xF0000):
    ALLOWED[cp] = unicodedata.category(chr(cp)) not in ("Cn", "Cs")
SWEEP = [cp for cp in range(0x110000) if ALLOWED[cp]]
SWEEP_CHUNK = 64


def skipped_ranges():
    ranges = []
    for cp in range(0x110000):
        if not ALLOWED[cp]:
            if ranges and ranges[-1][1] == cp - 1:
                ranges[-1][1] = cp
            else:
                ranges.append([cp, cp])
    return ranges


def make_text(seed, index):
    """Text `index` of a set, as bytes; the C twin is case_text."""
    r = Random((seed << 32) + index)
    r = Random(r.next())
    out = bytearray()
    for _ in range(1 + r.below(16)):
        kind = r.below(64)
        if kind < 56:
            fragment = FRAGMENT_BYTES[r.below(len(FRAGMENT_BYTES))]
            if kind < 46:
                out += fragment
            elif kind < 52:
                out += fragment * (1 + r.below(40))
            elif kind < 54:
                out += fragment[:r.below(len(fragment) + 1)]
            else:
                bits = r.next()
                out += bytes(c ^ 0x20 if chr(c).isascii() and chr(c).isalpha()
                             and bits >> (i % 64) & 1 else c for i, c in enumerate(fragment))
        elif kind < 62:
            cp = r.below(0x32400)
            while not ALLOWED[cp]:
                cp = r.below(0x32400)
            out += chr(cp).encode()
        else:
            for _ in range(1 + r.below(4)):
                out.append(r.below(256))
    return bytes(out)


def sweep_text(index):
    """Code points of one chunk, each between letters, after a space and before a digit."""
    chunk = SWEEP[index * SWEEP_CHUNK:(index + 1) * SWEEP_CHUNK]
    return "".join(f"a{chr(cp)} {chr(cp)}1" for cp in chunk).encode()


def fnv(h, value):
    for byte in value.to_bytes(4, "little"):
        h = ((h ^ byte) * 0x100000001B3) & MASK
    return h


class Encoder:
    def __init__(self, j):
        self.t = Tokenizer.from_str(json.dumps(j))

    def ids(self, text, parse_special):
        self.t.encode_special_tokens = not parse_special
        return self.t.encode(text.decode("utf-8", errors="replace"), add_special_tokens=False).ids


def hashes(encoder, texts):
    out = []
    for begin in range(0, len(texts), BLOCK):
        h = 0xCBF29CE484222325
        for text in texts[begin:begin + BLOCK]:
            for parse_special in (False, True):
                ids = encoder.ids(text, parse_special)
                h = fnv(h, len(ids))
                for i in ids:
                    h = fnv(h, i)
        out.append(f"{h:016x}")
    return out


# ---- variants -----------------------------------------------------------------------------------

BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True,
              "use_regex": False}


def sequence(*parts):
    return {"pre_tokenizer": {"type": "Sequence", "pretokenizers": list(parts)}}


def split(pattern, behavior="Isolated", invert=False):
    return {"type": "Split", "pattern": pattern, "behavior": behavior, "invert": invert}


def added_tokens(llama):
    """Every flag of added tokens, on top of the specials; none collides with a word."""
    def token(content, **flags):
        t = {"content": content, "single_word": False, "lstrip": False, "rstrip": False,
             "normalized": False, "special": False}
        t.update(flags)
        return t

    extra = [token("[MASK]", lstrip=True, special=True), token("<tool>", rstrip=True),
             token("<both>", lstrip=True, rstrip=True, normalized=True),
             token("friend", single_word=True, normalized=True),
             token("<w>", single_word=True), token("\u4e16", single_word=True),
             token("ka", normalized=True), token("kat"), token("<|eot"), token("kat<"),
             token("<|im_end|>", special=True), token("\u00e9", single_word=True, lstrip=True),
             token("don't", normalized=True, rstrip=True, special=True)]
    tokens = copy.deepcopy(llama["added_tokens"])
    next_id = max(t["id"] for t in tokens) + 1
    vocab = llama["model"]["vocab"]
    for t in extra:
        if t["content"] in vocab:
            tokens.append({"id": vocab[t["content"]], **t})
        else:
            tokens.append({"id": next_id, **t})
            next_id += 1
    return {"added_tokens": tokens}


def variants(llama):
    """(name, base, patch of the file, patch of its model, number of texts)"""
    out = [("smollm", "smollm", {}, {}, 20000), ("llama", "llama", {}, {}, 20000)]
    prefix = {**BYTE_LEVEL, "add_prefix_space": True, "use_regex": True}
    digits = {"type": "Digits", "individual_digits": True}
    out += [
        ("prefix space", "smollm", sequence(digits, prefix), {}, 2000),
        ("prefix space, added tokens", "llama",
         {"pre_tokenizer": prefix, **added_tokens(llama)}, {}, 1000),
        ("merges not ignored", "llama", {}, {"ignore_merges": False}, 1000),
        ("merges ignored", "smollm", {}, {"ignore_merges": True}, 500),
        ("unknown token", "smollm", {}, {"unk_token": "<|endoftext|>"}, 1000),
        ("unknown tokens fused", "smollm", {},
         {"unk_token": "<|endoftext|>", "fuse_unk": True}, 1000),
        ("added tokens", "llama", added_tokens(llama), {}, 4000),
        ("digits in runs", "smollm",
         sequence({"type": "Digits", "individual_digits": False},
                  {**BYTE_LEVEL, "use_regex": True}), {}, 500),
        ("bytes first", "llama", sequence(BYTE_LEVEL, split({"String": "\u0120"}, "MergedWithNext"),
                                          digits), {}, 500),
    ]
    regexes = [r"\s+", r"[^\S\n]", r"\w+|[^\w\s]+", r"\W", r"[\w-]+", r"(?i:'s|k|[a-f]|st?e)+",
               r"a*", r"^.*$", r"\p{Lu}[\p{Ll}\p{M}]*|\P{L}|\p{^N}{2,3}", r"\d{2,}|\D\u00e9",
               r"(?<=a)n|(?<!\s)e",
               r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
               r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|"
               r"\s+(?!\S)|\s+",
               r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}|"
               r" ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s",
               r"(?>\p{P}+)|\A\s|\s\z|\s\Z|\x{4e00}-|\x41", r"[.,;:!?\-\]\[^\\]+|\+|\||\/"]
    patterns = [{"Regex": r} for r in regexes] + [{"String": s} for s in ("an", "", ".", "\\E(", " ")]
    for pattern in patterns:
        for behavior in ("Isolated", "Removed", "MergedWithPrevious", "MergedWithNext", "Contiguous"):
            for invert in (False, True):
                stage = split(pattern, behavior, invert)
                out.append((f"{json.dumps(pattern)} {behavior}{' inverted' if invert else ''}",
                            "llama", sequence(stage, BYTE_LEVEL), {}, 100))
    return out


def patched(base, patch, model_patch):
    j = copy.deepcopy(base)
    j.update(patch)
    j["model"].update(model_patch)
    return j


def main():
    rng = random.Random(20)
    lines = corpus(rng)
    bases = {"smollm": train_smollm(lines), "llama": train_llama(lines)}
    DATA.mkdir(parents=True, exist_ok=True)
    for name, j in bases.items():
        text = json.dumps(j, ensure_ascii=False, separators=(",", ":"))
        (DATA / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    encoders = {name: Encoder(j) for name, j in bases.items()}
    ranges = skipped_ranges()
    sets = []
    for seed, (name, base, patch, model_patch, n) in enumerate(variants(bases["llama"]), start=1):
        encoder = Encoder(patched(bases[base], patch, model_patch))
        texts = [make_text(seed, i) for i in range(n)]
        entry = {"name": name, "base": base, "patch": patch, "model_patch": model_patch,
                 "seed": seed, "n": n, "hashes": hashes(encoder, texts)}
        if n == 20000:
            entry["ids"] = [[encoder.ids(t, False), encoder.ids(t, True)] for t in texts[:100]]
        sets.append(entry)
    n_chunks = (len(SWEEP) + SWEEP_CHUNK - 1) // SWEEP_CHUNK
    sweeps = {name: hashes(e, [sweep_text(i) for i in range(n_chunks)])
              for name, e in encoders.items()}
    hand = [{"text": text, **{name: [e.ids(text.encode(), False), e.ids(text.encode(), True)]
                              for name, e in encoders.items()}} for text in HAND]
    golden = {
        "about": {"tokenizers": tokenizers.__version__, "python": platform.python_version(),
                  "unicode": unicodedata.unidata_version, "block": BLOCK,
                  "skipped": "code points that Unicode 14 does not assign: tables differ there"},
        "fragments": FRAGMENTS, "skipped": ranges,
        "n_skipped": sum(b - a + 1 for a, b in ranges), "sweep_chunk": SWEEP_CHUNK,
        "sweeps": sweeps, "hand": hand, "sets": sets}
    GOLDEN.parent.mkdir(parents=True, exist_ok=True)
    with GOLDEN.open("w", encoding="utf-8") as f:
        f.write("{\n")
        for i, (key, value) in enumerate(golden.items()):
            text = json.dumps(value, separators=(",", ":"))
            if key in ("sets", "hand"):  # a line for each
                lines = [json.dumps(v, separators=(",", ":")) for v in value]
                text = "[\n" + ",\n".join(lines) + "\n]"
            f.write(f'"{key}":{text}{"," if i + 1 < len(golden) else ""}\n')
        f.write("}\n")
    print(f"{len(sets)} sets, {sum(s['n'] for s in sets)} texts, {len(SWEEP)} code points, "
          f"{golden['n_skipped']} skipped")


if __name__ == "__main__":
    sys.exit(main())
