"""What the stages share: the synthesised data, mel features, the codec's shape, checkpoints and progress."""
import functools
import json
import math
import os
import pathlib
import random
import time

import numpy as np
import torch

RATE, FRAME, HOP = 24000, 1920, 120          # samples: per second, per code frame (80 ms), per mel frame (5 ms)
STEPS = FRAME // HOP                         # mel frames in one code frame
N_BANDS, N_FEATURES, FLOOR = 80, 87, -4.0    # per mel frame
PITCH_MEAN, PITCH_SCALE = 4.9, 2.5           # ln Hz
PHASE_REACH = 600                            # samples on either side from which a phase is taken
BOOKS, BOOK_SIZE, BOOK_DIM, LATENT = 14, 512, 64, 128
PHASE_BOOK = 7                               # the codebook of the pitch's phase
SLOTS = 4                                    # phone labels per code frame
PHONES = ("pau aa ae ah ao aw ax axr ay b ch d dh dx eh el em en er ey f g hh hv ih iy jh k l m n nx ng ow oy p r s sh "
          "t th uh uw v w y z zh").split()
PHONE_ID = {p: i for i, p in enumerate(PHONES)}


def setup(seed, threads=None):
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed)
    torch.set_flush_denormal(True)
    if threads:
        torch.set_num_threads(threads)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


