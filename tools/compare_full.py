"""Full-size random checkpoints in every layout through `marvis trace`, against transformers in float32
on the same weights and, for quantised files, on the exactly dequantised weights and mlx-audio. Prints
the table of docs/PARITY.md.

    python tools/compare_full.py --marvis build/marvis [--model marvis-250m] [--only mlx-4bit ...]

Errors are worst rows of max|a - b| / rms(b): over positions for the backbone's state, over frames and
codebooks for logits. Needs about 9 GB of memory and 2 GB of disk; takes some ten minutes on two cores.
"""
import argparse
import gc
import json
import os
import shutil
import subprocess
import sys
import tempfile

import numpy as np
import torch
import transformers
from safetensors.torch import load_file, safe_open, save_file

sys.path.insert(0, os.path.dirname(__file__))
import csm_upstream as up
from csm_reference import FULL, Reference, mlx_name, tensor_shapes, to_hf
from make_full import GROUP, weight, write_model
from make_tiny import random_case, row_error
from versions import versions

N_FRAMES = 6
RUNS = [  # layout, type of unquantised weights, --weights
    ("original", "bf16", "auto"), ("original", "f32", "auto"), ("original", "f16", "auto"),
    ("mlx", "bf16", "auto"), ("mlx-port", "bf16", "auto"), ("transformers", "bf16", "auto"),
    ("transformers", "bf16", "f32"),
    ("mlx-8bit", "", "f32"), ("mlx-6bit", "", "f32"), ("mlx-4bit", "", "f32"),
    ("mlx-8bit", "", "bf16"), ("mlx-6bit", "", "bf16"), ("mlx-4bit", "", "bf16"),
]


def log(*words):
    print(*words, file=sys.stderr, flush=True)


def float_weights(dims):
    return {n: weight(n, s, dims).bfloat16() for n, s in tensor_shapes(dims).items()}


def quantised_weights(path, dims, dtype):
    """Original names; dequantised in float64, tensor by tensor, then rounded to dtype."""
    out = {}
    with safe_open(path, "pt") as f:
        names = set(f.keys())
        for n in tensor_shapes(dims):
            module = mlx_name(n).removesuffix(".weight")
            if module + ".scales" not in names:
                out[n] = f.get_tensor(mlx_name(n)).to(dtype)
                continue
            packed = f.get_tensor(module + ".weight").numpy()
            scales, biases = (f.get_tensor(f"{module}.{leaf}").float().numpy()
                              for leaf in ("scales", "biases"))
            bits = packed.shape[1] * 32 // (scales.shape[1] * GROUP)
            rows = [up.dequantise(packed[i:i + 2048], scales[i:i + 2048], biases[i:i + 2048], bits,
                                  GROUP).astype(np.float32)
                    for i in range(0, packed.shape[0], 2048)]
            out[n] = torch.tensor(np.concatenate(rows)).to(dtype)
    return out


def hf_reference(weights, dims, case):
    log("  transformers, float32")
    model = up.hf_model(to_hf(weights, dims), dims)
    out = up.hf_trace(model, *case)[1:]
    del model
    gc.collect()
    return out


def mlx_reference(folder, dims, case, bits):
    import mlx.core as mx

    log("  mlx-audio, float32 around its own quantised products")
    with open(os.path.join(folder, "config.json")) as f:
        config = json.load(f)
    raw = mx.load(os.path.join(folder, "model.safetensors"))
    state = {n.removeprefix("model."): np.array(a if a.dtype == mx.uint32 else a.astype(mx.float32))
             for n, a in raw.items()}
    return up.mlx_trace(up.mlx_model(config, state, dims, (GROUP, bits, {})), *case)


def marvis_trace(program, folder, weights, case, work):
    tokens, mask, frames = case
    save_file({"tokens": tokens.int(), "mask": mask.to(torch.uint8), "frames": frames.int()},
              os.path.join(work, "in.safetensors"))
    log(f"  marvis trace --weights {weights}")
    subprocess.run([program, "trace", "--model", folder, "--weights", weights, "--input",
                    os.path.join(work, "in.safetensors"), "-o",
                    os.path.join(work, "out.safetensors")], check=True)
    out = load_file(os.path.join(work, "out.safetensors"))
    return out["hidden"], out["logits"]


