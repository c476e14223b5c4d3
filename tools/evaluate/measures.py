"""What is measured on audio: mel cepstra and their distance under dynamic time warping, pitch, and which voice speaks.

Samples are float arrays at 24 kHz, full scale 1. Nothing here knows of models, files or texts.
"""
import numpy as np

RATE = 24000
MEL_HOP, MEL_WINDOW, MEL_FFT, MEL_BANDS = 120, 600, 1024, 40        # 5 ms, 25 ms
MEL_LOW, MEL_HIGH = 60.0, 7800.0                # Hz; 16 kHz teachers hold nothing above
CEPSTRA = 24
FLOOR = np.log(10.0) / 20 * 60                  # 60 dB below the loudest band counts as silence

PITCH_DECIMATE = 3
PITCH_RATE = RATE // PITCH_DECIMATE
PITCH_LOW, PITCH_HIGH = 55.0, 420.0             # Hz
PITCH_WINDOW, PITCH_HOP = 320, 80               # 40 ms, 10 ms at 8 kHz


def cut(x, size, hop):
    """Windows of x [n, size], the last one padded with zeros."""
    count = max(1, 1 + -(-(len(x) - size) // hop))
    x = np.pad(x, (0, max(0, (count - 1) * hop + size - len(x))))
    return np.lib.stride_tricks.sliding_window_view(x, size)[::hop]


def mel_filters():
    """Triangles [MEL_BANDS, bins], evenly spaced on the mel scale, each summing to one."""
    mel = lambda hz: 2595 * np.log10(1 + hz / 700)
    edges = 700 * (10 ** (np.linspace(mel(MEL_LOW), mel(MEL_HIGH), MEL_BANDS + 2) / 2595) - 1)
    hz = np.arange(MEL_FFT // 2 + 1) * RATE / MEL_FFT
    up = (hz - edges[:-2, None]) / np.diff(edges)[:-1, None]
    down = (edges[2:, None] - hz) / np.diff(edges)[1:, None]
    bank = np.maximum(0, np.minimum(up, down))
    for row, centre in zip(bank, edges[1:-1]):
        if not row.any():                       # narrower than a bin: the nearest one
            row[round(centre / RATE * MEL_FFT)] = 1
    return bank / bank.sum(1, keepdims=True)


FILTERS = mel_filters()


def log_mel(x):
    """ln of the amplitude in every band, [frames, MEL_BANDS], 0 at the loudest and at least -FLOOR."""
    windows = cut(np.asarray(x, np.float64), MEL_WINDOW, MEL_HOP) * np.hanning(MEL_WINDOW)
    power = np.abs(np.fft.rfft(windows, MEL_FFT)) ** 2 @ FILTERS.T
    level = 0.5 * np.log(power + 1e-12)
    return np.maximum(level - level.max(), -FLOOR)


def cepstrum(level):
    """Coefficients 1 to 24 of ln|H(w)| = sum c_k cos(k w) on the mel axis: [frames, MEL_BANDS] -> [frames, 24]."""
    k, n = np.arange(1, CEPSTRA + 1)[:, None], np.arange(MEL_BANDS) + 0.5
    return level @ (2 / MEL_BANDS * np.cos(np.pi * k * n / MEL_BANDS)).T


def frame_distances(a, b):
    """Cepstra [n, 24] and [m, 24] -> mel-cepstral distances 10 / ln 10 sqrt(2 sum dc^2) in dB, [n, m]."""
    square = (a ** 2).sum(1)[:, None] + (b ** 2).sum(1) - 2 * a @ b.T
    return 10 / np.log(10) * np.sqrt(2 * np.maximum(square, 0))


def cepstral_distance(a, b):
    """Mel-cepstral distance in dB of two recordings, mean along the cheapest warping."""
    return warp(frame_distances(cepstrum(log_mel(a)), cepstrum(log_mel(b))))


def warp(cost):
    """Mean of cost [n, m] along the cheapest monotonic path between opposite corners; both ends are bound, so leading
    silence of one side is matched with the first silent frame of the other."""
    n, m = cost.shape
    total = [np.full(n + 1, np.inf), np.full(n + 1, np.inf)]       # the two diagonals before, by row; index 0: row -1
    steps = [np.zeros(n + 1), np.zeros(n + 1)]
    total[0][0] = 0
    for k in range(n + m - 1):
        low, high = max(0, k - m + 1), min(k, n - 1)
        rows = np.arange(low, high + 1)
        options = np.stack([total[0][rows], total[1][rows], total[1][rows + 1]])         # diagonal, from above, from left
        counts = np.stack([steps[0][rows], steps[1][rows], steps[1][rows + 1]])
        best = options.argmin(0)
        column = np.arange(len(rows))
        new_total, new_steps = np.full(n + 1, np.inf), np.zeros(n + 1)
        new_total[rows + 1] = options[best, column] + cost[rows, k - rows]
        new_steps[rows + 1] = counts[best, column] + 1
        total, steps = [total[1], new_total], [steps[1], new_steps]
    return float(total[1][n] / steps[1][n])


def pitch_track(x):
    """Pitch in Hz every 10 ms, [frames], NaN where unvoiced. YIN's difference function below 1 kHz, where a hoarse
    voice still has its harmonics; the shortest period whose dip is nearly as deep as the deepest."""
    spectrum = np.fft.rfft(np.asarray(x, np.float64))
    hz = np.arange(len(spectrum)) * RATE / max(1, len(x))
    low = np.fft.irfft(spectrum * np.clip((1200 - hz) / 400, 0, 1), len(x))[::PITCH_DECIMATE]
    longest, shortest = int(PITCH_RATE / PITCH_LOW) + 2, int(PITCH_RATE / PITCH_HIGH)
    frames = cut(low, PITCH_WINDOW + longest, PITCH_HOP)
    size = 1024
    head = np.fft.rfft(frames[:, :PITCH_WINDOW], size)
    product = np.fft.irfft(np.fft.rfft(frames, size) * head.conj(), size)[:, :longest + 1]
    sums = np.cumsum(np.pad(frames ** 2, ((0, 0), (1, 0))), 1)
    energy = sums[:, PITCH_WINDOW:] - sums[:, :-PITCH_WINDOW]      # of the windows that start at each lag
    d = np.maximum(energy[:, :1] + energy[:, :longest + 1] - 2 * product, 0)
    mean = np.cumsum(d[:, 1:], 1) / np.arange(1, longest + 1)
    d = np.pad(d[:, 1:] / (mean + 1e-12), ((0, 0), (1, 0)), constant_values=1.0)

    inner = d[:, shortest:longest]
    dip = (inner <= d[:, shortest - 1:longest - 1]) & (inner <= d[:, shortest + 1:longest + 1])
    value = np.where(dip, inner, np.inf)
    deepest = value.min(1)
    lag = shortest + (value <= deepest[:, None] + 0.1).argmax(1)
    row = np.arange(len(d))
    a, b, c = d[row, lag - 1], d[row, lag], d[row, lag + 1]
    bend = a - 2 * b + c
    lag = lag + np.where(bend > 1e-9, 0.5 * (a - c) / np.where(bend > 1e-9, bend, 1), 0)
    loud = energy[:, 0] > 1e-3 * energy[:, 0].max() + 1e-9
    return np.where((deepest < 0.35) & loud, PITCH_RATE / lag, np.nan)


def median_pitch(x):
    """Hz, or NaN where less than 50 ms are voiced."""
    track = pitch_track(x)
    voiced = track[~np.isnan(track)]
    return float(np.median(voiced)) if len(voiced) >= 5 else float("nan")


def long_term_spectrum(x):
    """Mean level of every band in dB over the frames within 30 dB of the loudest, less the mean of all bands."""
    level = log_mel(x) * 20 / np.log(10)
    loudness = 10 * np.log10((10 ** (level / 10)).sum(1))
    spectrum = level[loudness > loudness.max() - 30].mean(0)
    return spectrum - spectrum.mean()


class VoiceJudge:
    """Which of several voices speaks, by median pitch and long-term spectrum; learnt from recordings of each."""

    def __init__(self, recordings):
        """recordings: {voice: [samples, ...]}, at least two of each."""
        self.voices = list(recordings)
        features = {v: [self.features(x) for x in recordings[v]] for v in self.voices}
        pitch = {v: [f[0] for f in features[v]] for v in self.voices}
        spectra = {v: np.array([f[1] for f in features[v]]) for v in self.voices}
        self.pitch = {v: float(np.nanmedian(pitch[v])) for v in self.voices}
        self.spectrum = {v: spectra[v].mean(0) for v in self.voices}
        spread = [np.array(pitch[v]) - self.pitch[v] for v in self.voices]
        self.pitch_variance = float(np.nanmean(np.concatenate(spread) ** 2)) + 1e-4
        # Within a voice neighbouring bands go up and down together; half of that is believed, for recordings are few.
        covariance = np.mean([np.cov(spectra[v].T) for v in self.voices], 0)
        self.precision = np.linalg.inv(0.5 * covariance + 0.5 * np.diag(np.diag(covariance)) + 0.25 * np.eye(MEL_BANDS))

    @staticmethod
    def features(x):
        """-> (log2 of the median pitch, long-term spectrum)"""
        return np.log2(median_pitch(x)), long_term_spectrum(x)

    def nearest(self, features, use_pitch=True):
        """The voice at the least distance; the voice itself has about 1 for the spectrum and 1 for the pitch. None where
        the pitch is wanted and nothing is voiced."""
        f0, spectrum = features
        if use_pitch and np.isnan(f0):
            return None
        distance = {}
        for v in self.voices:
            d = spectrum - self.spectrum[v]
            distance[v] = float(d @ self.precision @ d) / MEL_BANDS
            if use_pitch:
                distance[v] += float((f0 - self.pitch[v]) ** 2 / self.pitch_variance)
        return min(distance, key=distance.get)


def confusion(pairs, voices):
    """pairs of (true voice, decided voice) -> counts [true, decided] in the order of voices."""
    counts = np.zeros((len(voices), len(voices)), int)
    for true, decided in pairs:
        counts[voices.index(true), voices.index(decided)] += 1
    return counts
