#!/bin/sh
# bench_peers.sh - builds ggml and peer_ggml (bench/peers), and runs it: the matrices of a frame of
# speech by both, in turns.
#
#   tools/bench_peers.sh GGML_DIR [peer_ggml's options]
#
# GGML_DIR holds ggml's sources (its repository, or the folder ggml in llama.cpp's); keep it outside
# this tree. It is built for this machine's CPU alone, in GGML_BUILD (default: GGML_DIR/build-peers).
# BUILD (default: build) is the folder of ours, which is built already. Needs cmake.
set -eu
ggml=${1:?"usage: tools/bench_peers.sh GGML_DIR [peer_ggml's options]"}
[ -f "$ggml/include/ggml-cpu.h" ] ||
    { echo "bench_peers.sh: $ggml: no include/ggml-cpu.h; name the folder of ggml's sources"; exit 1; }
ggml=$(cd "$ggml" && pwd)
shift
cd "$(dirname "$0")/.."
build=${BUILD:-build}
[ -f "$build/libmarvis.a" ] ||
    { echo "bench_peers.sh: no $build/libmarvis.a; run make first, or set BUILD"; exit 1; }
its=${GGML_BUILD:-$ggml/build-peers}
mkdir -p "$its"

# Its own thread pool rather than OpenMP's, everything that makes its CPU kernels faster, and no
# other backend.
{
    cmake -S "$ggml" -B "$its" -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF \
        -DGGML_NATIVE=ON -DGGML_OPENMP=OFF -DGGML_CPU_REPACK=ON -DGGML_LLAMAFILE=ON \
        -DGGML_METAL=OFF -DGGML_BLAS=OFF -DGGML_ACCELERATE=OFF \
        -DGGML_BUILD_TESTS=OFF -DGGML_BUILD_EXAMPLES=OFF &&
        cmake --build "$its" -j "${JOBS:-2}"
} > "$its/bench_peers.log" 2>&1 ||
    { tail -20 "$its/bench_peers.log"; echo "bench_peers.sh: ggml was not built"; exit 1; }

case $(uname) in Darwin) cxx=-lc++ ;; *) cxx=-lstdc++ ;; esac
# shellcheck disable=SC2046
${CC:-cc} -std=gnu11 -O2 -DNDEBUG -D_GNU_SOURCE -DMV_ALLOC_HOOKS=0 -Wall -Wextra -Wshadow \
    -Wstrict-prototypes -Iinclude -Isrc -Ibench -isystem "$ggml/include" \
    bench/peers/*.c -o "$build/peer_ggml" "$build/libmarvis.a" \
    $(find "$its" -name 'libggml.a') $(find "$its" -name 'libggml-cpu.a') \
    $(find "$its" -name 'libggml-base.a') $(pkg-config --libs jansson libpcre2-8) "$cxx" -lm -lpthread

exec "$build/peer_ggml" "$@"
