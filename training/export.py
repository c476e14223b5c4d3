"""Writes the checkpoint that transformers' CsmForConditionalGeneration loads: averaged weights in bfloat16, shards below
15 MB, the codec embedded, byte-level tokenizer, generation defaults. Reloads it and compares with the training code.

    export.py --lm RUN/lm.pt --decoder RUN/decoder.pt --encoder RUN/encoder.pt --out ../models/builtin
              [--temperature 0.3 --depth-temperature 0]

Without --encoder the codec's waveform encoder is seeded random numbers: good for a look on the way, not to be shipped.
"""
import argparse
import json
import pathlib
import tempfile

import torch
from safetensors.torch import load_file, save_file

import common
import csm
from codec import Codec, Encoder

SHARD_BYTES = 14_500_000


def configuration(filters):
    from transformers import CsmConfig
    rope = lambda: {"rope_type": "default", "rope_theta": csm.THETA}
    b, d = csm.BACKBONE, csm.DEPTH      # 768 positions: conversations are learnt up to about so long
    depth = {"num_codebooks": common.BOOKS, "backbone_hidden_size": b["width"], "vocab_size": csm.N_AUDIO,
             "hidden_size": d["width"], "intermediate_size": d["inner"], "num_hidden_layers": d["layers"],
             "num_attention_heads": d["heads"], "num_key_value_heads": d["heads"], "head_dim": d["width"] // d["heads"],
             "max_position_embeddings": common.BOOKS + 1, "rope_parameters": rope()}
    return CsmConfig(num_codebooks=common.BOOKS, vocab_size=csm.N_AUDIO, text_vocab_size=csm.N_TEXT, hidden_size=b["width"],
                     intermediate_size=b["inner"], num_hidden_layers=b["layers"], num_attention_heads=b["heads"],
                     num_key_value_heads=b["heads"], head_dim=b["width"] // b["heads"], max_position_embeddings=768,
                     bos_token_id=csm.BOS, eos_token_id=csm.EOS, pad_token_id=csm.PAD, audio_token_id=csm.AUDIO,
                     audio_eos_token_id=csm.AUDIO_EOS, codebook_pad_token_id=common.BOOK_SIZE + 2, codebook_eos_token_id=0,
                     rope_parameters=rope(), tie_codebooks_embeddings=True, depth_decoder_config=depth,
                     codec_config=common.codec_config(filters).to_dict(), architectures=["CsmForConditionalGeneration"])


