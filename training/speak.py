"""Runs an exported checkpoint with transformers, frame by frame, with our own loop over the models' forward calls (an
empty depth cache for every frame; stops at the all-zero frame). Used by golden_greedy.py."""
import pathlib

import numpy as np
import torch

MAX_FRAMES = 125


def load(folder):
    from transformers import CsmForConditionalGeneration, PreTrainedTokenizerFast
    model = CsmForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()
    return model, PreTrainedTokenizerFast(tokenizer_file=str(pathlib.Path(folder) / "tokenizer.json"))


class Settings:
    def __init__(self, model, temperature=None, depth_temperature=None, greedy=False):
        own, depth = model.generation_config, model.depth_decoder.generation_config
        self.top_k, self.depth_top_k = own.top_k, depth.top_k
        self.temperature = temperature if temperature is not None else own.temperature if own.do_sample else 0.0
        self.depth_temperature = depth_temperature if depth_temperature is not None else \
            depth.temperature if depth.do_sample else 0.0
        if greedy:
            self.temperature = self.depth_temperature = 0.0

    def __str__(self):
        return f"temperature {self.temperature:g}, depth {self.depth_temperature:g}"


def choose(logits, temperature, top_k):
    """logits [V] -> code, distance between the best two."""
    best = logits.topk(2).values
    margin = float(best[0] - best[1])
    if not temperature:
        return int(logits.argmax()), margin
    logits = logits / temperature
    if top_k:
        logits = logits.masked_fill(logits < logits.topk(top_k).values[-1], float("-inf"))
    return int(torch.multinomial(logits.softmax(0), 1)), margin


@torch.no_grad()
def generate(model, prompt_ids, settings, max_frames=MAX_FRAMES):
    """-> codes [frames, books] int32, whether the all-zero frame came, smallest margin of every frame's codes (greedy)."""
    config = model.config
    given = {"inputs_embeds": model.embed_text_tokens(torch.tensor([prompt_ids]))}
    cache, frames, margins = None, [], []
    for _ in range(max_frames + 1):
        out = model.backbone_model(**given, past_key_values=cache, use_cache=True)
        cache, hidden = out.past_key_values, out.last_hidden_state[:, -1]
        code, margin = choose(model.lm_head(hidden)[0], settings.temperature, settings.top_k)
        codes, low, depth_cache = [code], [margin], None
        ids = torch.tensor([[0, code]])
        for i in range(1, config.num_codebooks):
            step = model.depth_decoder(input_ids=ids, backbone_last_hidden_state=hidden if i == 1 else None,
                                       past_key_values=depth_cache, use_cache=True, logits_to_keep=1)
            depth_cache = step.past_key_values
            code, margin = choose(step.logits[0, -1], settings.depth_temperature, settings.depth_top_k)
            codes.append(code)
            low.append(margin)
            ids = torch.tensor([[code]])
        margins.append(low)
        if not any(codes):
            return np.array(frames, np.int32).reshape(-1, config.num_codebooks), True, np.array(margins, np.float32)
        if len(frames) == max_frames:
            break
        frames.append(codes)
        given = {"input_ids": torch.tensor([[codes]])}
    return np.array(frames, np.int32), False, np.array(margins, np.float32)


@torch.no_grad()
def render(model, codes):
    """codes [frames, books] -> samples; codes beyond the codec's (never seen in practice) become 0."""
    if not len(codes):
        return np.zeros(0, np.float32)
    codes = np.where(codes < model.config.codec_config.codebook_size, codes, 0)
    return model.codec_model.decode(torch.tensor(codes.T[None].astype(np.int64))).audio_values[0, 0].numpy()
