#!/bin/sh
# check-symbols.sh - what libmarvis.a shows to a program and asks of the system: only names with our
# prefixes, no call that a library has no business with, no variable that could change.
#
#   tools/check-symbols.sh [BUILD]     a release build
set -u
cd "$(dirname "$0")/.." || exit 1
library=${1:-build}/libmarvis.a
[ -f "$library" ] || { echo "check-symbols.sh: no $library; run make"; exit 1; }
list=$(mktemp)
trap 'rm -f "$list"' EXIT
status=0

complain() { # WHAT LINES
    [ -n "$2" ] || return 0
    printf '%s\n' "$2" | sed "s|\$|    <- $1|"
    status=1
}

nm -A "$library" > "$list" || exit 1
n_symbols=$(awk '$(NF-1) ~ /^[A-TV-Z]$/' "$list" | wc -l)
[ "$n_symbols" -gt 100 ] || { echo "check-symbols.sh: only $n_symbols symbols found"; exit 1; }

complain 'global names begin with marvis_ or mv_' \
    "$(awk '$(NF-1) ~ /^[A-TV-Z]$/ && $NF !~ /^_?(marvis_|mv_)/ {print $1, $NF}' "$list")"

# The checked kinds of a call (__printf_chk) and the 64-bit kinds (open64) count as the call.
complain 'a library does not call this' "$(awk '
BEGIN {
    n = split("printf vprintf puts putchar perror stdout stderr exit _exit _Exit quick_exit abort" \
        " atexit raise kill signal sigaction getenv secure_getenv setenv setlocale gets strcpy" \
        " strcat strncat stpcpy sprintf vsprintf strtok sscanf scanf fscanf system popen fork execve" \
        " execvp rand srand random localtime gmtime asctime ctime tmpnam mktemp usleep sleep", words)
    for (i = 1; i <= n; i++) banned[words[i]] = 1
}
$(NF-1) == "U" {
    name = $NF
    sub(/^__/, "", name); sub(/_chk$/, "", name); sub(/64$/, "", name); sub(/@.*/, "", name)
    if (name in banned) print $1, $NF
}' "$list")"

# .data and .bss: variables that are not constant.
complain 'the library keeps no variables; all state has an owner' "$(size -A "$library" | awk '
/\(ex / { member = $1 }
$1 ~ /^\.(data|bss)(\..*)?$/ && $1 !~ /^\.data\.rel\.ro/ && $2 > 0 { print member, $1, $2, "bytes" }')"

[ $status = 0 ] && echo "check-symbols.sh: $n_symbols global symbols, all as they should be"
exit $status
