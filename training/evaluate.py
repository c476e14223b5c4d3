"""Word error rates of the built-in voice, judged by pocketsphinx with a closed bigram language model of the domain.

    evaluate.py --data DATA --teacher                    the teacher itself, resampled
    evaluate.py --data DATA --codec --model MODEL        teacher -> stage A's codes -> the checkpoint's decoder
    evaluate.py --model MODEL [--greedy] [--keep DIR]    sentences spoken by the checkpoint with transformers
    evaluate.py --wavs DIR [--sentences FILE]            somebody else's wavs: sorted by name, one per sentence

Also printed: sentences without an error, how many ended by themselves, and length against the teacher's (with --data).
Needs pocketsphinx, pocketsphinx-en-us and sox.
"""
import argparse
import collections
import math
import pathlib
import subprocess
import tempfile
import wave

import numpy as np

import corpus

MODEL_PATH = pathlib.Path("/usr/share/pocketsphinx/model/en-us")
OWN_WORDS = {"marvis": "M AA R V IH S"}
RATE = 24000


def write_language_model(folder):
    """Bigrams with absolute discounting from 20 000 sentences of the grammar; dictionary of exactly its words."""
    texts = [corpus.spoken(t) for t in corpus.sentences(1, 20000, salad=False)]
    texts += [corpus.spoken(t) for t in corpus.TEST_FILE.read_text().splitlines()]
    vocabulary = sorted({w for t in texts for w in t})
    pairs, after = collections.defaultdict(collections.Counter), collections.Counter()
    for words in texts[:20000]:
        for a, b in zip(["<s>", *words], [*words, "</s>"]):
            pairs[a][b] += 1
            after[b] += 1
    total, d = sum(after.values()) + 0.5 * len(vocabulary), 0.6
    unigram = {w: (after[w] + 0.5) / total for w in [*vocabulary, "</s>"]}
    lines, bigrams = ["\\data\\", f"ngram 1={len(vocabulary) + 2}", "", "\\1-grams:"], []
    for w in ["<s>", *vocabulary, "</s>"]:
        n = sum(pairs[w].values())
        left = d * len(pairs[w]) / n if n else 1.0
        unseen = 1 - sum(unigram[b] for b in pairs[w])
        backoff = left / max(unseen, 1e-6)
        lines.append(f"{-99 if w == '<s>' else math.log10(unigram[w]):.4f} {w} {math.log10(max(backoff, 1e-6)):.4f}")
        bigrams += [f"{math.log10((c - d) / n):.4f} {w} {b}" for b, c in sorted(pairs[w].items())]
    lines.insert(2, f"ngram 2={len(bigrams)}")
    lines += ["", "\\2-grams:", *bigrams, "", "\\end\\"]
    (folder / "domain.lm").write_text("\n".join(lines) + "\n")
    known = collections.defaultdict(list)
    for line in (MODEL_PATH / "cmudict-en-us.dict").read_text().splitlines():
        word, phones = line.split(" ", 1)
        known[word.split("(")[0]].append(phones)
    for w, p in OWN_WORDS.items():
        known[w] = [p]
    missing = [w for w in vocabulary if w not in known]
    if missing:
        raise SystemExit(f"words without a pronunciation: {missing}")
    with open(folder / "domain.dict", "w") as out:
        for w in vocabulary:
            for i, p in enumerate(known[w]):
                out.write(f"{w}{'' if i == 0 else f'({i + 1})'} {p}\n")


def recognise(wavs, folder):
    """wav paths -> list of word lists."""
    write_language_model(folder)
    for i, path in enumerate(wavs):
        subprocess.run(["sox", "-G", str(path), "-r", "16000", "-c", "1", "-b", "16", str(folder / f"{i:04}.wav"),
                        "pad", "0.2", "0.2"], check=True, stderr=subprocess.DEVNULL)
    (folder / "control").write_text("".join(f"{i:04}\n" for i in range(len(wavs))))
    subprocess.run(["pocketsphinx_batch", "-hmm", str(MODEL_PATH / "en-us"), "-lm", str(folder / "domain.lm"), "-dict",
                    str(folder / "domain.dict"), "-ctl", str(folder / "control"), "-cepdir", str(folder), "-cepext", ".wav",
                    "-adcin", "yes", "-adchdr", "44", "-hyp", str(folder / "hyp")], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    said = {}
    for line in (folder / "hyp").read_text().splitlines():
        words, name = line.rsplit("(", 1)
        said[int(name.split()[0])] = words.split()
    return [said.get(i, []) for i in range(len(wavs))]


def distance(a, b):
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (x != y))
    return row[-1]


