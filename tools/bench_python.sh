#!/bin/sh
# bench_python.sh - marvis beside the implementations in Python, on the CPU and in turns: those of
# transformers and mlx-audio that an interpreter has.
#
#   tools/bench_python.sh PYTHON
#
# PYTHON needs torch, tokenizers and numpy besides, for the checkpoints of random weights (2 GB) that
# are made in BUILD (default: build) and kept there. RUNS (default: 5) of each.
set -eu
python=${1:?"usage: tools/bench_python.sh PYTHON"}
case $python in /*) ;; */*) python=$PWD/$python ;; esac
cd "$(dirname "$0")/.."
build=${BUILD:-build}
[ -x "$build/marvis" ] ||
    { echo "bench_python.sh: no $build/marvis; run make first, or set BUILD"; exit 1; }

# has MODULE...: whether PYTHON has them; says so when not.
has() {
    for module in "$@"; do
        "$python" -c "import importlib.util, sys; sys.exit(not importlib.util.find_spec('$module'))" ||
            { echo "bench_python.sh: $python has no $module: not compared"; return 1; }
    done
}

# model LAYOUT: a checkpoint, unless it is there; whole or not at all.
model() {
    out=$build/bench-$1
    [ -d "$out" ] && return 0
    rm -rf "$out.part"
    "$python" tools/make_full.py marvis-250m "$out.part" --layout "$1" --codec
    mv "$out.part" "$out"
}

if has torch tokenizers numpy transformers; then
    model transformers
    "$python" tools/bench_transformers.py "$build/bench-transformers" --marvis "$build/marvis" \
        --runs "${RUNS:-5}" --seconds 2.4
fi
if has torch tokenizers numpy mlx mlx_audio; then
    for layout in mlx mlx-4bit; do
        model $layout
        echo "$layout:"
        "$python" tools/bench_mlx.py "$build/bench-$layout" --marvis "$build/marvis" \
            --runs "${RUNS:-5}"
    done
fi
