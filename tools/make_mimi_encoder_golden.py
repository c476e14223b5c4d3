"""Makes the encoder's half of tests/golden/mimi (or the folder given): a tiny Mimi codec whose codebooks lie where
its latents are, audio of several kinds, and the codes that moshi makes of it. Run by hand, for what is committed,
after make_mimi_golden.py, whose codecs are encoded with, too.

Each clip has samples (int16 / 32768), codes [frames, K], latents [frames, latent] before the quantiser, and margins
[frames, K]: how much nearer the best row is than the second best, in double precision from moshi's own residuals,
as a part of the length of what the quantiser was given. Where that is less than what f32 can tell, another
implementation may choose the other row. transformers must agree where it computes the same: whole frames, and no
more steps than the window.
"""
import os
import sys

import torch
from safetensors.torch import load_file, save_file

import make_mimi_golden
import mimi_common as common
from versions import versions

DIMS = dict(latent=16, n_filters=4, ratios=[4, 3, 2], layers=2, heads=2, mlp=32, window=250, codebook_size=64,
            codebook_dim=8, n_codebooks=8)
RATE = 24000
SURE = 1e-4     # a margin above this is no near tie


def speech(n, generator):
    """Voiced and unvoiced stretches: pulses at a gliding pitch or noise, through moving resonances."""
    noise = torch.randn(n, generator=generator)
    t = torch.arange(n) / RATE
    pitch = 120 + 40 * torch.sin(2 * torch.pi * 3 * t)
    phase = torch.cumsum(pitch / RATE, 0)
    pulses = (torch.diff(phase.floor(), prepend=torch.zeros(1)) > 0).float()
    voiced = (torch.sin(2 * torch.pi * 7 * t) > -0.3).float()
    source = voiced * pulses * 6 + (1 - voiced) * 0.3 * noise
    out = torch.zeros(n)
    for base, depth, rate in ((500, 200, 5), (1500, 500, 4), (2500, 300, 6)):
        y1 = y2 = 0.0
        for i in range(n):
            angle = 2 * torch.pi * (base + depth * float(torch.sin(torch.tensor(2 * torch.pi * rate * i / RATE)))) / RATE
            y = float(source[i]) + 2 * 0.97 * float(torch.cos(torch.tensor(angle))) * y1 - 0.97 ** 2 * y2
            y2, y1 = y1, y
            out[i] += y
    envelope = 0.15 + 0.85 * torch.sin(torch.pi * 11 * t).abs()
    return 0.5 * out / out.abs().max() * envelope


def clip(kind, n, seed):
    generator = torch.Generator().manual_seed(seed)
    t = torch.arange(n) / RATE
    if kind == "speech":
        x = speech(n, generator)
    elif kind == "silence":
        x = torch.zeros(n)
    elif kind == "noise":
        x = 0.3 * torch.randn(n, generator=generator)
    elif kind == "tones":
        x = 0.4 * torch.sin(2 * torch.pi * (200 + 9000 * t / t[-1]) * t) + 0.3 * torch.sin(2 * torch.pi * 440 * t)
    elif kind == "clipped":
        x = (3 * torch.sin(2 * torch.pi * 330 * t) + torch.randn(n, generator=generator)).clamp(-1, 1)
    elif kind == "click":                       # one sample, then silence: all that is heard are the layers' pasts
        x = torch.zeros(n)
        x[100] = 1
    return (x * 32767).round().clamp(-32768, 32767).to(torch.int16)


def frame_samples(dims):
    return 2 * common.product(dims["ratios"])


def fit_codebooks(model, dims, seed):
    """Puts the rows where latents of all kinds of audio leave their residuals, as training would; some entries
    unused, usages that are not 1."""
    generator = torch.Generator().manual_seed(seed)
    frame = frame_samples(dims)
    audio = [clip(kind, 400 * frame, seed + 7 * i).float() / 32768
             for i, kind in enumerate(("noise", "tones", "clipped", "speech"))]
    audio.append(0.02 * torch.randn(400 * frame, generator=generator))
    with torch.no_grad():
        z = torch.cat([model._encode_to_unquantized_latent(x[None, None])[0].T for x in audio])
        for rvq in (model.quantizer.rvq_first, model.quantizer.rvq_rest):
            residual = rvq.input_proj(z.T[None])[0].T
            for layer in rvq.vq.layers:
                book = layer._codebook
                rows = residual[torch.randperm(len(residual), generator=generator)[:dims["codebook_size"]]]
                rows = rows * (1 + 0.05 * torch.randn(rows.shape, generator=generator))
                usage = book.cluster_usage.clamp(min=1e-5)
                book.embedding_sum.copy_(rows * usage[:, None])
                book._embedding = None
                residual = residual - book.embedding[torch.cdist(residual, book.embedding).argmin(-1)]


