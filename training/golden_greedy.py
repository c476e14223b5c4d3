"""Golden codes for the tests of the C engine: greedy decoding of test sentences by transformers, in float32 arithmetic on
the stored bfloat16 weights. Run it again whenever the checkpoint is exported anew.

    golden_greedy.py --model ../models/builtin [--count 50]       -> MODEL/golden/greedy.json

Per sentence: text, speaker (in turn), prompt ids, codes [frames][codebooks] (without the all-zero frame), whether that frame came, and for
every frame (the last, all-zero one included) the smallest distance between the best two logits of its codes: where it is
below the engine's own error, another code is no mistake. The first sentences are also run through transformers' own
`generate`, which must give the same codes.
"""
import argparse
import json
import pathlib

import torch

import corpus
import speak

FIRST = ["Today is Monday.", "Hello there.", "How can I help you?", "It is ten thirty."]
MAX_FRAMES = 80


def by_generate(model, ids):
    out = model.generate(input_ids=torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long),
                         do_sample=False, depth_decoder_do_sample=False, max_new_tokens=MAX_FRAMES)[0]
    ends = (out == 0).all(1).nonzero()
    return out[:int(ends[0])] if len(ends) else out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--count", type=int, default=50)
    args = parser.parse_args()
    torch.set_num_threads(1)
    import transformers
    model, tokenizer = speak.load(args.model)
    settings, cases = speak.Settings(model, greedy=True), []
    for number, text in enumerate(FIRST + corpus.TEST_FILE.read_text().splitlines()[:args.count - len(FIRST)]):
        ids = tokenizer(f"[{number % 3}]{text}")["input_ids"]
        codes, ended, margins = speak.generate(model, ids, settings, MAX_FRAMES)
        if number < 3:
            same = by_generate(model, ids)
            assert same.shape == codes.shape and (same.numpy() == codes).all(), f"generate disagrees: {text}"
        cases.append({"text": text, "speaker": number % 3, "prompt_ids": ids, "ended": bool(ended), "codes": codes.tolist(),
                      "margins": [round(float(m), 5) for m in margins.min(1)]})
        print(f"{len(codes):3} frames, ended {ended}, smallest margin {margins.min():.4f}  {text}")
    out = args.model / "golden" / "greedy.json"
    out.parent.mkdir(exist_ok=True)
    lines = ",\n".join("  " + json.dumps(c) for c in cases)
    out.write_text(f'{{"made_by": "training/golden_greedy.py, transformers {transformers.__version__}, torch '
                   f'{torch.__version__.split("+")[0]}, float32",\n "max_frames": {MAX_FRAMES},\n "cases": [\n{lines}\n]}}\n')
    print(f"{out}: {len(cases)} sentences, {out.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
