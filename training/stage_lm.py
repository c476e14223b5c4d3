"""The language model: text and code history -> codes, on the frozen codes of stage A. Shards that appear while it runs
are taken up at the next pass over the data.

    stage_lm.py --data DATA --out RUN/lm.pt --minutes 85            (run again with the same --minutes to go on)

Training-only aids: one attention head of a middle layer is told which letter each frame speaks, a head on the same layer
names the phones; a tenth of the code history is replaced by other frames, so that the model learns to live with mistakes.
"""
import argparse
import itertools
import pathlib

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import common
import parallel
from corpus import key, test_keys
from csm import ALIGN_LAYER, Csm, prompt
from voices import VOICES

WEIGHTS = (2.5, 2.0, 1.5, 1.0, 0.8, 0.6, 0.5, 0.4, 0.4, 0.3, 0.3, 0.25, 0.25, 0.2)      # per codebook
HEARD = 0.7                                             # share of the voice prompts as the encoder hears them
NEUTRAL = range(3, 10)                                  # speaker tags that name no voice
MATCHED = 0.5                                           # share of conversations whose last turn is a voice match
TURNS = 5                                               # of a speaker in a conversation, at most


def spoken_letter(label, n_frames):
    """For every frame the (fractional) place in the text of the letter being spoken, -1 in pauses."""
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
                out[frame] = max(0.0, spans[token][0] + share * spans[token][1] - 0.5)
    return out


class Utterance:
    """`heard`: its codes as the encoder finds them in the sound, where these are known."""

    def __init__(self, label, codes, phones, heard=None):
        self.heard = heard
        self.text, self.codes, self.phones, self.letter = label["text"], codes, phones, spoken_letter(label, len(codes))
        shape = (label["pitch"], label["formant"], label["tempo"])
        self.voice = (label["voice"], *shape)
        self.tag = VOICES.index(label["voice"]) if shape == (1, 1, 1) else None


class Segment:
    """One text segment with the audio of its utterances; `learnt` are those whose frames are targets; the first `heard`
    ones are a recording: their codes are the encoder's, and no targets."""

    def __init__(self, tag, utterances, learnt=None, heard=0):
        self.tag, self.utterances = tag, utterances
        self.learnt = [True] * len(utterances) if learnt is None else learnt
        self.given = [u.heard if i < heard and u.heard is not None else u.codes for i, u in enumerate(utterances)]
        self.learnt = [a and given is u.codes for a, given, u in zip(self.learnt, self.given, utterances)]
        self.text = prompt(" ".join(u.text for u in utterances), tag)
        self.positions = len(self.text) + sum(len(u.codes) for u in utterances) + 1


