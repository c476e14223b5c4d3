"""Word error rates by pocketsphinx (US English acoustic model) with a closed bigram language model of given sentences.

A recogniser that knows the words and their neighbours flatters, much so where the sentences of the model are the very
ones to be heard; the teacher's own rate under the same model is the yardstick. Words are flite's, joined where it splits
off an 's. Needs pocketsphinx, pocketsphinx-en-us and sox.
"""
import collections
import concurrent.futures
import json
import math
import pathlib
import subprocess
import tempfile
import zlib

MODEL_PATH = pathlib.Path("/usr/share/pocketsphinx/model/en-us")
DISCOUNT = 0.6
PART = 40                                           # recordings for one run of the recogniser
# flite's phones by the recogniser's names
PHONES = {"ax": "AH", "axr": "ER", "el": "AH L", "em": "AH M", "en": "AH N", "nx": "N", "dx": "T", "hv": "HH"}


def said_words(words):
    """flite's words -> the recogniser's: "it" "'s" is one word, and the letter "_a" is written a."""
    out = []
    for w in words:
        w = w.lower().lstrip("_")
        if w.startswith("'") and out:
            out[-1] += w
        elif w:
            out.append(w)
    return out


def distance(a, b):
    """Least number of words to insert, delete or replace."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (x != y))
    return row[-1]


def bigrams(texts, more_words=()):
    """ARPA text of a closed bigram model with absolute discounting; texts: word lists. more_words are in the vocabulary,
    but no text's neighbours."""
    vocabulary = sorted({w for t in texts for w in t} | set(more_words))
    pairs, after = collections.defaultdict(collections.Counter), collections.Counter()
    for words in texts:
        for a, b in zip(["<s>", *words], [*words, "</s>"]):
            pairs[a][b] += 1
            after[b] += 1
    total = sum(after.values()) + 0.5 * (len(vocabulary) + 1)
    unigram = {w: (after[w] + 0.5) / total for w in [*vocabulary, "</s>"]}
    ones, twos = [], []
    for w in ["<s>", *vocabulary, "</s>"]:
        n = sum(pairs[w].values())
        left = DISCOUNT * len(pairs[w]) / n if n else 1.0
        unseen = 1 - sum(unigram[b] for b in pairs[w])
        backoff = math.log10(max(left / max(unseen, 1e-6), 1e-6))
        ones.append(f"{-99 if w == '<s>' else math.log10(unigram[w]):.4f} {w} {backoff:.4f}")
        twos += [f"{math.log10((c - DISCOUNT) / n):.4f} {w} {b}" for b, c in sorted(pairs[w].items())]
    return "\n".join(["\\data\\", f"ngram 1={len(ones)}", f"ngram 2={len(twos)}", "", "\\1-grams:", *ones, "",
                      "\\2-grams:", *twos, "", "\\end\\", ""])


class Recogniser:
    def __init__(self, texts, more_words, pronounce, cache, jobs=1):
        """texts and more_words make the language model. pronounce: {word: flite phones} for a list of words that the
        acoustic model's dictionary lacks. cache: a JSON file of what was heard."""
        self.model, self.cache, self.jobs = bigrams(texts, more_words), pathlib.Path(cache), jobs
        self.dictionary = self.make_dictionary(sorted({w for t in texts for w in t} | set(more_words)), pronounce)
        self.key = zlib.crc32((self.model + self.dictionary).encode())
        self.heard = json.loads(self.cache.read_text()) if self.cache.exists() else {}

    @staticmethod
    def make_dictionary(vocabulary, pronounce):
        known = collections.defaultdict(list)
        for line in (MODEL_PATH / "cmudict-en-us.dict").read_text().splitlines():
            word, phones = line.split(" ", 1)
            known[word.split("(")[0]].append(phones)
        for w, phones in pronounce([w for w in vocabulary if w not in known]).items():
            known[w] = [" ".join(PHONES.get(p, p.upper()) for p in phones if p != "pau")]
        return "".join(f"{w}{'' if i == 0 else f'({i + 1})'} {p}\n" for w in vocabulary for i, p in enumerate(known[w]))

    def listen(self, wavs):
        """wav paths -> word lists."""
        keys = [f"{self.key:08x}-{zlib.crc32(pathlib.Path(w).read_bytes()):08x}" for w in wavs]
        new = {k: w for k, w in zip(keys, wavs) if k not in self.heard}
        if new:
            print(f"recogniser: listening to {len(new)} recordings", flush=True)
            self.cache.parent.mkdir(parents=True, exist_ok=True)
            items = list(new.items())
            parts = [items[i:i + PART] for i in range(0, len(items), PART)]
            with concurrent.futures.ThreadPoolExecutor(self.jobs) as pool:
                for i, heard in enumerate(pool.map(self.run, parts)):
                    self.heard.update(heard)
                    self.cache.write_text(json.dumps(self.heard))
                    print(f"recogniser: {min(PART * (i + 1), len(items))} of {len(items)}", flush=True)
        return [self.heard[k].split() for k in keys]

    def run(self, items):
        """[(key, wav), ...] -> {key: words}, in one process."""
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            (folder / "model.lm").write_text(self.model)
            (folder / "model.dict").write_text(self.dictionary)
            for key, wav in items:
                subprocess.run(["sox", "-G", str(wav), "-r", "16000", "-c", "1", "-b", "16", str(folder / f"{key}.wav"),
                                "pad", "0.2", "0.2"], check=True, stderr=subprocess.DEVNULL)
            (folder / "control").write_text("".join(f"{key}\n" for key, _ in items))
            subprocess.run(["pocketsphinx_batch", "-hmm", str(MODEL_PATH / "en-us"), "-lm", str(folder / "model.lm"),
                            "-dict", str(folder / "model.dict"), "-ctl", str(folder / "control"), "-cepdir", str(folder),
                            "-cepext", ".wav", "-adcin", "yes", "-adchdr", "44", "-cmn", "batch",
                            "-hyp", str(folder / "hyp")],
                           check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            heard = {key: "" for key, _ in items}
            for line in (folder / "hyp").read_text().splitlines():
                words, name = line.rsplit("(", 1)
                heard[name.split()[0].rstrip(")")] = words.strip()
            return heard
