#!/bin/sh
# check-header.sh - include/marvis.h compiles alone, as C11 and as C++17, and the programs of
# docs/examples build against the library as it is installed, by its pkg-config file.
#
#   tools/check-header.sh [BUILD]
set -eu
cd "$(dirname "$0")/.."
build=${1:-build}
warnings="-Wall -Wextra -Wpedantic -Wshadow -Werror"
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

command -v g++ > /dev/null || { echo "check-header.sh: no g++; run tools/setup.sh ci"; exit 1; }
# A file that includes it twice, so that nothing before the header helps it and its guard is tried.
printf '#include "marvis.h"\n#include "marvis.h"\nint marvis_header_compiles;\n' > "$out/header.c"
gcc -std=c11 $warnings -Iinclude -c "$out/header.c" -o "$out/c.o"
g++ -std=c++17 $warnings -Iinclude -x c++ -c "$out/header.c" -o "$out/cpp.o"

DESTDIR="$out/root" meson install -C "$build" --no-rebuild --quiet > "$out/log" || {
    cat "$out/log"
    exit 1
}
PKG_CONFIG_PATH=$(dirname "$(find "$out/root" -name marvis.pc)")
export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR="$out/root"
n=0
for source in docs/examples/*.c; do
    gcc -std=c11 $warnings "$source" -o "$out/$(basename "$source" .c)" \
        $(pkg-config --cflags --libs --static marvis) -lm -pthread
    n=$((n + 1))
done
[ "$n" -gt 0 ]
echo "check-header.sh: marvis.h as C11 and C++17, $n examples built"