class Examples:
    """Training examples are lists of segments, composed anew at every pass: single sentences, several in one segment,
    voice match (the first utterances of a segment are the reference), conversations (context segments), and both."""

    def __init__(self, folder):
        self.folder, self.items, self.seen = pathlib.Path(folder), [], set()

    def refresh(self, names=None):
        for path in sorted(self.folder.glob("[0-9][0-9].codes.npz")) if names is None else [self.folder / f"{n}.codes.npz" for n in names]:
            name = path.name.split(".")[0]
            if name in self.seen:
                continue
            self.seen.add(name)
            corpus, pack = common.Corpus(self.folder, [name]), np.load(path)
            split = lambda p: np.split(p["codes"], np.cumsum(p["frames"])[:-1])
            codes, heard_path = split(pack), self.folder / f"{name}.heard.npz"
            heard = split(np.load(heard_path)) if heard_path.exists() else [None] * len(codes)
            held_out = test_keys() if names is None else ()
            self.items += [Utterance(corpus.utterances[i][1], c, corpus.phones(i).astype(np.int8), heard[i]) for i, c in enumerate(codes)
                           if key(corpus.utterances[i][1]["text"]) not in held_out]
        return self

    def compose(self, rng):
        """Every utterance once, as examples of all kinds."""
        voices = {}
        for i in rng.permutation(len(self.items)):
            voices.setdefault(self.items[i].voice, []).append(self.items[i])
        examples, talk = [], []
        for queue in voices.values():
            tag = queue[0].tag
            while queue:
                kind = rng.random()
                if tag is not None and (kind < 0.45 or len(queue) == 1):
                    examples.append([Segment(tag, [queue.pop()])])
                elif tag is not None and kind < 0.6:
                    examples.append([Segment(tag, [queue.pop() for _ in range(min(len(queue), int(rng.integers(2, 4))))])])
                elif kind < (0.75 if tag is not None else 0.5):
                    examples.append([self.matched(rng, tag, queue)])
                else:
                    talk.append([queue.pop() for _ in range(min(len(queue), int(rng.integers(2, TURNS + 1))))])
        return examples + conversations(rng, talk)

    @staticmethod
    def matched(rng, tag, queue):
        """Voice match: under a neutral tag all is learnt; under a tag that names another voice only what follows the
        reference is, so that a tag alone keeps its meaning."""
        u = [queue.pop() for _ in range(min(len(queue), int(rng.integers(2, 5))))]
        heard = len(u) - 1 if rng.random() < HEARD else 0
        if rng.random() < 0.6:
            return Segment(int(rng.choice(NEUTRAL)), u, heard=heard)
        other = int(rng.integers(len(VOICES)))
        return Segment(other, u, [other == tag] * (len(u) - 1) + [len(u) > 1 or other == tag], heard)

    def batches(self, rng, positions, plain=False, part=(0, 1)):
        """Batches of similar length, in random order; part (k, n): every nth from the kth on, and as many of each. Batches
        without anything to learn are left out."""
        examples = [[Segment(u.tag, [u])] for u in self.items if u.tag is not None] if plain else self.compose(rng)
        length = np.array([sum(s.positions for s in e) for e in examples])
        order, group, groups = np.argsort(length * rng.uniform(0.93, 1.07, len(length))), [], []
        for i in order:
            if group and (len(group) + 1) * (length[i] * 1.08) > positions:
                groups.append(group)
                group = []
            group.append(i)
        groups.append(group)
        groups = [g for g in groups if any(any(s.learnt) for i in g for s in examples[i])]
        rng.shuffle(groups)
        for group in groups[part[0]:len(groups) // part[1] * part[1]:part[1]]:
            yield collate([examples[i] for i in group])


def conversations(rng, talk):
    """Turns of one or two speakers, each with its utterances as context segments of its own."""
    rng.shuffle(talk)
    out, at = [], 0
    while at < len(talk):
        two = at + 1 < len(talk) and rng.random() < 0.75
        free = rng.permutation(NEUTRAL)
        turns = [[(u.tag if u.tag is not None and rng.random() < 0.25 else int(free[k]), u) for u in talk[at + k]]
                 for k in range(1 + two)]
        for turn in turns:                              # a speaker keeps its tag
            turn[:] = [(turn[0][0], u) for _, u in turn]
        mixed = [t for pair in itertools.zip_longest(*turns) for t in pair if t]
        heard = rng.random() < HEARD                    # all but the last turn
        last_tag, last = mixed.pop()
        own = [t for t in mixed if t[0] == last_tag]    # behind the turns before it the last one may have its voice given
        given = own[:int(rng.integers(1, 3))] if rng.random() < MATCHED else []
        mixed = [t for t in mixed if not any(t is g for g in given)]
        out.append([Segment(tag, [u], heard=heard) for tag, u in mixed] +
                   [Segment(last_tag, [u for _, u in given] + [last], heard=len(given) if heard else 0)])
        at += 1 + two
    return out


def collate(examples):
    """Targets sit at the position that predicts them: the text's last token and every frame."""
    longest = max(sum(s.positions for s in e) for e in examples)
    b, books = len(examples), common.BOOKS
    text, codes = np.zeros((b, longest), np.int64), np.zeros((b, longest, books), np.int64)
    audio, target = np.zeros((b, longest), bool), np.full((b, longest, books), -100, np.int64)
    phones, letter = np.full((b, longest, common.SLOTS), -100, np.int64), np.full((b, longest), -1, np.float32)
    for row, segments in enumerate(examples):
        at = 0
        for segment in segments:
            t = segment.text
            text[row, at:at + len(t)] = t
            letters = at + len(t) - 1 - sum(len(u.text) + 1 for u in segment.utterances) + 1
            at += len(t)
            for u, given, learnt in zip(segment.utterances, segment.given, segment.learnt):
                n = len(u.codes)
                codes[row, at:at + n], audio[row, at:at + n] = given, True
                if learnt:
                    target[row, at - 1:at + n - 1], phones[row, at - 1:at + n - 1] = u.codes, u.phones
                letter[row, at - 1:at + n - 1] = np.where(u.letter >= 0, u.letter + letters, -1)
                letters += len(u.text) + 1
                at += n
            if segment.learnt[-1]:
                target[row, at - 1] = 0
            audio[row, at] = True                       # the frame of zeros that ends a context segment
            at += 1
    return [torch.tensor(x) for x in (text, codes, audio, target, phones, letter)]


def corrupt(codes, audio, share):
    """Replaces a share of the audio frames by frames from elsewhere in the batch; half of them only in some codebooks."""
    flat = codes.flatten(0, 1)
    where = (audio.flatten() & flat.any(1)).nonzero()[:, 0]
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
    pick = torch.randperm(len(h), device=h.device)[:max(1, round(depth_share * len(h)))]
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
    for batch in examples.batches(np.random.default_rng(0), 3000, plain=True):
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
    parser.add_argument("--start", help="checkpoint folder or .pt to begin with, where there is no --out yet")
    parser.add_argument("--corruption", type=float, default=0.1)
    parser.add_argument("--depth-share", type=float, default=0.2, help="of the frames that the depth decoder learns at each step")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=1, help="that share the work; shards are then read at the start only")
    parallel.run(train, parser.parse_args())