def stages(a, b):
    """Errors of a against b: state, codebook 0, codebook 1, the worst of the others."""
    return [row_error(a[0], b[0]), row_error(a[1][:, 0], b[1][:, 0]),
            row_error(a[1][:, 1], b[1][:, 1]), row_error(a[1][:, 2:], b[1][:, 2:])]


def show(*cells):
    print("| " + " | ".join(f"{c:.1e}" if isinstance(c, float) else str(c) for c in cells) + " |",
          flush=True)


class Comparison:
    def __init__(self, program, model, work):
        self.program, self.name, self.work = program, model, work
        self.dims = FULL[model]
        self.case = random_case(self.dims, 7, N_FRAMES)
        self.exact = {}  # (layout, rounding): reference

    def reference(self, layout, folder, weights):
        """What the run must come near: the bf16 weights, or the dequantised ones, which --weights auto
        rounds to bf16."""
        if not layout.endswith("bit"):
            return self.exact["bf16"]
        key = (layout, weights)
        if key not in self.exact:
            dtype = torch.float32 if weights == "f32" else torch.bfloat16
            path = os.path.join(folder, "model.safetensors")
            self.exact[key] = hf_reference(quantised_weights(path, self.dims, dtype), self.dims,
                                           self.case)
        return self.exact[key]

    def run_references(self):
        weights = float_weights(self.dims)
        self.exact["bf16"] = hf_reference(weights, self.dims, self.case)
        log("  float64")
        exact = Reference(weights, self.dims, torch.float64).trace(*self.case)
        show("transformers f32 against float64", "bf16", "f32",
             *stages(self.exact["bf16"], exact))

    def run(self, layout, dtype, weights):
        folder = os.path.join(self.work, f"{layout}-{dtype}")
        log(layout, dtype, weights)
        if not os.path.isdir(folder):
            write_model(self.name, folder, layout, dtype or "bf16")
        ours = marvis_trace(self.program, folder, weights, self.case, self.work)
        reference = self.reference(layout, folder, weights)
        stored = dtype or f"{layout[4]}-bit, group {GROUP}"
        source = "transformers" if dtype else "transformers on dequantised weights" + (
            "" if weights == "f32" else " rounded to bf16")
        name = layout if dtype else "mlx"
        show(f"layout {name} against {source}", stored,
             {"f32": "f32", "auto": dtype, "bf16": "bf16"}[weights], *stages(ours, reference))
        if not dtype and weights == "f32":
            mlx = mlx_reference(folder, self.dims, self.case, int(layout[4]))
            show("layout mlx against mlx-audio", stored, "f32", *stages(ours, mlx))
        return folder


def main():
    p = argparse.ArgumentParser(description="marvis trace against the references, full size")
    p.add_argument("--marvis", default="build/marvis")
    p.add_argument("--model", choices=FULL, default="marvis-250m")
    p.add_argument("--only", nargs="*", help="layouts; default all")
    p.add_argument("--work", help="folder for checkpoints, kept; default a temporary one")
    a = p.parse_args()
    torch.set_grad_enabled(False)
    transformers.logging.set_verbosity_error()
    work = a.work or tempfile.mkdtemp()
    os.makedirs(work, exist_ok=True)
    print(f"{a.model}, random weights; prompt of 20 positions (text, audio, text), {N_FRAMES} forced "
          f"frames. {versions()['made_with']}.\n")
    show("what", "stored", "computed with", "backbone state", "codebook 0", "codebook 1",
         "codebooks 2-31")
    show(*["---"] * 7)
    c = Comparison(a.marvis, a.model, work)
    runs = [r for r in RUNS if not a.only or r[0] in a.only]
    if any(r[1] for r in runs):
        c.run_references()
    for i, run in enumerate(runs):
        folder = c.run(*run)
        if not a.work and all(r[:2] != run[:2] for r in runs[i + 1:]):
            shutil.rmtree(folder)
    if not a.work:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
