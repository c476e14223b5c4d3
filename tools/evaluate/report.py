"""What comes out: the table, the thresholds, and spectrograms as PNG."""
import math
import struct
import zlib

import numpy as np

from measures import RATE, cut

# The measure, its row, how it must compare, and with what. Offsets are against the teacher's row of the same set.
# rows: (source, set or group); "all" voices together. A measure that was not taken is not met.
MIN_SENTENCES = 200
CHECKS = [
    # what it is called                                 row                       measure         bound  against
    ("codec round trip, domain: WER",                   ("codec", "domain"),      "wer",          "<=", 5.0, "teacher"),
    ("domain sentences, generated: WER",                ("engine", "domain"),     "wer",          "<=", 10.0, "teacher"),
    ("domain sentences, generated: without an error",   ("engine", "domain"),     "correct",      ">=", 60.0, None),
    ("domain sentences, generated: different texts",    ("engine", "domain"),     "texts",        ">=", MIN_SENTENCES, None),
    ("EOS reached before the cap, domain",              ("engine", "domain"),     "eos",          ">=", 100.0, None),
    ("EOS reached before the cap, open",                ("engine", "open"),       "eos",          ">=", 100.0, None),
    ("right voice for the speaker tag",                 ("engine", "domain"),     "right_voice",  ">=", 100.0, None),
    ("voices by speaker tag",                           ("engine", "domain"),     "voices",       ">=", 2, None),
    ("voice match picks the reference's voice",         ("prompt", "voices"),     "right_voice",  ">=", 90.0, None),
    ("pitch-shifted variant is followed within 10 %",   ("prompt", "variants"),   "followed",     ">=", 50.0, None),
    ("size in MB",                                      ("model", "files"),       "megabytes",    "<=", 25.0, None),
]
COLUMNS = [("n", "n", "{:d}"), ("WER %", "wer", "{:.1f}"), ("no error %", "correct", "{:.1f}"), ("MCD dB", "mcd", "{:.2f}"),
           ("length", "length", "{:.2f}"), ("EOS %", "eos", "{:.1f}"), ("pitch Hz", "pitch", "{:.0f}"),
           ("pitch ratio", "pitch_ratio", "{:.3f}"), ("right voice %", "right_voice", "{:.1f}"),
           ("right spectrum %", "right_spectrum", "{:.1f}"), ("pitch followed %", "followed", "{:.1f}")]


def shown(value, form):
    return "" if value is None or isinstance(value, float) and math.isnan(value) else form.format(value)


def table(rows):
    """Markdown; columns that no row has are left out."""
    columns = [c for c in COLUMNS if any(shown(r.get(c[1]), c[2]) for r in rows)]
    head = ["source", "set", "voice"] + [c[0] for c in columns]
    body = [[r["source"], r["set"], r["voice"]] + [shown(r.get(c[1]), c[2]) for c in columns]
            for r in rows if any(r.get(c[1]) is not None for c in columns)]
    width = [max(len(x[i]) for x in [head, *body]) for i in range(len(head))]
    line = lambda cells: "| " + " | ".join(c.ljust(w) if i < 3 else c.rjust(w)
                                           for i, (c, w) in enumerate(zip(cells, width))) + " |"
    rule = "|" + "|".join("-" * (w + 1) + (":" if i > 2 else "-") for i, w in enumerate(width)) + "|"
    return "\n".join([line(head), rule, *map(line, body)])


def confusion_table(counts, voices):
    head = ["spoken as \\ heard as", *voices]
    body = [[v, *map(str, row)] for v, row in zip(voices, counts)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, ["---"] * len(head), *body])


def check(rows):
    """-> [(name, met, text)]"""
    by_row = {(r["source"], r["set"]): r for r in rows if r["voice"] == "all"}
    out = []
    for name, row, measure, relation, bound, against in CHECKS:
        value = by_row.get(row, {}).get(measure)
        if against:
            base = by_row.get((against, row[1]), {}).get(measure)
            bound = None if base is None else base + bound
        if value is None or bound is None or math.isnan(value):
            out.append((name, False, "not measured"))
            continue
        met = value <= bound + 1e-9 if relation == "<=" else value >= bound - 1e-9
        out.append((name, met, f"{value:.4g}, wanted {relation} {bound:.4g}"))
    return out


COLOURS = np.array([[0, 0, 4], [60, 15, 110], [150, 40, 105], [225, 85, 45], [250, 175, 40], [252, 255, 200]], float)


def spectrogram(x, seconds, height=200, top=8000.0, columns_per_second=100):
    """RGB [height, width, 3] of the first seconds, 70 dB of range, up to `top` Hz."""
    hop = RATE // columns_per_second
    x = np.pad(np.asarray(x, np.float64), (0, max(0, int(seconds * RATE) - len(x))))[:int(seconds * RATE)]
    power = np.abs(np.fft.rfft(cut(x, 512, hop) * np.hanning(512), 1024)) ** 2
    bins = np.linspace(0, top / RATE * 1024, height + 1)
    rows = np.stack([power[:, int(a):max(int(b), int(a) + 1)].mean(1) for a, b in zip(bins, bins[1:])])[::-1]
    level = 10 * np.log10(rows + 1e-9)
    place = np.clip((level - level.max()) / 70 + 1, 0, 1) * (len(COLOURS) - 1)
    low = np.minimum(place.astype(int), len(COLOURS) - 2)
    part = (place - low)[..., None]
    return (COLOURS[low] * (1 - part) + COLOURS[low + 1] * part).astype(np.uint8)


def write_png(path, pixels, comment=""):
    """pixels: uint8 [height, width, 3]."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    height, width, _ = pixels.shape
    raw = np.zeros((height, 1 + 3 * width), np.uint8)
    raw[:, 1:] = pixels.reshape(height, -1)
    text = b"Description\0" + comment.encode("latin-1", "replace")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) +
                     chunk(b"tEXt", text) + chunk(b"IDAT", zlib.compress(raw.tobytes(), 9)) + chunk(b"IEND", b""))


def picture(path, recordings):
    """Spectrograms one below the other, in the order of recordings {name: samples}."""
    seconds = max(len(x) for x in recordings.values()) / RATE
    panels = []
    for x in recordings.values():
        panel = spectrogram(x, seconds)
        panels += [panel, np.full((6, panel.shape[1], 3), 255, np.uint8)]
    write_png(path, np.concatenate(panels[:-1]), "from top to bottom: " + ", ".join(recordings))
