"""The published implementations behind one interface: transformers' CsmForConditionalGeneration and
mlx-audio's SesameModel, run on forced frames and greedily. Used to make goldens and comparisons.
"""
import contextlib

import numpy as np
import torch
from transformers import CsmConfig, CsmForConditionalGeneration, MimiConfig
from transformers.cache_utils import DynamicCache

from csm_reference import hf_config

TINY_MIMI = MimiConfig(hidden_size=16, num_filters=2, num_hidden_layers=1, num_attention_heads=2,
                       num_key_value_heads=2, intermediate_size=16, codebook_size=8, codebook_dim=8,
                       num_quantizers=2, vector_quantization_hidden_dimension=8,
                       upsample_groups=16).to_dict()


@contextlib.contextmanager
def fast_init():
    """Skips the random initialisation of modules that are overwritten anyway."""
    names = ("normal_", "uniform_", "kaiming_uniform_", "trunc_normal_", "xavier_uniform_")
    saved = {n: getattr(torch.nn.init, n) for n in names}
    for n in names:
        setattr(torch.nn.init, n, lambda t, *a, **k: t)
    yield
    for n, f in saved.items():
        setattr(torch.nn.init, n, f)


def hf_model(state, dims, config=None, attention="sdpa"):
    """transformers' model in f32 from a layout A3 state dict (any float type); strict but for the
    codec, which stays a small random one."""
    config = dict(config or hf_config(dims))
    config.update(codec_config=TINY_MIMI)
    with fast_init():
        model = CsmForConditionalGeneration._from_config(CsmConfig(**config),
                                                         attn_implementation=attention)
    model = model.float().eval()
    missing, unexpected = model.load_state_dict({n: t.float() for n, t in state.items()},
                                                strict=False)
    missing = [n for n in missing if not n.startswith("codec_model.")]
    assert not missing and not unexpected, (missing, unexpected)
    return model


def hf_embed(model, tokens, mask):
    """inputs_embeds of the prompt as transformers merges them: the text table, overwritten by the
    audio sums. Text frames and full audio frames only."""
    x = model.embed_text_tokens(tokens[:, -1]).clone()
    audio = mask[:, 0].bool()
    assert bool((mask[:, :-1].bool() == audio[:, None]).all())
    assert bool((mask[:, -1].bool() == ~audio).all())
    x[audio] = model.backbone_model.embed_tokens(tokens[None, audio, :-1])[0]
    return x


