"""Judges what single sentences do not show: whether a voice lasts, and where a cloned one begins.

    long_speech.py drift  --out DIR [--words 3000]   a text through `marvis say -f`: pitch, pace, level, voice by the minute
    long_speech.py turns  --out DIR [--turns 20]     conversations by `marvis dialogue`, every voice from a recording under a
                                                     tag that names nobody: whose voice each turn has
    long_speech.py starts --out DIR [--count 20]     beginnings of speech in recorded voices: is anything of the recording
                                                     left in them? Beside a recording cut off at its last sound

Prints Markdown. Run with the training's Python, as evaluate.py.
"""
import argparse
import json
import pathlib

import numpy as np

import prompts
from engine import BUILT_IN, Failure, Marvis
from measures import RATE, VoiceJudge, log_mel, median_pitch
from teacher import NEUTRAL, ROOT, VOICES, Line, Teacher, lines, read_wav, sentences, write_wav


def level_db(x):
    """Root mean square of what is within 30 dB of the loudest 20 ms, dB of full scale."""
    block = np.asarray(x[:len(x) // 480 * 480], np.float64).reshape(-1, 480)
    power = (block ** 2).mean(1)
    return 10 * np.log10(power[power > power.max() * 1e-3].mean() + 1e-12)


def syllables(x):
    """Peaks of loudness a second: about the syllables. Those 3 dB above the dips around them, at most one each 100 ms."""
    level = log_mel(x)[:, 4:28].mean(1) * 20 / np.log(10)
    level = np.convolve(level, np.hanning(21) / np.hanning(21).sum(), "same")           # 100 ms
    peaks, low, high, at = [], np.inf, -np.inf, 0
    for i, v in enumerate(level):
        low = min(low, v)
        if v > high:
            high, at = v, i
        if high - low > 3 and high - v > 3:
            if level[at] > level.max() - 40 and (not peaks or at - peaks[-1] >= 20):
                peaks.append(at)
            low, high = v, -np.inf
        elif v <= low:
            high = -np.inf
    return len(peaks) / (len(x) / RATE)


def judge_of(teacher, count=24):
    known = teacher.speak(lines(sentences("domain", count), VOICES))
    return VoiceJudge({v: [s.samples for s in known if s.line.voice == v] for v in VOICES})


def drift(args, marvis, teacher):
    rng, texts, words, paragraphs = np.random.default_rng(args.seed), sentences("domain"), 0, []
    while words < args.words:
        part = [texts[i] for i in rng.choice(len(texts), 5, replace=False)]
        paragraphs.append(" ".join(t if t[-1] in ".!?" else t + "." for t in part))
        words += len(paragraphs[-1].split())
    book, judge = args.out / "book.txt", judge_of(teacher)
    book.write_text("\n\n".join(paragraphs) + "\n")
    print("| voice | minute | pitch Hz | level dB | syllables a second | voice heard |\n|---|---|---|---|---|---|")
    for tag, voice in enumerate(VOICES):
        wav = args.out / f"book-{voice}.wav"
        if not wav.exists():
            marvis.run("say", "--model", marvis.model, "--speaker", tag, "--seed", args.seed, "--threads", 1, "--quiet",
                       *marvis.options, "-f", book, "-o", wav)
        x = read_wav(wav)
        rows = [x[at:at + 60 * RATE] for at in range(0, len(x) - 30 * RATE, 60 * RATE)]
        values = [(median_pitch(r), level_db(r), syllables(r)) for r in rows]
        for i, (r, v) in enumerate(zip(rows, values)):
            if i in (0, len(rows) // 2, len(rows) - 1):
                print(f"| {voice} | {i + 1} | {v[0]:.1f} | {v[1]:.1f} | {v[2]:.2f} | {judge.nearest(judge.features(r))} |")
        values = np.array(values)
        slope = np.polyfit(np.arange(len(values)), values, 1)[0] * (len(values) - 1) if len(values) > 1 else np.zeros(3)
        print(f"| {voice} | {len(x) / 60 / RATE:.1f} in all | {slope[0]:+.1f} | {slope[1]:+.2f} | {slope[2]:+.2f} | straight line, "
              f"first to last; spread of a minute {values[:, 0].std():.1f} Hz, {values[:, 1].std():.2f} dB, {values[:, 2].std():.2f} |",
              flush=True)


def reference(teacher, voice, first, folder):
    """A recording of at least 3 s in the voice, with its words."""
    planned = [(Line(voice, first[0]), Line(voice, first[1]), Line(voice, first[2]))]
    wav, text, samples = prompts.references(planned, teacher, folder)[0]
    kept = folder / f"{voice}.wav"
    wav.replace(kept)
    return kept, text, samples


def mean(values):
    """Of those that are numbers; NaN where none is."""
    values = [v for v in values if not np.isnan(v)]
    return sum(values) / len(values) if values else float("nan")


def turns(args, marvis, teacher):
    """A turn of less than a quarter of a second, or of none at all, has no voice and no pitch."""
    texts, judge = sentences("domain"), judge_of(teacher)
    pairs = [(a, b) for i, a in enumerate(VOICES) for b in VOICES[i + 1:]]
    print("| voices of the conversation | turns | empty | right voice | pitch of the first and last quarter, Hz |\n|---|---|---|---|---|")
    for k, pair in enumerate(pairs):
        if args.pair and set(args.pair.split("+")) != set(pair):
            continue
        voices = {}
        for tag, voice in enumerate(pair):
            wav, text, _ = reference(teacher, voice, texts[3 * tag:3 * tag + 3], args.out)
            voices[voice] = {"speaker": NEUTRAL - tag, "audio": str(wav.resolve()), "text": text}
        said = [{"speaker": pair[i % 2], "text": texts[(40 * k + 20 + i) % len(texts)]} for i in range(args.turns)]
        name = args.out / "-".join(pair)
        wav, stats = name.with_suffix(".wav"), name.with_suffix(".stats")
        name.with_suffix(".json").write_text(json.dumps({"voices": voices, "turns": said}))
        if not wav.exists() or not stats.exists():
            marvis.run("dialogue", name.with_suffix(".json"), "--model", marvis.model, "--seed", args.seed, "--threads", 1,
                       "--quiet", "--stats", stats, *marvis.options, "-o", wav)
        x, told = read_wav(wav), json.loads(stats.read_text())["turns"]
        heard, empty, pitches = [], [], {v: [] for v in pair}
        for i, t in enumerate(told):
            part = x[int(t["start_s"] * RATE):int((t["start_s"] + t["seconds"]) * RATE)]
            has_sound = len(part) > RATE // 4
            heard.append(has_sound and judge.nearest(judge.features(part)) == t["name"])
            pitches[t["name"]].append(median_pitch(part) if has_sound else float("nan"))
            if not len(part):
                empty.append(i + 1)
        quarter = max(1, args.turns // 8)
        print(f"| {' and '.join(pair)} | {len(told)} | {len(empty)} | {sum(heard)} | " + ", ".join(
            f"{v} {mean(p[:quarter]):.0f} and {mean(p[-quarter:]):.0f}" for v, p in pitches.items()) + " |", flush=True)
        for i in empty:
            print(f"nothing said in turn {i}: {told[i - 1]['name']}: {said[i - 1]['text']}", flush=True)


def starts(args, marvis, teacher):
    """Level of the first frame against the loudest 20 ms of the utterance: the new text has not begun to sound there."""
    texts, rows, again, nothing = sentences("domain"), {"as it is": [], "cut off at its last sound": []}, {}, []
    for i in range(args.count):
        voice = VOICES[i % len(VOICES)]
        wav, text, samples = reference(teacher, voice, [texts[(3 * i + j) % len(texts)] for j in range(3)], args.out)
        loud = np.abs(samples) > 0.05 * np.abs(samples).max()
        codes = args.out / "cut.safetensors"
        cut = args.out / "cut.wav"
        write_wav(cut, samples[:np.flatnonzero(loud)[-1] // 1920 * 1920])       # whole frames: nothing is filled up
        marvis.run("codec", "encode", "--model", marvis.model, "--quiet", cut, "-o", codes)
        for name, given in (("as it is", ["--voice-audio", wav]), ("cut off at its last sound", ["--voice-codes", codes])):
            out, new = args.out / f"start-{i:02}-{given[0][8:]}.wav", texts[(3 * i + 50) % len(texts)]
            stats = out.with_suffix(".stats")
            try:
                marvis.run("say", "--model", marvis.model, "--speaker", NEUTRAL, "--seed", args.seed, "--threads", 1, "--quiet",
                           "--stats", stats, *given, "--voice-text", text, *marvis.options, "-o", out, "--", new)
            except Failure as e:
                if "before it had said anything" not in str(e):
                    raise
                nothing.append(f"nothing said in recording {i} of {voice}, {name}: {new}")
                continue
            told = json.loads(stats.read_text())
            if told["pieces"]["retries"]:
                again.setdefault(name, []).append(f"recording {i} of {voice}, {name}: begun again, {told['seconds']:.1f} s: {new}")
            x = read_wav(out).astype(np.float64)
            blocks = (x[:len(x) // 480 * 480].reshape(-1, 480) ** 2).mean(1)
            rows[name].append(10 * np.log10(blocks[:4].max() / max(blocks.max(), 1e-12) + 1e-9))
    print("| recording | utterances | begun again | first 80 ms, median | loudest | begin above -30 dB |\n|---|---|---|---|---|---|")
    for name, values in rows.items():
        levels = f"{np.median(values):.0f} dB | {max(values):.0f} dB" if values else "- | -"
        print(f"| {name} | {len(values)} of {args.count} | {len(again.get(name, []))} | {levels} | {sum(v > -30 for v in values)} |")
    print("\n".join(sum(again.values(), []) + nothing))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("drift", "turns", "starts"))
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--model", type=pathlib.Path, default=ROOT / BUILT_IN)
    parser.add_argument("--marvis", type=pathlib.Path, default=ROOT / "build" / "marvis")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--words", type=int, default=3000)
    parser.add_argument("--turns", type=int, default=20)
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--say", default="", metavar="OPTIONS", help="more options of the program")
    parser.add_argument("--pair", metavar="VOICE+VOICE", help="of turns: these two alone")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    try:
        marvis = Marvis(args.marvis, args.model, args.seed, 15, args.say.split())
        {"drift": drift, "turns": turns, "starts": starts}[args.what](args, marvis, Teacher(args.out / "teacher"))
    except Failure as e:
        raise SystemExit(f"{args.marvis}: {e}")


if __name__ == "__main__":
    main()
