"""The Mimi codec (quantiser, upsampling, transformers, SEANet encoder and decoder) in plain PyTorch. Parameter names are
those of Hugging Face checkpoints, so that a state dict goes into `codec_model.*` as it is. Shapes: latents [B, LATENT,
frames], waveforms [B, 1, samples]."""
import math

import torch
import torch.nn.functional as F
from torch import nn

from common import BOOK_DIM, BOOK_SIZE, BOOKS, LATENT, N_FEATURES

RATIOS = (8, 6, 5, 4)


class Conv(nn.Module):
    """Causal convolution: left padding kernel - stride, counted for the dilation."""

    def __init__(self, n_in, n_out, kernel, stride=1, dilation=1, bias=True):
        super().__init__()
        self.conv = nn.Conv1d(n_in, n_out, kernel, stride, dilation=dilation, bias=bias)
        self.pad = (kernel - 1) * dilation + 1 - stride

    def forward(self, x):
        return self.conv(F.pad(x, (self.pad, 0)) if self.pad else x)


class ConvTranspose(nn.Module):
    def __init__(self, n_in, n_out, kernel, stride, groups=1, bias=True):
        super().__init__()
        self.conv = nn.ConvTranspose1d(n_in, n_out, kernel, stride, groups=groups, bias=bias)
        self.trim = kernel - stride

    def forward(self, x):
        return self.conv(x)[..., :-self.trim]