def score(name, wavs, sentences, verbose):
    with tempfile.TemporaryDirectory() as folder:
        heard = recognise(wavs, pathlib.Path(folder))
    wanted = [corpus.spoken(t) for t in sentences]
    errors = [distance(w, h) for w, h in zip(wanted, heard)]
    if verbose:
        for t, h, e in zip(sentences, heard, errors):
            print(f"  {e}  {t}  ->  {' '.join(h)}")
    words = sum(map(len, wanted))
    print(f"{name}: WER {100 * sum(errors) / words:.1f} % of {words} words; without an error {sum(e == 0 for e in errors)} of "
          f"{len(errors)} sentences", flush=True)


def write_wav(path, samples):
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as f:
        f.setparams((1, 2, RATE, 0, "NONE", ""))
        f.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())


def wav_samples(path):
    with wave.open(str(path)) as f:
        return f.getnframes()


def print_lengths(name, samples, sentences, teacher):
    ratio = [n / len(teacher[t]) for n, t in zip(samples, sentences) if t in teacher]
    print(f"{name}: length against the teacher's {np.mean(ratio):.2f}, from {min(ratio):.2f} to {max(ratio):.2f}")


def teacher_audio(data):
    from common import Corpus
    test = Corpus(data, ["test"])
    return {test.utterances[i][1]["text"]: test.audio(i) for i in range(len(test.utterances))}


def codec_audio(model, data):
    """Stage A's codes of the test set through the checkpoint's own decoder."""
    import torch
    from common import Corpus
    test, pack = Corpus(data, ["test"]), np.load(pathlib.Path(data) / "test.codes.npz")
    codes = np.split(pack["codes"].astype(np.int64), np.cumsum(pack["frames"])[:-1])
    out = {}
    for (_, label), c in zip(test.utterances, codes):
        with torch.no_grad():
            out[label["text"]] = model.codec_model.decode(torch.tensor(c.T[None])).audio_values[0, 0].numpy()
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model")
    parser.add_argument("--data")
    parser.add_argument("--teacher", action="store_true")
    parser.add_argument("--codec", action="store_true")
    parser.add_argument("--greedy", action="store_true")
    parser.add_argument("--temperature", type=float, help="of codebook 0; default: the checkpoint's own")
    parser.add_argument("--depth-temperature", type=float)
    parser.add_argument("--wavs", type=pathlib.Path)
    parser.add_argument("--sentences", type=pathlib.Path, default=corpus.TEST_FILE)
    parser.add_argument("--keep", type=pathlib.Path, help="folder for the wavs")
    parser.add_argument("--count", type=int, help="only the first sentences")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    sentences = [t for t in args.sentences.read_text().splitlines() if t.strip()][:args.count]
    if args.wavs:
        wavs = sorted(args.wavs.glob("*.wav"))
        if len(wavs) != len(sentences):
            raise SystemExit(f"{len(wavs)} wavs for {len(sentences)} sentences")
        seconds = [wav_samples(w) / RATE for w in wavs]
        print(f"{args.wavs}: shorter than the limit of 10 s {sum(s < 9.9 for s in seconds)} of {len(wavs)}")
        if args.data:
            print_lengths(str(args.wavs), [s * RATE for s in seconds], sentences, teacher_audio(args.data))
        return score(str(args.wavs), wavs, sentences, args.verbose)
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.keep or pathlib.Path(temporary)
        wavs = [folder / f"{i:03}.wav" for i in range(len(sentences))]
        name, teacher = "teacher", teacher_audio(args.data) if args.data else {}
        if args.teacher:
            audio = [teacher[t] for t in sentences]
        else:
            import torch
            import speak
            torch.set_num_threads(1)
            model, tokenizer = speak.load(args.model)
            if args.codec:
                name, by_text = "codec", codec_audio(model, args.data)
                audio = [by_text[t] for t in sentences]
            else:
                settings = speak.Settings(model, args.temperature, args.depth_temperature, args.greedy)
                name, audio, ended = f"generated ({settings})", [], 0
                torch.manual_seed(args.seed)
                for t in sentences:
                    codes, stopped, _ = speak.generate(model, tokenizer(f"[0]{t}")["input_ids"], settings)
                    audio.append(speak.render(model, codes))
                    ended += stopped
                print(f"{name}: ended by themselves {ended} of {len(sentences)}")
        if teacher and not args.teacher:
            print_lengths(name, [len(a) for a in audio], sentences, teacher)
        for path, samples in zip(wavs, audio):
            write_wav(path, samples)
        score(name, wavs, sentences, args.verbose)


if __name__ == "__main__":
    main()
