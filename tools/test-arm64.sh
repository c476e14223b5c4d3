#!/bin/sh
# test-arm64.sh - builds the library for arm64 on an x86-64 Debian 12, runs its tests under qemu and
# counts them as tests/run.sh does. The programs are left out. Arguments are the areas that are built
# and run, without any all of them; MESON_OPTIONS goes to `meson setup`. Needs:
#
#   dpkg --add-architecture arm64
#   apt-get update
#   apt-get install --no-install-recommends gcc-aarch64-linux-gnu libc6-dev-arm64-cross \
#       qemu-user-static libjansson-dev:arm64 libpcre2-dev:arm64 libcmocka-dev:arm64
#
# The arm64 packages lie beside those of the machine itself and need the same versions: upgrade
# first when apt says that libc6 differs. qemu shows that the code is right, not how fast it is.
set -eu
cd "$(dirname "$0")/.."
build=build-arm64

for tool in aarch64-linux-gnu-gcc qemu-aarch64-static meson ninja; do
    if ! command -v "$tool" >/dev/null; then
        echo "test-arm64.sh: $tool is missing; its head lists the packages to install" >&2
        exit 2
    fi
done
if ! [ -f "$build/build.ninja" ]; then
    # shellcheck disable=SC2086
    meson setup "$build" --cross-file cross/aarch64-linux-gnu.ini -Dapps=false ${MESON_OPTIONS:-}
fi
programs=
for area in "$@"; do
    programs="$programs tests/test_$area"
done
# shellcheck disable=SC2086
ninja -C "$build" $programs
exec tests/run.sh "$build" --timeout-multiplier 10 "$@"