def byte_symbols():
    """The printable characters by which byte-level tokenizers write the 256 bytes."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return [chr(b) if b in plain else chr(256 + sorted(set(range(256)) - set(plain)).index(b)) for b in range(256)]


def write_tokenizer(path):
    special = {csm.BOS: "<|begin_of_text|>", csm.EOS: "<|end_of_text|>", csm.PAD: "<|pad|>", csm.AUDIO: "<|AUDIO|>",
               csm.AUDIO_EOS: "<|audio_eos|>"}
    vocabulary = {s: i for i, s in enumerate(byte_symbols())} | {s: i for i, s in special.items()}
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    token = lambda i: {"SpecialToken": {"id": special[i], "type_id": 0}}
    entry = lambda i: {"id": special[i], "ids": [i], "tokens": [special[i]]}
    sequence = lambda n: {"Sequence": {"id": n, "type_id": 0}}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    tokenizer = {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [{"id": i, "content": s, **flags} for i, s in special.items()],
        "normalizer": None, "pre_tokenizer": byte_level,
        "post_processor": {"type": "TemplateProcessing", "single": [token(csm.BOS), sequence("A"), token(csm.EOS)],
                           "pair": [token(csm.BOS), sequence("A"), token(csm.EOS), sequence("B"), token(csm.EOS)],
                           "special_tokens": {special[i]: entry(i) for i in (csm.BOS, csm.EOS)}},
        "decoder": byte_level,
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                  "vocab": vocabulary, "merges": []}}
    path.write_text(json.dumps(tokenizer, ensure_ascii=False, indent=1) + "\n")
    names = {"bos_token": special[csm.BOS], "eos_token": special[csm.EOS], "pad_token": special[csm.PAD]}
    (path.parent / "tokenizer_config.json").write_text(json.dumps(
        {**names, "tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 768}, indent=2) + "\n")


def fold_codebooks(state):
    """Codebook sums / usage -> rows with usage 1. The reserved row lies far away: no encoder ever picks it."""
    state = dict(state)
    for key in [k for k in state if k.endswith("codebook.embed_sum")]:
        usage = state[key.replace("embed_sum", "cluster_usage")]
        state[key] = state[key] / usage.clamp(min=1e-5)[:, None]
        state[key.replace("embed_sum", "cluster_usage")] = torch.ones_like(usage)
    first = state["quantizer.semantic_residual_vector_quantizer.layers.0.codebook.embed_sum"]
    first[0] = 0
    first[0, 0] = 4 * first[1:].norm(dim=1).max()
    return state


def tensors(lm, decoder, encoder, config):
    """All tensors of the checkpoint in the layout that transformers itself writes."""
    from transformers import CsmForConditionalGeneration
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        CsmForConditionalGeneration(config).save_pretrained(folder)
        out = load_file(pathlib.Path(folder) / "model.safetensors")
        config_text = (pathlib.Path(folder) / "config.json").read_text()
    trained = csm.Csm().exported(lm) | {f"codec_model.{k}": v for k, v in (fold_codebooks(decoder) | encoder).items()}
    left = set(out)
    for key, value in trained.items():
        if key not in out and key.endswith("embed_audio_tokens.weight") or key not in out and "depth_decoder.model.embed_tokens" in key:
            continue                                          # the tied table is written once
        assert out[key].shape == value.shape, (key, out[key].shape, value.shape)
        out[key] = value
        left.discard(key)
    untrained = () if encoder else ("codec_model.encoder.", "codec_model.encoder_transformer.", "codec_model.downsample.")
    assert all(k.startswith(untrained) for k in left), sorted(k for k in left if not k.startswith(untrained))
    return {k: v.to(torch.bfloat16).contiguous() for k, v in sorted(out.items())}, json.loads(config_text)


def write_shards(state, out):
    for old in out.glob("model*.safetensors*"):
        old.unlink()
    shards, size = [{}], 0
    for key, value in state.items():
        size += value.numel() * 2
        if size > SHARD_BYTES:
            shards.append({})
            size = value.numel() * 2
        shards[-1][key] = value
    total = sum(v.numel() * 2 for v in state.values())
    if len(shards) == 1:
        save_file(shards[0], out / "model.safetensors", {"format": "pt"})
        (out / "model.safetensors").chmod(0o644)
        return total
    index = {"metadata": {"total_size": total}, "weight_map": {}}
    for i, shard in enumerate(shards, 1):
        name = f"model-{i:05}-of-{len(shards):05}.safetensors"
        save_file(shard, out / name, {"format": "pt"})
        (out / name).chmod(0o644)
        index["weight_map"] |= {k: name for k in shard}
    (out / "model.safetensors.index.json").write_text(json.dumps(index, indent=1) + "\n")
    return total


def rounded(value):
    return value.to(torch.bfloat16).float() if value.is_floating_point() else value


def check(out, lm, decoder, encoder, filters):
    """The reloaded checkpoint must compute what the training code computes, within bfloat16 weights."""
    import speak
    from transformers import CsmForConditionalGeneration
    _, info = CsmForConditionalGeneration.from_pretrained(out, output_loading_info=True)
    assert not any(info[k] for k in ("missing_keys", "unexpected_keys", "mismatched_keys")), info
    model, tokenizer = speak.load(out)
    assert tokenizer("[0]Today is Monday.")["input_ids"] == csm.prompt("Today is Monday.")
    own = csm.Csm().eval()
    own.load_state_dict({k: rounded(v) for k, v in lm.items()}, strict=True)
    codec = Codec(filters).eval()
    codec.load_state_dict({k: rounded(v) for k, v in fold_codebooks(decoder).items()}, strict=True)
    codes, _, _ = speak.generate(model, csm.prompt("Today is Monday."), speak.Settings(model, greedy=True), 40)
    text = csm.prompt("Today is Monday.")
    with torch.no_grad():
        n, a = len(codes), len(text)
        ids, frames = torch.zeros(1, a + n, dtype=torch.long), torch.zeros(1, a + n, common.BOOKS, dtype=torch.long)
        ids[0, :a], frames[0, a:] = torch.tensor(text), torch.tensor(codes)
        hidden = own.backbone_model(own.embed(ids, frames, torch.arange(a + n)[None] >= a))[0][0, a - 1:a + n - 1]
        again = own.lm_head(hidden).argmax(1)
        deep = own.depth_logits(hidden, torch.tensor(codes).long()).argmax(2)
        same = (again == torch.tensor(codes[:, 0])).float().mean(), (deep == torch.tensor(codes[:, 1:])).float().mean()
        mine = codec.decode(torch.tensor(codes.T[None]).long().clamp(max=common.BOOK_SIZE - 1))[0, 0]
        theirs = torch.tensor(speak.render(model, codes.clip(max=common.BOOK_SIZE - 1)))
    print(f"{n} frames; codes as in the training code: {same[0]:.3f} {same[1]:.3f}; audio differs by {(mine - theirs).abs().max():.2e}")
    if encoder:
        own = Encoder(filters).eval()
        own.load_state_dict({k: rounded(v) for k, v in encoder.items()})
        with torch.no_grad():
            wave = theirs[None, None, :theirs.numel() // common.FRAME * common.FRAME]
            latent = own(wave)
            found = codec.quantizer(latent)[0].T
            again = model.codec_model.encode(wave, num_quantizers=common.BOOKS).audio_codes[0].T
        same += (found == again).float().mean(),
        print(f"encoder: {same[-1]:.3f} of the codes as in the training code")
    assert min(same) > 0.97 and (mine - theirs).abs().max() < 1e-3


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lm", required=True)
    parser.add_argument("--decoder", required=True)
    parser.add_argument("--encoder")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--temperature", type=float, default=0.3)
    parser.add_argument("--depth-temperature", type=float, default=0.0)
    parser.add_argument("--top-k", type=int, default=20)
    args = parser.parse_args()
    lm, stage_b = common.load(args.lm)["average"], common.load(args.decoder)
    encoder = common.load(args.encoder)["average"] if args.encoder else {}
    args.out.mkdir(parents=True, exist_ok=True)
    state, config = tensors(lm, stage_b["average"], encoder, configuration(stage_b["filters"]))
    config["torch_dtype"] = config["dtype"] = "bfloat16"
    for part in (config, config["depth_decoder_config"], config["codec_config"]):
        part["rope_theta"] = part["rope_parameters"]["rope_theta"]            # the older spelling beside the newer
    # who speaks, and what: marvis reads both (docs/MODEL.md)
    config["speakers"] = [{"number": 0, "name": "rms", "about": "male, American"},
                          {"number": 1, "name": "slt", "about": "female, American"},
                          {"number": 2, "name": "awb", "about": "male, Scottish"}]
    config["languages"] = ["en"]
    (args.out / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    size = write_shards(state, args.out)
    write_tokenizer(args.out / "tokenizer.json")
    generation = {"bos_token_id": csm.BOS, "eos_token_id": None, "pad_token_id": csm.PAD, "max_new_tokens": 125,
                  "do_sample": args.temperature > 0, "temperature": args.temperature or 1.0, "top_k": args.top_k,
                  "depth_decoder_do_sample": args.depth_temperature > 0,
                  "depth_decoder_temperature": args.depth_temperature or 1.0, "depth_decoder_top_k": args.top_k,
                  "depth_decoder_min_new_tokens": common.BOOKS - 1, "depth_decoder_max_new_tokens": common.BOOKS - 1}
    (args.out / "generation_config.json").write_text(json.dumps(generation, indent=2) + "\n")
    print(f"{len(state)} tensors, {sum(v.numel() for v in state.values()) / 1e6:.2f} M parameters, {size / 1e6:.1f} MB")
    check(args.out, lm, stage_b["average"], encoder, stage_b["filters"])


if __name__ == "__main__":
    main()
