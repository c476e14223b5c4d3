#!/bin/sh
# setup.sh - installs what this project needs from the system's package manager (apt or Homebrew), and
# nothing when it is all there. It needs neither make nor anything else but a shell.
#
#   tools/setup.sh        to build, run and test
#   tools/setup.sh ci     besides: clang, SIMDe, and what builds and runs for arm64, for .ci/run. It
#                         adds arm64 to the architectures that dpkg knows: for a machine of CI
#
# On Debian and Ubuntu it runs apt-get as root, or through sudo. The macOS half has not been run on a
# Mac yet.
set -eu

build="gcc libc6-dev make meson ninja-build pkg-config libjansson-dev libpcre2-dev libsndfile1-dev
  libsoxr-dev portaudio19-dev libcmocka-dev"
ci="$build binutils clang clang-format libclang-rt-14-dev llvm-14 g++ libsimde-dev
  gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static
  libjansson-dev:arm64 libpcre2-dev:arm64 libcmocka-dev:arm64"
# Of these the same version must be there for both architectures: named, they are brought up to date.
shared="libc6 libc6-dev libgcc-s1 libpcre2-8-0 libpcre2-dev"
brew="meson ninja pkg-config jansson pcre2 libsndfile libsoxr portaudio cmocka"

case "${1-}" in
'') packages=$build ;;
ci) packages=$ci ;;
*) echo "setup.sh: '$1' is not known; usage: tools/setup.sh [ci]" >&2; exit 2 ;;
esac

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo > /dev/null; then
        sudo "$@"
    else
        echo "setup.sh: not root and no sudo; as root, run: $*" >&2
        exit 1
    fi
}

if command -v apt-get > /dev/null; then
    missing=
    for package in $packages; do
        case $(dpkg-query -W -f '${db:Status-Status}' "$package" 2> /dev/null || true) in
        installed*) ;;
        *) missing="$missing $package" ;;
        esac
    done
    [ -n "$missing" ] || exit 0
    case $missing in
    *:arm64*)
        as_root dpkg --add-architecture arm64
        missing="$missing $shared"
        ;;
    esac
    as_root apt-get update -q
    # shellcheck disable=SC2086
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing
elif command -v brew > /dev/null; then
    # shellcheck disable=SC2086
    brew install $brew
else
    echo "setup.sh: neither apt-get nor brew; install: a C compiler, make, $brew" >&2
    exit 1
fi
