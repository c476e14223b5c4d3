# shellcheck shell=sh disable=SC2154
# long.sh - marvis say with text that is more than a piece: files of any size, lines as they arrive,
# an interrupted speech that goes on. Run by run.sh.

m=$models/m
size() { wc -c < "$1" | tr -d ' '; }

# m speaks 5 frames whatever the text, and every piece of it.
first='It was a bright cold day in April, and the clocks were striking.'
second='The hall smelt of boiled cabbage and of old rag mats, as ever.'
printf '%s\n\n%s\n' "$first" "$second" > book.txt
works 'a file of two paragraphs' say --model "$m" -q -o a.wav --stats stats.json --retries 0 \
    -f book.txt
is 'two paragraphs: pieces' 2 "$(stat_of pieces.spoken)"
is 'two paragraphs: frames' 10 "$(stat_of n_frames)"
is 'two paragraphs: a pause between them' "wav 24000 1 $((10 * 1920 + 9600))" \
    "$("$tool" audio a.wav)"
works 'no pause' say --model "$m" -q -o b.wav --stats stats.json --retries 0 --paragraph-pause 0 \
    -f book.txt
is 'no pause: frames alone' "wav 24000 1 $((10 * 1920))" "$("$tool" audio b.wav)"
works 'a longer pause' say --model "$m" -q -o b.wav --retries 0 --paragraph-pause 1000 -f book.txt
is 'a longer pause' "wav 24000 1 $((10 * 1920 + 24000))" "$("$tool" audio b.wav)"
printf '\357\273\277%s\r\n\r\n%s' "$first" "$second" > mark.txt
works 'a byte order mark' say --model "$m" -q -o b.wav --retries 0 -f mark.txt
same 'a byte order mark, other line ends: the same' a.wav b.wav

# Seeds: at random, so that all pieces differ.
r() { # FILE ARGUMENT...
    file=$1
    shift
    run "$marvis" say --model "$models/endless" -q --temperature 50 --codebooks 2 --retries 0 --seed 3 -o "$file" "$@"
    [ "$status" -eq 0 ] || fail "speaking $file" "exit status $status"
}
i=0
while [ $i -lt 5 ]; do
    i=$((i + 1))
    printf 'A %s of it. Words in it.\n\n' "$i"
done > long.txt
r whole.wav -f long.txt --stats stats.json
is 'many paragraphs: pieces' 5 "$(stat_of pieces.spoken)"
is 'many paragraphs: the words' 1 "$(stat_of text | grep -c 'A one of it. Words in it.')"
r pieces.wav -f long.txt --chunk-frames 1
same 'any chunks: the same' whole.wav pieces.wav
(
    while IFS= read -r line; do
        echo "$line"
        sleep 0.01
    done < book.txt
) | "$marvis" say --model "$m" -q -o lines.wav --stats stats.json --retries 0 -
is 'lines from a pipe' 0 $?
is 'lines from a pipe: the first clause, its rest, the second line' 3 "$(stat_of pieces.spoken)"
"$marvis" say --model "$m" -q -o direct.wav --retries 0 - < book.txt
same 'lines from a file: the same' lines.wav direct.wav
(
    echo "$first"
    for _ in $(seq 1000); do
        [ -s heard.raw ] && break
        sleep 0.01
    done
    sleep 1
    echo "$second"
) | "$marvis" say --model "$m" -q -o - --format raw --stats stats.json --retries 0 - > heard.raw
is 'waiting for text is no work: real-time factor' 1 \
    "$(stat_of wall_s | awk -v step="$(stat_of step_s)" -v rtf="$(stat_of rtf)" -v s="$(stat_of made_s)" \
        '{d = step / s - rtf; print ($1 - step > 0.1 && step > 0 && d < 1e-6 && d > -1e-6)}')"

# ---- interrupted --------------------------------------------------------------------------------
for extension in wav flac raw; do
    r "whole.$extension" -f long.txt
    rm -f "cut.$extension" "cut.$extension.resume" "cut.$extension.partial"
    "$tool" interruptible "$marvis" say --model "$models/endless" -q --temperature 50 --codebooks 2 --retries 0 --seed 3 \
        --resume -o "cut.$extension" -f long.txt 2> "$temp/err" &
    pid=$!
    while kill -0 $pid 2> /dev/null; do
        [ -s "cut.$extension.resume" ] && break
    done
    signal=INT
    [ $extension = raw ] && signal=KILL
    kill -s $signal $pid 2> /dev/null
    wait $pid 2> /dev/null
    if [ -e "cut.$extension" ]; then
        skip "$extension: over before it was interrupted"
        continue
    fi
    is "$extension: a state is left" 1 "$(test -s "cut.$extension.resume" && echo 1)"
    r "cut.$extension" --resume -f long.txt --stats stats.json
    same "$extension: the same samples as without" "cut.$extension" "whole.$extension"
    is "$extension: it went on" true "$(stat_of resumed | tr 'TF' 'tf')"
    is "$extension: what this call made" 1 "$(stat_of made_s | awk -v all="$(stat_of seconds)" '{print ($1 > 0 && $1 < all)}')"
    is "$extension: nothing else is left" '' "$(listing | grep -e resume -e partial)"
