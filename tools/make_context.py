"""Writes tests/golden/csm/context: a tiny random checkpoint with a tokenizer of bytes, and what is
spoken after recorded speech: conversation context, voice match, both.

    tools/references/setup.sh && "$MARVIS_REFERENCES"/bin/python tools/make_context.py

Prompts: context as transformers merges it (one <|AUDIO|> for each frame, <|audio_eos|> after each
recording), confirmed by mlx-audio's own assembly; voice match, which transformers has not, as mlx-audio
assembles it. Codes: greedy continuation by transformers, confirmed by csm_reference.py in float64; with
fewer codebooks by the latter alone. The script breaks each prompt in the ways that a golden has to
notice, and fails unless the codes differ.
"""
import json
import os
import sys
import types

import mlx.core as mx
import numpy as np
import torch
import transformers
from mlx_audio.tts.models.sesame.sesame import Model, Segment
from tokenizers import Tokenizer

sys.path.insert(0, os.path.dirname(__file__))
import csm_upstream as up
from csm_reference import Dims, Reference, Tower, llama3_rope, mlx_config, to_hf
from make_tiny import OUT, check, random_weights, row_error, save, write_config
from versions import versions

FOLDER = "context"
N_CODES, N_FRAMES = 32, 12  # codes of tests/golden/mimi/tiny_moshi; frames of each continuation
DIMS = Dims(260, N_CODES + 3, 4, Tower(2, 32, 48, 4, 2, 8, 256, llama3_rope(64)),
            Tower(1, 24, 32, 3, 1, 8, 8, llama3_rope(16)))


def tokenizer_json():
    """The 256 bytes, BOS 256 and EOS 257 by template."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [b for b in range(256) if b not in printable]
    vocab = {chr(b if b in printable else 256 + rest.index(b)): b for b in range(256)}
    special = [{"id": 256 + i, "content": c, "special": True, "single_word": False, "lstrip": False,
                "rstrip": False, "normalized": False} for i, c in enumerate(("<s>", "</s>"))]
    single = [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
              {"SpecialToken": {"id": "</s>", "type_id": 0}}]
    return {"version": "1.0", "added_tokens": special, "normalizer": None,
            "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True,
                              "use_regex": True},
            "post_processor": {"type": "TemplateProcessing", "single": single, "pair": [
                {"Sequence": {"id": "A", "type_id": 0}}], "special_tokens": {
                    c["content"]: {"id": c["content"], "ids": [c["id"]], "tokens": [c["content"]]}
                    for c in special}},
            "decoder": None, "model": {"type": "BPE", "merges": [], "vocab": vocab}}


# ---- prompts -------------------------------------------------------------------------------------


def text_rows(tokenizer, speaker, text):
    ids = tokenizer.encode(f"[{speaker}]{text}").ids
    assert ids[0] == 256 and ids[-1] == 257
    tokens = torch.zeros(len(ids), DIMS.codebooks + 1, dtype=torch.long)
    mask = torch.zeros_like(tokens)
    tokens[:, -1], mask[:, -1] = torch.tensor(ids), 1
    return tokens, mask


def audio_rows(codes, n_used):
    tokens = torch.zeros(len(codes), DIMS.codebooks + 1, dtype=torch.long)
    mask = torch.zeros_like(tokens)
    tokens[:, :n_used], mask[:, :n_used] = torch.tensor(codes)[:, :n_used], 1
    return tokens, mask


def assemble(tokenizer, case, fault=None):
    """The prompt of a case, as docs/MODEL.md lays it out; `fault` breaks it."""
    used, parts = case["codebooks"], []
    eos = [[0] * DIMS.codebooks]
    for turn in case["context"]:
        parts.append(text_rows(tokenizer, turn["speaker"], turn["text"]))
        parts.append(audio_rows(turn["codes"], used))
        if fault != "no_eos_in_context":
            parts.append(audio_rows(eos, used))
    voice = case["voice"]
    if voice:
        text = f"{voice['text']} {case['text']}".strip()
        if fault == "two_segments":
            parts.append(text_rows(tokenizer, case["speaker"], voice["text"]))
            parts.append(audio_rows(voice["codes"], used))
            parts.append(text_rows(tokenizer, case["speaker"], case["text"]))
        else:
            parts.append(text_rows(tokenizer, case["speaker"], text))
            parts.append(audio_rows(voice["codes"], used))
        if fault == "eos_in_voice_match":
            parts.append(audio_rows(eos, used))
    else:
        parts.append(text_rows(tokenizer, case["speaker"], case["text"]))
    tokens, mask = (torch.cat(p) for p in zip(*parts))
    if fault == "audio_masked":
        mask[mask[:, 0] == 1, 1] = 0
    if fault == "a_frame_missing" and (mask[:, 0] == 1).any():
        last = int((mask[:, 0] == 1).nonzero()[-1])
        tokens = torch.cat((tokens[:last - 1], tokens[last:]))
        mask = torch.cat((mask[:last - 1], mask[last:]))
    return tokens, mask


FAULTS = {  # fault: which cases it can be seen in
    "no_eos_in_context": lambda c: c["context"], "eos_in_voice_match": lambda c: c["voice"],
    "two_segments": lambda c: c["voice"], "audio_masked": lambda c: c["context"] or c["voice"],
    "a_frame_missing": lambda c: c["context"] or c["voice"],
}


class Caught(Exception):
    pass


def mlx_prompt(tokenizer, case):
    """tokens, mask that mlx-audio's Model.generate hands to its model."""
    model = Model.__new__(Model)
    seen = {}

    def generate_frame(tokens, mask, positions, _):
        seen["tokens"], seen["mask"] = np.array(tokens)[0], np.array(mask)[0]
        assert np.array(positions)[0].tolist() == list(range(tokens.shape[1]))
        raise Caught

    fake = types.SimpleNamespace(
        args=types.SimpleNamespace(audio_num_codebooks=DIMS.codebooks),
        reset_caches=lambda: None, generate_frame=generate_frame)
    recordings = [r["codes"] for r in case["context"]] + (
        [case["voice"]["codes"]] if case["voice"] else [])
    encoder = types.SimpleNamespace(
        encode=lambda x: mx.array(np.array(recordings[int(x[0, 0, 0])]).T)[None])
    values = {"model": fake, "_audio_tokenizer": encoder, "_frame_size": DIMS.codebooks + 1,
              "_speaker_prefix_space": False, "_use_default_voice_prompt": False,
              "_sample_rate": 24000, "tokenizer_repo": None, "_text_tokenizer":
              types.SimpleNamespace(encode=lambda t, return_tensors: mx.array(
                  [tokenizer.encode(t).ids]))}
    for name, value in values.items():
        object.__setattr__(model, name, value)
    context = [Segment(speaker=t["speaker"], text=t["text"], audio=mx.array([float(i)]))
               for i, t in enumerate(case["context"])]
    if case["voice"]:
        context = [Segment(speaker=case["speaker"], text=case["voice"]["text"],
                           audio=mx.array([0.0]))]
    try:
        for _ in model.generate(case["text"], speaker=case["speaker"], context=context,
                                voice_match=case["voice"] is not None, max_audio_length_ms=80):
            pass
    except Caught:
        pass
    return torch.tensor(seen["tokens"]).long(), torch.tensor(seen["mask"]).long()


