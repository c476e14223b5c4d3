"""Stage B: the decoder, codes frozen. Multi-resolution spectral losses at 24 kHz, stage A's mel head as an auxiliary.

    stage_decoder.py --data DATA --codes RUN/codes.pt --out RUN/decoder.pt --minutes 85     (run again to go on)
"""
import argparse
import pathlib

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn

import common
import listener
import stage_codes
from codec import Codec, MelHead
from stage_codes import distances
from voices import favoured

LOW, FAR, HIGH = 24, 96, 12              # frames that the low-rate half sees, mostly and now and then; frames made audible
RESOLUTIONS = (2048, 1024, 512, 256, 128)


class SpectralLoss(nn.Module):
    def __init__(self):
        super().__init__()
        for n in RESOLUTIONS:
            self.register_buffer(f"window{n}", torch.hann_window(n))

    def forward(self, x, y):
        """x made, y wanted [B, samples]; -> log-magnitude distance (10 dB), relative linear distance, relative distance with
        phases where voices have their strongest harmonics (the codes hold the phase of the pitch)."""
        log_loss = linear = wave = 0.0
        for n in RESOLUTIONS:
            window = getattr(self, f"window{n}")
            both = torch.stft(torch.cat([x, y]), n, n // 4, n, window, center=False, return_complex=True)
            power = (both.real.square() + both.imag.square()) / window.square().sum()
            log = torch.log10(power + 3e-8)
            magnitude = (power + 1e-9).sqrt()
            a, b = magnitude.chunk(2)
            log_loss = log_loss + (log[:len(x)] - log[len(x):]).abs().mean()
            linear = linear + (a - b).abs().sum() / b.sum()
            if n in (512, 1024):
                a, b = both[:, :n * 1500 // common.RATE].chunk(2)
                wave = wave + (a - b).abs().sum() / b.abs().sum() / 2
        return log_loss / len(RESOLUTIONS), linear / len(RESOLUTIONS), wave


class Crops:
    """Random stretches with their codes, of utterances one after another, as in a long speech; `start` ones begin with
    an utterance, as a stream does. `favour`: how often a voice's utterances come, beside 1 for the others'."""

    def __init__(self, folder, favour=()):
        self.folder, self.favour, self.shards, self.weights = pathlib.Path(folder), dict(favour), [], []

    def refresh(self, names=None):
        names = [p.name.split(".")[0] for p in sorted(self.folder.glob("[0-9][0-9].codes.npz"))] if names is None else names
        for name in names[len(self.shards):]:
            pack = np.load(self.folder / f"{name}.codes.npz")
            self.shards.append((common.Corpus(self.folder, [name]), np.split(pack["codes"], np.cumsum(pack["frames"])[:-1])))
            self.weights.append(np.cumsum([self.favour.get(label["voice"], 1.0) for _, label in self.shards[-1][0].utterances]))
        return self

    def batch(self, rng, size, start, frames):
        codes, audio = np.zeros((size, frames, common.BOOKS), np.int64), np.zeros((size, frames * common.FRAME), np.float32)
        features = np.zeros((size, frames * common.STEPS, common.N_FEATURES), np.float32)
        for row in range(size):
            at = 0
            while at < frames:
                shard = rng.integers(len(self.shards))
                (corpus, all_codes), weights = self.shards[shard], self.weights[shard]
                i = int(np.searchsorted(weights, rng.random() * weights[-1], side="right"))
                first = 0 if start or at else int(rng.integers(max(1, len(all_codes[i]) - 6)))
                n = min(len(all_codes[i]) - first, frames - at)
                codes[row, at:at + n] = all_codes[i][first:first + n]
                audio[row, at * common.FRAME:(at + n) * common.FRAME] = corpus.audio(i, first, n)
                features[row, at * common.STEPS:(at + n) * common.STEPS] = corpus.features(i, first, n)
                at += n
        return torch.tensor(codes).transpose(1, 2), torch.tensor(audio), torch.tensor(features).transpose(1, 2)


class StageB(nn.Module):
    def __init__(self, filters):
        super().__init__()
        self.codec, self.head, self.loss = Codec(filters), MelHead(filters), SpectralLoss()
        self.ears = []                   # of a listener, if any: in a list, so that it is no part of the state

    def render(self, codes, start):
        """-> 200 Hz features [B, C, 16 frames], audio of HIGH + 1 frames, its first sample's place in the stretch."""
        low = self.codec.low(self.codec.quantizer.decode(codes))
        first = 0 if start else codes.shape[2] - HIGH - 1
        part = low[..., first * common.STEPS:(first + HIGH + 1) * common.STEPS]
        return low, self.codec.decoder.high(part)[:, 0], first * common.FRAME

    def feature_loss(self, low, features):
        levels, pitch, voiced, strengths = distances(self.head(low), features)
        return levels + 2.5 * pitch + 0.3 * (voiced + strengths)

    def forward(self, codes, audio, features, start):
        low, made, at = self.render(codes, start)
        wanted = audio[:, at:at + made.shape[1]]
        if not start:                    # the first frame only warms up the convolutions
            made, wanted = made[:, common.FRAME:], wanted[:, common.FRAME:]
        log_loss, linear, wave = self.loss(made, wanted)
        layers, phones = self.ears[0].distance(made, wanted) if self.ears else (torch.zeros(()), torch.zeros(()))
        return log_loss, linear, wave, self.feature_loss(low, features), layers, phones


def start_from(codec, path):
    """All but the quantiser, whose codes may have been others, of an exported checkpoint (a folder) or a training state."""
    own, given, taken = codec.state_dict(), {}, 0
    if pathlib.Path(path).is_dir():
        for file in pathlib.Path(path).glob("*.safetensors"):
            given |= {k.removeprefix("codec_model."): v for k, v in load_file(file).items()}
    else:
        given = common.load(path)["average"]
    for key, value in given.items():
        if key in own and not key.startswith("quantizer.") and own[key].shape == value.shape:
            own[key].copy_(value)
            taken += 1
    print(f"{path}: {taken} tensors taken", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--codes", required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--minutes", type=float, default=85)
    parser.add_argument("--start", help="checkpoint folder or .pt to begin with, where there is no --out yet")
    parser.add_argument("--filters", type=int, default=16)
    parser.add_argument("--silent", type=float, default=0.15, help="share of the time in which only features are learnt")
    parser.add_argument("--favour", nargs="*", default=[], metavar="VOICE=TIMES", help="a voice that is harder than others")
    parser.add_argument("--listener", help="of listener.py: what is made is to be heard by it as the teacher is")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--peak", type=float, default=1e-3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--compile", action="store_true")
    args = parser.parse_args()
    device = common.setup(args.seed, args.threads)
    model = StageB(args.filters).to(device)
    model.codec.quantizer.load_state_dict(stage_codes.load(args.codes, device).quantizer.state_dict())
    for part in model.codec.quantizer.parameters():
        part.requires_grad_(False)
    if args.listener:
        model.ears.append(listener.load(args.listener, device))
    optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=args.peak, betas=(0.8, 0.99), weight_decay=0.0, fused=True)
    progress, average = common.Progress(args.minutes, args.peak), common.Average(model.codec)
    if args.start and not args.out.exists():
        start_from(model.codec, args.start)
    if args.out.exists():
        state = common.load(args.out, device)
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        progress = common.Progress(args.minutes, args.peak, spent=state["seconds"])
        progress.step, average.state, average.n = state["step"], state["average"], state["step"]
    rng = np.random.default_rng(args.seed + progress.step)
    favour = favoured(args.favour)
    crops = Crops(args.data, favour).refresh()
    if args.compile:
        model.codec.decoder.high = torch.compile(model.codec.decoder.high)
    keep = lambda: common.save(args.out, model=model.state_dict(), average=average.state, optimiser=optimiser.state_dict(),
                               step=progress.step, seconds=progress.seconds(), filters=args.filters)
    mean = {}
    while progress.fraction() < 1:
        start, silent = rng.random() < 0.2, progress.fraction() < args.silent
        codes, audio, features = (x.to(device) for x in crops.batch(rng, args.batch * (4 if silent else 1), start,
                                                                    FAR if rng.random() < 0.15 else LOW))
        if silent:
            mel = model.feature_loss(model.codec.low(model.codec.quantizer.decode(codes)), features)
            log_loss = linear = wave = layers = phones = torch.zeros(())
        else:
            log_loss, linear, wave, mel, layers, phones = model(codes, audio, features, start)
        loss = log_loss + linear + 0.5 * wave + (1.0 if silent else 0.3) * mel + layers + 0.5 * phones
        optimiser.param_groups[0]["lr"] = progress.rate()
        optimiser.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), 3.0)
        optimiser.step()
        average.update()
        progress.step += 1
        for k, v in (("log_db", 10 * log_loss.item()), ("linear", linear.item()), ("wave", wave.item()), ("features", mel.item()), ("layers", layers.item()),
                     ("phones", phones.item()), ("norm", norm.item())):
            mean[k] = 0.98 * mean.get(k, v) + 0.02 * v
        if progress.step % 50 == 0:
            progress.log(**mean)
        if progress.step % 500 == 0:
            crops.refresh()
            keep()
    keep()


if __name__ == "__main__":
    main()
