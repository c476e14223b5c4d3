# shellcheck shell=sh disable=SC2154
# help.sh - help and version, and the manual page in step with the options. Run by run.sh.

works 'version' --version
is 'version: one line' 1 "$(grep -c '^marvis [0-9]*\.[0-9]*\.[0-9]*$' "$temp/out")"
works 'help' help
is 'help: names the commands' 14 "$(grep -c '^  marvis [a-z ]*  ' "$temp/out" | tr -d ' ')"
works '--help' --help

for command in say dialogue info bench quantize tokenize normalize trace 'codec decode' 'codec encode' 'voice create' 'voice list' \
    'voice show' 'voice remove'; do
    # shellcheck disable=SC2086
    works "help $command" help $command
    cp "$temp/out" one
    # shellcheck disable=SC2086
    works "$command --help" $command --help
    same "$command: both helps are one" "$temp/out" one
    is "$command: lines fit a terminal" '' "$(awk 'length($0) > 79' one)"
    grep -o -e '^  -., --[a-z-]*' -e '^      --[a-z-]*' one | grep -o -e '--[a-z-]*' >> options
done
works 'help anywhere' say --seed 3 --help
sort -u options > in_help
# .It Fl \-temperature Ar t
grep '^\.It Fl' "$root/docs/marvis.1" | grep -o 'Fl \\-[a-z-]*' | sed 's/Fl \\-/--/' |
    sort -u > in_manual
is 'options: as many as there are' 60 "$(wc -l < in_help | tr -d ' ')"
same 'the manual page has the options of the help' in_manual in_help
