"""Judges the built-in voice: what the teacher, the codec and the engine say, by a recogniser and by measures of sound.

    evaluate.py --out DIR [--model MODEL] [--data DATA] [--sources teacher,codec,encoder,engine,prompt] [--check]

Sources: teacher (flite); codec (the training's codes of the same audio, from DATA/NAME.codes.npz, decoded by marvis);
encoder (the same with codes by the model's own encoder); engine (`marvis say` by speaker tag); prompt (voice prompts
under a tag that names no voice). Audio is kept in DIR and not made again; DIR belongs to one model. Prints a Markdown
table; DIR/result.json holds the same, DIR/pictures spectrograms. Run with the training's Python (numpy; torch and
transformers where they stand in for the engine).
"""
import argparse
import concurrent.futures
import json
import pathlib
import sys
import time

import numpy as np

import prompts
import report
from engine import BUILT_IN, Failure, Marvis, Shelf, Transformers, fingerprint
from measures import RATE, VoiceJudge, cepstral_distance, confusion, median_pitch
from recognise import Recogniser, distance, said_words
from teacher import ROOT, SENTENCES, VOICES, Line, Teacher, codes_in, lines, read_wav, sentences, write_wav
import corpus                                       # training/, which the module teacher has put on the path

SOURCES = ("teacher", "codec", "encoder", "engine", "prompt")
GRAMMAR_SEED, GRAMMAR_SENTENCES = 1, 20000          # what the recogniser's model of the domain is made of
PICTURES = 2                                        # of each voice


class Progress:
    """A line every few seconds, with the time left."""

    def __init__(self, name):
        self.name, self.start, self.last = name, time.time(), time.time()

    def __call__(self, done, total):
        if time.time() - self.last > 5 or done == total and time.time() - self.start > 5:
            self.last = time.time()
            left = (self.last - self.start) / done * (total - done)
            print(f"{self.name}: {done} of {total}, {left / 60:.1f} min left", flush=True)


