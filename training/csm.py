"""The CSM language model for training: backbone and depth decoder as Llama blocks, parameter names as in Hugging Face
checkpoints. Text is bytes (ids 0..255) between BOS and EOS; a position is a text token or an audio frame of BOOKS codes.
Dropped at export: the phone head. Attention weights of one head are returned for the alignment loss."""
import pathlib

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn

from codec import rope_table, rotate
from common import BOOK_SIZE, BOOKS, PHONES, SLOTS

BOS, EOS, PAD, AUDIO, AUDIO_EOS, N_TEXT = 256, 257, 258, 259, 260, 264
N_AUDIO = BOOK_SIZE + 3
THETA = 10000.0
BACKBONE = {"width": 256, "inner": 640, "layers": 6, "heads": 4}
DEPTH = {"width": 192, "inner": 512, "layers": 2, "heads": 3}
ALIGN_LAYER = 1


def prompt(text, speaker=0):
    return [BOS, *f"[{speaker}]{text}".encode(), EOS]


class Norm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return F.rms_norm(x, x.shape[-1:], self.weight, 1e-5)


def linears(**shapes):
    return nn.ModuleDict({k: nn.Linear(a, b, bias=False) for k, (a, b) in shapes.items()})


class Layer(nn.Module):
    def __init__(self, width, inner, heads):
        super().__init__()
        self.heads = heads
        self.self_attn = linears(q_proj=(width, width), k_proj=(width, width), v_proj=(width, width), o_proj=(width, width))
        self.mlp = linears(gate_proj=(width, inner), up_proj=(width, inner), down_proj=(inner, width))
        self.input_layernorm, self.post_attention_layernorm = Norm(width), Norm(width)

    def forward(self, x, cos, sin, want_attention=False):
        b, t, w = x.shape
        y, attention = self.input_layernorm(x), None
        q, k, v = (self.self_attn[n](y).view(b, t, self.heads, -1).transpose(1, 2) for n in ("q_proj", "k_proj", "v_proj"))
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        if want_attention:                  # log-probabilities of head 0
            score = (q[:, 0] @ k[:, 0].transpose(1, 2)) * q.shape[-1] ** -0.5
            future = torch.ones(t, t, dtype=torch.bool, device=x.device).triu(1)
            attention = score.masked_fill(future, float("-inf")).log_softmax(-1)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(b, t, w)
        x = x + self.self_attn["o_proj"](y)
        y = self.post_attention_layernorm(x)
        return x + self.mlp["down_proj"](F.silu(self.mlp["gate_proj"](y)) * self.mlp["up_proj"](y)), attention


class Tower(nn.Module):
    def __init__(self, width, inner, layers, heads):
        super().__init__()
        self.layers = nn.ModuleList(Layer(width, inner, heads) for _ in range(layers))
        self.norm = Norm(width)
        self.head_dim = width // heads

    def forward(self, x, align_layer=None):
        cos, sin = rope_table(x.shape[1], self.head_dim, THETA, x.device)
        attention = middle = None
        for i, layer in enumerate(self.layers):
            x, seen = layer(x, cos, sin, i == align_layer)
            if i == align_layer:
                attention, middle = seen, x
        return self.norm(x), attention, middle


