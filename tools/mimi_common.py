"""Random Mimi codecs of any size: built with moshi, named as moshi and as transformers name them. Used by
make_mimi_golden.py and make_full_mimi.py. Needs torch, safetensors, moshi, transformers."""
import re

import torch
from moshi.models.compression import MimiModel
from moshi.modules import SEANetDecoder, SEANetEncoder
from moshi.modules.transformer import ProjectedTransformer
from moshi.quantization import SplitResidualVectorQuantizer

FULL = dict(latent=512, n_filters=64, ratios=[8, 6, 5, 4], layers=8, heads=8, mlp=2048, window=250,
            codebook_size=2048, codebook_dim=256, n_codebooks=32)


def product(values):
    result = 1
    for value in values:
        result *= value
    return result


def build(dims, seed):
    """A moshi MimiModel with random weights at which every part of the network matters."""
    torch.manual_seed(seed)
    seanet = dict(channels=1, dimension=dims["latent"], causal=True, n_filters=dims["n_filters"], n_residual_layers=1,
                  activation="ELU", compress=2, dilation_base=2, disable_norm_outer_blocks=0, kernel_size=7,
                  residual_kernel_size=3, last_kernel_size=3, norm="none", pad_mode="constant", ratios=dims["ratios"],
                  true_skip=True)
    transformer = dict(d_model=dims["latent"], num_heads=dims["heads"], num_layers=dims["layers"], causal=True,
                       layer_scale=0.01, context=dims["window"], conv_layout=True, max_period=10000, gating="none",
                       norm="layer_norm", positional_embedding="rope", dim_feedforward=dims["mlp"],
                       input_dimension=dims["latent"], output_dimensions=[dims["latent"]])
    quantizer = SplitResidualVectorQuantizer(dimension=dims["codebook_dim"], n_q=dims["n_codebooks"],
                                             bins=dims["codebook_size"], input_dimension=dims["latent"],
                                             output_dimension=dims["latent"])
    hop = product(dims["ratios"])
    model = MimiModel(SEANetEncoder(**seanet), SEANetDecoder(**seanet), quantizer, channels=1, sample_rate=24000,
                      frame_rate=24000 / (2 * hop), encoder_frame_rate=24000 / hop, causal=True,
                      resample_method="conv", encoder_transformer=ProjectedTransformer(**transformer),
                      decoder_transformer=ProjectedTransformer(**transformer))
    model.eval()
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in model.state_dict().items():
        tensor.copy_(random_tensor(name, tensor, dims, generator))
    model.set_num_codebooks(dims["n_codebooks"])
    return model


def random_tensor(name, tensor, dims, generator):
    normal = torch.randn(tensor.shape, generator=generator)
    if name.endswith("._initialized"):
        return torch.ones_like(tensor)
    if name.endswith(".cluster_usage"):                 # a few never used, a few at exactly 2, the rest spread widely
        usage = torch.exp(normal.abs() * 1.5)
        usage[1::7] = 2.0
        usage[3::11] = 0.0
        return usage
    if name.endswith(".embedding_sum"):                 # rows at the scale of the usage that divides them, so that the
        rows = torch.arange(tensor.shape[0])            # finished rows stay near 1, the unused ones included
        scale = torch.full((tensor.shape[0],), 2.0)
        scale[rows % 11 == 3] = 1e-5
        return normal * scale[:, None]
    if "layer_scale" in name:
        return 0.5 + 0.2 * normal
    if re.search(r"norm\d\.weight$", name):
        return 1 + 0.3 * normal
    if name.endswith(".bias"):
        return 0.2 * normal
    if name.endswith("in_projs.0.weight"):              # q and k large: the attention is peaked
        third = tensor.shape[0] // 3
        normal[:2 * third] *= 1.8
        return normal / dims["latent"] ** 0.5
    if name.startswith("upsample"):
        return 0.7 * normal
    fan_in = product(tensor.shape[1:])
    if "convtr" in name:                                # [in, out, k]: each output sees 2 taps of every input
        fan_in = tensor.shape[0] * 2
    return normal * (1.4 / fan_in) ** 0.5


def moshi_names(model):
    """The state dict in the spelling of the published file."""
    renamed = {}
    for name, tensor in model.state_dict().items():
        name = name.replace("self_attn.in_projs.0.weight", "self_attn.in_proj_weight")
        name = name.replace("self_attn.out_projs.0.weight", "self_attn.out_proj.weight")
        renamed[name] = tensor.contiguous().clone()
    return renamed


def half_split(rows, heads):
    """Rows of q or k from interleaved pairs to halves, within each head."""
    head_dim = rows.shape[0] // heads
    return rows.view(heads, head_dim // 2, 2, -1).transpose(1, 2).reshape(rows.shape).contiguous()


def hf_names(state, heads):
    """moshi's published spelling to that of transformers' MimiModel."""
    result = {}
    for name, tensor in state.items():
        name = re.sub(r"^(encoder|decoder)\.model\.", r"\1.layers.", name)
        name = name.replace(".conv.conv.conv.", ".conv.").replace(".convtr.convtr.convtr.", ".conv.")
        name = name.replace(".conv.conv.", ".conv.").replace(".convtr.convtr.", ".conv.")
        name = name.replace("_transformer.transformer.layers.", "_transformer.layers.")
        name = name.replace(".norm1.", ".input_layernorm.").replace(".norm2.", ".post_attention_layernorm.")
        name = name.replace(".linear1.", ".mlp.fc1.").replace(".linear2.", ".mlp.fc2.")
        name = name.replace(".layer_scale_1.", ".self_attn_layer_scale.").replace(".layer_scale_2.", ".mlp_layer_scale.")
        name = name.replace(".out_proj.", ".o_proj.")
        name = name.replace("quantizer.rvq_first.", "quantizer.semantic_residual_vector_quantizer.")
        name = name.replace("quantizer.rvq_rest.", "quantizer.acoustic_residual_vector_quantizer.")
        name = name.replace(".vq.layers.", ".layers.").replace("._codebook._initialized", ".codebook.initialized")
        name = name.replace("._codebook.embedding_sum", ".codebook.embed_sum").replace("._codebook.", ".codebook.")
        if name.endswith(".in_proj_weight"):
            stem = name[:-len("in_proj_weight")]
            q, k, v = tensor.chunk(3)
            result[stem + "q_proj.weight"] = half_split(q, heads)
            result[stem + "k_proj.weight"] = half_split(k, heads)
            result[stem + "v_proj.weight"] = v.contiguous().clone()
        else:
            result[name] = tensor
    return result


def hf_config(dims):
    from transformers import MimiConfig
    hop = product(dims["ratios"])
    return MimiConfig(hidden_size=dims["latent"], num_filters=dims["n_filters"], upsampling_ratios=dims["ratios"],
                      codebook_size=dims["codebook_size"], codebook_dim=dims["codebook_dim"],
                      vector_quantization_hidden_dimension=dims["codebook_dim"], num_quantizers=dims["n_codebooks"],
                      upsample_groups=dims["latent"], num_hidden_layers=dims["layers"],
                      intermediate_size=dims["mlp"], num_attention_heads=dims["heads"],
                      num_key_value_heads=dims["heads"], head_dim=dims["latent"] // dims["heads"],
                      sliding_window=dims["window"], frame_rate=24000 / (2 * hop))
