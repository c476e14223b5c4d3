"""A listener that names the phones of the teachers' speech, 100 times in a second, from 40 mel bands: what the decoder
makes is to be heard by it as the teacher is (stage_decoder.py --listener). Training only; it is not exported.

    listener.py --data DATA --out RUN/listener.pt --minutes 12
"""
import argparse
import math
import pathlib

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import common

WINDOW, STEP, BANDS, WIDTH = 600, 240, 40, 160          # samples, samples, mel bands from 100 to 7600 Hz, channels


def mel_bank():
    """[BANDS, WINDOW / 2 + 1]: triangles."""
    mel = lambda hz: 2595 * math.log10(1 + hz / 700)
    edges = 700 * (10 ** (np.linspace(mel(100), mel(7600), BANDS + 2) / 2595) - 1)
    hz = np.arange(WINDOW // 2 + 1) * common.RATE / WINDOW
    up, down = (hz - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None], (edges[2:, None] - hz) / (edges[2:] - edges[1:-1])[:, None]
    return torch.tensor(np.maximum(0, np.minimum(up, down)), dtype=torch.float32)


class Listener(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("window", torch.hann_window(WINDOW))
        self.register_buffer("bank", mel_bank())
        self.first = nn.Conv1d(BANDS, WIDTH, 5, padding=2)
        self.layers = nn.ModuleList(nn.Conv1d(WIDTH, WIDTH, 5, padding=2 * d, dilation=d) for d in (1, 2, 2))
        self.head = nn.Conv1d(WIDTH, len(common.PHONES), 1)

    def mel(self, audio):
        """audio [B, samples] -> [B, BANDS, steps], natural logarithms without their mean over the time."""
        spectrum = torch.stft(audio, WINDOW, STEP, WINDOW, self.window, center=False, return_complex=True)
        power = (spectrum.real.square() + spectrum.imag.square()) / self.window.square().sum()
        x = (self.bank @ power + 1e-6).log()
        return x - x.mean(2, keepdim=True)

    def forward(self, audio):
        """-> what the layers hold, logits [B, phones, steps]."""
        x = F.gelu(self.first(self.mel(audio) / 3))
        held = [x]
        for layer in self.layers:
            x = x + F.gelu(layer(x))
            held.append(x)
        return held, self.head(x)

    def distance(self, made, wanted):
        """How differently two recordings [B, samples] are heard: layers, relative to their spread; phones, in nats."""
        with torch.no_grad():
            held, logits = self(wanted)
        own, said = self(made)
        layers = sum((a - b).abs().mean() / (b - b.mean(2, keepdim=True)).abs().mean() for a, b in zip(own, held)) / len(held)
        wanted = F.log_softmax(logits, 1)
        return layers, (wanted.exp() * (wanted - F.log_softmax(said, 1))).sum(1).mean()


def phones_at(label, first, count):
    """Ids at the middles of the windows from sample `first` on."""
    ends = np.array([p[1] for p in label["phones"]])
    ids = np.array([common.PHONE_ID[p[0]] for p in label["phones"]])
    at = first + np.arange(count) * STEP + WINDOW // 2
    return np.where(at < label["n"], ids[np.minimum(np.searchsorted(ends, at, side="right"), len(ends) - 1)], 0)


def batch(corpus, rng, size, frames):
    """Stretches under gains, slopes of the spectrum and a little noise."""
    audio, steps = np.zeros((size, frames * common.FRAME), np.float32), (frames * common.FRAME - WINDOW) // STEP + 1
    phones = np.zeros((size, steps), np.int64)
    for row in range(size):
        i = int(rng.integers(len(corpus.utterances)))
        first = int(rng.integers(max(1, corpus.frames(i) - frames + 1)))
        x = corpus.audio(i, first, frames) * np.exp(rng.uniform(-0.7, 0.7))
        slope = rng.uniform(-0.3, 0.3)
        audio[row] = x - slope * np.pad(x, (1, 0))[:-1] + rng.normal(size=len(x)) * 10 ** rng.uniform(-5, -2.7)
        phones[row] = phones_at(corpus.utterances[i][1], first * common.FRAME, steps)
    return torch.tensor(audio), torch.tensor(phones)


def load(path, device):
    listener = Listener().to(device)
    listener.load_state_dict(common.load(path, device)["average"])
    return listener.requires_grad_(False).eval()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--minutes", type=float, default=12)
    parser.add_argument("--peak", type=float, default=2e-3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    device = common.setup(args.seed, args.threads)
    model = Listener().to(device)
    optimiser = torch.optim.AdamW(model.parameters(), lr=args.peak, weight_decay=0.01)
    progress, average = common.Progress(args.minutes, args.peak), common.Average(model)
    if args.out.exists():
        state = common.load(args.out, device)
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        progress = common.Progress(args.minutes, args.peak, spent=state["seconds"])
        progress.step, average.state, average.n = state["step"], state["average"], state["step"]
    corpus, rng, mean = common.Corpus(args.data), np.random.default_rng(args.seed + progress.step), {}
    keep = lambda: common.save(args.out, model=model.state_dict(), average=average.state, optimiser=optimiser.state_dict(),
                               step=progress.step, seconds=progress.seconds())
    while progress.fraction() < 1:
        audio, phones = (x.to(device) for x in batch(corpus, rng, 16, 20))
        logits = model(audio)[1]
        loss = F.cross_entropy(logits, phones)
        optimiser.param_groups[0]["lr"] = progress.rate()
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        average.update()
        progress.step += 1
        for k, v in (("nats", loss.item()), ("right", (logits.argmax(1) == phones).float().mean().item())):
            mean[k] = 0.98 * mean.get(k, v) + 0.02 * v
        if progress.step % 50 == 0:
            progress.log(**mean)
        if progress.step % 500 == 0:
            keep()
    keep()


if __name__ == "__main__":
    main()
