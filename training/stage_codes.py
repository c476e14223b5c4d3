"""Stage A: the codes. Mel encoder -> quantiser -> low-rate half of the real decoder -> mel frames. No audio is made.

    stage_codes.py --data DATA --out RUN/codes.pt --minutes 8          train (run again to go on)
    stage_codes.py --data DATA --out RUN/codes.pt --encode             write DATA/NN.codes.npz for every finished shard
"""
import argparse
import pathlib

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import common
from codec import Codec, MelEncoder, MelHead


class StageA(nn.Module):
    def __init__(self, filters):
        super().__init__()
        self.encoder, self.codec, self.head = MelEncoder(), Codec(filters), MelHead(filters)
        self.phones = nn.Conv1d(common.BOOK_DIM, common.SLOTS * len(common.PHONES), 1)

    def forward(self, features, phones, quantise, decay):
        latent = self.encoder(features)
        out, codes, commit, semantic = self.codec.quantizer(latent, quantise, decay)
        parts = distances(self.head(self.codec.low(out)), features)
        logits = self.phones(semantic).unflatten(1, (common.SLOTS, -1))          # [B, SLOTS, P, T]
        phone = F.cross_entropy(logits.transpose(1, 2), phones.transpose(1, 2))
        return parts, phone, commit, codes, latent

    def encode(self, features):
        return self.codec.quantizer(self.encoder(features))[1]


def distances(made, wanted):
    """Mean distances of features [B, N_FEATURES, T]: levels (10 dB), pitch where voiced (ln), voiced, strengths."""
    n = common.N_BANDS
    away = (made - wanted).abs()
    voiced = wanted[:, n + 1]
    pitch = (away[:, n] * voiced).sum() / voiced.sum().clamp(min=1) / common.PITCH_SCALE
    return away[:, :n].mean(), pitch, away[:, n + 1].mean(), away[:, n + 2:].mean()


WEIGHTS = (1.0, 2.5, 0.3, 0.3)


def batch(corpus, rng, size, frames):
    features, phones = [], []
    for i in rng.integers(len(corpus.utterances), size=size):
        n = corpus.frames(i)
        first = 0 if rng.random() < 0.4 else int(rng.integers(max(1, n - frames + 4)))
        features.append(corpus.features(i, first, frames).T)
        p = np.zeros((frames, common.SLOTS), np.int64)
        part = corpus.phones(i)[first:first + frames]
        p[:len(part)] = part
        phones.append(p)
    return torch.tensor(np.stack(features)), torch.tensor(np.stack(phones))


@torch.no_grad()
def report(model, corpus, rng, device):
    """Distances on unseen sentences with the first 1, 2, ... codebooks."""
    features, _ = batch(corpus, rng, 60, 36)
    codes = model.encode(features.to(device))
    q = model.codec.quantizer
    for books in range(1, common.BOOKS + 1):
        latent = q.semantic_residual_vector_quantizer.decode(codes[:, :1])
        part = q.acoustic_residual_vector_quantizer
        if books > 1:
            rows = sum(part.layers[i].codebook.table()[codes[:, 1 + i]] for i in range(books - 1))
            latent = latent + part.output_proj(rows.transpose(1, 2))
        level, pitch, voiced, strength = distances(model.head(model.codec.low(latent)), features.to(device))
        print(f"test, {books} codebooks: {10 * level:.2f} dB  pitch {100 * pitch:.2f} %  voiced {voiced:.3f}  strengths {strength:.3f}", flush=True)


def train(args, device):
    corpus, rng = common.Corpus(args.data), np.random.default_rng(args.seed)
    model = StageA(args.filters).to(device)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.98), weight_decay=0.01)
    progress, quantise, spent = common.Progress(args.minutes, 1.5e-3), False, 0.0
    if args.out.exists():
        state = common.load(args.out, device)
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        progress = common.Progress(args.minutes, 1.5e-3, spent=state["seconds"])
        progress.step, quantise = state["step"], state["quantise"]
        rng = np.random.default_rng(args.seed + progress.step)
    keep = lambda: common.save(args.out, model=model.state_dict(), optimiser=optimiser.state_dict(), step=progress.step,
                               seconds=progress.seconds(), quantise=quantise, filters=args.filters)
    mean = {}
    while progress.fraction() < 1:
        if not quantise and progress.fraction() > 0.3:
            start_quantiser(model, corpus, rng, device)
            quantise = True
        features, phones = (x.to(device) for x in batch(corpus, rng, args.batch, 28))
        parts, phone, commit, codes, latent = model(features, phones, quantise, 0.98)
        loss = sum(w * x for w, x in zip(WEIGHTS, parts)) + 0.01 * phone + 0.05 * commit
        optimiser.param_groups[0]["lr"] = progress.rate()
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        progress.step += 1
        for k, v in (("level_db", 10 * parts[0].item()), ("pitch", parts[1].item()), ("voiced", parts[2].item()),
                     ("strength", parts[3].item()), ("phone", phone.item()), ("commit", float(commit))):
            mean[k] = 0.95 * mean.get(k, v) + 0.05 * v
        if progress.step % 25 == 0:
            used = "-" if codes is None else "/".join(str(len(codes[:, i].unique())) for i in range(codes.shape[1]))
            progress.log(**mean, used=used)
        if progress.step % 200 == 0:
            keep()
    keep()
    report(model.eval(), common.Corpus(args.data, ["test"]), rng, device)


def start_quantiser(model, corpus, rng, device):
    with torch.no_grad():
        latents = []
        for _ in range(40):
            features, _ = batch(corpus, rng, 12, 28)
            latents.append(model.encoder(features.to(device)).transpose(1, 2).flatten(0, 1))
        z = torch.cat(latents)
        for part in model.codec.quantizer.children():
            part.start(part.input_proj(z[:, :, None])[:, :, 0])


def encode(args, device):
    state = common.load(args.out, device)
    model = StageA(state["filters"]).to(device).eval()
    model.load_state_dict(state["model"])
    names = args.shards or sorted(p.stem for p in pathlib.Path(args.data).glob("[0-9][0-9].jsonl")) + ["test"]
    for name in names:
        path = pathlib.Path(args.data) / f"{name}.codes.npz"
        if path.exists() and not args.force:
            continue
        corpus = common.Corpus(args.data, [name])
        order = sorted(range(len(corpus.utterances)), key=corpus.frames)
        codes = [None] * len(order)
        for k in range(0, len(order), 24):
            group = order[k:k + 24]
            longest = max(corpus.frames(i) for i in group)
            features = torch.tensor(np.stack([corpus.features(i, 0, longest).T for i in group])).to(device)
            with torch.no_grad():
                found = model.encode(features).cpu().numpy().astype(np.int16)
            for i, c in zip(group, found):
                codes[i] = c[:, :corpus.frames(i)].T
        np.savez(path.with_suffix(".tmp.npz"), codes=np.concatenate(codes), frames=np.array([len(c) for c in codes]))
        path.with_suffix(".tmp.npz").rename(path)
        print(f"{name}: {len(codes)} sentences, {sum(map(len, codes)) * 0.08 / 3600:.2f} h", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--minutes", type=float, default=8)
    parser.add_argument("--batch", type=int, default=12)
    parser.add_argument("--filters", type=int, default=16)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--encode", action="store_true")
    parser.add_argument("--force", action="store_true")
    parser.add_argument("--shards", nargs="*")
    args = parser.parse_args()
    device = common.setup(args.seed, args.threads)
    encode(args, device) if args.encode else train(args, device)


if __name__ == "__main__":
    main()