def train(args, team):
    device = common.setup(args.seed, args.threads)
    train_set, test_set = Examples(args.data), Examples(args.data).refresh(["test"])
    model = Csm().to(device)
    decay = [p for p in model.parameters() if p.dim() > 1]
    optimiser = torch.optim.AdamW([{"params": decay, "weight_decay": 0.05},
                                   {"params": [p for p in model.parameters() if p.dim() <= 1], "weight_decay": 0.0}],
                                  lr=args.peak, betas=(0.9, 0.98), fused=True)
    progress, average, frames = common.Progress(args.minutes, args.peak), common.Average(model), 0
    if args.start and not args.out.exists():
        model.start_from(args.start)
    if args.out.exists():
        state = common.load(args.out, device)
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        progress = common.Progress(args.minutes, args.peak, spent=state["seconds"])
        progress.step, average.state, average.n, frames = state["step"], state["average"], state["step"], state["frames"]
    torch.manual_seed(args.seed + progress.step + 7919 * team.rank)
    rng = np.random.default_rng(args.seed + progress.step)
    weights = torch.tensor(WEIGHTS, device=device) / WEIGHTS[0]
    keep = lambda: common.save(args.out, model=model.state_dict(), average=average.state, optimiser=optimiser.state_dict(),
                               step=progress.step, seconds=progress.seconds(), frames=frames)
    mean, passes = {}, 0
    done = progress.fraction() >= 1
    while not done:
        if not passes or team.size == 1:
            train_set.refresh()
        passes += 1
        if team.first:
            print(f"pass {passes}: {len(train_set.items)} sentences, {sum(len(u.codes) for u in train_set.items) * 0.08 / 3600:.1f} h", flush=True)
        for batch in train_set.batches(rng, args.positions, part=(team.rank, team.size)):
            targets = int((batch[3][..., 0] >= 0).sum())
            frames += targets * team.size
            c0, depth, phone, align = losses(model, [x.to(device) for x in batch], args.depth_share, args.corruption)
            loss = c0 + (weights[1:] * depth).sum() + 0.1 * phone + 0.2 * align
            optimiser.zero_grad()
            loss.backward()
            rate, done = team.agree(model.parameters(), progress.rate(), progress.fraction() >= 1)
            for group in optimiser.param_groups:
                group["lr"] = rate
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            average.update()
            progress.step += 1
            for k, v in (("c0", c0), ("c1", depth[0]), (f"c{common.BOOKS - 1}", depth[-1]), ("phone", phone), ("align", align)):
                mean[k] = 0.98 * mean.get(k, v.item()) + 0.02 * v.item()
            if progress.step % 50 == 0 and team.first:
                progress.log(**mean, frames=frames)
            if progress.step % 400 == 0 and team.first:
                test = validate(model, average.state, test_set)
                print("test: " + "  ".join(f"c{i} {x:.3f}" for i, x in enumerate(test[:-1])) + f"  align {test[-1]:.3f}", flush=True)
                keep()
            if done:
                break
    if not team.first:
        return
    keep()
    test = validate(model, average.state, test_set)
    print("test: " + "  ".join(f"c{i} {x:.3f}" for i, x in enumerate(test[:-1])) + f"  align {test[-1]:.3f}", flush=True)


if __name__ == "__main__":
    main()
