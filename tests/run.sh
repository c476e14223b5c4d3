#!/bin/sh
# Runs all tests of a build folder and counts their cases. Every test program reports in TAP; one
# that crashes, times out, stops before its plan or reports nothing counts as a failed case, so that
# nothing can fail unseen. The last line is "N passed, M failed"; fails when M > 0 or N = 0.
#
#   tests/run.sh [BUILD [TEST...]]
set -u
build=${1:-build}
[ $# -gt 0 ] && shift
log=$build/meson-logs/testlog.txt
rm -f "$log"
meson test -C "$build" --no-rebuild --print-errorlogs "$@"
meson_status=$?
[ -f "$log" ] || { echo "no test has run"; echo "0 passed, 1 failed"; exit 1; }

awk -v meson_status="$meson_status" -f "$(dirname "$0")/count.awk" "$log"
