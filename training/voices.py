"""Gives every sentence a voice: lines for synth.c.

    voices.py --seed 1 < sentences.txt > utterances.tsv      training: a mix of the voices and of shifted ones
    voices.py --plain < sentences.txt > utterances.tsv       testing: the voices themselves, in turn

Shifted voices come in groups of GROUP sentences, so that one can be the prompt of another. Pitches near HELD_OUT are
never trained on: they are for judging whether a voice is followed that was never heard.
"""
import argparse
import math
import random
import sys

SHARES = {"rms": 0.32, "slt": 0.32, "awb": 0.12}        # the rest: shifted
VOICES = ("rms", "slt", "awb")                          # their number is the speaker tag
HELD_OUT, MARGIN, GROUP = (0.87, 1.15), 0.03, 4


def favoured(options):
    """VOICE=TIMES options -> (voice, times) pairs."""
    pairs = [option.partition("=")[::2] for option in options]
    for voice, times in pairs:
        if voice not in VOICES or not times:
            raise SystemExit(f"--favour {voice}={times}: one of {', '.join(VOICES)}, = and a number")
    return [(voice, float(times)) for voice, times in pairs]


def between(rng, low, high):
    return math.exp(rng.uniform(math.log(low), math.log(high)))


def shifted(rng):
    pitch = 0.87
    while any(abs(pitch - p) < MARGIN for p in HELD_OUT):
        pitch = round(between(rng, 0.75, 1.35), 3)
    formant = 1 if rng.random() < 0.4 else round(between(rng, 0.9, 1.12), 3)
    tempo = 1 if rng.random() < 0.5 else round(between(rng, 0.85, 1.2), 3)
    return rng.choices(VOICES, [0.4, 0.4, 0.2])[0], pitch, formant, tempo


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plain", action="store_true")
    args = parser.parse_args()
    rng, lines = random.Random(args.seed), [line.strip() for line in sys.stdin if line.strip()]
    at = 0
    while at < len(lines):
        kind = rng.choices([*SHARES, "shifted"], [*SHARES.values(), (1 - sum(SHARES.values())) / GROUP])[0]
        who = (VOICES[at % len(VOICES)], 1, 1, 1) if args.plain else shifted(rng) if kind == "shifted" else (kind, 1, 1, 1)
        for text in lines[at:at + (GROUP if kind == "shifted" and not args.plain else 1)]:
            print(*who, text, sep="\t")
            at += 1


if __name__ == "__main__":
    main()
