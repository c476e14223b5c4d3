"""CSM / Marvis written down once more in PyTorch, independent of any other implementation, plus the
published layouts of its weights. Shared by the scripts that make goldens and comparisons.

Weights travel as a dict of the original (torchtune) names. `trace` is the definition of what
`marvis trace` computes; `faults` break it on purpose in the ways that a golden must be able to see.
"""
import math
from dataclasses import dataclass, field

import torch


@dataclass(frozen=True)
class Tower:
    layers: int
    width: int
    mlp: int
    heads: int
    kv: int
    head_dim: int
    max_positions: int
    rope: dict = field(hash=False)  # as in config.json
    theta: float = 500000.0


@dataclass(frozen=True)
class Dims:
    text_vocab: int
    audio_vocab: int
    codebooks: int
    backbone: Tower
    depth: Tower
    eps: float = 1e-5


def llama3_rope(original, low=1.0, high=4.0, factor=32.0):
    return {"factor": factor, "high_freq_factor": high, "low_freq_factor": low,
            "original_max_position_embeddings": original, "rope_type": "llama3"}


PUBLISHED_ROPE = llama3_rope(8192)
DEPTH_TOWER = Tower(4, 1024, 4096, 8, 2, 128, 33, PUBLISHED_ROPE)
FULL = {
    "marvis-250m": Dims(49152, 2051, 32, Tower(6, 1536, 8192, 12, 3, 128, 2048, PUBLISHED_ROPE),
                        DEPTH_TOWER),
    "marvis-100m": Dims(49152, 2051, 32, Tower(8, 1024, 4096, 8, 2, 128, 2048, PUBLISHED_ROPE),
                        DEPTH_TOWER),
    "csm-1b": Dims(128256, 2051, 32, Tower(16, 2048, 8192, 32, 8, 64, 2048, PUBLISHED_ROPE),
                   Tower(4, 1024, 8192, 8, 2, 128, 33, PUBLISHED_ROPE)),
}

# ---- the tensors ---------------------------------------------------------------------------------


def tensor_shapes(dims):
    """Original names and shapes, in the order of a state dict."""
    D, d, V, C = dims.backbone.width, dims.depth.width, dims.audio_vocab, dims.codebooks
    shapes = {}
    for tower, t in (("backbone", dims.backbone), ("decoder", dims.depth)):
        for l in range(t.layers):
            p = f"{tower}.layers.{l}."
            shapes[p + "attn.q_proj.weight"] = (t.heads * t.head_dim, t.width)
            shapes[p + "attn.k_proj.weight"] = (t.kv * t.head_dim, t.width)
            shapes[p + "attn.v_proj.weight"] = (t.kv * t.head_dim, t.width)
            shapes[p + "attn.output_proj.weight"] = (t.width, t.heads * t.head_dim)
            shapes[p + "mlp.w1.weight"] = (t.mlp, t.width)
            shapes[p + "mlp.w2.weight"] = (t.width, t.mlp)
            shapes[p + "mlp.w3.weight"] = (t.mlp, t.width)
            shapes[p + "sa_norm.scale"] = (t.width,)
            shapes[p + "mlp_norm.scale"] = (t.width,)
        shapes[f"{tower}.norm.scale"] = (t.width,)
    shapes["text_embeddings.weight"] = (dims.text_vocab, D)
    shapes["audio_embeddings.weight"] = (C * V, D)
    shapes["projection.weight"] = (d, D)
    shapes["codebook0_head.weight"] = (V, D)
    shapes["audio_head"] = (C - 1, d, V)
    return shapes


def tensor_std(name, shape, dims):
    """A scale that keeps the random network lively: attention logits spread by 1.7 or so, residual
    branches of the stream's own size, logits spread by 3; None for norm scales."""
    if name.endswith(".scale"):
        return None
    if "q_proj" in name or "k_proj" in name:
        return 1.3 / math.sqrt(shape[1])
    if name == "text_embeddings.weight":
        return 1.0
    if name == "audio_embeddings.weight":
        return 1.6 / math.sqrt(dims.codebooks)
    if name == "audio_head":
        return 3.0 / math.sqrt(shape[1])
    if name == "codebook0_head.weight":
        return 3.0 / math.sqrt(shape[1])
    if name == "projection.weight":
        return 1.0 / math.sqrt(shape[1]) * math.sqrt(dims.codebooks) / 1.6 * 0.7
    return {"v_proj": 1.0, "output_proj": 0.9, "w1": 1.2, "w3": 1.0, "w2": 0.9}[
        name.split(".")[-2]] / math.sqrt(shape[1])


