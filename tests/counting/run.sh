#!/bin/sh
# The counter of the tests (count.awk) on a log of programs that pass, fail, crash, say nothing, stop
# early, skip, and end badly after good cases: none of them may go unseen.
here=$(cd "$(dirname "$0")" && pwd)
count() { awk -v meson_status="$1" -f "$here/../count.awk"; }
n=0
bad=0
is() { # NAME EXPECTED ACTUAL
    n=$((n + 1))
    if [ "$2" = "$3" ]; then
        echo "ok $n - $1"
    else
        bad=1
        echo "not ok $n - $1"
        echo "# expected '$2', got '$3'"
    fi
}
is 'a log of everything' '7 passed, 5 failed' "$(count 3 < "$here/testlog.txt" | tail -n 1)"
is 'what failed' 'bad: crash silent short exit3' "$(count 3 < "$here/testlog.txt" |
    sed -n 's/^failed: \([a-z0-9]*:*\).*/\1/p' | tr '\n' ' ' | sed 's/ $//')"
is 'nothing has run' '0 passed, 0 failed' "$(count 0 < /dev/null | tail -n 1)"
is 'nothing has run: a failure' 1 "$(count 0 < /dev/null > /dev/null; echo $?)"
is 'the runner fails alone' '0 passed, 1 failed' "$(count 1 < /dev/null | tail -n 1)"
good=$(sed -n '/1\/8/,/2\/8/p' "$here/testlog.txt" | sed '$d')
is 'all is well' '2 passed, 0 failed' "$(echo "$good" | count 0 | tail -n 1)"
is 'all is well: no failure' 0 "$(echo "$good" | count 0 > /dev/null; echo $?)"
echo "1..$n"
exit $bad
