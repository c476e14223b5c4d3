#!/usr/bin/env python3
"""Golden for the GGUF reader, by the `gguf` package: a tiny file with every kind of metadata and
every type of tensor that is read (tests/golden/gguf/reference.gguf), and the values that it holds
(reference.safetensors). With --check FILE: reads a file of `marvis quantize` with the same package.

    python tools/make_gguf.py tests/golden/gguf
    python tools/make_gguf.py --check model.gguf
"""
import json
import os
import struct
import sys
from importlib.metadata import version

import gguf
import numpy as np


def write_safetensors(path, tensors, metadata):
    header, data = {"__metadata__": metadata}, b""
    for name, values in tensors.items():
        raw = np.ascontiguousarray(values, np.float32).tobytes()
        header[name] = {"dtype": "F32", "shape": list(values.shape),
                        "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def make(folder):
    os.makedirs(folder, exist_ok=True)
    random = np.random.default_rng(9)
    writer = gguf.GGUFWriter(os.path.join(folder, "reference.gguf"), "csm")
    writer.add_uint32("csm.audio_num_codebooks", 32)
    writer.add_uint8("small", 200)
    writer.add_int16("negative", -3)
    writer.add_uint64("large", 2**63)
    writer.add_float32("third", 1 / 3)
    writer.add_bool("yes", True)
    writer.add_string("text", "Grüße")
    writer.add_array("words", ["one", "", "three"])
    writer.add_array("numbers", [1, 2, 3])
    kinds = {"f32": gguf.GGMLQuantizationType.F32, "f16": gguf.GGMLQuantizationType.F16,
             "bf16": gguf.GGMLQuantizationType.BF16, "q8_0": gguf.GGMLQuantizationType.Q8_0,
             "q4_0": gguf.GGMLQuantizationType.Q4_0, "q4_1": gguf.GGMLQuantizationType.Q4_1}
    expected = {}
    for name, kind in kinds.items():
        values = random.standard_normal((3, 64)).astype(np.float32)
        stored = gguf.quants.quantize(values, kind)
        if kind == gguf.GGMLQuantizationType.F16:
            stored = values.astype(np.float16)
        writer.add_tensor(name + ".weight", stored,
                          raw_dtype=None if name in ("f32", "f16") else kind)
        expected[name] = gguf.quants.dequantize(stored, kind).reshape(values.shape)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    made = f"gguf {version('gguf')}, numpy {version('numpy')}"
    write_safetensors(os.path.join(folder, "reference.safetensors"), expected, {"made_with": made})


def check(path):
    reader = gguf.GGUFReader(path)
    assert reader.fields["general.architecture"].contents() == "csm"
    total = 0
    for tensor in reader.tensors:
        assert len(tensor.name) < 64, tensor.name
        total += tensor.n_elements
        if tensor.tensor_type.name in ("Q8_0", "Q4_0", "Q4_1", "BF16", "F16"):
            values = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
            assert np.isfinite(values).all(), tensor.name
    json.loads(reader.fields["tokenizer.huggingface.json"].contents())
    print(f"{path}: {len(reader.tensors)} tensors, {total} values")


if __name__ == "__main__":
    check(sys.argv[2]) if sys.argv[1] == "--check" else make(sys.argv[1])
