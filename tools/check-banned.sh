#!/bin/sh
# check-banned.sh - what the sources may not say: calls that are unsafe or not the library's business,
# POSIX outside src/base, and includes that point upward (docs/ARCHITECTURE.md).
set -u
cd "$(dirname "$0")/.." || exit 1
code=$(mktemp)
trap 'rm -f "$code"' EXIT
status=0

find include src apps tests fuzz bench docs/examples -name '*.[ch]' 2> /dev/null | sort |
    xargs awk -f tools/strip-comments.awk > "$code"
n_files=$(cut -d: -f1 "$code" | sort -u | wc -l)
[ "$n_files" -gt 50 ] || { echo "check-banned.sh: only $n_files sources found"; exit 1; }

# ban PATHS WHY REGEX [EXCEPT]: no line of the files that match PATHS, EXCEPT apart, may match REGEX.
ban() {
    found=$(grep -E "^($1)" "$code" | grep -vE "^(${4:-none})" | grep -E ":[0-9]+:.*$3")
    [ -n "$found" ] || return 0
    printf '%s\n' "$found" | sed "s|\$|    <- $2|"
    status=1
}

# A call of one of these names; not a member, not a longer name.
call() {
    printf '(^|[^A-Za-z0-9_.>])(%s)[[:space:]]*\\(' "$1"
}

ban '' 'unsafe; use the length-checked kind' \
    "$(call 'gets|strcpy|strcat|strncat|stpcpy|sprintf|vsprintf|tmpnam|mktemp|alloca')" tests/
ban 'src/|apps/' 'keeps state; use strchr or strspn' "$(call 'strtok')"
ban 'src/|apps/' 'does not report errors; use strto*' "$(call 'ato[ifl]|atoll|[sf]?scanf')" \
    src/base/cpu_quota.c: # what the kernel has written
ban '' 'not reproducible; use mv_rng' "$(call 's?rand|s?random|drand48')"
ban '' 'no shells' "$(call 'system|popen')" 'tests/'
ban src/ 'the library does not print' \
    "$(call 'v?printf|puts|putchar|perror')|[^A-Za-z0-9_](stdout|stderr)[^A-Za-z0-9_]"
ban src/ 'the library does not end or steer the process' \
    "$(call '_?exit|_Exit|quick_exit|abort|atexit|raise|signal|sigaction|setlocale')"
ban src/ 'the library does not read the environment' "$(call 'getenv|secure_getenv|setenv')"
ban src/ 'not safe in threads' "$(call 'localtime|gmtime|asctime|ctime|strsignal')"
ban src/ 'memory comes from base/memory.h' "$(call 'malloc|calloc|realloc|posix_memalign|aligned_alloc|strdup|strndup')" \
    src/base/memory.c:
ban src/ 'POSIX belongs to src/base' \
    '#[ ]*include <(sys/|unistd|fcntl|dirent|pthread|sched|signal|strings|poll|dlfcn)' src/base/
ban '' 'include by name, not by a way up' '#[ ]*include "\.'

# Where the includes of each folder may point.
may_include() {
    case $1 in
    base) echo base ;;
    audio) echo 'base audio' ;;
    kernels) echo 'base kernels' ;;
    nn) echo 'base kernels nn' ;;
    format) echo 'base format nn/linear.h kernels/blocks.h kernels/convert.h kernels/kernels.h' ;;
    text) echo 'base format text' ;;
    model) echo 'base kernels nn format model' ;;
    engine) echo 'base kernels nn format text model engine' ;;
    esac
}
for dir in src/*/; do
    dir=$(basename "$dir")
    allowed=$(may_include "$dir" | sed 's/[^ ]*/(&)/g; s/ /|/g')
    if [ -z "$allowed" ]; then
        echo "src/$dir: give it a line in may_include of tools/check-banned.sh"
        status=1
        continue
    fi
    found=$(grep -E "^src/$dir/" "$code" | grep -E ':[0-9]+:[ ]*#[ ]*include "' |
        grep -vE "include \"(marvis\\.h|($allowed)[/\"])" |
        grep -vE '^src/kernels/.*include "((x86|arm)/|(simde_avx512|amx_emulation|avx_vnni_emulation)\.h")') # the last from tests/
    if [ -n "$found" ]; then
        printf '%s\n' "$found" | sed "s|\$|    <- src/$dir may include: $(may_include "$dir")|"
        status=1
    fi
done
found=$(grep -E '^apps/' "$code" | grep -E ':[0-9]+:[ ]*#[ ]*include "' |
    grep -E 'include "(base|kernels|nn|format|text|model|engine)/')
if [ -n "$found" ]; then
    printf '%s\n' "$found" | sed 's|$|    <- the programs see marvis.h only|'
    status=1
fi

[ $status = 0 ] && echo "check-banned.sh: $n_files sources, nothing banned"
exit $status
