"""Stage A: the codes, found without any training of networks in a few minutes.

    stage_codes.py --data DATA --out RUN/codes.pt                fit (on shards that are there)
    stage_codes.py --data DATA --out RUN/codes.pt --encode       write DATA/NN.codes.npz for every finished shard
    stage_codes.py --data DATA --start OLD.pt --out RUN/codes.pt          keep the codebooks of OLD, add what it lacks

A frame's latent is linear in what the synthesiser and the text say of it: its first half the principal components of
the frame's noise-free features (16 rows of N_FEATURES, weighted by what the ear makes of them) and, in two dimensions
that they leave free, the phase of the pitch at the frame's end; its second half those of the phones spoken in its SLOTS.
The acoustic codebooks are residual k-means of the first half, but PHASE_BOOK, which holds the phase alone: without it no
decoder can go on with a voice's periods from one frame to the next. Codebook 0 is k-means of the second half: it names
what is said, whoever says it. The quantiser's projections pick the halves. A network that was
trained for this in half an hour gave back levels as near on average, but its speech was understood far worse.
"""
import argparse
import pathlib

import numpy as np
import torch
from torch import nn

import common
from codec import Quantizer
from common import BOOK_DIM, N_BANDS, N_FEATURES, PHASE_BOOK, PHONES, SLOTS, STEPS

ROW = STEPS * N_FEATURES
FIT_FRAMES = 60000
FREE = BOOK_DIM - 2                          # components of the features
PHASES, PHASE_SCALE = 32, 4.0


def weights():
    """Of every feature of a row: low bands count more than high ones, pitch most."""
    one = np.concatenate([np.linspace(1.25, 0.75, N_BANDS), [6.0, 1.5], np.full(N_FEATURES - N_BANDS - 2, 0.5)])
    return torch.tensor(np.tile(one, STEPS), dtype=torch.float32)


class Analysis(nn.Module):
    """Features and phones of frames -> latents; and the quantiser."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(ROW))
        self.register_buffer("basis", torch.zeros(ROW, BOOK_DIM))
        self.register_buffer("phone_mean", torch.zeros(SLOTS * len(PHONES)))
        self.register_buffer("phone_basis", torch.zeros(SLOTS * len(PHONES), BOOK_DIM))
        self.quantizer = Quantizer()
        half = torch.eye(BOOK_DIM)
        for part, first in ((self.quantizer.acoustic_residual_vector_quantizer, 0),
                            (self.quantizer.semantic_residual_vector_quantizer, BOOK_DIM)):
            for weight in (part.input_proj.weight.data[:, :, 0], part.output_proj.weight.data[:, :, 0].t()):
                weight.zero_()
                weight[:, first:first + BOOK_DIM] = half

    def forward(self, features, phones, phases):
        """features [B, frames * STEPS, N_FEATURES], phones [B, frames, SLOTS], phases [B, frames, 2] -> latents [B, LATENT,
        frames]."""
        b, frames = phones.shape[:2]
        acoustic = (features.reshape(b, frames, ROW) - self.mean) @ self.basis
        acoustic = torch.cat([acoustic[..., :FREE], PHASE_SCALE * phases], 2)
        spoken = (one_hot(phones).flatten(2) - self.phone_mean) @ self.phone_basis
        return torch.cat([acoustic, spoken], 2).transpose(1, 2)

    @torch.no_grad()
    def fit(self, features, phones, phases):
        """features [N, ROW], phones [N, SLOTS], phases [N, 2]."""
        scale = weights()
        self.mean.copy_(features.mean(0))
        self.basis.copy_(scale[:, None] * components((features - self.mean) * scale))
        x = one_hot(phones).flatten(1)
        self.phone_mean.copy_(x.mean(0))
        self.phone_basis.copy_(components(x - self.phone_mean))
        for basis, values in ((self.basis, (features - self.mean) @ self.basis),
                              (self.phone_basis, (x - self.phone_mean) @ self.phone_basis)):
            basis.mul_(2 / values.std())
        table = self.acoustic().layers[PHASE_BOOK - 1].codebook.embed_sum
        angle = torch.arange(PHASES) * (2 * torch.pi / PHASES)
        table.zero_()                                   # code 0: no pitch, and equal rows that are never found
        table[1:1 + PHASES, FREE] = PHASE_SCALE * angle.cos()
        table[1:1 + PHASES, FREE + 1] = PHASE_SCALE * angle.sin()
        self.start(features, phones, phases, [PHASE_BOOK - 1])

    def acoustic(self):
        return self.quantizer.acoustic_residual_vector_quantizer

    def start(self, features, phones, phases, keep, semantic=True):
        """Finds the acoustic codebooks whose levels are not in `keep`, and codebook 0."""
        z = self(features.view(1, -1, N_FEATURES), phones[None], phases[None])
        if semantic:
            part = self.quantizer.semantic_residual_vector_quantizer
            part.start(part.input_proj(z)[0].t())
        self.acoustic().start(self.acoustic().input_proj(z)[0].t(), keep)

    @torch.no_grad()
    def go_on(self, old, features, phones, phases):
        """Takes a state with fewer codebooks, and finds the others in what those leave."""
        own = self.state_dict()
        self.load_state_dict({k: old.get(k, v) for k, v in own.items()})
        mark = "quantizer.acoustic_residual_vector_quantizer.layers."
        given = {int(k.removeprefix(mark).split(".")[0]) for k in old if k.startswith(mark)}
        print(f"{len(given)} acoustic codebooks taken")
        self.start(features, phones, phases, given, semantic=False)


def one_hot(phones):
    """[..., SLOTS] -> [..., SLOTS, PHONES]."""
    return nn.functional.one_hot(phones, len(PHONES)).float()


def components(x):
    """The BOOK_DIM principal components of rows x [N, D], as columns."""
    _, vectors = torch.linalg.eigh(x.t() @ x / len(x))
    return vectors.flip(1)[:, :BOOK_DIM]


def distances(made, wanted):
    """Mean distances of features [B, N_FEATURES, T]: levels (10 dB), pitch where voiced (ln), voiced, strengths."""
    away = (made - wanted).abs()
    voiced = wanted[:, N_BANDS + 1]
    pitch = (away[:, N_BANDS] * voiced).sum() / voiced.sum().clamp(min=1) / common.PITCH_SCALE
    return away[:, :N_BANDS].mean(), pitch, away[:, N_BANDS + 1].mean(), away[:, N_BANDS + 2:].mean()


def frames_of(corpus, order, limit=None):
    """Features [N, ROW], phones [N, SLOTS] and phases [N, 2] of the utterances' frames."""
    features, phones, phases, n = [], [], [], 0
    for i in order:
        features.append(corpus.features(i).reshape(-1, ROW))
        phones.append(corpus.phones(i))
        phases.append(corpus.phases(i))
        n += len(phones[-1])
        if limit and n > limit:
            break
    return tuple(torch.tensor(np.concatenate(x)) for x in (features, phones, phases))


