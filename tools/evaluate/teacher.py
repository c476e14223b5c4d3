"""The teacher: sentences, voices, and flite's audio and words for them, through training/synth.c."""
import collections
import json
import pathlib
import subprocess
import sys
import wave

import numpy as np

from measures import RATE

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TRAINING = ROOT / "training"
SENTENCES = {"domain": TRAINING / "data" / "test_sentences.txt", "open": TRAINING / "data" / "open_test_sentences.txt"}
sys.path.append(str(TRAINING))
from voices import HELD_OUT, VOICES                 # noqa: E402  voices in the order of their speaker tags

NEUTRAL = 9                                         # a speaker tag that names no voice
FLITE_VOICES = ("rms", "slt", "awb", "kal16")       # those that synth.c links

# What is spoken, and how: the factors are those of synth.c.
Line = collections.namedtuple("Line", "voice text pitch formant tempo", defaults=(1.0, 1.0, 1.0))
# samples: float; words: as flite says them; phones: [[name, end sample, token], ...]
Speech = collections.namedtuple("Speech", "line samples words phones")


def sentences(name, count=None):
    path = SENTENCES.get(name) or pathlib.Path(name)
    if not path.exists():
        raise SystemExit(f"no sentences for the set {name}: {path} is not there")
    return [t.strip() for t in path.read_text().splitlines() if t.strip()][:count]


def lines(texts, voices, per_voice=None):
    """[Line, ...]: the voices take turns, as training/voices.py --plain lets them; with per_voice each speaks as many
    texts, and one text may have several voices."""
    turn = len(texts) // len(voices)
    n = min(per_voice or turn, len(texts))
    return [Line(v, texts[k * len(voices) + i] if n <= turn else texts[k]) for i, v in enumerate(voices) for k in range(n)]


def line_of(label):
    """Labels written before there were several voices have none of the keys."""
    return Line(label.get("voice", "rms"), label["text"], *(float(label.get(k, 1)) for k in ("pitch", "formant", "tempo")))


def read_labels(prefix):
    """PREFIX.jsonl with PREFIX.pcm -> [Speech, ...]"""
    pcm = np.memmap(f"{prefix}.pcm", np.int16, "r") if pathlib.Path(f"{prefix}.pcm").stat().st_size else np.zeros(0, np.int16)
    out = []
    for label in map(json.loads, pathlib.Path(f"{prefix}.jsonl").read_text().splitlines()):
        samples = pcm[label["start"]:label["start"] + label["n"]].astype(np.float32) / 32768
        out.append(Speech(line_of(label), samples, label["words"], label["phones"]))
    return out


class Teacher:
    """Speaks lines through synth, built on first use; what it has spoken is kept in a folder."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.known = {}
        for path in sorted(self.folder.glob("*.jsonl")):
            if not path.with_suffix(".done").exists():
                continue
            self.known.update({s.line: s for s in read_labels(path.with_suffix(""))})

    def program(self, source):
        """A program linked with flite, compiled where it is missing or old."""
        program = self.folder / source.stem
        if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
            libraries = [f"-lflite_cmu_us_{v}" for v in FLITE_VOICES] + ["-lflite_usenglish", "-lflite_cmulex", "-lflite", "-lm"]
            subprocess.run(["cc", "-O2", str(source), "-o", str(program), *libraries], check=True)
        return program

    def words(self, texts):
        """The words that flite makes of texts, a list each; nothing is spoken."""
        done = subprocess.run([self.program(HERE / "flite_words.c")], input="".join(f"{t}\n" for t in texts).encode(),
                              check=True, capture_output=True)
        return [line.split() for line in done.stdout.decode().splitlines()]

    def speak(self, wanted):
        """[Line, ...] -> [Speech, ...]"""
        missing = [x for x in dict.fromkeys(wanted) if x not in self.known]
        if missing:
            print(f"teacher: speaking {len(missing)} lines", flush=True)
            prefix = self.folder / f"{len(list(self.folder.glob('*.done'))):03}"
            text = "".join(f"{x.voice}\t{x.pitch:g}\t{x.formant:g}\t{x.tempo:g}\t{x.text}\n" for x in missing)
            subprocess.run([self.program(TRAINING / "synth.c"), prefix], input=text.encode(), check=True)
            prefix.with_suffix(".done").touch()
            self.known.update({s.line: s for s in read_labels(prefix)})
        lost = [x for x in wanted if x not in self.known]
        if lost:
            raise SystemExit(f"flite has nothing to say to: {lost[0].text!r} ({len(lost)} such lines)")
        return [self.known[x] for x in wanted]


def codes_in(data):
    """{Line: codes [codebooks, frames]} of all labelled test audio in a training data folder: NAME.jsonl beside
    NAME.codes.npz (frames: how many each utterance has; codes: [all frames, codebooks]). Numbered shards are training."""
    out = {}
    for path in sorted(pathlib.Path(data).glob("*.codes.npz")):
        name = path.name[:-len(".codes.npz")]
        if name.isdigit():
            continue
        pack = np.load(path)
        parts = np.split(pack["codes"].astype(np.int32), np.cumsum(pack["frames"])[:-1])
        labels = [json.loads(x) for x in (path.parent / f"{name}.jsonl").read_text().splitlines()]
        if len(labels) != len(parts):
            raise SystemExit(f"{path}: {len(parts)} utterances, but {name}.jsonl has {len(labels)}")
        out.update({line_of(label): part.T.copy() for label, part in zip(labels, parts)})
    return out


def read_wav(path):
    with wave.open(str(path)) as f:
        if (f.getframerate(), f.getnchannels(), f.getsampwidth()) != (RATE, 1, 2):
            raise SystemExit(f"{path}: not 24 kHz mono 16-bit")
        return np.frombuffer(f.readframes(f.getnframes()), "<i2").astype(np.float32) / 32768


def write_wav(path, samples):
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    with wave.open(str(part), "wb") as f:
        f.setparams((1, 2, RATE, 0, "NONE", ""))
        f.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    part.replace(path)
