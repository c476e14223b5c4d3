"""Writes the tiny checkpoints and goldens of tests/golden/csm: random weights, every published layout.

    tools/references/setup.sh && "$MARVIS_REFERENCES"/bin/python tools/make_tiny.py

Every golden comes from transformers (or, for quantised weights, from float64 arithmetic on the exactly
dequantised values) and is confirmed by an independent implementation and by mlx-audio; the script
fails when they disagree. It also breaks the model on purpose, in each way a golden has to notice, and
fails unless every fault moves the logits far beyond the tests' tolerances.
"""
import json
import os
import sys

import mlx.core as mx
import numpy as np
import torch
import transformers
from safetensors.torch import save_file

sys.path.insert(0, os.path.dirname(__file__))
import csm_upstream as up
from csm_reference import (HF_DEPTH_TABLE, HF_NAMES, PUBLISHED_ROPE, Dims, Reference, Tower,
                           hf_config, llama3_rope, mlx_config, mlx_name, port_name, random_tensor,
                           tensor_shapes, to_hf)
from versions import versions

OUT = os.path.join(os.path.dirname(__file__), "..", "tests", "golden", "csm")
FAULTS = {  # fault: the trap of the tests it stands for
    "no_mask": 1, "half_split_rope": 2, "depth_cache_kept": 3, "first_two_see_each_other": 11,
    "audio_rows_shifted": 13, "heads_shifted": 13, "pre_norm_hidden": 14,
    "projection_on_hidden_only": 15, "projection_on_codes_only": 15, "plain_rope": 16,
}
F32_TOLERANCE = 1e-4  # of the tests, on rows as max|a - b| / rms(b)


def row_error(a, b):
    a, b = a.double().reshape(-1, a.shape[-1]), b.double().reshape(-1, b.shape[-1])
    return ((a - b).abs().amax(-1) / b.pow(2).mean(-1).sqrt()).max().item()


def exact_everywhere(t):
    """Rounds to values that f32, bf16 and f16 all hold exactly."""
    t = t.to(torch.bfloat16).float()
    return torch.where(t.half().float() == t, t, torch.zeros_like(t))


def random_weights(dims, seed):
    g = torch.Generator().manual_seed(seed)
    return {n: exact_everywhere(random_tensor(n, s, dims, g))
            for n, s in tensor_shapes(dims).items()}


def random_case(dims, seed, n_frames):
    """Context layout: text, audio frames, the EOS frame of zero codes, text; then forced frames."""
    g = torch.Generator().manual_seed(seed + 1000)
    C, codes = dims.codebooks, dims.audio_vocab - 3

    def text(n):
        t = torch.zeros(n, C + 1, dtype=torch.long)
        t[:, -1] = torch.randint(4, dims.text_vocab - 4, (n,), generator=g)
        t[0, -1], t[-1, -1] = 1, 2
        return t

    def audio(n):
        t = torch.zeros(n, C + 1, dtype=torch.long)
        t[:, :-1] = torch.randint(0, codes, (n, C), generator=g)
        return t

    parts = [text(7), audio(6), torch.zeros(1, C + 1, dtype=torch.long), text(6)]
    masks = []
    for i, p in enumerate(parts):
        m = torch.zeros_like(p)
        if i in (1, 2):
            m[:, :-1] = 1
        else:
            m[:, -1] = 1
        masks.append(m)
    frames = torch.randint(0, codes, (n_frames, C), generator=g)
    return torch.cat(parts), torch.cat(masks), frames


def check(what, error, limit):
    print(f"  {what}: {error:.2e}")
    assert error <= limit, f"{what}: {error} > {limit}"


def save_mlx(path, tensors, want_unaligned=False):
    """As MLX writes files: compact header, no padding. A note of varying length moves the data to an
    odd address when asked."""
    for pad in range(1, 9):
        meta = {"format": "mlx", "note": "x" * pad} if want_unaligned else {"format": "mlx"}
        mx.save_safetensors(path, tensors, metadata=meta)
        with open(path, "rb") as f:
            header = int.from_bytes(f.read(8), "little")
        if not want_unaligned or header % 2:
            return
    raise AssertionError("no odd header length found")