@torch.no_grad()
def report(model, corpus):
    """Distances on unseen sentences with the first 1, 2, ... acoustic codebooks, through the linear inverse."""
    features, phones, phases = frames_of(corpus, range(min(200, len(corpus.utterances))))
    part = model.acoustic()
    rest = part.input_proj(model(features.view(1, -1, N_FEATURES), phones[None], phases[None]))[0].t()
    scale = weights()[:, None]
    inverse = (model.basis / scale ** 2 / (model.basis / scale).square().sum(0)).t()
    total = torch.zeros_like(rest)
    for level in range(common.BOOKS - 1):
        row = part.layers[level].codebook.table()[part.search(rest, level)]
        rest, total = rest - row, total + row
        made = (total[:, :FREE] @ inverse[:FREE] + model.mean).view(-1, N_FEATURES).t()[None]
        level_db, pitch, voiced, _ = distances(made, features.view(-1, N_FEATURES).t()[None])
        print(f"test, {level + 1} acoustic codebooks: {10 * level_db:.2f} dB  pitch {100 * pitch:.2f} %  voiced {voiced:.3f}")


def encode(args, model):
    names = args.shards or sorted(p.stem for p in pathlib.Path(args.data).glob("[0-9][0-9].jsonl")) + ["test"]
    for name in names:
        path = pathlib.Path(args.data) / f"{name}.codes.npz"
        if path.exists() and not args.force:
            continue
        corpus = common.Corpus(args.data, [name])
        codes = []
        for i in range(len(corpus.utterances)):
            features, phones, phases = frames_of(corpus, [i])
            with torch.no_grad():
                z = model(features.view(1, -1, N_FEATURES), phones[None], phases[None])
                codes.append(model.quantizer(z)[0].t().numpy().astype(np.int16))
        np.savez(path.with_suffix(".tmp.npz"), codes=np.concatenate(codes), frames=np.array([len(c) for c in codes]))
        path.with_suffix(".tmp.npz").rename(path)
        print(f"{name}: {len(codes)} sentences, {sum(map(len, codes)) * 0.08 / 3600:.2f} h", flush=True)


def load(path, device="cpu"):
    model = Analysis().to(device).eval()
    model.load_state_dict(common.load(path, device)["model"])
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--encode", action="store_true")
    parser.add_argument("--start", help="codes.pt whose codebooks stay")
    parser.add_argument("--force", action="store_true")
    parser.add_argument("--shards", nargs="*")
    args = parser.parse_args()
    common.setup(args.seed, args.threads)
    if args.encode:
        return encode(args, load(args.out))
    model, corpus = Analysis(), common.Corpus(args.data)
    order = np.random.default_rng(args.seed).permutation(len(corpus.utterances))
    frames = frames_of(corpus, order, FIT_FRAMES)
    if args.start:
        model.go_on(common.load(args.start)["model"], *frames)
    else:
        model.fit(*frames)
    common.save(args.out, model=model.state_dict())
    report(model, common.Corpus(args.data, ["test"]))


if __name__ == "__main__":
    main()
