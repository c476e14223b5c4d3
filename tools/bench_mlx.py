"""marvis beside mlx-audio on the CPU, in one run and in turns: real-time factor, time to the first
frame and peak memory, with one checkpoint of full size and random weights.

    python tools/make_full.py marvis-250m DIR --layout mlx-4bit --codec     (or mlx, mlx-8bit ...)
    python tools/bench_mlx.py DIR --marvis build/marvis --runs 5

MLX has a backend for the CPU without being made for it: its figure says what a machine without
Apple's GPU gets from it. Both read the same files and multiply in the precision of the file;
mlx-audio by its own classes (SesameModel.generate_frame and Mimi's streaming decoder), frame by
frame, because what is around them wants files from a hub. Loading is not counted on either side;
mlx-audio generates two frames for warming up first. Its first audio is that of its first frame.
"""
import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time

from bench_transformers import FRAME_S, TEXT, peak_kb, report, run_marvis


def load(folder):
    """SesameModel with the folder's weights, quantised as they are."""
    import mlx.core as mx
    import mlx.nn as nn
    from mlx_audio.tts.models.sesame.sesame import SesameModel

    with open(os.path.join(folder, "config.json")) as f:
        config = json.load(f)
    weights = {n.removeprefix("model."): a
               for n, a in mx.load(os.path.join(folder, "model.safetensors")).items()}
    model = SesameModel(config)
    if "quantization" in config:
        q = config["quantization"]
        nn.quantize(model, q["group_size"], q["bits"],
                    class_predicate=lambda path, _: path + ".scales" in weights)
    model.load_weights(list(weights.items()), strict=True)
    mx.eval(model.parameters())
    return model


def worker(folder, seconds):
    """One process of mlx-audio: prints its numbers as JSON."""
    import mlx.core as mx
    from mlx_audio.codec.models.mimi.mimi import Mimi, MimiStreamingDecoder, mimi_202407
    from mlx_audio.lm.sample_utils import make_sampler
    from tokenizers import Tokenizer

    mx.set_default_device(mx.cpu)
    mx.random.seed(1)
    model = load(folder)
    n_codebooks = model.args.audio_num_codebooks
    mimi = Mimi(mimi_202407(n_codebooks))  # of random numbers, which cost the same
    mx.eval(mimi.parameters())
    decoder = MimiStreamingDecoder(mimi)
    sampler = make_sampler(temp=0.9, top_k=50)
    ids = Tokenizer.from_file(os.path.join(folder, "tokenizer.json")).encode("[0]" + TEXT).ids
    model.setup_caches(1)

    def speak(n_frames):
        """Seconds to the first frame's samples and to the last's."""
        model.reset_caches()
        decoder.reset()
        tokens = mx.array([[[0] * n_codebooks + [i] for i in ids]])
        mask = mx.array([[[0.0] * n_codebooks + [1.0]] * len(ids)])
        start, n_samples = time.perf_counter(), 0
        for frame in range(n_frames):
            codes = model.generate_frame(tokens, mask, mx.arange(tokens.shape[1])[None], sampler)
            audio = decoder.decode_frames(mx.minimum(codes, 2047)[:, :, None])
            mx.eval(audio)
            n_samples += audio.size
            if frame == 0:
                first = time.perf_counter() - start
            tokens = mx.concatenate([codes, mx.zeros((1, 1), codes.dtype)], axis=1)[:, None]
            mask = mx.array([[[1.0] * n_codebooks + [0.0]]])
        assert n_samples == n_frames * 1920, n_samples
        return first, time.perf_counter() - start

    speak(2)
    n_frames = round(seconds / FRAME_S)
    first, wall = speak(n_frames)
    print(json.dumps({"seconds": n_frames * FRAME_S, "rtf": wall / (n_frames * FRAME_S),
                      "first_audio_s": first, "first_frame_s": first, "n_prompt": len(ids),
                      "peak_mb": peak_kb(resource.getrusage(resource.RUSAGE_SELF)) / 1024}))


def run_mlx(a):
    threads = str(a.threads)  # of the BLAS that multiplies its floats; the rest is one thread
    env = dict(os.environ, OPENBLAS_NUM_THREADS=threads, OMP_NUM_THREADS=threads)
    out = subprocess.run([sys.executable, __file__, a.folder, "--seconds", str(a.seconds),
                          "--worker"], check=True, stdout=subprocess.PIPE, text=True,
                         env=env).stdout
    return json.loads(out.splitlines()[-1])


def main():
    p = argparse.ArgumentParser(description="marvis beside mlx-audio on the CPU")
    p.add_argument("folder", help="made by make_full.py --layout mlx... --codec")
    p.add_argument("--marvis", default="build/marvis")
    p.add_argument("--threads", type=int, default=os.cpu_count())
    p.add_argument("--runs", type=int, default=5)
    p.add_argument("--seconds", type=float, default=0.8,
                   help="mlx-audio takes minutes for more")
    p.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    a = p.parse_args()
    if a.worker:
        return worker(a.folder, a.seconds)
    results = {"marvis": [], "mlx-audio": []}
    with tempfile.TemporaryDirectory() as work:
        run_marvis(a, work)  # brings the file into memory; not counted
        for i in range(a.runs):
            results["marvis"].append(run_marvis(a, work))
            results["mlx-audio"].append(run_mlx(a))
            print(f"run {i + 1} of {a.runs}", file=sys.stderr)
    report(results)


if __name__ == "__main__":
    main()
