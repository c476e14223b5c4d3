# shellcheck shell=sh disable=SC2154
# jobs.sh - marvis say --jobs: paragraphs at once, in their order, the same however many. Run by run.sh.

j() { # FILE ARGUMENT...
    file=$1
    shift
    run "$marvis" say --model "$models/endless" -q --temperature 50 --codebooks 2 --retries 0 --seed 3 -o "$file" "$@"
    [ "$status" -eq 0 ] || fail "speaking $file" "exit status $status"
}

printf 'It was a bright cold day in April.\n\n\n***\n\nThe hall smelt of boiled cabbage.\n \t\nThe end.' > book.txt
works 'three paragraphs' say --model "$models/m" -q -o a.wav --stats stats.json --retries 0 --jobs 2 -f book.txt
is 'three paragraphs: steps hold all stages' 1 "$(steps_hold_stages stats.json)"
is 'three paragraphs: seconds that the steps made' 1 "$(stat_of made_s | awk '{print ($1 >= 1.2)}')"
is 'three paragraphs: pieces' 3 "$(stat_of pieces.spoken)"
is 'three paragraphs: frames' 15 "$(stat_of n_frames)"
is 'three paragraphs: pauses between those that are spoken' "wav 24000 1 $((15 * 1920 + 2 * 9600))" \
    "$("$tool" audio a.wav)"
printf '***\n\nThe hall smelt of boiled cabbage.' > late.txt
works 'words in the second' say --model "$models/m" -q -o a.wav --retries 0 --jobs 2 -f late.txt
is 'words in the second: no pause before them' "wav 24000 1 $((5 * 1920))" "$("$tool" audio a.wav)"

i=0
while [ $i -lt 7 ]; do
    i=$((i + 1))
    printf 'A %s of it. Words in it, more of them each time.\n\n' "$i"
done > long.txt
j two.wav --jobs 2 -f long.txt
for n in 3 7 64; do
    j more.wav --jobs $n -f long.txt --chunk-frames 3
    same "$n at once: the same as 2" two.wav more.wav
done
j one.wav --jobs 1 -f long.txt
differs 'one after the other each goes on from the one before' one.wav two.wav
j other.wav --jobs 2 -f long.txt --seed 4
differs 'another seed' other.wav two.wav

rm -f cut.wav
"$tool" interruptible "$marvis" say --model "$models/endless" -q --temperature 50 --codebooks 2 --retries 0 --seed 3 \
    --resume --jobs 2 -o cut.wav -f long.txt 2> "$temp/err" &
pid=$!
while kill -0 $pid 2> /dev/null; do
    [ -s cut.wav.resume ] && break
done
kill -s KILL $pid 2> /dev/null
wait $pid 2> /dev/null
if [ -s cut.wav.resume ]; then
    fails 2 'another --jobs' say --model "$models/endless" -q --temperature 50 --codebooks 2 --retries 0 --resume \
        -o cut.wav -f long.txt
    j cut.wav --resume --jobs 3 -f long.txt --stats stats.json
    same 'interrupted: the same samples as without' cut.wav two.wav
    is 'interrupted: it went on' true "$(stat_of resumed | tr 'TF' 'tf')"
    is 'interrupted: what this call made' 1 "$(stat_of made_s | awk -v all="$(stat_of seconds)" '{print ($1 > 0 && $1 < all)}')"
    is 'interrupted: nothing else is left' '' "$(listing | grep -e resume -e partial)"
else
    skip 'over before it was interrupted'
fi

fails 2 'must be 1 to 64' say --model "$models/m" -o x.wav --jobs 0 hi
fails 2 'give --file FILE' say --model "$models/m" -o x.wav --jobs 2 -
fails 2 '--jobs and --max-seconds' say --model "$models/m" -o x.wav --jobs 2 --max-seconds 3 hi
fails 2 'nothing in it is spoken' say --model "$models/m" -o x.wav --jobs 2 '***'

# A recorded voice is encoded once for all: what is told of it is told once.
"$marvis" say --model "$models/endless" -o ref.wav --seed 1 --temperature 50 --no-guard --max-seconds 4 hi 2> /dev/null
voiced() { # FILE JOBS
    run "$marvis" say --model "$models/endless" --temperature 50 --codebooks 2 --retries 0 --seed 3 -o "$1" \
        --jobs "$2" --voice-audio ref.wav --voice-text hm -f book.txt
    is "a recorded voice, $2 at once: status" 0 "$status"
    is "a recorded voice, $2 at once: one warning of its text" 1 "$(grep -c 'has 2 characters for' "$temp/err")"
}
voiced voiced2.wav 2
voiced voiced5.wav 5
same 'a recorded voice: the same however many' voiced2.wav voiced5.wav
