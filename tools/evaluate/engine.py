"""The programs that are judged: marvis by its command line, and transformers for comparison. Both speak a text, with a
voice prompt if one is given, and turn audio into codes and codes into audio.
"""
import json
import pathlib
import shutil
import subprocess
import zlib

import numpy as np

from teacher import read_wav, write_wav

BUILT_IN = "models/builtin"


class Failure(Exception):
    """The program said no; the message is its own."""


class Marvis:
    """The C engine. Audio is written where the caller wants it."""
    name = "marvis"

    def __init__(self, program, model, seed, max_seconds, options=()):
        """options: more of `marvis say`."""
        self.program, self.model, self.seed, self.max_seconds = str(program), str(model), seed, max_seconds
        self.options, self.made_s, self.speech_s = list(options), 0.0, 0.0
        if not shutil.which(self.program):
            raise Failure("there is no such program; build it with make, or name it with --marvis")

    def run(self, *arguments):
        done = subprocess.run([self.program, *map(str, arguments)], capture_output=True, text=True)
        if done.returncode:
            raise Failure((done.stderr.strip().splitlines() or [f"marvis ended with {done.returncode}"])[-1])

    def can(self, *command, option):
        """Whether a command exists and has an option."""
        done = subprocess.run([self.program, *command, "--help"], capture_output=True, text=True)
        return done.returncode == 0 and option in done.stdout

    def say(self, text, speaker, out, reference=None):
        """Writes the wav; reference: (wav, its text). -> why it stopped: "eos" where the model ended it."""
        voice = ["--voice-audio", reference[0], "--voice-text", reference[1]] if reference else []
        stats, part = out.with_suffix(".stats"), out.with_suffix(".part.wav")
        self.run("say", "--model", self.model, "--speaker", speaker, "--seed", self.seed, "--max-seconds",
                 self.max_seconds, "--threads", 1, "--quiet", "--stats", stats, *voice, *self.options, "-o", part, "--", text)
        told = json.loads(stats.read_text())
        self.made_s += told["wall_s"]
        self.speech_s += told["seconds"]
        stats.unlink()
        part.replace(out)
        return told["stop"]

    def real_time_factor(self):
        """Of all that was spoken so far, None where nothing was."""
        return self.made_s / self.speech_s if self.speech_s else None

    def decode(self, codes, out):
        """codes int32 [codebooks, frames] -> wav."""
        from safetensors.numpy import save_file
        file, part = out.with_suffix(".safetensors"), out.with_suffix(".part.wav")
        save_file({"codes": np.ascontiguousarray(codes, np.int32)}, file)
        self.run("codec", "decode", "--model", self.model, "--quiet", file, "-o", part)
        file.unlink()
        part.replace(out)

    def encode(self, wav):
        """wav -> codes int32 [codebooks, frames]."""
        from safetensors.numpy import load_file
        file = wav.with_suffix(".safetensors")
        self.run("codec", "encode", "--model", self.model, "--quiet", wav, "-o", file)
        codes = load_file(file)["codes"]
        file.unlink()
        return codes


class Transformers:
    """The same through transformers, where the engine cannot do it or is to be compared."""
    name = "transformers"

    def __init__(self, model, seed, max_seconds):
        import torch
        from transformers import CsmForConditionalGeneration, PreTrainedTokenizerFast
        torch.set_num_threads(1)
        self.torch, self.seed = torch, seed
        self.model = CsmForConditionalGeneration.from_pretrained(model, dtype=torch.float32).eval()
        self.tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(pathlib.Path(model) / "tokenizer.json"))
        self.max_frames = int(max_seconds * 12.5)
        self.frame = self.model.config.codec_config.sampling_rate * 2 // 25

    def can(self, *_, **__):
        return True

    def say(self, text, speaker, out, reference=None):
        """Layout of a voice match: one text segment that says the reference's text and the new one, then the
        reference's audio without the frame that ends speech."""
        torch, extra, audio_ids = self.torch, {}, []
        if reference:
            samples = read_wav(reference[0])
            samples = np.pad(samples, (0, -len(samples) % self.frame))
            text = f"{reference[1]} {text}"
            audio_ids = [self.model.config.audio_token_id] * (len(samples) // self.frame)
            extra = {"input_values": torch.tensor(samples)[None, None],
                     "input_values_cutoffs": torch.tensor([[len(samples)]])}
        ids = self.tokenizer(f"[{speaker}]{text}")["input_ids"] + audio_ids
        torch.manual_seed(self.seed + zlib.crc32(text.encode()) % 1000)
        with torch.no_grad():
            codes = self.model.generate(input_ids=torch.tensor([ids]), **extra, max_new_tokens=self.max_frames + 1)
        codes = codes[0].T.numpy()
        ended = ~codes.any(0)
        stop = "eos" if ended.any() else "cap"
        self.decode(codes[:, :int(ended.argmax()) if ended.any() else self.max_frames], out)
        return stop

    def decode(self, codes, out):
        if not codes.shape[1]:
            return write_wav(out, np.zeros(0, np.float32))
        codes = np.where(codes < self.model.config.codec_config.codebook_size, codes, 0)
        with self.torch.no_grad():
            audio = self.model.codec_model.decode(self.torch.tensor(codes[None].astype(np.int64))).audio_values
        write_wav(out, audio[0, 0].numpy())

    def encode(self, wav):
        samples = self.torch.tensor(read_wav(wav))[None, None]
        with self.torch.no_grad():
            codes = self.model.codec_model.encode(samples, num_quantizers=self.model.config.num_codebooks).audio_codes
        return codes[0].numpy().astype(np.int32)


class Shelf:
    """A folder of wavs made by one back-end, each with how it stopped; refuses those of another model or seed."""

    def __init__(self, folder, made_with):
        self.folder, stamp = pathlib.Path(folder), pathlib.Path(folder) / "made_with.json"
        self.folder.mkdir(parents=True, exist_ok=True)
        made_with = json.loads(json.dumps(made_with))
        if stamp.exists() and json.loads(stamp.read_text()) != made_with:
            raise SystemExit(f"{self.folder} holds audio of another model, seed or limit (made_with.json): remove it, or "
                             "give another --out")
        stamp.write_text(json.dumps(made_with, indent=1) + "\n")

    def wav(self, line, more=""):
        tag = zlib.crc32(repr((tuple(line), more)).encode())
        return self.folder / f"{line.voice}-{tag:08x}.wav"

    def stop(self, wav):
        """How it stopped, or None where it has not been made."""
        note = wav.with_suffix(".stop")
        return note.read_text() if wav.exists() and note.exists() else None

    def put(self, wav, stop=None):
        wav.with_suffix(".stop").write_text(stop or "made")


def fingerprint(model):
    """Size of a model's weights in bytes, and a checksum over all of its files."""
    files = sorted(p for p in pathlib.Path(model).glob("*") if p.suffix in (".json", ".safetensors"))
    if not files:
        raise SystemExit(f"{model}: no model there")
    checksum = 0
    for p in files:
        checksum = zlib.crc32(p.read_bytes(), checksum)
    return sum(p.stat().st_size for p in files if p.suffix == ".safetensors"), f"{checksum:08x}"