class Evaluation:
    def __init__(self, args):
        self.args, self.out = args, args.out
        self.size, checksum = fingerprint(args.model)
        self.stamp = {"model": checksum, "seed": args.seed, "max_seconds": args.max_seconds}
        if args.say:
            self.stamp["say"] = args.say
        self.teacher = Teacher(self.out / "teacher")
        self.marvis = Marvis(args.marvis, args.model, args.seed, args.max_seconds, args.say.split())
        self.transformers = None
        self.texts = {name: sentences(name, args.count) for name in args.sets}
        self.lines = {name: lines(texts, args.voices, args.per_voice) for name, texts in self.texts.items()}
        self.speech = {name: self.teacher.speak(x) for name, x in self.lines.items()}
        self.recognisers, self.rows, self.pairs, self.pictures = {}, [], {}, {}
        known = self.teacher.speak(lines(self.texts[args.sets[0]], VOICES))
        self.judge = VoiceJudge({v: [s.samples for s in known if s.line.voice == v] for v in VOICES})

    def in_transformers(self):
        if self.transformers is None:
            self.transformers = Transformers(self.args.model, self.args.seed, self.args.max_seconds)
        return self.transformers

    def back_end(self, *command, option):
        """The engine if its program can do it, else transformers."""
        if self.args.back_end == "marvis" or self.args.back_end == "auto" and self.marvis.can(*command, option=option):
            return self.marvis
        if self.args.back_end == "auto":
            print(f"{self.args.marvis} has no {' '.join(command)} {option}: transformers stands in", flush=True)
        return self.in_transformers()

    def recogniser(self, name):
        """Of the domain it knows the words, and their neighbours in other sentences of the grammar; of another set, the
        set's own sentences."""
        if name not in self.recognisers:
            own = [said_words(w) for w in self.teacher.words(self.texts[name])]
            texts, more = own, ()
            if name == "domain":
                grammar = corpus.sentences(GRAMMAR_SEED, GRAMMAR_SENTENCES, salad=False)
                texts, more = [said_words(w) for w in self.teacher.words(grammar)], {w for t in own for w in t}
            self.recognisers[name] = Recogniser(texts, more, self.pronounce, self.out / "heard" / f"{name}.json",
                                                self.args.jobs)
        return self.recognisers[name]

    def pronounce(self, words):
        """How flite says single words."""
        return {s.line.text: [p[0] for p in s.phones]
                for s in self.teacher.speak([Line(self.args.voices[0], w) for w in words])}

    def made(self, source, name, speeches, make):
        """Wavs of a source, one per speech, made where they are missing. make(speech, wav) -> how it stopped."""
        shelf = Shelf(self.out / source / name, self.stamp)
        progress, jobs = Progress(f"{source}, {name}"), []
        with concurrent.futures.ThreadPoolExecutor(self.args.jobs) as pool:
            for s in speeches:
                wav = shelf.wav(s.line)
                missing = shelf.stop(wav) is None
                jobs.append((wav, pool.submit(make, s, wav) if missing else None))
            for i, (wav, job) in enumerate(jobs):
                if job:
                    shelf.put(wav, job.result())
                progress(i + 1, len(jobs))
        return [(wav, shelf.stop(wav)) for wav, _ in jobs]

    def run(self, source, name):
        """One row group: a source on a set."""
        speeches = self.speech[name]
        if source == "teacher":
            folder = self.out / "teacher" / name
            made = [(folder / f"{i:04}-{s.line.voice}.wav", None) for i, s in enumerate(speeches)]
            for (wav, _), s in zip(made, speeches):
                write_wav(wav, s.samples)
        elif source == "codec":
            codes = codes_in(self.args.data) if self.args.data else {}
            speeches = [s for s in speeches if s.line in codes]
            if not speeches:
                print(f"codec, {name}: --data has no codes of these sentences; left out", flush=True)
                return
            back_end = self.back_end("codec", "decode", option="--model")
            made = self.made(source, name, speeches, lambda s, wav: back_end.decode(codes[s.line], wav))
        elif source == "encoder":
            coder = self.back_end("codec", "encode", option="--model")
            decoder = self.back_end("codec", "decode", option="--model")

            def round_trip(s, wav):
                given = wav.with_suffix(".given.wav")
                write_wav(given, s.samples)
                decoder.decode(coder.encode(given), wav)
                given.unlink()
            made = self.made(source, name, speeches, round_trip)
        else:
            back_end = self.back_end("say", option="--speaker")
            made = self.made(source, name, speeches,
                             lambda s, wav: back_end.say(s.line.text, VOICES.index(s.line.voice), wav))
        self.measure(source, name, speeches, made)

    def measure(self, source, name, speeches, made):
        heard = self.recogniser(name).listen([wav for wav, _ in made])
        progress, measured = Progress(f"measuring {source}, {name}"), []
        for i, (s, (wav, stop), words) in enumerate(zip(speeches, made, heard)):
            x, wanted = read_wav(wav), said_words(s.words)
            m = self.words_measured(wanted, words, s.line.text, stop)
            m |= {"voice": s.line.voice, "length": len(x) / len(s.samples)}
            if len(x) > RATE // 10:
                m |= self.judged(x)
                m["pitch_ratio"] = m["pitch"] / median_pitch(s.samples)
                if source != "teacher":
                    m["mcd"] = cepstral_distance(x, s.samples)
            if sum(p["voice"] == s.line.voice for p in measured) < PICTURES and name == self.args.sets[0]:
                self.pictures.setdefault(s.line, {})[source] = x
            measured.append(m)
            progress(i + 1, len(made))
        self.add_rows(source, name, measured)
        self.pairs[source, name] = [(m["voice"], m["nearest"]) for m in measured if m.get("nearest")]

    def judged(self, x):
        features = self.judge.features(x)
        return {"pitch": 2 ** features[0], "nearest": self.judge.nearest(features),
                "nearest_spectrum": self.judge.nearest(features, use_pitch=False)}

    def words_measured(self, wanted, heard, text, stop):
        errors = distance(wanted, heard)
        if self.args.verbose:
            print(f"  {errors}  {text}  ->  {' '.join(heard)}")
        return {"words": len(wanted), "errors": errors, "text": text, "stop": stop}

    def add_rows(self, source, name, measured):
        """One row per voice and one for all."""
        mean = lambda values: float(np.nanmean(values)) if len(values) and not np.isnan(values).all() else None
        for voice in [*self.args.voices, "all"]:
            part = [m for m in measured if voice in ("all", m["voice"])]
            if not part:
                continue
            row = {"source": source, "set": name, "voice": voice, "n": len(part),
                   "wer": 100 * sum(m["errors"] for m in part) / max(1, sum(m["words"] for m in part)),
                   "correct": 100 * float(np.mean([m["errors"] == 0 for m in part])),
                   "texts": len({m["text"] for m in part}), "voices": len({m["voice"] for m in part}),
                   "right_voice": 100 * float(np.mean([m.get("nearest") == m["voice"] for m in part])),
                   "right_spectrum": 100 * float(np.mean([m.get("nearest_spectrum") == m["voice"] for m in part]))}
            for key in ("mcd", "length", "pitch_ratio"):
                row[key] = mean([m[key] for m in part if key in m])
            if voice != "all":
                row["pitch"] = mean([m["pitch"] for m in part if "pitch" in m])
            if part[0]["stop"] is not None and source in ("engine", "prompt"):
                row["eos"] = 100 * float(np.mean([m["stop"] == "eos" for m in part]))
            if source == "prompt":
                row["followed"] = 100 * float(np.mean([m.get("followed", False) for m in part]))
            self.rows.append(row)

    def run_prompts(self):
        name = self.args.sets[0]
        back_end = self.back_end("say", option="--voice-audio")
        planned = prompts.plan(self.texts[name], self.args.voices, self.args.prompts)
        refs = prompts.references(planned, self.teacher, self.out / "prompt" / "references")
        shelf = Shelf(self.out / "prompt" / "answers", self.stamp | {"back_end": back_end.name})
        answers = prompts.speak(back_end, shelf, planned, refs, Progress("prompts"))
        wanted = [said_words(w) for w in self.teacher.words([new.text for _, _, new in planned])]
        heard = self.recogniser(name).listen([wav for wav, _ in answers])
        groups = {"voices": [], "variants": []}
        for (_, _, new), (_, _, reference), (wav, stop), want, words in zip(planned, refs, answers, wanted, heard):
            x = read_wav(wav)
            m = self.words_measured(want, words, new.text, stop) | {"voice": new.voice}
            if len(x) > RATE // 10:
                m |= self.judged(x) | prompts.follows(reference, x)
            groups["voices" if new.pitch == 1 else "variants"].append(m)
        for group, measured in groups.items():
            if measured:
                self.add_rows("prompt", group, measured)
                self.pairs["prompt", group] = [(m["voice"], m["nearest"]) for m in measured if m.get("nearest")]

    def report(self):
        self.rows.append({"source": "model", "set": "files", "voice": "all", "megabytes": self.size / 1e6})
        print("\n" + report.table(self.rows))
        for (source, name), pairs in self.pairs.items():
            if any(a != b for a, b in pairs):
                print(f"\nVoices, {source}, {name}:\n")
                print(report.confusion_table(confusion(pairs, VOICES), VOICES))
        checks = report.check(self.rows)
        print()
        for name, met, text in checks:
            print(f"{'met    ' if met else 'NOT MET'}  {name}: {text}")
        for line, recordings in self.pictures.items():
            tag = "-".join(line.text.lower().split()[:4])
            tag = "".join(c for c in tag if c.isalnum() or c == "-")
            report.picture(self.out / "pictures" / f"{line.voice}-{tag}.png", recordings)
        result = {"made_with": self.stamp, "rows": self.rows, "checks": [{"name": n, "met": m, "text": t} for n, m, t in checks],
                  "real_time_factor": self.marvis.real_time_factor(), "confusion": [{"source": s, "set": n, "voices": VOICES,
                                 "counts": confusion(p, VOICES).tolist()} for (s, n), p in self.pairs.items()]}
        (self.out / "result.json").write_text(json.dumps(result, indent=1) + "\n")
        if self.args.json:
            print(json.dumps(result))
        return all(met for _, met, _ in checks)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = lambda text: [x for x in text.split(",") if x]
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder for audio, pictures and results")
    parser.add_argument("--model", type=pathlib.Path, default=ROOT / BUILT_IN)
    parser.add_argument("--marvis", type=pathlib.Path, default=ROOT / "build" / "marvis", help="the program")
    parser.add_argument("--data", type=pathlib.Path, help="training data folder, for the codec's codes of the test audio")
    parser.add_argument("--sources", type=names, default=list(SOURCES), help="default: all")
    parser.add_argument("--sets", type=names, help="domain, open, or files of sentences; default: those that are there")
    parser.add_argument("--voices", type=names, default=list(VOICES), help="of the model; default: all")
    parser.add_argument("--per-voice", type=int, help="texts that each voice speaks; default: the voices take turns")
    parser.add_argument("--count", type=int, help="only the first texts of every set")
    parser.add_argument("--prompts", type=int, default=48, help="how many voice prompts")
    parser.add_argument("--back-end", choices=("auto", "marvis", "transformers"), default="auto")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--max-seconds", type=float, default=15)
    parser.add_argument("--say", default="", metavar="OPTIONS", help="more options of marvis say, for engine and prompt")
    parser.add_argument("--jobs", type=int, default=1, help="programs to run at a time")
    parser.add_argument("--check", action="store_true", help="exit 1 where the least that is wanted is not met")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--verbose", action="store_true", help="every sentence as it was heard")
    args = parser.parse_args()
    args.sets = args.sets or [n for n, p in SENTENCES.items() if p.exists()]
    wrong = [x for x in args.sources if x not in SOURCES] + [v for v in args.voices if v not in VOICES]
    if wrong:
        raise SystemExit(f"no such source or voice: {wrong[0]}")
    try:
        evaluation = Evaluation(args)
        for source in args.sources:
            if source == "prompt":
                evaluation.run_prompts()
                continue
            for name in args.sets:
                evaluation.run(source, name)
    except Failure as e:
        raise SystemExit(f"{args.marvis}: {e}")
    return 0 if evaluation.report() or not args.check else 1


if __name__ == "__main__":
    sys.exit(main())