class Corpus:
    """The finished shards of a data folder, memory-mapped. utterances: (shard, label) pairs."""

    def __init__(self, folder, names=None):
        self.pcm, self.par, self.utterances = [], [], []
        folder = pathlib.Path(folder)
        for path in sorted(folder.glob("[0-9][0-9].jsonl")) if names is None else [folder / f"{n}.jsonl" for n in names]:
            self.pcm.append(np.memmap(path.with_suffix(".pcm"), dtype=np.int16, mode="r"))
            self.par.append(np.memmap(path.with_suffix(".par"), dtype=np.float16, mode="r").reshape(-1, 31))
            with open(path) as lines:
                self.utterances += [(len(self.pcm) - 1, json.loads(line)) for line in lines]

    def frames(self, i):
        return -(-self.utterances[i][1]["n"] // FRAME)

    def audio(self, i, first=0, count=None):
        """Frames [first, first + count) of utterance i as float samples, zero-padded at the end."""
        shard, label = self.utterances[i]
        count = self.frames(i) - first if count is None else count
        out = np.zeros(count * FRAME, np.float32)
        if first < 0:
            raise ValueError("first")
        a, b = label["start"] + first * FRAME, label["start"] + min(label["n"], (first + count) * FRAME)
        if b > a:
            out[:b - a] = self.pcm[shard][a:b] / 32768.0
        return out

    def features(self, i, first=0, count=None):
        """Frames [first, first + count) of utterance i as noise-free features [count * STEPS, N_FEATURES]: N_BANDS levels
        of the spectral envelope (10 dB, -4 is silence), pitch, voiced or not, 5 voicing strengths."""
        shard, label = self.utterances[i]
        count = self.frames(i) - first if count is None else count
        rows = -(-label["n"] // HOP)
        par = self.par[shard][label["row"]:label["row"] + rows].astype(np.float32)
        out = np.zeros((count * STEPS, N_FEATURES), np.float32)
        out[:, :N_BANDS] = FLOOR
        voiced, at = par[:, 0] > 0, np.arange(rows)
        pitch = np.interp(at, at[voiced], par[voiced, 0]) if voiced.any() else np.full(rows, PITCH_MEAN)
        a, b = first * STEPS, min(rows, (first + count) * STEPS)
        if b > a:
            part = par[a:b]
            envelope = part[:, 1:26] @ band_matrix(label["formant"]) - 5.05
            out[:b - a, :N_BANDS] = np.maximum(envelope, FLOOR)
            out[:b - a, N_BANDS] = (pitch[a:b] - PITCH_MEAN) * PITCH_SCALE
            out[:b - a, N_BANDS + 1] = voiced[a:b]
            out[:b - a, N_BANDS + 2:] = part[:, 26:]
        out[max(0, b - a):, N_BANDS] = (pitch[-1] - PITCH_MEAN) * PITCH_SCALE
        return out

    def phases(self, i):
        """The fundamental's phase at the end of every frame of utterance i as [frames, 2]: cosine and sine, 0 0 where there
        is no pitch."""
        n = self.frames(i)
        audio, pitch = np.pad(self.audio(i), PHASE_REACH), self.features(i)[STEPS - 1::STEPS]
        out = np.zeros((n, 2), np.float32)
        for k in np.nonzero(pitch[:, N_BANDS + 1] > 0.5)[0]:
            f0 = math.exp(pitch[k, N_BANDS] / PITCH_SCALE + PITCH_MEAN)
            reach = min(PHASE_REACH, int(1.5 * RATE / f0))
            at = np.arange(-reach, reach + 1)
            middle = (k + 1) * FRAME + PHASE_REACH
            part = audio[middle - reach:middle + reach + 1]
            window = 0.5 + 0.5 * np.cos(math.pi * at[:len(part)] / reach)
            z = np.sum(part * window * np.exp(-2j * math.pi * f0 / RATE * at[:len(part)]))
            if abs(z) > 1e-4 * reach:
                out[k] = z.real / abs(z), z.imag / abs(z)
        return out

    def phones(self, i):
        """Phone ids [frames, SLOTS] and token indices [frames] (-1: pause), both at slot centres."""
        label, n = self.utterances[i][1], self.frames(i)
        ends = np.array([p[1] for p in label["phones"]])
        ids = np.array([PHONE_ID[p[0]] for p in label["phones"]])
        at = (np.arange(n * SLOTS) + 0.5) * (FRAME / SLOTS)
        index = np.minimum(np.searchsorted(ends, at, side="right"), len(ends) - 1)
        return np.where(at < label["n"], ids[index], 0).reshape(n, SLOTS)


@functools.lru_cache(512)
def band_matrix(formant):
    """[25, N_BANDS]: mel-cepstrum of the 16 kHz teacher -> levels at the bands' centres, in 10 dB, when the spectrum is
    moved by `formant`. (The warping is flite's, alpha 0.42.)"""
    mel = lambda hz: 2595 * math.log10(1 + hz / 700)
    hz = 700 * (10 ** (np.linspace(mel(50), mel(8200), N_BANDS + 2)[1:-1] / 2595) - 1) / formant
    w = np.minimum(hz / 8000, 1) * np.pi
    warped = w + 2 * np.arctan(0.42 * np.sin(w) / (1 - 0.42 * np.cos(w)))
    return (0.8686 * np.cos(np.arange(25)[:, None] * warped)).astype(np.float32)


def codec_config(filters=16):
    from transformers import MimiConfig
    return MimiConfig(sampling_rate=RATE, frame_rate=12.5, hidden_size=LATENT, num_filters=filters, num_residual_layers=1,
                      upsampling_ratios=[8, 6, 5, 4], codebook_size=BOOK_SIZE, codebook_dim=BOOK_DIM,
                      vector_quantization_hidden_dimension=BOOK_DIM, num_quantizers=BOOKS, num_semantic_quantizers=1,
                      upsample_groups=LATENT, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=4,
                      head_dim=32, intermediate_size=512, sliding_window=250, layer_scale_initial_scale=0.1)


class Progress:
    """Time budget in minutes, spent over any number of runs; the learning rate follows the time spent."""

    def __init__(self, minutes, peak, warmup=0.02, floor=0.03, spent=0.0):
        self.total, self.peak, self.warmup, self.floor = minutes * 60, peak, warmup, floor
        self.spent, self.start, self.step = spent, time.time(), 0

    def fraction(self):
        return min(1.0, (self.spent + time.time() - self.start) / self.total)

    def rate(self):
        f = self.fraction()
        if f < self.warmup:
            return self.peak * (f / self.warmup * 0.95 + 0.05)
        return self.peak * (self.floor + (1 - self.floor) * 0.5 * (1 + math.cos(math.pi * (f - self.warmup) / (1 - self.warmup))))

    def seconds(self):
        return self.spent + time.time() - self.start

    def log(self, **values):
        left = self.total - self.seconds()
        text = "  ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in values.items())
        print(f"{self.seconds():7.0f} s  {left / 60:5.1f} min left  step {self.step}  {text}", flush=True)


def save(path, **state):
    """Atomic torch.save."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(state, path.with_suffix(".new"))
    os.replace(path.with_suffix(".new"), path)


def load(path, device="cpu"):
    return torch.load(path, map_location=device, weights_only=False)


class Average:
    """Exponential moving average of a module's parameters: what is exported."""

    def __init__(self, module, decay=0.998):
        self.decay, self.module, self.n = decay, module, 0
        self.state = {k: v.detach().clone() for k, v in module.state_dict().items()}

    @torch.no_grad()
    def update(self):
        self.n += 1
        decay = min(self.decay, self.n / (self.n + 10))
        for k, v in self.module.state_dict().items():
            if v.is_floating_point():
                self.state[k].lerp_(v, 1 - decay)
            else:
                self.state[k].copy_(v)
