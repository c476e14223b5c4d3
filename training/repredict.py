"""For the last part of stage B: codes as the language model would speak them. Codebook 0 and the history are the true
ones, the other codebooks are the depth decoder's own (greedy) choice, but one: the phase of the pitch has to be that
of the sound that the decoder is held against. The residual codebooks are hard to predict; a decoder that has only seen
true ones is hoarse on predicted ones.

    repredict.py --data DATA --lm RUN/lm.pt --out DATA2 --shards 00        DATA2 then holds 00 (true) and 50 (predicted)
    stage_decoder.py --data DATA2 ...                                      goes on with both
"""
import argparse
import pathlib

import numpy as np
import torch

import common
from csm import Csm
from stage_lm import Examples, Segment, collate
from voices import VOICES


@torch.no_grad()
def predict(model, items, device):
    """-> list of codes [frames, BOOKS]."""
    examples = [[Segment(VOICES.index(u.voice[0]), [u])] for u in items]
    text, codes, audio, target, _, _ = (x.to(device) for x in collate(examples))
    hidden = model.backbone_model(model.embed(text, codes, audio))[0]
    ask = target[..., 0] > 0                                         # the frames, without the end
    h, wanted = hidden[ask], target[ask]
    rows = model.audio(wanted[:, :1] + model.offsets[:1])
    x, said = torch.cat([h[:, None], rows], 1), [wanted[:, 0]]
    for book in range(1, common.BOOKS):
        y = model.depth_decoder["model"](model.projector(x))[0][:, -1]
        code = (y @ model.codebooks_head[book - 1]).argmax(1).clamp(max=common.BOOK_SIZE - 1)
        said.append(code)
        x = torch.cat([x, model.audio(code + model.offsets[book])[:, None]], 1)
    said[common.PHASE_BOOK] = wanted[:, common.PHASE_BOOK]
    return torch.stack(said, 1).cpu().numpy().astype(np.int16)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--lm", required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--shards", nargs="+", default=["00"])
    parser.add_argument("--count", type=int, default=10 ** 9, help="sentences of a shard")
    args = parser.parse_args()
    device = common.setup(1, 1)
    model = Csm().to(device).eval()
    model.load_state_dict(common.load(args.lm, device)["average"])
    args.out.mkdir(exist_ok=True)
    for number, shard in enumerate(args.shards):
        items = Examples(args.data).refresh([shard]).items[:args.count]
        order, codes = sorted(range(len(items)), key=lambda i: len(items[i].codes)), [None] * len(items)
        for k in range(0, len(order), 24):
            group = order[k:k + 24]
            flat = predict(model, [items[i] for i in group], device)
            for i, c in zip(group, np.split(flat, np.cumsum([len(items[i].codes) for i in group])[:-1])):
                codes[i] = c
        for name, part in ((shard, [u.codes for u in items]), (f"{50 + number}", codes)):
            np.savez(args.out / f"{name}.codes.npz", codes=np.concatenate(part), frames=np.array([len(c) for c in part]))
            for end in ("pcm", "par", "jsonl"):
                link = args.out / f"{name}.{end}"
                link.unlink(missing_ok=True)
                link.symlink_to((args.data / f"{shard}.{end}").resolve())
        same = np.mean(np.concatenate(codes) == np.concatenate([u.codes for u in items]), axis=0)
        print(f"{shard}: {len(codes)} sentences; predicted equals true: {' '.join(f'{s:.2f}' for s in same)}", flush=True)


if __name__ == "__main__":
    main()