done
r again.wav --resume -f long.txt
same 'not interrupted: the same' again.wav whole.wav
is 'not interrupted: nothing is left' '' "$(listing | grep -e resume -e partial)"

# A state that belongs to something else.
"$tool" interruptible "$marvis" say --model "$models/endless" -q --temperature 50 --codebooks 2 --retries 0 --seed 3 --resume \
    -o cut.wav -f long.txt 2> "$temp/err" &
pid=$!
rm -f cut.wav
while kill -0 $pid 2> /dev/null; do
    [ -s cut.wav.resume ] && break
done
kill -s KILL $pid 2> /dev/null
wait $pid 2> /dev/null
if [ -s cut.wav.resume ]; then
    go_on() { # WORDS ARGUMENT...
        words=$1
        shift
        fails 2 "$words" say --model "$models/endless" --temperature 50 --codebooks 2 --retries 0 -o cut.wav --resume "$@"
    }
    go_on 'another text' -f book.txt
    go_on 'another seed' -f long.txt --seed 4
    go_on 'another settings' -f long.txt --seed 3 --paragraph-pause 7
    cp cut.wav.partial kept.partial
    : > cut.wav.partial
    go_on 'holds less than' -f long.txt --seed 3
    mv kept.partial cut.wav.partial
    cp cut.wav.resume kept.resume
    echo '{"what": 3' > cut.wav.resume
    go_on 'cut.wav.resume: damaged' -f long.txt --seed 3
    # Numbers beyond any file, and a second call while the first is at work.
    sed 's/"samples":[0-9]*/"samples":4611686018427387904/' kept.resume > cut.wav.resume
    go_on 'holds less than' -f long.txt --seed 3
    mv kept.resume cut.wav.resume
    mkfifo held
    "$tool" lock cut.wav.partial < held > ready &
    pid=$!
    exec 3> held
    while [ ! -s ready ]; do :; done
    fails 2 'cut.wav.partial: another marvis is writing it' say --model "$models/endless" \
        --temperature 50 --codebooks 2 --retries 0 -o cut.wav --resume -f long.txt --seed 3
    exec 3>&-
    wait $pid
    rm -f held ready
    r cut.wav --resume -f long.txt
    same 'refused, and then gone on with' cut.wav whole.wav
else
    skip 'over before it was killed'
fi

# ---- a full disk in the middle of a book, played as in errors.sh ---------------------------------
full() { # FILE ARGUMENT...: with at most 32 or 64 KiB a file, or $blocks units of the shell's
    file=$1
    shift
    (
        ulimit -f ${blocks:-64}
        "$marvis" say --model "$models/endless" -q --temperature 50 --codebooks 2 --retries 0 --seed 3 \
            -o "$file" -f long.txt "$@" 2> "$temp/err"
        echo $? > "$temp/status"
    )
    status=$(cat "$temp/status")
}
for jobs in 1 2; do
    r all.wav -f long.txt --jobs $jobs
    "$tool" samples all.wav > all.samples
    for extension in wav raw flac opus mp3; do
        name="a full disk, $extension, --jobs $jobs"
        rm -f full.$extension
        full full.$extension --jobs $jobs
        is "$name: status" 1 "$status"
        is "$name: one line" 1 "$(wc -l < "$temp/err" | tr -d ' ')"
        is "$name: what is kept, and how to go on" 1 "$(grep -c "^marvis: full.$extension: cannot be \
written: .*; full.$extension holds the first [0-9.]* s[a-z0-9, ]*; a call with --resume goes on by itself$" "$temp/err")"
        is "$name: no temporary file" '' "$(listing | grep 'part$')"
        if [ $extension = raw ]; then cp full.raw full.samples; else "$tool" samples full.$extension > full.samples; fi
        seconds=$(sed -n 's/.*holds the first \([0-9.]*\) s.*/\1/p' "$temp/err")
        is "$name: as long as it says" 1 "$(size full.samples | awk -v s="$seconds" '{d = $1 / 48000 - s; print (s >= 0.5 && d < 0.06 && d > -0.06)}')"
        case $extension in opus | mp3) continue ;; esac
        head -c "$(size full.samples)" all.samples > begin.samples
        same "$name: the beginning of the speech" full.samples begin.samples
    done
done
is 'a full disk: the text that is in it' 1 "$(full far.mp3; grep -c 'the text up to byte [1-9][0-9]*;' "$temp/err")"
rm -f far.mp3
full some.wav --resume
is 'a full disk in the first piece, --resume: status' 1 "$status"
is 'a full disk in the first piece, --resume: nothing is left' '' "$(listing | grep some)"
blocks=600
full some.wav --resume
is 'a full disk with --resume: status' 1 "$status"
is 'a full disk with --resume: told' 1 "$(grep -c '^marvis: some.wav.partial: cannot be written: .*; some.wav.partial keeps what was spoken, and the same call goes on$' "$temp/err")"
is 'a full disk with --resume: a state' 1 "$(test -s some.wav.resume && echo 1)"
r some.wav --resume -f long.txt
same 'a full disk with --resume: gone on with' some.wav whole.wav
is 'a full disk with --resume: nothing else is left' '' "$(listing | grep -e resume -e partial)"
