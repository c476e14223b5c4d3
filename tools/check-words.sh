#!/bin/sh
# check-words.sh - what no text file of the tree may hold: paths of one machine, hosts of package
# registries, notes to oneself, the marks of an unfinished merge; and links between its pages that
# lead nowhere.
set -u
cd "$(dirname "$0")/.." || exit 1
# git may refuse a clone that belongs to somebody else; a tarball has none.
files=$(git -c safe.directory='*' ls-files 2> /dev/null)
[ -n "$files" ] || files=$(find . -type f -not -path './.git/*' -not -path './build*' | sed 's|^\./||')
status=0

# The patterns are written so that they do not match themselves.
refuse() { # WHAT REGEX
    found=$(printf '%s\n' "$files" | tr '\n' '\0' | xargs -0 grep -nIE "$2" /dev/null)
    [ -n "$found" ] || return 0
    printf '%s\n' "$found" | cut -c1-160 | sed "s|\$|    <- $1|"
    status=1
}

refuse 'a path of one machine' '(^|[^A-Za-z0-9_.])/(work|root|home|Users)/[A-Za-z0-9]'
refuse 'the host of a package registry' \
    'pypi[.]org|pythonhosted[.]org|(deb|security|ports)[.]debian[.]org|archive[.]ubuntu[.]com|npmjs[.](org|com)|crates[.]io|proxy[.]golang[.]org|conda[.]anaconda[.]org|rubygems[.]org|docker[.]io|ghcr[.]io'
refuse 'a note to oneself; do it, or put it into docs/STATE.md' \
    '(^|[^A-Za-z0-9_])(T[O]DO|F[I]XME|X[X]X|H[A]CK)([^A-Za-z0-9_]|$)'
refuse 'a merge left unfinished' '^(<{7}|>{7}|\|{7}) |^={7}$'

for page in $(printf '%s\n' "$files" | grep '\.md$'); do
    for link in $(grep -oE '\]\([^)# ]+' "$page" | sed 's/^](//' | grep -v '^[a-z]*:'); do
        [ -e "$(dirname "$page")/$link" ] && continue
        echo "$page: links to $link, which is not there"
        status=1
    done
done

n=$(printf '%s\n' "$files" | wc -l)
[ "$n" -gt 50 ] || { echo "check-words.sh: only $n files found"; status=1; }
[ $status = 0 ] && echo "check-words.sh: $n files"
exit $status
