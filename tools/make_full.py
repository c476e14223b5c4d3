"""Full-size checkpoints with random weights: the true shapes and file layouts of marvis-250m, marvis-100m
and csm-1b where the published weights cannot be had. What they say is noise; what they cost, and
whether two programs agree on it, is real.

    python tools/make_full.py marvis-250m OUT --layout original
    python tools/make_full.py csm-1b OUT --layout transformers --dtype f32 --codec

Each tensor is drawn from a generator seeded by its name, so that every layout and type of one model
holds the same weights, and is written before the next one is made: memory stays at the largest tensor.
"""
import argparse
import json
import os
import random
import struct
import subprocess
import sys
import zlib

import numpy as np
import torch

sys.path.insert(0, os.path.dirname(__file__))
from csm_reference import (FULL, HF_DEPTH_TABLE, hf_config, hf_name, hf_tensor, mlx_config, mlx_name,
                           port_name, random_tensor, tensor_shapes)

LAYOUTS = ("original", "mlx", "mlx-port", "transformers", "mlx-4bit", "mlx-6bit", "mlx-8bit")
DTYPES = {"f32": (torch.float32, "F32"), "f16": (torch.float16, "F16"),
          "bf16": (torch.bfloat16, "BF16")}
GROUP = 64


class Writer:
    """A safetensors file written in one pass: all shapes first, then the bytes in that order."""

    def __init__(self, path, entries, metadata):
        header, offset = {"__metadata__": metadata}, 0
        for name, dtype, shape, size in entries:
            header[name] = {"dtype": dtype, "shape": list(shape),
                            "data_offsets": [offset, offset + size]}
            offset += size
        text = json.dumps(header, separators=(",", ":")).encode()
        self.file, self.left = open(path, "wb"), offset
        self.file.write(struct.pack("<Q", len(text)) + text)

    def add(self, data):
        self.file.write(data)
        self.left -= len(data)

    def close(self):
        assert self.left == 0, self.left
        self.file.close()


def weight(name, shape, dims):
    """The tensor as bf16 numbers in f32."""
    g = torch.Generator().manual_seed(zlib.crc32(name.encode()))
    return random_tensor(name, shape, dims, g).bfloat16().float()


def raw(tensor):
    """Little-endian bytes."""
    if tensor.dtype == torch.bfloat16:
        tensor = tensor.view(torch.int16)
    return memoryview(tensor.contiguous().numpy()).cast("B")


def write_float(path, dims, layout, dtype):
    torch_type, type_name = DTYPES[dtype]
    rename = {"original": lambda n: n, "mlx": mlx_name, "mlx-port": port_name,
              "transformers": hf_name}[layout]
    shapes = tensor_shapes(dims)
    names = [(rename(n), n) for n in shapes]
    if layout == "transformers":
        names.append((HF_DEPTH_TABLE, "audio_embeddings.weight"))
    size = torch_type.itemsize
    out = Writer(path, [(new, type_name, shapes[n], int(np.prod(shapes[n])) * size)
                        for new, n in names], {"format": "mlx" if "mlx" in layout else "pt"})
    for _, n in names:
        w = weight(n, shapes[n], dims)
        if layout == "transformers":
            w = hf_tensor(n, w, dims)
        out.add(raw(w.to(torch_type)))
    out.close()


def is_quantised(name, shape):
    return len(shape) == 2 and shape[1] % GROUP == 0


def quantised_entries(dims, bits):
    for n, shape in tensor_shapes(dims).items():
        new = mlx_name(n)
        if not is_quantised(n, shape):
            yield new, "BF16", shape, int(np.prod(shape)) * 2
            continue
        module, (rows, cols) = new.removesuffix(".weight"), shape
        yield module + ".weight", "U32", (rows, cols * bits // 32), rows * cols * bits // 8
        for leaf in ("scales", "biases"):
            yield f"{module}.{leaf}", "BF16", (rows, cols // GROUP), rows * cols // GROUP * 2


def write_quantised(path, dims, bits):
    """MLX affine, quantised by MLX, names as mlx-audio publishes them."""
    import mlx.core as mx

    out = Writer(path, list(quantised_entries(dims, bits)), {"format": "mlx"})
    for n, shape in tensor_shapes(dims).items():
        w = weight(n, shape, dims)
        if not is_quantised(n, shape):
            out.add(raw(w.bfloat16()))
            continue
        m = mx.array(w.numpy()).astype(mx.bfloat16)
        for part in mx.quantize(m, group_size=GROUP, bits=bits):
            part = part if part.dtype == mx.uint32 else part.view(mx.uint16)
            out.add(memoryview(np.array(part)).cast("B"))
    out.close()


def write_tokenizer(path, dims):
    """A byte-level BPE of the right kind and size: trained on a few sentences, then filled up with
    entries that no text ever yields."""
    from make_tokenizers import train_llama, train_smollm
    from tokenizer_corpus import corpus

    lines = corpus(random.Random(1))
    j = (train_smollm if dims.text_vocab < 100000 else train_llama)(lines)
    vocab, n = j["model"]["vocab"], dims.text_vocab
    if n > 100000:  # specials stand behind 128000 ordinary entries
        n = 128000
        for i, special in enumerate(sorted(j["added_tokens"], key=lambda t: t["id"])):
            vocab.pop(special["content"], None)
            special["id"] = n + i
        for step in j["post_processor"]["processors"]:
            for special in step.get("special_tokens", {}).values():
                special["ids"] = [n]  # <|begin_of_text|>
    while len(vocab) < n:
        vocab[f"<filler {len(vocab)}>"] = len(vocab)
    with open(path, "w", encoding="utf-8") as f:
        json.dump(j, f, ensure_ascii=False)


def write_model(name, folder, layout="original", dtype="bf16", codec=False, tokenizer=True):
    dims = FULL[name]
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "model.safetensors")
    if layout.endswith("bit"):
        bits = int(layout[4])
        write_quantised(path, dims, bits)
        quant = {"group_size": GROUP, "bits": bits, "mode": "affine"}
        config = mlx_config(dims, quantization=quant, quantization_config=quant)
    else:
        write_float(path, dims, layout, dtype)
        config = hf_config(dims) if layout == "transformers" else mlx_config(dims)
    with open(os.path.join(folder, "config.json"), "w") as f:
        json.dump(config, f, indent=2)
    if tokenizer:
        write_tokenizer(os.path.join(folder, "tokenizer.json"), dims)
    if codec:
        subprocess.run([sys.executable, os.path.join(os.path.dirname(__file__), "make_full_mimi.py"),
                        os.path.join(folder, "mimi.safetensors")], check=True)


def main():
    p = argparse.ArgumentParser(description="full-size checkpoints with random weights")
    p.add_argument("model", choices=FULL)
    p.add_argument("out", help="folder to write; made if missing")
    p.add_argument("--layout", choices=LAYOUTS, default="original")
    p.add_argument("--dtype", choices=DTYPES, default="bf16", help="of unquantised layouts")
    p.add_argument("--codec", action="store_true", help="also a full-size Mimi, mimi.safetensors")
    p.add_argument("--no-tokenizer", action="store_true")
    a = p.parse_args()
    write_model(a.model, a.out, a.layout, a.dtype, a.codec, not a.no_tokenizer)


if __name__ == "__main__":
    main()
