"""What the points of docs/THE-LIST.md are worth: breaks each on purpose, in a copy of the sources, and judges what the
built-in voice then says with evaluate.py. Prints the table of docs/THE-LIST.md.

    the_list.py --out DIR [--count 24] [--prompts 24] [--points eos,mask]          (about half an hour)
    the_list.py --check                                 only whether every break still fits the sources

A break is a change of the source (pattern, replacement) or options of `marvis say`; a pattern that no longer fits ends
the run. Runs on one core; DIR keeps copy, build and audio, and what is there is not made again.
"""
import argparse
import json
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
MARVIS = "--temperature 0.9 --depth-temperature 0.9 "
SESSION, PROMPT, CSM, LLAMA = (f"src/{x}.c" for x in ("engine/session_step", "engine/session_prompt", "model/csm", "model/llama"))

# name, what is broken, file and (pattern, replacement) or None, options of say, what is judged
BREAKS = [
    ("as it is", "nothing: the sampling of the model's generation_config", None, "", "engine"),
    ("top-k", "nothing: temperature 0.9 and top-k 50, as where a model says nothing", None, MARVIS + "--top-k 50", "engine"),
    ("top-k", "temperature 0.9 without top-k", None, MARVIS + "--top-k 0", "engine"),
    ("temperature", "temperature 1.5, top-k 50", None, "--temperature 1.5 --depth-temperature 1.5 --top-k 50", "engine"),
    ("32 codebooks", "a quarter of the codebooks: 3 of 14, as 8 of 32", None, "--codebooks 3", "engine"),
    ("EOS", "the frame of zeros is not known", (SESSION, r"(static bool is_eos\([^\n]*\{\n)", r"\1    if (s) return false;\n"),
     "", "engine"),
    ("chunk size, reverb", "the codec begins anew at every chunk",
     (SESSION, r"(\n *)(mv_mimi_decode\(s->decoder,)", r"\1mv_mimi_decoder_reset(s->decoder);\1\2"), "", "engine"),
    ("chunk size, reverb", "every chunk goes through the codec twice",
     (SESSION, r"(\n *)(mv_mimi_decode\(s->decoder,[^;]*;)", r"\1\2\1\2"), "", "engine"),
    ("cache freshness", "the depth decoder sees what the frame before left in its cache",
     (LLAMA, r"(\(int\)stop, 0, )(job->rows\[row\]\.position), scores\)",
      r"\1job->rows[row].cache->capacity <= 64 ? job->rows[row].cache->capacity - 1 : \2, scores)"), "", "engine"),
    ("weight loading", "queries and keys are rotated in the other convention",
     ("src/model/csm_load.c", r"= mv_layout_rope_interleaved\(", r"= !mv_layout_rope_interleaved("), "", "engine"),
    ("code range", "codes past the codec's codebook may be sampled",
     ("src/engine/model.c", r"(int mv_model_n_codes\([^\n]*\n)", r"\1    if (model->has_csm) return model->csm.config.audio_vocab;\n"),
     MARVIS + "--top-k 0", "engine"),
    ("KV cache", "every step runs the whole past again",
     (SESSION, r"mv_csm_step\(&model->csm[^;]*;",
      r"{\n        marvis_session *s = sessions[0];\n        mv_csm_stream_rewind(&s->stream, 0);\n"
      r"        mv_csm_prefill(&model->csm, &s->stream, b->scratch, &model->engine->exec, s->cached.frames,\n"
      r"                       s->cached.mask, s->cached.n, 1, b->hidden);\n    }"),
     "", "engine"),
    ("positions", "every position of the backbone is turned as the first",
     (LLAMA, r"(config->n_heads, )row->position\)", r"\1row->position % 1)",
      r"(config->n_kv_heads, )row->position\)", r"\1row->position % 1)"), "", "engine"),
    ("mask", "text and audio columns are summed whatever the mask says",
     (CSM, r"if \(mask\[c\]\)", "if (1)", r"if \(mask\[n_codebooks\]\)", "if (1)"), "", "engine"),
    ("voice match", "nothing", None, "", "prompt"),
    ("voice match", "the recorded frames are left out of the prompt",
     (PROMPT, r"if \(status == MARVIS_OK && v\.n_frames\)", "if (false && v.n_frames)"), "", "prompt"),
    ("context", "nothing: the voice as a turn before", None, "--voice-layout context", "prompt"),
    ("context", "the sound of that turn is left out of the prompt",
     (PROMPT, r"MV_TRY\(mv_prompt_add_audio\(prompt, s->model, v->codes, v->n_frames,",
      "MV_TRY(mv_prompt_add_audio(prompt, s->model, v->codes, 0,"), "--voice-layout context", "prompt"),
]


