#!/bin/sh
# check-breaks.sh - whether every break that the tests have been seen to notice still fits the source:
# the substitutions of tests/mutations*.txt and those of docs/THE-LIST.md's table. One that does not
# is no proof of anything any more.
set -u
cd "$(dirname "$0")/.." || exit 1
cat tests/mutations*.txt | perl -ne '
    next if /^#/ || /^\s*$/;
    chomp;
    my ($file, $change, $what, $areas) = split / \| /;
    $n++;
    my $wrong;
    if (!defined $areas) {
        $wrong = "expected FILE | SUBSTITUTION | WHAT | AREAS";
    } elsif (!open my $in, "<", $file) {
        $wrong = "$file: $!";
    } else {
        local $/;
        my $source = <$in>;
        $_ = $source;
        eval $change;
        $wrong = $@ ? "$change: $@" : "$file: $change no longer applies" if $@ || $_ eq $source;
        for my $area (split / /, $areas) {
            $wrong = "no tests/test_$area.c" if !-e "tests/test_$area.c";
        }
    }
    if ($wrong) {
        print "check-breaks.sh: ", $what // $_, ": $wrong\n";
        $status = 1;
    }
    END {
        print "check-breaks.sh: $n substitutions\n";
        $? = $status // 0;
    }' && python3 tools/evaluate/the_list.py --check