def measure(model, z, codes):
    """Margins [K, frames]: asserts that moshi chose the nearest row wherever that is sure."""
    margins = torch.zeros(codes.shape)
    k = 0
    for rvq in (model.quantizer.rvq_first, model.quantizer.rvq_rest):
        residual = rvq.input_proj(z)[0].T
        length = residual.double().norm(dim=1)
        for layer in rvq.vq.layers:
            if k == len(codes):
                return margins
            table = layer._codebook.embedding
            two = torch.cdist(residual.double(), table.double(), compute_mode="donot_use_mm_for_euclid_dist").topk(
                2, dim=1, largest=False)
            margins[k] = ((two.values[:, 1] - two.values[:, 0]) / length).float()
            wrong = (two.indices[:, 0] != codes[k]) & (margins[k] > SURE)
            assert not wrong.any(), (k, wrong.nonzero())
            residual = residual - table[codes[k]]
            k += 1
    return margins


def encode(model, samples):
    with torch.no_grad():
        x = samples.float()[None, None] / 32768
        z = model._encode_to_unquantized_latent(x)
        codes = model.encode(x)[0]
        margins = measure(model, z, codes)
    return {"samples": samples, "codes": codes.T.contiguous().int(), "latents": z[0].T.contiguous(),
            "margins": margins.T.contiguous()}


def hf_differences(model, dims, samples):
    """Codes of whole frames inside the window that transformers makes otherwise, margins apart."""
    from transformers import MimiModel
    frame = frame_samples(dims)
    n = min(len(samples) // frame, dims["window"] // 2 - 1)
    hf = MimiModel(common.hf_config(dims)).eval()
    hf.load_state_dict(common.hf_names(common.moshi_names(model), dims["heads"]), strict=True)
    part = encode(model, samples[:n * frame])
    with torch.no_grad():
        codes = hf.encode(samples[:n * frame].float()[None, None] / 32768).audio_codes[0].T
    tie = part["margins"] < SURE                # after one, the rest of its quantiser sees something else
    tie[:, 1:] = torch.cummax(tie[:, 1:].int(), 1).values.bool()
    return ((codes != part["codes"]) & ~tie).sum().item(), int(tie.sum()), codes.numel()


def make(folder, name, model, dims, clips):
    golden, info = {}, versions()
    for i, (kind, n) in enumerate(clips):
        part = encode(model, clip(kind, n, 100 + i))
        different, ties, total = hf_differences(model, dims, part["samples"])
        assert different == 0, (kind, different)
        used = [len(set(column.tolist())) for column in part["codes"].T]
        info[f"{kind}_transformers"] = f"{total} codes equal but for {ties} at near ties"
        info[f"{kind}_different_codes"] = " ".join(map(str, used))
        info[f"{kind}_margins_below_{SURE:g}"] = str(int((part["margins"] < SURE).sum()))
        golden.update({f"{kind}.{key}": value for key, value in part.items()})
    for key, value in info.items():
        print(name, key, value)
    save_file(golden, os.path.join(folder, name + "_golden.safetensors"), info)


if __name__ == "__main__":
    target = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "../tests/golden/mimi")
    codec = common.build(DIMS, 60)
    fit_codebooks(codec, DIMS, 61)
    state = common.moshi_names(codec)
    save_file(state, os.path.join(target, "encoder_moshi.safetensors"), versions())
    FRAME = frame_samples(DIMS)
    make(target, "encoder", codec, DIMS,
         [("speech", 300 * FRAME + 17), ("silence", 9 * FRAME + 1), ("noise", 140 * FRAME + 47),
          ("tones", 60 * FRAME), ("clipped", 60 * FRAME - 1), ("click", 40 * FRAME)])
    for other, dims, n in (("tiny", make_mimi_golden.TINY, 140 * 48 + 5), ("ratios", make_mimi_golden.RATIOS, 6 * 1920 + 700)):
        model = common.build(dims, {"tiny": 20, "ratios": 40}[other])
        saved = load_file(os.path.join(target, other + "_moshi.safetensors"))
        assert all(torch.equal(saved[key], value) for key, value in common.moshi_names(model).items())
        make(target, other + "_encoder", model, dims, [("noise", n)])
