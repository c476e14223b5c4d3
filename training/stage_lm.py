"""The language model: text and code history -> codes, on the frozen codes of stage A. Shards that appear while it runs
are taken up at the next pass over the data.

    stage_lm.py --data DATA --out RUN/lm.pt --minutes 85            (run again with the same --minutes to go on)

Training-only aids: one attention head of a middle layer is told which letter each frame speaks, a head on the same layer
names the phones; a tenth of the code history is replaced by other frames, so that the model learns to live with mistakes.
"""
import argparse
import pathlib

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import common
from csm import ALIGN_LAYER, Csm, prompt

WEIGHTS = (2.5, 2.0, 1.0, 0.6, 0.4, 0.3)                # per codebook


def spoken_letter(label, n_frames):
    """For every frame the (fractional) position in the prompt of the letter being spoken, -1 in pauses."""
    text, spans, at = label["text"], [], 0
    for token in text.split():
        at = text.index(token, at)
        spans.append((at, len(token.rstrip(".,!?")) or 1))
        at += len(token)
    times, last = {}, 0
    for _, end, token in label["phones"]:
        if token >= 0:
            times.setdefault(token, [last, end])[1] = end
        last = end
    out = np.full(n_frames, -1.0, np.float32)
    if not times or max(times) >= len(spans):
        return out
    for token, (start, end) in times.items():
        first, last = start // common.FRAME, min(n_frames - 1, (end - 1) // common.FRAME)
        for frame in range(first, last + 1):
            centre = (frame + 0.5) * common.FRAME
            if start <= centre < end or out[frame] < 0:
                share = min(0.99, max(0.0, (centre - start) / max(1, end - start)))
                out[frame] = 4 + spans[token][0] + share * spans[token][1] - 0.5    # BOS, "[0]"
    return out


class Examples:
    def __init__(self, folder):
        self.folder, self.items, self.seen = pathlib.Path(folder), [], set()

    def refresh(self, names=None):
        for path in sorted(self.folder.glob("[0-9][0-9].codes.npz")) if names is None else [self.folder / f"{n}.codes.npz" for n in names]:
            name = path.name.split(".")[0]
            if name in self.seen:
                continue
            self.seen.add(name)
            corpus, pack = common.Corpus(self.folder, [name]), np.load(path)
            codes = np.split(pack["codes"], np.cumsum(pack["frames"])[:-1])
            for i, frames in enumerate(codes):
                label = corpus.utterances[i][1]
                self.items.append((np.array(prompt(label["text"]), np.int16), frames, corpus.phones(i).astype(np.int8),
                                   spoken_letter(label, len(frames))))
        return self

    def batches(self, rng, positions):
        """Batches of similar length, in random order."""
        length = np.array([len(t) + len(c) for t, c, _, _ in self.items])
        order, group, groups = np.argsort(length + rng.uniform(-4, 4, len(length))), [], []
        for i in order:
            if group and (len(group) + 1) * (length[i] + 5) > positions:
                groups.append(group)
                group = []
            group.append(i)
        groups.append(group)
        rng.shuffle(groups)
        for group in groups:
            yield collate([self.items[i] for i in group])


def collate(items):
    """Targets sit at the position that predicts them: the prompt's last token and every frame."""
    longest = max(len(t) + len(c) for t, c, _, _ in items)
    b, books = len(items), common.BOOKS
    text, codes = np.zeros((b, longest), np.int64), np.zeros((b, longest, books), np.int64)
    audio, target = np.zeros((b, longest), bool), np.full((b, longest, books), -100, np.int64)
    phones, letter = np.full((b, longest, common.SLOTS), -100, np.int64), np.full((b, longest), -1, np.float32)
    for row, (t, c, p, l) in enumerate(items):
        a, n = len(t), len(c)
        text[row, :a], codes[row, a:a + n], audio[row, a:a + n] = t, c, True
        target[row, a - 1:a + n - 1], target[row, a + n - 1] = c, 0
        phones[row, a - 1:a + n - 1], letter[row, a - 1:a + n - 1] = p, l
    return [torch.tensor(x) for x in (text, codes, audio, target, phones, letter)]


def corrupt(codes, audio, share):
    """Replaces a share of the audio frames by frames from elsewhere in the batch; half of them only in some codebooks."""
    flat, where = codes.flatten(0, 1), audio.flatten().nonzero()[:, 0]
    hit = where[torch.rand(len(where), device=codes.device) < share]
    other = flat[where[torch.randint(len(where), (len(hit),), device=codes.device)]]
    keep = (torch.rand(len(hit), 1, device=codes.device) < 0.5) & (torch.rand(other.shape, device=codes.device) < 0.5)
    flat = flat.clone()
    flat[hit] = torch.where(keep, flat[hit], other)
    return flat.view_as(codes)


