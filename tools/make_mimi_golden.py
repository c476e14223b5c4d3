"""Makes tests/golden/mimi (or the folder given): tiny random Mimi codecs and what moshi decodes with them. Run by
hand, for what is committed.

moshi is the reference (its whole-sequence path masks attention to the window; its streaming path with two steps a
call, and transformers' default path, do not see the same keys). transformers is used only to prove that the file in
its naming is right, on fewer steps than the window. Versions are recorded in each file's metadata.
"""
import json
import os
import sys

import torch
from safetensors.torch import save_file

import mimi_common as common
from versions import versions

TINY = dict(latent=16, n_filters=4, ratios=[4, 3, 2], layers=2, heads=2, mlp=32, window=250, codebook_size=32,
            codebook_dim=8, n_codebooks=12)
RATIOS = dict(latent=8, n_filters=2, ratios=[8, 6, 5, 4], layers=1, heads=1, mlp=16, window=250, codebook_size=16,
              codebook_dim=4, n_codebooks=32)


def decode(model, codes):
    """codes [K, T] to latents [steps, latent] behind the decoder transformer, and samples."""
    with torch.no_grad():
        latent = model._to_encoder_framerate(model.decode_latent(codes[None]))
        (latent,) = model.decoder_transformer(latent)
        pcm = model.decoder(latent)
        same = model.decode(codes[None])
    assert torch.equal(pcm, same)
    return latent[0].T.contiguous(), pcm[0, 0].contiguous()


def row_error(a, b):
    """Worst max|a - b| / rms(b) over the rows."""
    return ((a - b).abs().amax(1) / b.pow(2).mean(1).sqrt()).max().item()


def check_hf(state, dims, model, codes):
    """Loads the renamed state strictly into transformers and compares a decode inside the window."""
    from transformers import MimiModel
    hf = MimiModel(common.hf_config(dims)).eval()
    hf.load_state_dict(state, strict=True)
    n_frames = min(codes.shape[1], dims["window"] // 2 - 1)
    with torch.no_grad():
        pcm = hf.decode(codes[None, :, :n_frames]).audio_values[0, 0]
    _, expected = decode(model, codes[:, :n_frames])
    frame = 2 * common.product(dims["ratios"])
    error = row_error(pcm.view(-1, frame), expected.view(-1, frame))
    assert error < 1e-4, error
    return error


def make(folder, name, dims, seed, n_frames, with_hf):
    model = common.build(dims, seed)
    generator = torch.Generator().manual_seed(seed + 1)
    codes = torch.randint(0, dims["codebook_size"], (dims["n_codebooks"], n_frames), generator=generator)
    latents, pcm = decode(model, codes)
    golden = {"codes": codes.T.contiguous().int(), "latents": latents, "pcm": pcm}
    if dims["n_codebooks"] > 8:
        short = min(n_frames, 16)
        golden["pcm_8_codebooks"] = decode(model, codes[:8, :short])[1]
    info = versions()
    info["dims"] = json.dumps(dims)
    info["frame_rms"] = "%.3g..%.3g" % tuple(
        pcm.view(n_frames, -1).pow(2).mean(1).sqrt().aminmax())
    state = common.moshi_names(model)
    model.load_state_dict(dict(state), strict=True)
    hf_state = common.hf_names(state, dims["heads"])
    info["transformers_error"] = "%.3g" % check_hf(hf_state, dims, model, codes)
    save_file(state, os.path.join(folder, name + "_moshi.safetensors"), info)
    save_file(golden, os.path.join(folder, name + "_golden.safetensors"), info)
    if with_hf:
        save_file(hf_state, os.path.join(folder, name + "_hf.safetensors"), info)
        with open(os.path.join(folder, "config.json"), "w") as file:
            file.write(common.hf_config(dims).to_json_string())
    print(name, info, "mean attention entropy", attention_entropy(model, codes))


def attention_entropy(model, codes):
    """Of the last steps of the first layer, in nats: uniform attention over the window would give log(250) = 5.5."""
    with torch.no_grad():
        x = model._to_encoder_framerate(model.decode_latent(codes[None])).transpose(1, 2)
        layer = model.decoder_transformer.transformer.layers[0]
        heads = layer.self_attn.num_heads
        q, k, _ = layer.self_attn.in_projs[0](layer.norm1(x)).view(x.shape[1], 3, heads, -1).permute(1, 2, 0, 3)
        p = torch.softmax((q[:, -1:] @ k[:, -250:].transpose(1, 2)) / q.shape[-1] ** 0.5, -1)
    return round(-(p * (p + 1e-30).log()).sum(-1).mean().item(), 2)


if __name__ == "__main__":
    target = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "../tests/golden/mimi")
    make(target, "tiny", TINY, 20, 310, True)
    make(target, "ratios", RATIOS, 40, 6, False)
