#!/bin/sh
# mutate.sh - breaks the code in the ways listed in tests/mutations*.txt, one at a time, in a copy of
# the tree, and prints a Markdown table of the tests that noticed. Exits 1 when a mutation was not
# noticed or no longer applies. Usage: tools/mutate.sh [PATTERN] > docs/MUTATIONS.md
set -eu
LC_ALL=C # the order of the lists
export LC_ALL
top=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd "$top" && git ls-files -co --exclude-standard -z | xargs -0 tar -cf - 2>/dev/null) | tar -xf - -C "$work"
mkdir -p "$work/models/builtin"
meson setup "$work/build" "$work" -Dwerror=false >"$work/setup.log" 2>&1 ||
    { cat "$work/setup.log" >&2; exit 1; }

# Builds and runs one test area; prints the names of the tests that failed, comma-separated.
failures() {
    ninja -C "$work/build" "tests/test_$1" >"$work/build.log" 2>&1 || { echo "does not compile"; return; }
    MARVIS_TESTS="$work/tests" CMOCKA_MESSAGE_OUTPUT=TAP timeout 120 "$work/build/tests/test_$1" \
        >"$work/out.tap" 2>/dev/null && return
    failed=$(sed -n 's/^not ok [0-9]* - //p' "$work/out.tap" | sort -u |
        awk 'NR <= 3 {s = s (NR > 1 ? ", " : "") $0} END {print s (NR > 3 ? " and " NR - 3 " more" : "")}')
    echo "${failed:-$1 does not end well}"
}

cat <<'INTRO'
# Mutations: the tests have been seen to fail

Made by `tools/mutate.sh` from `tests/mutations*.txt`: each line breaks the code in one way, in a copy of
the tree, and the tests named here failed for it.

| file | what was broken | tests that failed |
|---|---|---|
INTRO
status=0
cat "$top"/tests/mutations*.txt | grep -v '^#' | grep -e "${1:-.}" >"$work/list"
while IFS= read -r line; do
    file=$(printf '%s' "$line" | awk -F ' [|] ' '{print $1}')
    change=$(printf '%s' "$line" | awk -F ' [|] ' '{print $2}')
    what=$(printf '%s' "$line" | awk -F ' [|] ' '{print $3}')
    areas=$(printf '%s' "$line" | awk -F ' [|] ' '{print $4}')
    cp -p "$work/$file" "$work/saved"
    perl -0pi -e "$change" "$work/$file"
    if cmp -s "$work/saved" "$work/$file"; then
        noticed="**the substitution no longer applies**" status=1
    else
        noticed=
        for area in $areas; do
            [ -f "$top/tests/test_$area.c" ] || continue
            one=$(failures "$area")
            [ -z "$one" ] || noticed="$noticed${noticed:+; }$area: $one"
        done
        case "$noticed" in
        "") noticed="**not noticed**" status=1 ;;
        *"does not compile"*) status=1 ;;
        esac
    fi
    cp "$work/saved" "$work/$file" # a new time stamp, so that it is compiled again
    printf '| %s | %s | %s |\n' "$file" "$what" "$noticed"
done <"$work/list"
exit $status