def hf_merge_embed(model, tokens, mask, dims):
    """The same through the model's own _merge_input_ids_with_input_values, the codec replaced by one
    that returns the prompt's codes, recording by recording: a run of audio frames is one, and a frame
    of zeros that ends it is <|audio_eos|>."""
    c = model.config
    c.audio_token_id, c.audio_eos_token_id = dims.text_vocab - 1, dims.text_vocab - 2
    ids, recordings, run = tokens[:, -1].clone(), [], None
    assert not bool(((ids == c.audio_token_id) | (ids == c.audio_eos_token_id)).any())
    for i in range(tokens.shape[0]):
        if not mask[i, 0]:
            run = None
        elif run is not None and not tokens[i].any():
            ids[i] = c.audio_eos_token_id
        else:
            if run is None:
                run = []
                recordings.append(run)
            ids[i] = c.audio_token_id
            run.append(tokens[i, :-1])
    lengths = torch.tensor([len(r) for r in recordings])

    class Codec(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.calls = iter(recordings)

        def encode(self, _):
            return type("Out", (), {"audio_codes": torch.stack(next(self.calls)).T[None]})

        def get_audio_codes_mask(self, _):
            return torch.arange(int(lengths.max()))[None] < lengths[:, None]

    saved, model.codec_model = model.codec_model, Codec()
    out = model._merge_input_ids_with_input_values(
        ids[None], torch.zeros(1, 1, int(lengths.sum())), lengths.cumsum(0)[None])
    model.codec_model = saved
    return out["inputs_embeds"][0]


@torch.no_grad()
def hf_trace(model, tokens, mask, frames):
    """embeddings [S, D], hidden [T, D], logits [T, C, V]; one pass without caches."""
    embed = hf_embed(model, tokens, mask)
    x = embed
    if frames.shape[0] > 1:
        x = torch.cat((embed, model.backbone_model.embed_tokens(frames[None, :-1])[0]))
    out = model.backbone_model(inputs_embeds=x[None], use_cache=False).last_hidden_state[0]
    hidden = out[tokens.shape[0] - 1:]
    ids = torch.nn.functional.pad(frames[:, :-1], (1, 0))
    rest = model.depth_decoder(input_ids=ids, backbone_last_hidden_state=hidden,
                               use_cache=False).logits
    return embed, hidden, torch.cat((model.lm_head(hidden)[:, None], rest), 1)


@torch.no_grad()
def hf_greedy(model, tokens, mask, n_frames, n_codes=None):
    """Free-running greedy codes [n, C] with transformers' own caches, the depth decoder's new for
    every frame, as its generate() does. Codes from n_codes on are never chosen."""
    C = model.config.num_codebooks
    cache, codes = DynamicCache(config=model.config), []
    x = hf_embed(model, tokens, mask)[None]
    for _ in range(n_frames):
        h = model.backbone_model(inputs_embeds=x, past_key_values=cache,
                                 use_cache=True).last_hidden_state[:, -1]
        frame = [int(model.lm_head(h)[0, :n_codes].argmax())]
        depth = DynamicCache(config=model.depth_decoder.config)
        ids, pos = torch.tensor([[0, frame[0]]]), torch.tensor([0, 1])
        while len(frame) < C:
            out = model.depth_decoder(input_ids=ids, backbone_last_hidden_state=h if len(pos) == 2
                                      else None, past_key_values=depth, use_cache=True,
                                      cache_position=pos, logits_to_keep=1)
            frame.append(int(out.logits[0, -1, :n_codes].argmax()))
            ids, pos = torch.tensor([[frame[-1]]]), pos[-1:] + 1
        codes.append(frame)
        x = model.backbone_model.embed_tokens(torch.tensor([[frame]]))
    return torch.tensor(codes)


# ---- mlx-audio -----------------------------------------------------------------------------------


def mlx_model(config, state, dims, quantised=None):
    """mlx-audio's SesameModel in f32. state: its names without "model.", numpy arrays; for quantised
    models the triples, with `quantised` = (default group, default bits, {module: (group, bits)})."""
    import mlx.core as mx
    import mlx.nn as nn
    from mlx_audio.tts.models.sesame.attention import Llama3ScaledRoPE
    from mlx_audio.tts.models.sesame.sesame import SesameModel

    model = SesameModel(config)
    for tower, t in ((model.backbone, dims.backbone), (model.decoder, dims.depth)):
        for layer in tower.layers:  # mlx-audio fixes these numbers; the tiny models need others
            layer.self_attn.rope = Llama3ScaledRoPE(
                t.head_dim, base=t.theta, scale_factor=t.rope["factor"],
                low_freq_factor=int(t.rope["low_freq_factor"]),
                high_freq_factor=int(t.rope["high_freq_factor"]),
                old_context_len=int(t.rope["original_max_position_embeddings"]))
    if quantised:
        group, bits, special = quantised

        def choose(path, module):
            if path + ".scales" not in state:
                return False
            g, b = special.get(path, (group, bits))
            return {"group_size": g, "bits": b}

        nn.quantize(model, group, bits, class_predicate=choose)
    weights = [(n, mx.array(a)) for n, a in state.items()]
    model.load_weights(weights, strict=True)
    mx.eval(model.parameters())
    return model


def mlx_trace(model, tokens, mask, frames):
    """hidden, logits as above, by the steps of generate_frame with the sampler replaced by force."""
    import mlx.core as mx
    from mlx_audio.lm.models.cache import make_prompt_cache

    C = model.args.audio_num_codebooks
    T = frames.shape[0]
    head0 = []
    cache = make_prompt_cache(model.backbone)
    tok, msk = mx.array(tokens.numpy())[None], mx.array(mask.numpy().astype(np.float32))[None]
    hidden, logits = [], []
    for t in range(T):
        e = mx.sum(model._embed_tokens(tok) * mx.expand_dims(msk, -1), axis=2)
        h = model.backbone(e, cache=cache)[:, -1, :]
        hidden.append(np.array(h)[0])
        rows = [np.array(model.codebook0_head(h))[0]]
        depth = make_prompt_cache(model.decoder)
        x = mx.concat([h[:, None], model._embed_audio(0, mx.array([[int(frames[t, 0])]]))], axis=1)
        for i in range(1, C):
            y = model.decoder(model.projection(x), cache=depth)
            rows.append(np.array(mx.matmul(y[:, -1, :], model.audio_head[i - 1]))[0])
            x = model._embed_audio(i, mx.array([[int(frames[t, i])]]))
        logits.append(np.stack(rows))
        tok = mx.array(np.concatenate((frames[t].numpy(), [0])))[None, None]
        msk = mx.array(np.concatenate((np.ones(C, np.float32), [0])))[None, None].astype(mx.float32)
    return torch.tensor(np.stack(hidden)), torch.tensor(np.stack(logits))


# ---- MLX affine quantisation ---------------------------------------------------------------------


def unpack_bits(packed, bits, n_cols):
    """packed uint32 [out, n]: the integers [out, n_cols]. A row is a little-endian stream of bits; a
    field of at most 8 bits lies in one byte or two."""
    stream = packed.view(np.uint8).reshape(packed.shape[0], -1)
    stream = np.pad(stream, ((0, 0), (0, 1))).astype(np.uint16)
    first = np.arange(n_cols) * bits
    two = stream[:, first // 8] | stream[:, first // 8 + 1] << 8
    return two >> (first % 8).astype(np.uint16) & np.uint16((1 << bits) - 1)


def dequantise(packed, scales, biases, bits, group):
    """float64 values of an affine matrix; scales, biases [out, in/group] float."""
    q = unpack_bits(packed, bits, scales.shape[1] * group).reshape(*scales.shape, group)
    value = q * scales.astype(np.float64)[..., None] + biases.astype(np.float64)[..., None]
    return value.reshape(packed.shape[0], -1)
