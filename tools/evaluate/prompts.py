"""Voice prompts: does the model, under a speaker tag that names no voice, speak as the recording that it was given?

References are the teacher's, of the plain voices and of variants whose pitch training kept away from; each is at least
3 s long, two utterances joined where one is shorter. The new texts are others than those of the references.
"""
import numpy as np

import measures
from teacher import HELD_OUT, NEUTRAL, Line, write_wav

LEAST_SECONDS = 3.0
FOLLOWED = 0.10                                     # how far the median pitch may be from the reference's


def plan(texts, voices, count):
    """[(first Line of the reference, second, Line of the new text)]: half plain voices, half variants, in turn."""
    shifts = [1.0 if k % 2 == 0 else HELD_OUT[k // 2 % len(HELD_OUT)] for k in range(2 * len(HELD_OUT))]
    out = []
    for i in range(count):
        voice, pitch = voices[i % len(voices)], shifts[i // len(voices) % len(shifts)]
        a, b, new = (texts[(3 * i + k) % len(texts)] for k in range(3))
        out.append((Line(voice, a, pitch), Line(voice, b, pitch), Line(voice, new, pitch)))
    return out


def references(planned, teacher, folder):
    """-> [(wav, text, samples), ...], written into folder."""
    speeches = {s.line: s for s in teacher.speak([line for a, b, _ in planned for line in (a, b)])}
    out = []
    for i, (a, b, _) in enumerate(planned):
        samples, text = speeches[a].samples, a.text
        if len(samples) < LEAST_SECONDS * measures.RATE:
            samples, text = np.concatenate([samples, speeches[b].samples]), f"{a.text} {b.text}"
        wav = folder / f"{i:03}-{a.voice}-{a.pitch:g}.wav"
        write_wav(wav, samples)
        out.append((wav, text, samples))
    return out


def speak(back_end, shelf, planned, refs, progress):
    """-> [(wav, stop), ...]"""
    out = []
    for i, ((_, _, new), (ref_wav, ref_text, _)) in enumerate(zip(planned, refs)):
        wav = shelf.wav(new, ref_text)
        if shelf.stop(wav) is None:
            shelf.put(wav, back_end.say(new.text, NEUTRAL, wav, (ref_wav, ref_text)))
        out.append((wav, shelf.stop(wav)))
        progress(i + 1, len(planned))
    return out


def follows(reference, samples):
    """-> the measures of one answer to one reference."""
    ratio = measures.median_pitch(samples) / measures.median_pitch(reference)
    return {"pitch_ratio": ratio, "followed": abs(ratio - 1) <= FOLLOWED}
