"""Stage C: the waveform encoder, codes frozen. It learns to find stage A's latents in the audio, which only voice prompts
need. It hears LOOKAHEAD samples more than the codes describe: so much is the codec's own delay.

    stage_encoder.py --data DATA --codes RUN/codes.pt --out RUN/encoder.pt --minutes 60      (run again to go on)
    stage_encoder.py --data DATA --codes RUN/codes.pt --out RUN/encoder.pt --hear 04 05      writes DATA/NN.heard.npz

The second one writes what the encoder makes of whole utterances, without LOOKAHEAD as in the engine: from such prompts
the language model learns to follow voices (stage_lm.py takes them up).
"""
import argparse
import pathlib

import numpy as np
import torch
from torch import nn

import common
import stage_codes
from codec import Encoder
from voices import favoured

LOOKAHEAD = 960


class Streams:
    """Stretches of utterances one after another, from the beginning of a stream. `favour`: as of stage_decoder.py."""

    def __init__(self, folder, favour=()):
        self.corpus = common.Corpus(folder)
        self.weights = np.cumsum([dict(favour).get(label["voice"], 1.0) for _, label in self.corpus.utterances])

    def batch(self, rng, size, frames):
        audio = np.zeros((size, frames * common.FRAME + LOOKAHEAD), np.float32)
        features = np.zeros((size, frames * common.STEPS, common.N_FEATURES), np.float32)
        phones, phases = np.zeros((size, frames, common.SLOTS), np.int64), np.zeros((size, frames, 2), np.float32)
        for row in range(size):
            at = 0
            while at < frames:
                i = int(np.searchsorted(self.weights, rng.random() * self.weights[-1], side="right"))
                first = 0 if at or rng.random() < 0.5 else int(rng.integers(max(1, self.corpus.frames(i) - 6)))
                n = min(self.corpus.frames(i) - first, frames - at)
                audio[row, at * common.FRAME:(at + n) * common.FRAME] = self.corpus.audio(i, first, n)
                features[row, at * common.STEPS:(at + n) * common.STEPS] = self.corpus.features(i, first, n)
                phones[row, at:at + n] = self.corpus.phones(i)[first:first + n]
                phases[row, at:at + n] = self.corpus.phases(i)[first:first + n]
                at += n
        gain = np.exp(rng.uniform(-0.1, 0.1, (size, 1))).astype(np.float32)
        return torch.tensor(audio[:, LOOKAHEAD:] * gain)[:, None], torch.tensor(features), torch.tensor(phones), torch.tensor(phases)


@torch.no_grad()
def hear(args, teacher, encoder, device):
    """Codes of shards by the encoder, beside the true ones and of the same lengths."""
    encoder.load_state_dict(common.load(args.out, device)["average"])
    encoder.eval()
    for name in args.hear:
        corpus = common.Corpus(args.data, [name])
        frames = np.array([corpus.frames(i) for i in range(len(corpus.utterances))])
        codes, order = [None] * len(frames), np.argsort(frames)
        for k in range(0, len(order), 16):
            group = order[k:k + 16]
            audio = np.stack([np.pad(corpus.audio(i), (0, (frames[group].max() - frames[i]) * common.FRAME)) for i in group])
            made = teacher.quantizer(encoder(torch.tensor(audio, device=device)[:, None])).transpose(1, 2)
            for i, c in zip(group, made.cpu().numpy().astype(np.int16)):
                codes[i] = c[:frames[i]]
        true = np.load(pathlib.Path(args.data) / f"{name}.codes.npz")["codes"]
        codes = np.concatenate(codes)
        np.savez(pathlib.Path(args.data) / f"{name}.heard.npz", codes=codes, frames=frames)
        print(f"{name}: heard equals true: {' '.join(f'{s:.2f}' for s in (codes == true).mean(0))}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--codes", required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--filters", type=int, default=16)
    parser.add_argument("--batch", type=int, default=6)
    parser.add_argument("--peak", type=float, default=1.5e-3)
    parser.add_argument("--favour", nargs="*", default=[], metavar="VOICE=TIMES", help="a voice that is harder than others")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--hear", nargs="+", metavar="SHARD", help="no training: write what the encoder makes of these")
    args = parser.parse_args()
    device = common.setup(args.seed, args.threads)
    teacher = stage_codes.load(args.codes, device)
    encoder = Encoder(args.filters).to(device)
    if args.hear:
        return hear(args, teacher, encoder, device)
    optimiser = torch.optim.AdamW(encoder.parameters(), lr=args.peak, betas=(0.9, 0.98), weight_decay=0.01, fused=True)
    progress, average = common.Progress(args.minutes, args.peak), common.Average(encoder)
    if args.out.exists():
        state = common.load(args.out, device)
        encoder.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        progress = common.Progress(args.minutes, args.peak, spent=state["seconds"])
        progress.step, average.state, average.n = state["step"], state["average"], state["step"]
    favour = favoured(args.favour)
    rng, streams = np.random.default_rng(args.seed + progress.step), Streams(args.data, favour)
    keep = lambda: common.save(args.out, model=encoder.state_dict(), average=average.state, optimiser=optimiser.state_dict(),
                               step=progress.step, seconds=progress.seconds(), filters=args.filters)
    mean, quantizer = {}, teacher.quantizer
    while progress.fraction() < 1:
        far = rng.random() < 0.15
        audio, features, phones, phases = (x.to(device) for x in streams.batch(rng, max(1, args.batch // 3) if far else args.batch, 75 if far else 25))
        with torch.no_grad():
            wanted = teacher(features, phones, phases)
        made = encoder(audio)
        scale = wanted.var((0, 2), keepdim=True)
        scale = (scale * scale.mean()).sqrt() + 0.02 * scale.mean()            # the first components count most, as in codes
        loss = ((made - wanted).square() / scale).mean()
        optimiser.param_groups[0]["lr"] = progress.rate()
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(encoder.parameters(), 1.0)
        optimiser.step()
        average.update()
        progress.step += 1
        values = {"unexplained": loss.item()}
        if progress.step % 50 == 0:
            with torch.no_grad():
                a, b = quantizer(wanted), quantizer(made)
                same = (a == b).float().mean((0, 2))
                values |= {"code0": same[0].item(), "code1": same[1].item(), "code3": same[3].item()}
        for k, v in values.items():
            mean[k] = 0.98 * mean.get(k, v) + 0.02 * v if k == "unexplained" else 0.8 * mean.get(k, v) + 0.2 * v
        if progress.step % 50 == 0:
            progress.log(**mean)
        if progress.step % 500 == 0:
            keep()
    keep()


if __name__ == "__main__":
    main()