class Residual(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.block = nn.ModuleList([nn.ELU(), Conv(width, width // 2, 3), nn.ELU(), Conv(width // 2, width, 1)])

    def forward(self, x):
        y = x
        for layer in self.block:
            y = layer(y)
        return x + y


class SeanetDecoder(nn.Module):
    def __init__(self, filters):
        super().__init__()
        width = filters * 16
        layers = [Conv(LATENT, width, 7)]
        for ratio in RATIOS:
            layers += [nn.ELU(), ConvTranspose(width, width // 2, 2 * ratio, ratio), Residual(width // 2)]
            width //= 2
        self.layers = nn.ModuleList(layers + [nn.ELU(), Conv(width, 1, 3)])

    def low(self, x):                       # 25 Hz -> 200 Hz features
        for layer in self.layers[:4]:
            x = layer(x)
        return x

    def high(self, x):                      # 200 Hz -> 24 kHz
        for layer in self.layers[4:]:
            x = layer(x)
        return x


class Scale(nn.Module):
    def __init__(self, width, value):
        super().__init__()
        self.scale = nn.Parameter(torch.full((width,), value))


class TransformerLayer(nn.Module):
    def __init__(self, width=LATENT, heads=4, inner=4 * LATENT):
        super().__init__()
        self.heads = heads
        self.self_attn = nn.ModuleDict({k: nn.Linear(width, width, bias=False) for k in ("q_proj", "k_proj", "v_proj", "o_proj")})
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(width, inner, bias=False), "fc2": nn.Linear(inner, width, bias=False)})
        self.input_layernorm = nn.LayerNorm(width)
        self.post_attention_layernorm = nn.LayerNorm(width)
        self.self_attn_layer_scale = Scale(width, 0.1)
        self.mlp_layer_scale = Scale(width, 0.1)

    def forward(self, x, cos, sin):         # x [B, T, width]
        b, t, w = x.shape
        y = self.input_layernorm(x)
        q, k, v = (self.self_attn[n](y).view(b, t, self.heads, -1).transpose(1, 2) for n in ("q_proj", "k_proj", "v_proj"))
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(b, t, w)
        x = x + self.self_attn_layer_scale.scale * self.self_attn["o_proj"](y)
        y = self.mlp["fc2"](F.gelu(self.mlp["fc1"](self.post_attention_layernorm(x))))
        return x + self.mlp_layer_scale.scale * y


def rope_table(length, head_dim, theta, device):
    """cos, sin [length, head_dim], half-split."""
    inverse = theta ** (-torch.arange(0, head_dim, 2, device=device) / head_dim)
    angle = torch.arange(length, device=device)[:, None] * inverse
    return torch.cat([angle, angle], 1).cos(), torch.cat([angle, angle], 1).sin()


def rotate(x, cos, sin):
    a, b = x.chunk(2, -1)
    return x * cos + torch.cat([-b, a], -1) * sin


class Transformer(nn.Module):
    def __init__(self, n_layers=2):
        super().__init__()
        self.layers = nn.ModuleList(TransformerLayer() for _ in range(n_layers))

    def forward(self, x):                   # x [B, LATENT, T]
        x = x.transpose(1, 2)
        cos, sin = rope_table(x.shape[1], LATENT // 4, 10000.0, x.device)
        for layer in self.layers:
            x = layer(x, cos, sin)
        return x.transpose(1, 2)


class Codebook(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("initialized", torch.ones(1))
        self.register_buffer("cluster_usage", torch.ones(BOOK_SIZE))
        self.register_buffer("embed_sum", torch.randn(BOOK_SIZE, BOOK_DIM))

    def table(self):
        return self.embed_sum / self.cluster_usage.clamp(min=1e-5)[:, None]


class Level(nn.Module):
    def __init__(self):
        super().__init__()
        self.codebook = Codebook()


class ResidualQuantizer(nn.Module):
    """Codebooks found by k-means (`start`). `first` is the lowest code in use."""

    def __init__(self, levels, first):
        super().__init__()
        self.input_proj = nn.Conv1d(LATENT, BOOK_DIM, 1, bias=False)
        self.output_proj = nn.Conv1d(BOOK_DIM, LATENT, 1, bias=False)
        self.layers = nn.ModuleList(Level() for _ in range(levels))
        self.first = first

    def search(self, x, level):             # x [N, dim]
        table = self.layers[level].codebook.table()
        distance = table.square().sum(1) - 2 * x @ table.t()
        if self.first:
            distance[:, :self.first] = float("inf")
        return distance.argmin(1)

    @torch.no_grad()
    def start(self, x, keep=()):
        """k-means on projected latents x [N, dim], level by level; the levels in `keep` stay as they are."""
        for level, layer in enumerate(self.layers):
            if level in keep:
                x = x - layer.codebook.table()[self.search(x, level)]
                continue
            table = x[torch.randperm(len(x), device=x.device)[:BOOK_SIZE]].clone()
            for _ in range(10):
                layer.codebook.embed_sum.copy_(table)
                layer.codebook.cluster_usage.fill_(1)
                code = self.search(x, level)
                count = torch.bincount(code, minlength=BOOK_SIZE).float()
                mean = torch.zeros_like(table).index_add_(0, code, x) / count.clamp(min=1)[:, None]
                dead = (count == 0).nonzero()[:, 0]
                mean[dead] = x[torch.randint(len(x), (len(dead),), device=x.device)]
                table = mean
            layer.codebook.embed_sum.copy_(table)
            x = x - table[self.search(x, level)]

    def forward(self, z):
        """z [B, LATENT, T] -> codes [B, levels, T]."""
        x = self.input_proj(z)
        b, d, t = x.shape
        rest, codes = x.transpose(1, 2).reshape(-1, d), []
        for level in range(len(self.layers)):
            code = self.search(rest, level)
            rest = rest - self.layers[level].codebook.table()[code]
            codes.append(code.view(b, t))
        return torch.stack(codes, 1)

    def decode(self, codes):                # [B, levels, T]
        rows = sum(layer.codebook.table()[codes[:, i]] for i, layer in enumerate(self.layers))
        return self.output_proj(rows.transpose(1, 2))


class Quantizer(nn.Module):
    """Both parts see the same latent; code 0 of codebook 0 is kept free: the all-zero frame means the end."""

    def __init__(self):
        super().__init__()
        self.semantic_residual_vector_quantizer = ResidualQuantizer(1, 1)
        self.acoustic_residual_vector_quantizer = ResidualQuantizer(BOOKS - 1, 0)

    def forward(self, z):
        """z [B, LATENT, T] -> codes [B, BOOKS, T]."""
        return torch.cat([self.semantic_residual_vector_quantizer(z), self.acoustic_residual_vector_quantizer(z)], 1)

    def decode(self, codes):
        return self.semantic_residual_vector_quantizer.decode(codes[:, :1]) + \
            self.acoustic_residual_vector_quantizer.decode(codes[:, 1:])


class Codec(nn.Module):
    def __init__(self, filters=16):
        super().__init__()
        self.quantizer = Quantizer()
        self.upsample = ConvTranspose(LATENT, LATENT, 4, 2, groups=LATENT, bias=False)
        self.decoder_transformer = Transformer()
        self.decoder = SeanetDecoder(filters)

    def low(self, latent):                  # [B, LATENT, frames] -> [B, 8 filters, 16 frames]
        return self.decoder.low(self.decoder_transformer(self.upsample(latent)))

    def decode(self, codes):                # [B, BOOKS, frames] -> [B, 1, 1920 frames]
        return self.decoder.high(self.low(self.quantizer.decode(codes)))


class Encoder(nn.Module):
    """The waveform encoder: SEANet encoder, transformer, downsampling with its first value repeated."""

    def __init__(self, filters=16):
        super().__init__()
        width, layers = filters, [Conv(1, filters, 7)]
        for ratio in reversed(RATIOS):
            layers += [Residual(width), nn.ELU(), Conv(width, 2 * width, 2 * ratio, ratio)]
            width *= 2
        self.encoder = nn.ModuleDict({"layers": nn.ModuleList(layers + [nn.ELU(), Conv(width, LATENT, 3)])})
        self.encoder_transformer = Transformer()
        self.downsample = nn.ModuleDict({"conv": nn.Conv1d(LATENT, LATENT, 4, 2, bias=False)})

    def forward(self, x):                   # [B, 1, 1920 frames] -> [B, LATENT, frames]
        for layer in self.encoder["layers"]:
            x = layer(x)
        x = self.encoder_transformer(x)
        return self.downsample["conv"](F.pad(x, (2, 0), mode="replicate"))


class MelHead(nn.Module):
    """Throw-away: 200 Hz features of the decoder -> mel frames."""

    def __init__(self, filters=16):
        super().__init__()
        self.layers = nn.Sequential(nn.ELU(), Conv(filters * 8, 256, 3), nn.GELU(), Conv(256, N_FEATURES, 1))

    def forward(self, x):
        return self.layers(x)