def copy_tree(to):
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in filter(None, names.decode().split("\0")):
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)


def build(tree, folder):
    if not folder.exists():
        subprocess.run(["meson", "setup", "-Dtests=false", "-Dwerror=false", folder, tree], check=True, stdout=subprocess.DEVNULL)
    done = subprocess.run(["ninja", "-C", folder, "marvis"], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stdout)


def applied(text, changes, name):
    for pattern, replacement in zip(changes[::2], changes[1::2]):
        text, n = re.subn(pattern, replacement, text)
        if not n:
            raise SystemExit(f"{name}: '{pattern}' no longer fits the source")
    return text


def check():
    for point, what, change, _, _ in BREAKS:
        if change:
            applied((ROOT / change[0]).read_text(), change[1:], f"{point}, {what}")
    print(f"the_list.py: {len(BREAKS)} breaks, all fit")


def judge(args, out, options, source):
    evaluate = [sys.executable, ROOT / "tools" / "evaluate" / "evaluate.py", "--out", out, "--model", args.model, "--marvis",
                args.out / "build" / "marvis", "--sets", "domain", "--sources", source, "--count", args.count, "--prompts",
                args.prompts, "--say", options]
    done = subprocess.run(list(map(str, evaluate)), capture_output=True, text=True)
    if done.returncode:
        return None, (done.stderr.strip().splitlines() or ["failed"])[-1]
    return json.loads((out / "result.json").read_text()), None


def row(point, what, result, failure):
    if failure:
        return f"| {point} | {what} | " + " | ".join("" for _ in range(5)) + f" {failure} |"
    best = [r for r in result["rows"] if r["voice"] == "all" and r["source"] in ("engine", "prompt")][0]
    show = lambda key, form: form.format(best[key]) if best.get(key) is not None else ""
    return (f"| {point} | {what} | {show('wer', '{:.1f}')} | {show('mcd', '{:.2f}')} | {show('length', '{:.2f}')} | "
            f"{show('eos', '{:.0f}')} | {show('right_voice', '{:.0f}')} | {result['real_time_factor']:.3f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--model", type=pathlib.Path, default=ROOT / "models" / "builtin")
    parser.add_argument("--count", type=int, default=24, help="sentences for each break")
    parser.add_argument("--prompts", type=int, default=24, help="voice prompts for each break")
    parser.add_argument("--points", type=lambda text: text.split(","), help="only these points")
    args = parser.parse_args()
    if args.check:
        return check()
    if not args.out:
        parser.error("--out is missing")
    args.out = args.out.resolve()
    tree = args.out / "tree"
    copy_tree(tree)
    print("| point | broken | WER % | MCD dB | length | EOS % | right voice % | RTF, one thread |\n|---|---|---|---|---|---|---|---|",
          flush=True)
    for i, (point, what, change, options, source) in enumerate(BREAKS):
        if args.points and point not in args.points:
            continue
        if change:
            (tree / change[0]).write_text(applied((ROOT / change[0]).read_text(), change[1:], f"{point}, {what}"))
        build(tree, args.out / "build")
        out = args.out / "said" / f"{i:02}"
        if not out.exists() and (args.out / "common").exists():
            shutil.copytree(args.out / "common", out)        # the teacher, and what was heard of it
        result, failure = judge(args, out, options, source)
        print(row(point, what, result, failure), flush=True)
        if not (args.out / "common").exists():
            for name in ("teacher", "heard"):
                if (out / name).exists():
                    shutil.copytree(out / name, args.out / "common" / name)
        if change:
            shutil.copy2(ROOT / change[0], tree / change[0])
            (tree / change[0]).touch()


if __name__ == "__main__":
    main()
