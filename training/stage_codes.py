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
        self.features, self.encoder, self.codec, self.head = common.Features(), MelEncoder(), Codec(filters), MelHead(filters)
        self.phones = nn.Conv1d(common.BOOK_DIM, common.SLOTS * len(common.PHONES), 1)

    def forward(self, audio, phones, quantise, decay):
        with torch.no_grad():
            target = self.features(audio)
            given = self.features.encoder_input(audio, target)
        latent = self.encoder(given)
        out, codes, commit, semantic = self.codec.quantizer(latent, quantise, decay)
        mel = self.head(self.codec.low(out))
        l1 = (mel - target).abs().mean()
        logits = self.phones(semantic).unflatten(1, (common.SLOTS, -1))          # [B, SLOTS, P, T]
        phone = F.cross_entropy(logits.transpose(1, 2), phones.transpose(1, 2))
        return l1, phone, commit, codes, latent

    def encode(self, audio):
        return self.codec.quantizer(self.encoder(self.features.encoder_input(audio)))[1]


def batch(corpus, rng, size, frames):
    audio, phones = [], []
    for i in rng.integers(len(corpus.utterances), size=size):
        n = corpus.frames(i)
        first = 0 if rng.random() < 0.4 else int(rng.integers(max(1, n - frames + 4)))
        audio.append(corpus.audio(i, first, frames))
        p = np.zeros((frames, common.SLOTS), np.int64)
        part = corpus.phones(i)[first:first + frames]
        p[:len(part)] = part
        phones.append(p)
    return torch.tensor(np.stack(audio)), torch.tensor(np.stack(phones))


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
        audio, phones = (x.to(device) for x in batch(corpus, rng, args.batch, 28))
        l1, phone, commit, codes, latent = model(audio, phones, quantise, 0.98)
        loss = l1 + 0.01 * phone + 0.05 * commit
        optimiser.param_groups[0]["lr"] = progress.rate()
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        progress.step += 1
        for k, v in (("mel_db", 10 * l1.item()), ("phone", phone.item()), ("commit", float(commit))):
            mean[k] = 0.95 * mean.get(k, v) + 0.05 * v
        if progress.step % 25 == 0:
            used = "-" if codes is None else "/".join(str(len(codes[:, i].unique())) for i in range(codes.shape[1]))
            progress.log(**mean, used=used)
        if progress.step % 200 == 0:
            keep()
    keep()


def start_quantiser(model, corpus, rng, device):
    with torch.no_grad():
        latents = []
        for _ in range(40):
            audio, _ = batch(corpus, rng, 12, 28)
            latents.append(model.encoder(model.features.encoder_input(audio.to(device))).transpose(1, 2).flatten(0, 1))
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
            audio = torch.tensor(np.stack([corpus.audio(i, 0, longest) for i in group])).to(device)
            with torch.no_grad():
                found = model.encode(audio).cpu().numpy().astype(np.int16)
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