def write_config(folder, config, name="config.json"):
    os.makedirs(os.path.join(OUT, folder), exist_ok=True)
    with open(os.path.join(OUT, folder, name), "w") as f:
        json.dump(config, f, indent=1)
        f.write("\n")


def save(folder, name, tensors, metadata=None):
    os.makedirs(os.path.join(OUT, folder), exist_ok=True)
    save_file({n: t.contiguous() for n, t in tensors.items()}, os.path.join(OUT, folder, name),
              metadata=metadata)


def as_bf16_mlx(t):
    return mx.array(t.float().numpy()).astype(mx.bfloat16)


def check_faults(weights, dims, case, logits):
    """Every fault must be visible; returns the separations for the golden's metadata."""
    seen = {}
    for fault in FAULTS:
        try:
            bad = Reference(weights, dims, faults=[fault]).trace(*case)[1]
        except (RuntimeError, IndexError):
            seen[fault] = "impossible shapes"
            continue
        frames = slice(1, None) if fault == "depth_cache_kept" else slice(None)
        seen[fault] = f"{row_error(bad[frames], logits[frames]):.3f}"
        assert float(seen[fault]) > 100 * F32_TOLERANCE, (fault, seen[fault])
    print("  faults move the logits by", seen)
    return seen


def golden(folder, name, case, embed, hidden, logits, extra=None, notes=None):
    tokens, mask, frames = case
    save(folder, name, {
        "tokens": tokens.int(), "mask": mask.to(torch.uint8), "frames": frames.int(),
        "embeddings": embed.float(), "hidden": hidden.float(), "logits": logits.float(),
        **(extra or {})}, {**versions(), **{k: str(v) for k, v in (notes or {}).items()}})


def float_golden(folder, dims, seed, n_frames, n_greedy, few=None):
    """Golden of float weights from transformers, confirmed thrice. Returns the weights."""
    while True:  # a seed whose greedy codes no rounding can change
        weights = random_weights(dims, seed)
        case = random_case(dims, seed, n_frames)
        exact = Reference(weights, dims)
        codes, margins = exact.greedy(case[0], case[1], n_greedy)
        codes_few, margins_few = exact.greedy(case[0], case[1], n_greedy, few)
        if min(float(margins.min()), float(margins_few.min())) > 5e-3:
            break
        seed += 1
    print(f"{folder}: seed {seed}, smallest greedy margins {float(margins.min()):.4f}, "
          f"{float(margins_few.min()):.4f}, distinct c0 {len(set(codes[:, 0].tolist()))}")
    model = up.hf_model(to_hf(weights, dims), dims)
    embed, hidden, logits = up.hf_trace(model, *case)
    check("embeddings, transformers' own merge", row_error(
        up.hf_merge_embed(model, case[0], case[1], dims), embed), 1e-6)
    eager = up.hf_trace(up.hf_model(to_hf(weights, dims), dims, attention="eager"), *case)
    check("logits, eager against sdpa", row_error(eager[2], logits), 1e-5)
    h64, l64 = exact.trace(*case)
    check("hidden, transformers f32 against the independent float64", row_error(hidden, h64), 2e-5)
    check("logits, the same", row_error(logits, l64), 2e-5)
    mlx_state = {mlx_name(n, ""): w.numpy() for n, w in weights.items()}
    m = up.mlx_trace(up.mlx_model(mlx_config(dims), mlx_state, dims), *case)
    check("hidden, mlx-audio f32 against transformers", row_error(m[0], hidden), 5e-5)
    check("logits, the same", row_error(m[1], logits), 5e-5)
    assert bool((up.hf_greedy(model, case[0], case[1], n_greedy) == codes).all())
    seen = check_faults(weights, dims, case, l64)
    print("  hidden rms", float(hidden.pow(2).mean().sqrt()), "logits rms",
          [round(float(x), 2) for x in logits.pow(2).mean((0, 2)).sqrt()[:5]], "top-2 margin median",
          float((lambda t: t[..., 0] - t[..., 1])(logits.topk(2).values).median()))
    golden(folder, "golden.safetensors", case, embed, hidden, logits,
           {"greedy": codes.int(), "greedy_few": codes_few.int(), "greedy_margin": margins.float(),
            "greedy_few_margin": margins_few.float()},
           {"source": "transformers, float32, sdpa", "seed": seed, "faults": json.dumps(seen)})
    return weights


