# shellcheck shell=sh disable=SC2154
# builtin.sh - marvis with the voice of the repository, which is as large as one that is used: what it
# speaks, its speakers by name, text that it cannot speak. Run by run.sh.


v=$root/models/builtin
if [ ! -d "$v" ]; then
    skip 'no built-in voice in the repository'
    return 0
fi

works 'the built-in voice of the repository' say --model "$v" -q --seed 1 \
    --max-seconds 2 -o voice.wav --stats stats.json 'Hello there.'
is 'the built-in voice: speaks' 1 "$(stat_of n_frames | awk '{print ($1 >= 5)}')"
works 'the built-in voice: one thread' say --model "$v" -q --seed 1 \
    --max-seconds 2 -o voice1.wav --threads 1 'Hello there.'
same 'the built-in voice: the same with one thread' voice.wav voice1.wav
works 'the built-in voice: info' info "$v"
is 'the built-in voice: info has its speakers' 'rms slt awb ' \
    "$(sed -n 's/^ *name  *\([a-z]*\)$/\1/p' "$temp/out" | tr '\n' ' ')"
is 'the built-in voice: info has its language' en "$(sed -n 's/^ *languages  *//p' "$temp/out")"
hear() { # FILE ARGUMENT...
    file=$1
    shift
    works "the built-in voice: $*" say --model "$v" --seed 1 --max-seconds 1 --retries 0 -q -o "$file" "$@"
}
hear one.wav --speaker 1 'Hello.'
hear slt.wav --speaker slt 'Hello.'
same 'a speaker by name' one.wav slt.wav
works 'tokenize for a name' tokenize --speaker awb "$v" hi
is 'tokenize for a name: its number' '[256, 91, 50, 93, 104, 105, 257]' "$(cat "$temp/out")"
hear other.wav --speaker 99 'Hello.'
warns() { # NAME WORDS ARGUMENT...
    name=$1
    words=$2
    shift 2
    run "$marvis" "$@" --model "$v" --seed 1 --max-seconds 1 --retries 0 -o w.wav
    is "$name: done" 0 "$status"
    is "$name: one line" 1 "$(grep -v 'cut off' "$temp/err" | wc -l | tr -d ' ')"
    is "$name: what" 1 "$(grep -cF "marvis: warning: $words" "$temp/err")"
}
warns 'a number that nobody has' '--speaker 99: this model'"'"'s speakers are 0 (rms), 1 (slt), 2 (awb)' \
    say --speaker 99 'Hello.'
warns 'another script' 'nothing in "你好" can be spoken in this voice, which knows English only' say '你好'
warns 'another script in part' '3 of the 5 letters in "a мир b" cannot be spoken' say 'a мир b'
hear latin.wav 'Café.'
printf 'A: Hm.\nB: Hm.\nC: Hm.\nD: Hm.\n' > four.txt
warns 'a fourth speaker' "D 3: this model's speakers are" dialogue four.txt
printf 'A: 你好\n' > hello.txt
warns 'a turn in another script' 'nothing in "你好"' dialogue hello.txt
fails 2 "--speaker anna: this model's speakers are 0 (rms), 1 (slt), 2 (awb)" \
    say --model "$v" --speaker anna hi -o x.wav