class Csm(nn.Module):
    def __init__(self):
        super().__init__()
        width, depth = BACKBONE["width"], DEPTH["width"]
        self.embed_text_tokens = nn.Embedding(N_TEXT, width)
        self.backbone_model = Tower(**BACKBONE)
        self.audio = nn.Embedding(BOOKS * N_AUDIO, width)          # both towers' table
        self.lm_head = nn.Linear(width, N_AUDIO, bias=False)
        self.depth_decoder = nn.ModuleDict({"model": Tower(**DEPTH)})
        self.projector = nn.Linear(width, depth, bias=False)
        self.codebooks_head = nn.Parameter(torch.empty(BOOKS - 1, depth, N_AUDIO))
        self.phone_head = nn.Linear(width, SLOTS * len(PHONES))
        self.register_buffer("offsets", torch.arange(BOOKS) * N_AUDIO)
        for name, p in self.named_parameters():
            if p.dim() > 1:
                nn.init.normal_(p, std=0.02 if "embed" in name or "head" in name or "audio" in name else p.shape[-1] ** -0.5)
        for tower in (self.backbone_model, self.depth_decoder["model"]):
            for layer in tower.layers:
                for p in (layer.self_attn["o_proj"].weight, layer.mlp["down_proj"].weight):
                    p.data.mul_((2 * len(tower.layers)) ** -0.5)
        self.audio.weight.data.mul_(0.5)

    def embed(self, text, codes, is_audio):
        """text [B, T], codes [B, T, BOOKS], is_audio [B, T] -> [B, T, width]."""
        return torch.where(is_audio[..., None], self.audio(codes + self.offsets).sum(2), self.embed_text_tokens(text))

    def depth_logits(self, hidden, codes):
        """hidden [N, width], codes [N, BOOKS] of the frame it predicts -> logits [N, BOOKS - 1, N_AUDIO]."""
        rows = self.audio(codes[:, :-1] + self.offsets[:-1])
        x = self.projector(torch.cat([hidden[:, None], rows], 1))
        y = self.depth_decoder["model"](x)[0][:, 1:]
        return torch.einsum("nbd,bdv->nbv", y, self.codebooks_head)

    def exported(self, state=None):
        """State dict under Hugging Face names, both audio tables, without what only training needs."""
        names = {"audio.weight": ["backbone_model.embed_tokens.embed_audio_tokens.weight", "depth_decoder.model.embed_tokens.weight"],
                 "projector.weight": ["depth_decoder.model.inputs_embeds_projector.weight"],
                 "codebooks_head": ["depth_decoder.codebooks_head.weight"]}
        out = {}
        for key, value in (state or self.state_dict()).items():
            if key.startswith("phone_head") or key == "offsets":
                continue
            for name in names.get(key, [key]):
                out[name] = value.clone()
        return out

    def start_from(self, path):
        """Takes what fits from an exported checkpoint (a folder) or from a training state (a .pt file): a model of other
        depth or with other codebooks keeps its own values where names or shapes differ. New layers start silent."""
        path = pathlib.Path(path)
        if path.is_dir():
            given = {}
            for file in path.glob("*.safetensors"):
                given |= load_file(file)
            tables = ("backbone_model.embed_tokens.embed_audio_tokens.weight", "depth_decoder.model.embed_tokens.weight")
            given["audio.weight"] = next(given.pop(k) for k in tables if k in given)        # tied: one of them is there
            given["projector.weight"] = given.pop("depth_decoder.model.inputs_embeds_projector.weight")
            given["codebooks_head"] = given.pop("depth_decoder.codebooks_head.weight")
        else:
            given = torch.load(path, map_location="cpu", weights_only=False)["average"]
        own = self.state_dict()
        for key in ("audio.weight", "codebooks_head"):          # of fewer codebooks: the first ones
            if key in given and given[key].shape[1:] == own[key].shape[1:] and len(given[key]) < len(own[key]):
                given[key] = torch.cat([given[key].float(), own[key][len(given[key]):]])
        taken = {k: v.float() for k, v in given.items() if k in own and own[k].shape == v.shape and k != "offsets"}
        self.load_state_dict(own | taken)
        for prefix in ("backbone_model.layers.", "depth_decoder.model.layers."):
            for key in own:
                if key.startswith(prefix) and key not in taken and key.endswith(("o_proj.weight", "down_proj.weight")):
                    own[key].zero_()
        missing = sorted(k for k in own if k not in taken and k != "offsets")
        print(f"{path}: {len(taken)} of {len(own)} tensors taken; new: {', '.join(missing) or 'none'}", flush=True)