def write_layouts():
    """One set of weights in every layout; goldens in layouts/golden.safetensors. The backbone is wider
    than the depth decoder, the heads do not fill the width, the MLPs are no multiple of 16."""
    dims = Dims(64, 67, 8, Tower(3, 32, 60, 4, 2, 16, 64, llama3_rope(128)),
                Tower(2, 24, 44, 4, 2, 8, 8, llama3_rope(16)))
    weights = float_golden("layouts", dims, 1, 45, 32, few=3)  # up to the last position, 63
    half = {n: w.half() for n, w in weights.items()}

    write_config("original", mlx_config(dims))
    save("original", "model.safetensors", weights)
    write_config("original-prefixed", mlx_config(dims, "rope_parameters"))
    save("original-prefixed", "model.safetensors", {"model." + n: w for n, w in half.items()})
    write_config("mlx", mlx_config(dims))
    save_mlx(os.path.join(OUT, "mlx", "model.safetensors"),
             {mlx_name(n): as_bf16_mlx(w) for n, w in weights.items()}, want_unaligned=True)
    write_config("mlx-port", mlx_config(dims, "rope_parameters"))
    save_mlx(os.path.join(OUT, "mlx-port", "marvis_mlx.safetensors"),
             {port_name(n): as_bf16_mlx(w) for n, w in weights.items()})
    hf = to_hf(weights, dims)
    write_config("transformers", hf_config(dims))
    save("transformers", "model.safetensors", {n: w.bfloat16() for n, w in hf.items()},
         {"format": "pt"})

    # Sharded, and by the choice of index with both audio tables or only one of them.
    write_config("transformers-sharded", hf_config(dims, rope_key="rope_parameters"))
    tables = (HF_NAMES["audio_embeddings.weight"], HF_DEPTH_TABLE)
    shards = [{n: w.half() for n, w in hf.items() if n not in tables},
              {tables[0]: hf[tables[0]].half()}, {tables[1]: hf[tables[1]].half()}]
    files = [f"model-{i + 1:05d}-of-00003.safetensors" for i in range(3)]
    for f, s in zip(files, shards):
        save("transformers-sharded", f, s, {"format": "pt"})
    for name, use in (("model", (0, 1, 2)), ("backbone-table", (0, 1)), ("depth-table", (0, 2))):
        index = {"metadata": {"total_size": sum(2 * w.numel() for i in use
                                                for w in shards[i].values())},
                 "weight_map": {n: files[i] for i in use for n in shards[i]}}
        write_config("transformers-sharded", index, f"{name}.safetensors.index.json")


def write_same_width():
    """All 32 codebooks, backbone and depth decoder of one width, published rope numbers, bf16."""
    dims = Dims(64, 35, 32, Tower(2, 32, 64, 2, 1, 32, 2048, PUBLISHED_ROPE),
                Tower(2, 32, 48, 2, 2, 16, 33, PUBLISHED_ROPE))
    weights = float_golden("same-width", dims, 100, 8, 30, few=16)
    write_config("same-width", mlx_config(dims))
    save("same-width", "model.safetensors", {n: w.bfloat16() for n, w in weights.items()})