def losses(model, batch, depth_share, corruption):
    text, codes, audio, target, phones, letter = batch
    given = corrupt(codes, audio, corruption) if corruption else codes
    hidden, attention, middle = model.backbone_model(model.embed(text, given, audio), ALIGN_LAYER)
    ask = target[..., 0] >= 0
    h, wanted = hidden[ask], target[ask]
    c0 = F.cross_entropy(model.lm_head(h), wanted[:, 0])
    pick = torch.rand(len(h), device=h.device) < depth_share
    logits = model.depth_logits(h[pick], wanted[pick])
    depth = F.cross_entropy(logits.flatten(0, 1), wanted[pick][:, 1:].flatten(), reduction="none").view(-1, common.BOOKS - 1).mean(0)
    phone = F.cross_entropy(model.phone_head(middle[ask]).view(-1, len(common.PHONES)), phones[ask].flatten())
    known = letter >= 0
    at = torch.arange(text.shape[1], device=text.device)
    near = -(at - letter[known][:, None]).square() / (2 * 1.2 ** 2)
    align = -torch.logsumexp(attention[known] + near, 1).mean()
    return c0, depth, phone, align


@torch.no_grad()
def validate(model, state, examples):
    """Cross-entropies on the test sentences (teacher forced), with the averaged weights."""
    backup = {k: v.clone() for k, v in model.state_dict().items()}
    model.load_state_dict(state)
    total, n = np.zeros(1 + common.BOOKS), 0
    device = next(model.parameters()).device
    for batch in examples.batches(np.random.default_rng(0), 3000):
        c0, depth, phone, align = losses(model, [x.to(device) for x in batch], 1.0, 0.0)
        size = int((batch[3][..., 0] >= 0).sum())
        total += size * np.array([c0.item(), *depth.tolist(), align.item()])
        n += size
    model.load_state_dict(backup)
    return total / n


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--minutes", type=float, default=85)
    parser.add_argument("--positions", type=int, default=1200, help="text and audio positions in a batch")
    parser.add_argument("--peak", type=float, default=1.5e-3)
    parser.add_argument("--corruption", type=float, default=0.1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    device = common.setup(args.seed, args.threads)
    train_set, test_set = Examples(args.data), Examples(args.data).refresh(["test"])
    model = Csm().to(device)
    decay = [p for p in model.parameters() if p.dim() > 1]
    optimiser = torch.optim.AdamW([{"params": decay, "weight_decay": 0.05},
                                   {"params": [p for p in model.parameters() if p.dim() <= 1], "weight_decay": 0.0}],
                                  lr=args.peak, betas=(0.9, 0.98), fused=True)
    progress, average, frames = common.Progress(args.minutes, args.peak), common.Average(model), 0
    if args.out.exists():
        state = common.load(args.out, device)
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        progress = common.Progress(args.minutes, args.peak, spent=state["seconds"])
        progress.step, average.state, average.n, frames = state["step"], state["average"], state["step"], state["frames"]
        torch.manual_seed(args.seed + progress.step)
    rng = np.random.default_rng(args.seed + progress.step)
    weights = torch.tensor(WEIGHTS, device=device) / WEIGHTS[0]
    keep = lambda: common.save(args.out, model=model.state_dict(), average=average.state, optimiser=optimiser.state_dict(),
                               step=progress.step, seconds=progress.seconds(), frames=frames)
    mean, passes = {}, 0
    while progress.fraction() < 1:
        train_set.refresh()
        passes += 1
        print(f"pass {passes}: {len(train_set.items)} sentences, {sum(len(i[1]) for i in train_set.items) * 0.08 / 3600:.1f} h", flush=True)
        for batch in train_set.batches(rng, args.positions):
            if progress.fraction() >= 1:
                break
            frames += int(batch[2].sum())
            c0, depth, phone, align = losses(model, [x.to(device) for x in batch], 0.25, args.corruption)
            loss = c0 + (weights[1:] * depth).sum() + 0.1 * phone + 0.2 * align
            for group in optimiser.param_groups:
                group["lr"] = progress.rate()
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            average.update()
            progress.step += 1
            for k, v in (("c0", c0), ("c1", depth[0]), ("c5", depth[-1]), ("phone", phone), ("align", align)):
                mean[k] = 0.98 * mean.get(k, v.item()) + 0.02 * v.item()
            if progress.step % 50 == 0:
                progress.log(**mean, frames=frames)
            if progress.step % 400 == 0:
                test = validate(model, average.state, test_set)
                print("test: " + "  ".join(f"c{i} {x:.3f}" for i, x in enumerate(test[:-1])) + f"  align {test[-1]:.3f}", flush=True)
                keep()
    keep()
    test = validate(model, average.state, test_set)
    print("test: " + "  ".join(f"c{i} {x:.3f}" for i, x in enumerate(test[:-1])) + f"  align {test[-1]:.3f}", flush=True)


if __name__ == "__main__":
    main()