def random_tensor(name, shape, dims, generator):
    std = tensor_std(name, shape, dims)
    if std is None:
        return torch.rand(shape, generator=generator) + 0.5
    return torch.randn(shape, generator=generator) * std


# ---- layouts -------------------------------------------------------------------------------------


def mlx_name(name, prefix="model."):
    """mlx-audio's names (its `sanitize`)."""
    for a, b in ((".attn.", ".self_attn."), ("output_proj", "o_proj"), (".w1.", ".gate_proj."),
                 (".w2.", ".down_proj."), (".w3.", ".up_proj."),
                 ("sa_norm.scale", "input_layernorm.weight"),
                 ("mlp_norm.scale", "post_attention_layernorm.weight"),
                 ("norm.scale", "norm.weight")):
        name = name.replace(a, b)
    return prefix + name


def port_name(name):
    """The names of the sethdford/marvis MLX port."""
    for a, b in ((".attn.q_proj", ".attention.wq"), (".attn.k_proj", ".attention.wk"),
                 (".attn.v_proj", ".attention.wv"), (".attn.output_proj", ".attention.wo"),
                 (".mlp.w", ".feed_forward.w"), ("sa_norm.scale", "attention_norm.weight"),
                 ("mlp_norm.scale", "ffn_norm.weight"), ("norm.scale", "norm.weight")):
        name = name.replace(a, b)
    return name


HF_NAMES = {
    "text_embeddings.weight": "embed_text_tokens.weight",
    "audio_embeddings.weight": "backbone_model.embed_tokens.embed_audio_tokens.weight",
    "projection.weight": "depth_decoder.model.inputs_embeds_projector.weight",
    "codebook0_head.weight": "lm_head.weight",
    "audio_head": "depth_decoder.codebooks_head.weight",
}
HF_DEPTH_TABLE = "depth_decoder.model.embed_tokens.weight"


def hf_name(name):
    if name in HF_NAMES:
        return HF_NAMES[name]
    name = mlx_name(name, "")
    name = name.replace("backbone.", "backbone_model.", 1)
    return name.replace("decoder.", "depth_decoder.model.", 1)


