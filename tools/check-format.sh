#!/bin/sh
# check-format.sh - the layout of the sources: clang-format (Debian 12's, version 14) by .clang-format,
# lines of at most 100 columns, files of at most 800 lines (include/marvis.h, which is the manual too: 1200).
#
#   tools/check-format.sh            all C sources
#   tools/check-format.sh FILE...    some of them
#   tools/check-format.sh --fix      rewrites those that differ
set -u
cd "$(dirname "$0")/.." || exit 1
fix=
[ "${1-}" = --fix ] && { fix=1; shift; }
format=$(command -v clang-format-14 || command -v clang-format) ||
    { echo "check-format.sh: no clang-format; run tools/setup.sh ci"; exit 1; }
files=${*:-$(find include src apps tests fuzz bench docs/examples -name '*.[ch]' 2> /dev/null | sort)}
status=0
n=0
reflowing="{$(sed 's/ReflowComments: false/ReflowComments: true/' .clang-format | paste -sd, -)}"

for file in $files; do
    n=$((n + 1))
    if [ -n "$fix" ]; then
        "$format" -i "$file" || status=1
        # Comments are left alone, for lists in them would be joined, but for those too long.
        for line in $(awk 'length($0) > 100 {print NR}' "$file" | sort -rn); do
            "$format" -i --style="$reflowing" --lines="$line:$line" "$file" || status=1
        done
    elif ! "$format" "$file" | cmp -s - "$file"; then
        echo "$file: $("$format" "$file" | diff "$file" - | grep -c '^[<>]') lines differ from" \
            "clang-format's; run tools/check-format.sh --fix"
        status=1
    fi
    awk -v file="$file" '
    length($0) > 100 { print file ":" NR ": " length($0) " columns; at most 100"; bad = 1 }
    /[ \t]$/         { print file ":" NR ": white space at the end"; bad = 1 }
    /\t/             { print file ":" NR ": a tab"; bad = 1 }
    /\r$/            { print file ":" NR ": a carriage return"; bad = 1 }
    END {
        limit = file ~ /include\/marvis\.h$/ ? 1200 : 800
        if (NR > limit) { print file ": " NR " lines; at most " limit; bad = 1 }
        exit bad
    }' "$file" || status=1
done
[ "$n" -gt 0 ] || { echo "check-format.sh: no sources"; exit 1; }
[ $status = 0 ] && echo "check-format.sh: $n sources"
exit $status