# ---- cases ---------------------------------------------------------------------------------------


def make_cases(seed):
    g = torch.Generator().manual_seed(seed)

    def codes(n):
        return torch.randint(0, N_CODES, (n, DIMS.codebooks), generator=g).tolist()

    def turn(speaker, text, n):
        return {"speaker": speaker, "text": text, "codes": codes(n)}

    one = [turn(1, "How are you?", 5)]
    three = [turn(0, "Hello.", 4), turn(1, "Good morning to you.", 9), turn(12, "Hi!", 1)]
    voice = {"text": "A voice, recorded.", "codes": codes(11)}
    rows = [("plain", 4, 0, [], None, "Hello there."), ("context", 4, 0, one, None, "I am well."),
            ("turns", 4, 3, three, None, "Welcome, all."), ("voice", 4, 0, [], voice, "Good day."),
            ("voice and context", 4, 2, three, voice, "Good day."),
            ("few, context", 2, 0, one, None, "I am well."),
            ("few, voice and context", 3, 0, one, voice, "Good day.")]
    return [{"name": n, "codebooks": k, "speaker": s, "context": c, "voice": v, "text": t}
            for n, k, s, c, v, t in rows]


def verify(case, weights, model, tokenizer):
    """Checks the prompt and its continuation against the references; returns them."""
    tokens, mask = assemble(tokenizer, case)
    used = case["codebooks"]
    exact = Reference(weights, DIMS)
    codes, margins = exact.greedy(tokens, mask, N_FRAMES, used, N_CODES)
    if used == DIMS.codebooks:
        if case["context"] or case["voice"]:
            check(f"{case['name']}: embeddings, transformers' own merge", row_error(
                up.hf_merge_embed(model, tokens, mask, DIMS), up.hf_embed(model, tokens, mask)), 1e-6)
        if not (case["context"] and case["voice"]):  # mlx-audio drops the context of a voice
            theirs = mlx_prompt(tokenizer, case)
            assert torch.equal(theirs[0], tokens) and torch.equal(theirs[1], mask), case["name"]
        assert torch.equal(up.hf_greedy(model, tokens, mask, N_FRAMES, N_CODES), codes)
    seen = []
    for fault, applies in FAULTS.items():
        if applies(case):
            bad = exact.greedy(*assemble(tokenizer, case, fault), N_FRAMES, used, N_CODES)[0]
            assert not torch.equal(bad, codes), (case["name"], fault)
            seen.append(fault)
    return tokens, mask, codes, margins, seen


def main():
    torch.manual_seed(0)
    torch.set_grad_enabled(False)
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    write_config(FOLDER, tokenizer_json(), "tokenizer.json")
    tokenizer = Tokenizer.from_file(os.path.join(OUT, FOLDER, "tokenizer.json"))
    seed = 500
    while True:  # a seed whose greedy codes no rounding can change
        weights, cases = random_weights(DIMS, seed), make_cases(seed)
        exact = Reference(weights, DIMS)
        runs = [exact.greedy(*assemble(tokenizer, c), N_FRAMES, c["codebooks"], N_CODES)
                for c in cases]
        if min(float(m.min()) for _, m in runs) > 5e-3 and all(
                bool(c.any(1).all()) for c, _ in runs):
            break
        seed += 1
    model = up.hf_model(to_hf(weights, DIMS), DIMS)
    for case in cases:
        tokens, mask, codes, margins, seen = verify(case, weights, model, tokenizer)
        case["prompt"] = tokens.tolist()
        case["mask"] = ["".join(map(str, m)) for m in mask.tolist()]
        case["greedy"] = codes.tolist()
        print(f"{case['name']}: {len(tokens)} positions, margin {float(margins.min()):.4f}, "
              f"{len(set(map(tuple, codes.tolist())))} different frames, faults seen: {seen}")
    write_config(FOLDER, mlx_config(DIMS))
    save(FOLDER, "model.safetensors", {n: w.half() for n, w in weights.items()})
    with open(os.path.join(OUT, FOLDER, "golden.json"), "w") as f:
        json.dump({**versions(), "seed": seed, "cases": cases}, f, separators=(",", ":"))
        f.write("\n")


if __name__ == "__main__":
    main()