def hf_tensor(name, tensor, dims):
    """q and k rows of each head: even rows first, then odd ones (half-split rotation)."""
    if not name.endswith(("q_proj.weight", "k_proj.weight")):
        return tensor
    hd = (dims.backbone if name.startswith("backbone.") else dims.depth).head_dim
    heads = tensor.view(-1, hd // 2, 2, tensor.shape[1])
    return heads.transpose(1, 2).reshape(tensor.shape).contiguous()


def to_hf(weights, dims):
    out = {hf_name(n): hf_tensor(n, w, dims) for n, w in weights.items()}
    out[HF_DEPTH_TABLE] = weights["audio_embeddings.weight"].clone()
    return out


def mlx_config(dims, rope_key="rope_scaling", **extra):
    """config.json as mlx-audio and Marvis-Labs write it."""

    def tower(t, **more):
        return {"attention_bias": False, "attention_dropout": 0.0, "head_dim": t.head_dim,
                "hidden_act": "silu", "hidden_size": t.width, "initializer_range": 0.02,
                "intermediate_size": t.mlp, "max_position_embeddings": t.max_positions,
                "mlp_bias": False, "num_attention_heads": t.heads,
                "num_codebooks": dims.codebooks, "num_hidden_layers": t.layers,
                "num_key_value_heads": t.kv, "rms_norm_eps": dims.eps,
                **rope(t), "use_cache": True, "vocab_size": dims.audio_vocab, **more}

    def rope(t):
        if rope_key == "rope_parameters":
            return {"rope_parameters": {**t.rope, "rope_theta": t.theta}}
        return {"rope_scaling": t.rope, "rope_theta": int(t.theta)}

    return {"model_type": "marvis", "backbone_flavor": "llama-tiny", "decoder_flavor": "llama-tiny",
            "text_vocab_size": dims.text_vocab, "audio_vocab_size": dims.audio_vocab,
            "audio_num_codebooks": dims.codebooks, "audio_eos_token_id": 3, "audio_token_id": 2,
            "bos_token_id": 1, "pad_token_id": 2, "codebook_eos_token_id": 0,
            "codebook_pad_token_id": dims.audio_vocab - 1, "tie_codebooks_embeddings": True,
            "tie_word_embeddings": False, **tower(dims.backbone),
            "depth_decoder_config": tower(dims.depth, model_type="csm_depth_decoder_model",
                                          backbone_hidden_size=dims.backbone.width), **extra}


def hf_fraction_rope(rope, shrink):
    """The same scaling in transformers' numbers: all three lengths divided by `shrink`."""
    return llama3_rope(int(rope["original_max_position_embeddings"] / shrink),
                       rope["low_freq_factor"] / shrink, rope["high_freq_factor"] / shrink,
                       rope["factor"])


def hf_config(dims, shrink=8, rope_key="rope_scaling"):
    """config.json as transformers writes it (without the codec); since version 5 with
    "rope_parameters"."""
    m = mlx_config(dims)
    for key in ("backbone_flavor", "decoder_flavor", "audio_vocab_size", "audio_num_codebooks"):
        del m[key]
    m["model_type"] = "csm"
    m["architectures"] = ["CsmForConditionalGeneration"]
    m["rope_scaling"] = hf_fraction_rope(dims.backbone.rope, shrink)
    m["depth_decoder_config"]["rope_scaling"] = hf_fraction_rope(dims.depth.rope, shrink)
    for c in (m, m["depth_decoder_config"]) if rope_key == "rope_parameters" else ():
        c["rope_parameters"] = {**c.pop("rope_scaling"), "rope_theta": float(c.pop("rope_theta"))}
    return m


# ---- the network ---------------------------------------------------------------------------------


def rope_inv_freq(tower, plain=False):
    """[head_dim/2] inverse frequencies in float64, Llama 3 scaling."""
    hd, r = tower.head_dim, tower.rope
    inv = tower.theta ** (-torch.arange(0, hd, 2, dtype=torch.float64) / hd)
    if plain or not r:
        return inv
    low, high, original = (float(r[k]) for k in ("low_freq_factor", "high_freq_factor",
                                                 "original_max_position_embeddings"))
    wave = 2 * math.pi / inv
    smooth = ((original / wave - low) / (high - low)).clamp(0, 1)
    return (1 - smooth) * inv / r["factor"] + smooth * inv


class Reference:
    """The original model on a weights dict; `dtype` is the arithmetic's."""

    def __init__(self, weights, dims, dtype=torch.float64, faults=()):
        self.w = {n: w.to(dtype) for n, w in weights.items()}
        self.dims, self.dtype, self.faults = dims, dtype, set(faults)

    def norm(self, x, scale):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.dims.eps) * self.w[scale]

    def rotate(self, x, inv, pos):
        angle = (pos.double()[:, None] * inv[None, :])[:, None, :]  # [S, 1, hd/2]
        cos, sin = angle.cos().to(self.dtype), angle.sin().to(self.dtype)
        if "half_split_rope" in self.faults:
            a, b = x.chunk(2, -1)
            return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)
        a, b = x[..., 0::2], x[..., 1::2]
        return torch.stack((a * cos - b * sin, b * cos + a * sin), -1).flatten(-2)

    def tower(self, name, t, x, cache=None, keep=0):
        """x [B, S, width]; cache: list per layer of (k, v), extended in place. Keys of the `keep`
        oldest cache entries take part without counting as positions (a fault)."""
        B, S, _ = x.shape
        seen = cache[0][0].shape[1] if cache and cache[0] is not None else 0
        inv = rope_inv_freq(t, "plain_rope" in self.faults)
        pos = torch.arange(seen - keep, seen - keep + S)
        mask = torch.arange(seen + S)[None, :] <= torch.arange(seen, seen + S)[:, None]
        if name == "decoder" and "first_two_see_each_other" in self.faults and not seen:
            mask[0, :2] = True
        for l in range(t.layers):
            p = f"{name}.layers.{l}."
            n = self.norm(x, p + "sa_norm.scale")
            q = (n @ self.w[p + "attn.q_proj.weight"].T).view(B, S, t.heads, t.head_dim)
            k = (n @ self.w[p + "attn.k_proj.weight"].T).view(B, S, t.kv, t.head_dim)
            v = (n @ self.w[p + "attn.v_proj.weight"].T).view(B, S, t.kv, t.head_dim)
            q, k = self.rotate(q, inv, pos), self.rotate(k, inv, pos)
            if cache is not None:
                if cache[l] is not None:
                    k, v = torch.cat((cache[l][0], k), 1), torch.cat((cache[l][1], v), 1)
                cache[l] = (k, v)
            per = t.heads // t.kv
            kk, vv = k.repeat_interleave(per, 2), v.repeat_interleave(per, 2)
            score = torch.einsum("bshd,bthd->bhst", q, kk) / math.sqrt(t.head_dim)
            p_att = score.masked_fill(~mask, -math.inf).softmax(-1)
            out = torch.einsum("bhst,bthd->bshd", p_att, vv).reshape(B, S, -1)
            x = x + out @ self.w[p + "attn.output_proj.weight"].T
            n = self.norm(x, p + "mlp_norm.scale")
            g, u = n @ self.w[p + "mlp.w1.weight"].T, n @ self.w[p + "mlp.w3.weight"].T
            x = x + (torch.nn.functional.silu(g) * u) @ self.w[p + "mlp.w2.weight"].T
        self.pre_norm = x
        return self.norm(x, f"{name}.norm.scale")

    def audio_rows(self, codes):
        """codes [..., K] to [..., K, D]"""
        offset = torch.arange(codes.shape[-1]) * self.dims.audio_vocab
        return self.w["audio_embeddings.weight"][codes + offset]

    def embed(self, tokens, mask):
        """tokens, mask [S, C+1] to [S, D]"""
        audio, text = self.audio_rows(tokens[:, :-1]), self.w["text_embeddings.weight"][tokens[:, -1]]
        if "no_mask" in self.faults:
            mask = torch.ones_like(mask)
        m = mask.to(self.dtype)
        return (audio * m[:, :-1, None]).sum(1) + text * m[:, -1:]

    def depth_inputs(self, hidden, codes):
        """hidden [B, D], codes [B, n]: [B, 1+n, d], projected"""
        rows = self.audio_rows(codes)
        if "audio_rows_shifted" in self.faults:
            rows = self.w["audio_embeddings.weight"][
                codes + (torch.arange(codes.shape[-1]) + 1) * self.dims.audio_vocab]
        P = self.w["projection.weight"]
        x = torch.cat((hidden[:, None], rows), 1)
        if "projection_on_hidden_only" in self.faults:
            return torch.cat((hidden[:, None] @ P.T, rows), 1)
        if "projection_on_codes_only" in self.faults:
            return torch.cat((hidden[:, None], rows @ P.T), 1)
        return x @ P.T

    def trace(self, tokens, mask, frames):
        """hidden [T, D], logits [T, C, V]"""
        dims, S, T = self.dims, tokens.shape[0], frames.shape[0]
        x = torch.cat((self.embed(tokens, mask), self.audio_rows(frames).sum(1)[:-1]))
        hidden = self.tower("backbone", dims.backbone, x[None])[0, S - 1:]
        depth_in = self.pre_norm[0, S - 1:] if "pre_norm_hidden" in self.faults else hidden
        inputs = self.depth_inputs(depth_in, frames[:, :-1])
        if "depth_cache_kept" in self.faults:
            cache, rows = [None] * dims.depth.layers, []
            for t in range(T):
                rows.append(self.tower("decoder", dims.depth, inputs[t:t + 1], cache,
                                       t * dims.codebooks))
            y = torch.cat(rows)
        else:
            y = self.tower("decoder", dims.depth, inputs)
        heads = self.w["audio_head"]
        if "heads_shifted" in self.faults:
            heads = heads.roll(1, 0)
        first = hidden @ self.w["codebook0_head.weight"].T
        rest = torch.einsum("tcd,cdv->tcv", y[:, 1:], heads)
        return hidden, torch.cat((first[:, None], rest), 1)

    def greedy(self, tokens, mask, n_frames, n_codebooks=None, n_codes=None):
        """Free-running greedy generation, step by step with caches; the depth cache is new for each
        frame. Codes from n_codes on are never chosen. Returns codes [n, K] and the top-2 margins
        [n, K]."""
        dims, K = self.dims, n_codebooks or self.dims.codebooks
        cache, codes, margins = [None] * dims.backbone.layers, [], []
        x = self.embed(tokens, mask)
        for _ in range(n_frames):
            h = self.tower("backbone", dims.backbone, x[None], cache)[:, -1]
            logits, frame, margin = h @ self.w["codebook0_head.weight"].T, [], []
            depth_cache = [None] * dims.depth.layers
            for i in range(K):
                top = logits[0, :n_codes].topk(2)
                frame.append(int(top.indices[0]))
                margin.append(float(top.values[0] - top.values[1]))
                if i + 1 == K:
                    break
                row = self.audio_rows(torch.tensor([frame]))[:, -1]
                step = row if i else torch.stack((h[0], row[0]))
                y = self.tower("decoder", dims.depth,
                               (step @ self.w["projection.weight"].T)[None], depth_cache)
                logits = y[:, -1] @ self.w["audio_head"][i]
            codes.append(frame)
            margins.append(margin)
            x = self.audio_rows(torch.tensor([frame])).sum(1)
        return torch.tensor(codes), torch.tensor(margins)
