"""Speed and memory beside transformers: the same full-size random weights in bf16, the same number of
threads, Mimi decoding in both, alternating, each run a process of its own.

    python tools/make_full.py marvis-250m DIR --layout transformers --codec
    python tools/bench_transformers.py DIR --marvis build/marvis --threads 2 --runs 5 --seconds 4

transformers speaks only at the end of generate(); its time to first audio is given as such, and also
as the time of a generate() of one frame, the least that a stream made of it could reach. Loading is
not counted on either side; transformers generates two frames for warming up first.
"""
import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

TEXT = "The quiet garden behind the library is open before breakfast, even in winter."
FRAME_S = 0.08


def peak_kb(usage):
    return usage.ru_maxrss // 1024 if sys.platform == "darwin" else usage.ru_maxrss


def worker(folder, threads, seconds, dtype):
    """One process of transformers: prints its numbers as JSON."""
    import torch
    import transformers
    from tokenizers import Tokenizer
    from transformers import CsmForConditionalGeneration

    transformers.logging.set_verbosity_error()
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    model = CsmForConditionalGeneration.from_pretrained(folder, dtype=getattr(torch, dtype)).eval()
    ids = Tokenizer.from_file(os.path.join(folder, "tokenizer.json")).encode("[0]" + TEXT).ids
    sampling = {"do_sample": True, "temperature": 0.9, "top_k": 50}
    sampling.update({f"depth_decoder_{k}": v for k, v in sampling.items()})

    def speak(n_frames):
        start = time.perf_counter()
        with torch.no_grad():
            audio = model.generate(input_ids=torch.tensor([ids]), max_new_tokens=n_frames,
                                   output_audio=True, **sampling)
        return len(audio[0]) / 24000, time.perf_counter() - start

    speak(2)
    _, first = speak(1)
    spoken, wall = speak(round(seconds / FRAME_S))
    print(json.dumps({"seconds": spoken, "rtf": wall / spoken, "first_audio_s": wall,
                      "first_frame_s": first, "n_prompt": len(ids),
                      "peak_mb": peak_kb(resource.getrusage(resource.RUSAGE_SELF)) / 1024}))


def run_transformers(a, dtype):
    out = subprocess.run([sys.executable, __file__, a.folder, "--threads", str(a.threads),
                          "--seconds", str(a.seconds), "--worker", dtype],
                         check=True, capture_output=True, text=True).stdout
    return json.loads(out.splitlines()[-1])


def run_marvis(a, work):
    stats = os.path.join(work, "stats.json")
    call = [a.marvis, "say", "--model", a.folder, "--threads", str(a.threads), "--seed", "1",
            "--max-seconds", str(a.seconds), "--no-guard", "--quiet", "--stats", stats,
            "-o", os.path.join(work, "out.wav"), TEXT]
    process = subprocess.Popen(call)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, f"marvis failed: {status}"
    with open(stats) as f:
        s = json.load(f)
    return {"seconds": s["seconds"], "rtf": s["wall_s"] / s["seconds"], "first_audio_s": s["first_audio_s"],
            "first_frame_s": s["first_audio_s"], "n_prompt": s["n_prompt"],
            "peak_mb": peak_kb(usage) / 1024}


def spread(values):
    return f"{statistics.median(values):.2f} ({min(values):.2f}..{max(values):.2f})"


def report(results):
    ours = results["marvis"]
    columns = (("rtf", "real-time factor"), ("first_audio_s", "first audio, s"),
               ("first_frame_s", "of one frame, s"), ("peak_mb", "peak memory, MB"))
    print("| program | " + " | ".join(title for _, title in columns)
          + " | factor of marvis' speed |\n" + "|---" * (len(columns) + 2) + "|")
    for name, runs in results.items():
        ratios = [theirs["rtf"] / mine["rtf"] for theirs, mine in zip(runs, ours)]
        cells = [spread([r[key] for r in runs]) for key, _ in columns]
        print(f"| {name} | " + " | ".join(cells + [spread(ratios)]) + " |")
    print(f"\n{len(ours)} alternating runs, {ours[0]['n_prompt']} prompt positions, "
          f"{ours[0]['seconds']:.2f} s of speech; median (least..most).")


def main():
    p = argparse.ArgumentParser(description="marvis beside transformers on the CPU")
    p.add_argument("folder", help="made by make_full.py --layout transformers --codec")
    p.add_argument("--marvis", default="build/marvis")
    p.add_argument("--threads", type=int, default=os.cpu_count())
    p.add_argument("--runs", type=int, default=5)
    p.add_argument("--seconds", type=float, default=4)
    p.add_argument("--dtypes", nargs="*", default=["bfloat16", "float32"],
                   help="torch types of transformers")
    p.add_argument("--worker", help=argparse.SUPPRESS)
    a = p.parse_args()
    if a.worker:
        return worker(a.folder, a.threads, a.seconds, a.worker)
    results = {"marvis": []}
    with tempfile.TemporaryDirectory() as work:
        run_marvis(a, work)  # brings the file into memory; not counted
        for i in range(a.runs):
            results["marvis"].append(run_marvis(a, work))
            for dtype in a.dtypes:
                results.setdefault(f"transformers, {dtype}", []).append(run_transformers(a, dtype))
            print(f"run {i + 1} of {a.runs}", file=sys.stderr)
    report(results)


if __name__ == "__main__":
    main()