def write_quantised(folder, dims, seed, bits, group, prefix="model.", override=None, odd=False):
    """An MLX affine checkpoint quantised by MLX itself. override: {module: (group, bits) or None}."""
    weights = {mlx_name(n, ""): w for n, w in random_weights(dims, seed).items()}
    case = random_case(dims, seed, 6)
    override = override or {}
    state, exact, negative = {}, {}, 0
    for name, w in weights.items():
        module = name.removesuffix(".weight")
        g, b = override.get(module, (group, bits)) or (0, 0)
        if name == module or w.dim() != 2 or not g or w.shape[1] % g:
            state[name], exact[name] = as_bf16_mlx(w), w.numpy()
            continue
        triple = mx.quantize(as_bf16_mlx(w), group_size=g, bits=b)
        for leaf, value in zip(("weight", "scales", "biases"), triple):
            state[f"{module}.{leaf}"] = value
        scales, biases = (np.array(t.astype(mx.float32)) for t in triple[1:])
        negative += int((scales < 0).sum())
        exact[name] = up.dequantise(np.array(triple[0]), scales, biases, b, g)
        mlx_values = np.array(mx.dequantize(triple[0], mx.array(scales), mx.array(biases), g, b))
        assert np.abs(mlx_values - exact[name]).max() < 1e-6
    assert negative > 0
    quant = {"group_size": group, "bits": bits, "mode": "affine"}
    for module, value in override.items():
        quant[prefix + module] = (
            {"group_size": value[0], "bits": value[1]} if value else False)
    config = mlx_config(dims, quantization=quant, quantization_config=quant)
    os.makedirs(os.path.join(OUT, folder), exist_ok=True)
    save_mlx(os.path.join(OUT, folder, "model.safetensors"),
             {prefix + n: a for n, a in state.items()}, want_unaligned=odd)
    write_config(folder, config)

    back = {mlx_name(n, ""): n for n in tensor_shapes(dims)}
    original = {back[n]: torch.tensor(w) for n, w in exact.items()}
    print(f"{folder}: {negative} negative scales")
    ref = Reference(original, dims)
    embed, (hidden, logits) = ref.embed(*case[:2]), ref.trace(*case)
    hf = up.hf_model(to_hf(original, dims), dims)
    check("logits, transformers f32 on the dequantised weights", row_error(
        up.hf_trace(hf, *case)[2], logits), 2e-5)
    f32 = {n: np.array(a) if a.dtype == mx.uint32 else np.array(a.astype(mx.float32))
           for n, a in state.items()}
    special = {m: v for m, v in override.items() if v}
    m = up.mlx_trace(up.mlx_model(config, f32, dims, (group, bits, special)), *case)
    check("logits, mlx-audio on the quantised weights", row_error(m[1], logits), 5e-5)
    # What the engine computes when it widens quantised weights to bf16 rather than f32.
    rounded = {n: w.float().bfloat16().double() for n, w in original.items()}
    rounded_logits = Reference(rounded, dims).trace(*case)[1]
    print("  rounding to bf16 moves the logits by", row_error(rounded_logits, logits))
    golden(folder, "golden.safetensors", case, embed, hidden, logits,
           {"logits_bf16": rounded_logits.float()},
           {"source": "float64 on dequantised weights", "seed": seed})


def write_all_quantised():
    small = Dims(48, 67, 4, Tower(2, 64, 64, 4, 2, 16, 2048, PUBLISHED_ROPE),
                 Tower(1, 64, 64, 4, 2, 16, 33, PUBLISHED_ROPE))
    # Only the backbone's inputs are divisible by 128: the depth decoder stays bf16.
    wide = Dims(48, 67, 4, Tower(1, 128, 128, 4, 2, 16, 2048, PUBLISHED_ROPE),
                Tower(1, 64, 64, 4, 2, 16, 33, PUBLISHED_ROPE))
    write_quantised("mlx-2bit", wide, 200, 2, 128)
    write_quantised("mlx-3bit", small, 210, 3, 32, odd=True)
    write_quantised("mlx-4bit", small, 220, 4, 64, override={
        "projection": (32, 8), "codebook0_head": None, "backbone.layers.0.mlp.down_proj": (64, 6)})
    write_quantised("mlx-5bit", small, 230, 5, 32, prefix="", odd=True)
    write_quantised("mlx-6bit", small, 240, 6, 64, odd=True)
    write_quantised("mlx-8bit", small, 250, 8, 64)


def main():
    torch.manual_seed(0)
    torch.set_grad_enabled(False)
    torch.set_num_threads(1)  # tiny products
    transformers.logging.set_verbosity_error()
    write_layouts()
    write_same_width()
    write_all_quantised()
    total = sum(os.path.getsize(os.path.join(p, f)) for p, _, fs in os.walk(OUT) for f in fs)
    print(f"{total / 1e6:.2f} MB in all")


if __name__ == "__main__":
    main()
