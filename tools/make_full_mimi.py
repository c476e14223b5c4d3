"""A full-size Mimi codec (96 million values) with random weights, in moshi's or transformers' naming, where the
published one cannot be had; and, if asked, what moshi decodes with it.

    python tools/make_full_mimi.py OUT.safetensors
    python tools/make_full_mimi.py OUT.safetensors --naming transformers --golden GOLDEN.safetensors --frames 50

The same seed gives the same weights in both namings. A config.json goes beside a file in transformers' naming. The
golden holds codes [T, 32], latents [2T, 512] behind the decoder transformer, and pcm [1920 T].
"""
import argparse
import os

import torch
from safetensors.torch import save_file

import mimi_common as common
from make_mimi_golden import decode
from versions import versions

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("--naming", choices=("moshi", "transformers"), default="moshi")
    parser.add_argument("--golden")
    parser.add_argument("--frames", type=int, default=25)
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    model = common.build(common.FULL, args.seed)
    state = common.moshi_names(model)
    assert len(state) == 318 and sum(tensor.numel() for tensor in state.values()) == 96151393
    if args.naming == "transformers":
        state = common.hf_names(state, common.FULL["heads"])
        assert len(state) == 350
        with open(os.path.join(os.path.dirname(args.out) or ".", "config.json"), "w") as file:
            file.write(common.hf_config(common.FULL).to_json_string())
    save_file(state, args.out, versions())
    if args.golden:
        generator = torch.Generator().manual_seed(args.seed + 1)
        codes = torch.randint(0, 2048, (32, args.frames), generator=generator)
        latents, pcm = decode(model, codes)
        save_file({"codes": codes.T.contiguous().int(), "latents": latents, "pcm": pcm}, args.golden, versions())
