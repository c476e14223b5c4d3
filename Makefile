# Makefile - the usual words in front of meson and ninja.
#
#   make                the program, at build/marvis
#   make test           build and run all tests; the last line says "N passed, M failed"
#   make install        to PREFIX (default /usr/local), below DESTDIR
#   make deps           install what the build needs (apt or brew)
#   make bench | asan | tsan | fuzz | arm64 | format | format-check | clean
#
# BUILD names the build folder, MESON_OPTIONS what meson setup gets besides.

BUILD  ?= build
PREFIX ?= /usr/local
MESON  ?= meson
NINJA  ?= ninja
MESON_OPTIONS ?=

SANITIZE = -Dbuildtype=debugoptimized -Db_lundef=false -Db_ndebug=false
C_FILES = git ls-files '*.c' '*.h'

.PHONY: all test bench install deps asan tsan fuzz arm64 format format-check clean

all: $(BUILD)/build.ninja
	$(NINJA) -C $(BUILD)

$(BUILD)/build.ninja:
	$(MESON) setup $(BUILD) $(MESON_OPTIONS)

test: all
	tests/run.sh $(BUILD)

bench: all
	$(MESON) test -C $(BUILD) --benchmark --verbose

install: $(BUILD)/build.ninja
	$(MESON) configure $(BUILD) -Dprefix=$(abspath $(PREFIX))
	$(NINJA) -C $(BUILD)
	DESTDIR='$(DESTDIR)' $(MESON) install -C $(BUILD) --no-rebuild

# UBSan's findings end the program, as ASan's do.
build-asan/build.ninja:
	$(MESON) setup build-asan $(SANITIZE) -Db_sanitize=address,undefined \
	  -Dc_args=-fno-sanitize-recover=all $(MESON_OPTIONS)

build-tsan/build.ninja:
	$(MESON) setup build-tsan $(SANITIZE) -Db_sanitize=thread $(MESON_OPTIONS)

asan: build-asan/build.ninja
	$(NINJA) -C build-asan
	ASAN_OPTIONS=detect_leaks=1 tests/run.sh build-asan

tsan: build-tsan/build.ninja
	$(NINJA) -C build-tsan
	tests/run.sh build-tsan

# libFuzzer comes with clang. The drivers are run from build-fuzz/fuzz.
build-fuzz/build.ninja:
	CC=clang $(MESON) setup build-fuzz $(SANITIZE) -Db_sanitize=address,undefined -Dfuzz=true \
	  -Dapps=false $(MESON_OPTIONS)

fuzz: build-fuzz/build.ninja
	$(NINJA) -C build-fuzz

arm64:
	tools/test-arm64.sh

format:
	$(C_FILES) | xargs clang-format -i

format-check:
	$(C_FILES) | xargs clang-format --dry-run --Werror

deps:
	@if command -v apt-get > /dev/null; then \
	  $$([ "$$(id -u)" = 0 ] || echo sudo) apt-get install -y gcc meson ninja-build pkg-config libjansson-dev libpcre2-dev \
	    libsndfile1-dev libcmocka-dev; \
	elif command -v brew > /dev/null; then \
	  brew install meson ninja pkg-config jansson pcre2 libsndfile cmocka; \
	else \
	  echo "install meson, ninja, pkg-config, jansson, pcre2, libsndfile, cmocka"; exit 1; \
	fi

clean:
	rm -rf $(BUILD) build-asan build-tsan build-fuzz
