#!/bin/sh
# Runs one suite of tests of the program marvis and reports in TAP.
#
#   run.sh SUITE PROGRAM TOOL
#
# A suite is a file SUITE.sh beside this one, which uses the functions below. It works in an empty
# folder that holds nothing but what it made; models lie outside, at $models: m speaks 5 frames of 80
# ms and ends, endless does not end, stuck repeats one frame for ever.
set -u
suite=$1
here=$(cd "$(dirname "$0")" && pwd)
marvis=$(cd "$(dirname "$2")" && pwd)/$(basename "$2")
tool=$(cd "$(dirname "$3")" && pwd)/$(basename "$3")
root=$(cd "$here/../.." && pwd)
temp=$(mktemp -d "${TMPDIR:-/tmp}/marvis-cli.XXXXXX") || exit 1
trap 'rm -rf "$temp"' EXIT
trap 'exit 1' INT TERM
models=$temp/models
work=$temp/work
mkdir -p "$work" "$models"
# Nothing of the person who runs the tests: no cache of models, no voices.
HOME=$temp/home
export HOME
unset HF_HUB_CACHE HF_HOME XDG_CACHE_HOME XDG_DATA_HOME

n_cases=0
n_failed=0

# pass NAME, fail NAME [REASON]
pass() {
    n_cases=$((n_cases + 1))
    echo "ok $n_cases - $1"
}
fail() {
    n_cases=$((n_cases + 1))
    n_failed=$((n_failed + 1))
    echo "not ok $n_cases - $1"
    echo "# ${2:-}"
    [ -f "$temp/err" ] && sed 's/^/# stderr: /' "$temp/err" | head -5
}
skip() {
    n_cases=$((n_cases + 1))
    echo "ok $n_cases # SKIP $1"
}

# run COMMAND...: status in $status, output in $temp/out, errors in $temp/err
run() {
    "$@" > "$temp/out" 2> "$temp/err"
    status=$?
}

# stat_of KEY: of the statistics in stats.json
stat_of() { "$tool" json stats.json "$1"; }

# steps_hold_stages FILE: 1 where the time in steps is no less than that of their stages
steps_hold_stages() {
    awk -F '[:,]' '/"(prefill|backbone|depth|codec)_s"/ {n += $2} /"step_s"/ {all = $2}
        END {print (n > 0 && all >= n)}' "$1"
}

# is NAME EXPECTED ACTUAL
is() {
    if [ "$2" = "$3" ]; then pass "$1"; else fail "$1" "expected '$2', got '$3'"; fi
}
# same NAME FILE FILE
same() {
    if cmp -s "$2" "$3"; then pass "$1"; else fail "$1" "$2 and $3 differ"; fi
}
# differs NAME FILE FILE
differs() {
    if cmp -s "$2" "$3"; then fail "$1" "$2 and $3 are equal"; else pass "$1"; fi
}

# works NAME ARGUMENT...: the program ends with 0 and has nothing to say on stderr
works() {
    name=$1
    shift
    run "$marvis" "$@"
    if [ "$status" -ne 0 ]; then
        fail "$name" "exit status $status, not 0"
    elif [ -s "$temp/err" ]; then
        fail "$name" "there is something on stderr"
    else
        pass "$name"
    fi
}

# A failure must have the status, one line on stderr that begins "marvis: " and holds the words, and
# must leave no file behind. What a command prints before it fails is not looked at.
verify_failure() { # NAME STATUS WORDS, after run
    if [ "$status" -ne "$2" ]; then
        fail "$1" "exit status $status, not $2"
    elif [ "$(wc -l < "$temp/err")" -ne 1 ] || ! grep -q '^marvis: ' "$temp/err"; then
        fail "$1" "not one line of error"
    elif ! grep -qF -e "$3" "$temp/err"; then
        fail "$1" "'$3' is not in the message"
    elif [ "$(listing)" != "$listing_before" ]; then
        fail "$1" "files changed: $(listing | tr '\n' ' ')"
    else
        pass "$1"
    fi
}
listing() { (cd "$work" && ls -A); }

# fails STATUS WORDS ARGUMENT...
fails() {
    expected=$1
    words=$2
    shift 2
    listing_before=$(listing)
    run "$marvis" "$@"
    verify_failure "marvis $*" "$expected" "$words"
}

make_models() {
    for pair in m:5 endless:0 stuck:-1; do
        folder=$models/${pair%:*}
        mkdir -p "$folder"
        "$tool" model "$folder" "${pair#*:}" || exit 1
        cp "$root/tests/golden/mimi/ratios_moshi.safetensors" "$folder/mimi.safetensors"
    done
}

make_models
cd "$work" || exit 1
# shellcheck source=/dev/null
. "$here/$suite.sh"
echo "1..$n_cases"
[ $n_failed -eq 0 ] && [ $n_cases -gt 0 ]
