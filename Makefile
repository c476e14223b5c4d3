# Makefile - the usual words in front of meson and ninja.
#
#   make                the program, at build/marvis
#   make test           build and run all tests; the last line says "N passed, M failed"
#   make install        to PREFIX (default /usr/local), below DESTDIR
#   make deps           install what the build needs (apt or brew)
#   make bench          what speech costs here; with GGML_DIR=FOLDER (ggml's sources) beside ggml on the
#                       same matrices, with BENCH_PYTHON=PYTHON beside transformers and mlx-audio
#   make asan | tsan | clang | arm64 | fuzz | check | format | clean
#
# BUILD names the build folder, MESON_OPTIONS what meson setup gets besides.

BUILD  ?= build
PREFIX ?= /usr/local
MESON  ?= meson
NINJA  ?= ninja
MESON_OPTIONS ?=

SANITIZE = -Dbuildtype=debugoptimized -Db_lundef=false -Db_ndebug=false

# The areas of the tests in $(1), a build folder, but those named in $(2): a new one is among them.
all_but = $$($(MESON) test -C $(1) --list --no-rebuild | grep -vxE '$(subst $(space),|,$(strip $(2)))')
space := $(subst ,, )

.PHONY: all test bench install deps asan tsan clang arm64 fuzz check format clean

# The program and the library; not the tests.
all: $(BUILD)/build.ninja
	$(NINJA) -C $(BUILD) $$($(NINJA) -C $(BUILD) -t targets all | grep -oxE '(marvis|libmarvis\.a): .*' | cut -d: -f1)

$(BUILD)/build.ninja:
	$(MESON) setup $(BUILD) $(MESON_OPTIONS)

test: $(BUILD)/build.ninja
	$(NINJA) -C $(BUILD)
	tests/run.sh $(BUILD)

bench: $(BUILD)/build.ninja
	$(NINJA) -C $(BUILD)
	$(MESON) test -C $(BUILD) --benchmark --verbose
ifneq ($(GGML_DIR),)
	BUILD='$(BUILD)' tools/bench_peers.sh '$(GGML_DIR)'
endif
ifneq ($(BENCH_PYTHON),)
	BUILD='$(BUILD)' tools/bench_python.sh '$(BENCH_PYTHON)'
endif

install: $(BUILD)/build.ninja
	$(MESON) configure $(BUILD) -Dprefix=$(abspath $(PREFIX))
	$(MAKE) all
	DESTDIR='$(DESTDIR)' $(MESON) install -C $(BUILD) --no-rebuild

# UBSan's findings end the program, as ASan's do.
build-asan/build.ninja:
	$(MESON) setup build-asan $(SANITIZE) -Db_sanitize=address,undefined \
	  -Dc_args=-fno-sanitize-recover=all $(MESON_OPTIONS)

build-tsan/build.ninja:
	$(MESON) setup build-tsan $(SANITIZE) -Db_sanitize=thread $(MESON_OPTIONS)

# All areas but the built-in voice, whose code the small models run as well, and the counter of the
# tests, which is no C.
ASAN_WITHOUT = builtin cli_builtin counting
asan: build-asan/build.ninja
	$(NINJA) -C build-asan
	ASAN_OPTIONS=detect_leaks=1 tests/run.sh build-asan $(call all_but,build-asan,$(ASAN_WITHOUT))

# The areas where threads meet: the others would take an hour.
TSAN_AREAS = pool linear conv golden mimi session saved_voice jitter_buffer
tsan: build-tsan/build.ninja
	$(NINJA) -C build-tsan $(TSAN_AREAS:%=tests/test_%)
	tests/run.sh build-tsan $(TSAN_AREAS)

# The other compiler: it warns of other things, so it builds everything. Run are the areas that
# compute, where compilers round and vectorise in their own ways, and SIMDe stands in for AVX-512;
# and the program once.
CLANG_AREAS = cpu kernels kernels_math kernels_quant linear conv golden weights sampler session batch \
  saved_voice mimi mimi_encoder audio_file cli_codec
build-clang/build.ninja:
	CC=clang $(MESON) setup build-clang $(MESON_OPTIONS)

clang: build-clang/build.ninja
	$(NINJA) -C build-clang
	tests/run.sh build-clang $(CLANG_AREAS)

# libFuzzer comes with clang. The drivers are run from build-fuzz/fuzz.
build-fuzz/build.ninja:
	CC=clang $(MESON) setup build-fuzz $(SANITIZE) -Db_sanitize=address,undefined -Dfuzz=true \
	  -Dapps=false -Dtests=false $(MESON_OPTIONS)

# Builds them and runs each over its corpus once, as the test suite does without libFuzzer.
fuzz: build-fuzz/build.ninja
	$(NINJA) -C build-fuzz
	for driver in build-fuzz/fuzz/fuzz_*; do \
	  [ -d "$$driver" ] || [ ! -x "$$driver" ] || \
	    "$$driver" -runs=0 fuzz/corpus/$${driver##*/fuzz_} || exit 1; \
	done

# The areas whose code knows the architecture, or whose results depend on how it computes, counts,
# orders and rounds: text and files are the same bytes to it as elsewhere.
ARM64_AREAS = cpu pool kernels kernels_math kernels_quant linear conv golden weights csm_faults sampler \
  session batch saved_voice mimi mimi_load mimi_encoder jitter_buffer safetensors gguf mlx_affine
arm64:
	MESON_OPTIONS='$(MESON_OPTIONS)' tools/test-arm64.sh $(ARM64_AREAS)

# What no compiler sees: names, banned calls, the direction of includes, the public header, layout
# of the source, words. All of them run, so that one call shows all that is wrong.
check: all
	@status=0; \
	for check in "symbols.sh $(BUILD)" banned.sh "header.sh $(BUILD)" format.sh words.sh breaks.sh; do \
	  tools/check-$$check || status=1; \
	done; \
	exit $$status

format:
	tools/check-format.sh --fix

deps:
	tools/setup.sh

clean:
	rm -rf $(BUILD) build-asan build-tsan build-clang build-fuzz build-arm64
