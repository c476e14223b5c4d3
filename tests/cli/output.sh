# shellcheck shell=sh disable=SC2154
# output.sh - what the program writes when all is well: files of every format, pipes, statistics, the
# same bytes for the same seed, an interrupted speech. Run by run.sh.

m=$models/m
endless=$models/endless

bytes_at() { # FILE OFFSET COUNT: as hexadecimal digits
    od -A n -t x1 -j "$2" -N "$3" "$1" | tr -d ' \n'
}
size() { wc -c < "$1" | tr -d ' '; }

# ---- formats ------------------------------------------------------------------------------------
# Five frames of 1920 samples: 19200 bytes and a header of 44.
works 'say to a file' say --model "$m" -o a.wav --stats stats.json hi
is 'WAV: size' 19244 "$(size a.wav)"
is 'WAV: RIFF size' 244b0000 "$(bytes_at a.wav 4 4)"
is 'WAV: data size' 004b0000 "$(bytes_at a.wav 40 4)"
is 'WAV: as libsndfile sees it' 'wav 24000 1 9600' "$("$tool" audio a.wav)"
is 'files: only those asked for' 'a.wav stats.json' "$(listing | tr '\n' ' ' | sed 's/ $//')"
"$tool" samples a.wav > a.samples
is 'speech is not silence' 1 "$(tr -d '\0' < a.samples | wc -c | awk '{print ($1 > 1000)}')"
dd if=a.wav bs=44 skip=1 of=a.body 2> /dev/null
same 'WAV: samples follow the header' a.body a.samples

works 'standard output, a file' say --model "$m" -o - hi
same 'standard output, a file: as a file' "$temp/out" a.wav
"$marvis" say --model "$m" -o - hi | cat > pipe.wav
is 'pipe: RIFF size unknown' ffffffff "$(bytes_at pipe.wav 4 4)"
is 'pipe: data size unknown' ffffffff "$(bytes_at pipe.wav 40 4)"
dd if=pipe.wav bs=44 skip=1 of=pipe.body 2> /dev/null
same 'pipe: the same samples' pipe.body a.body
{ printf 'before'; "$marvis" say --model "$m" -o - hi; } > appended
is 'after other output: sizes in place' 004b0000 "$(bytes_at appended 46 4)"
is 'after other output: it is untouched' before "$(head -c 6 appended)"
printf 'before' > appended
"$marvis" say --model "$m" -o - hi >> appended
is 'appending: size' 19250 "$(size appended)"
is 'appending: size unknown' ffffffff "$(bytes_at appended 46 4)"

works 'raw' say --model "$m" -o a.raw hi
same 'raw: bare samples' a.raw a.body
works 'raw to standard output' say --model "$m" -o - --format raw hi
same 'raw to standard output: the same' "$temp/out" a.body
works 'f32' say --model "$m" -o a.bin --format f32 hi
is 'f32: size' 38400 "$(size a.bin)"
works 'FLAC' say --model "$m" -o a.flac hi
is 'FLAC: as libsndfile sees it' 'flac 24000 1 9600' "$("$tool" audio a.flac)"
"$tool" samples a.flac > flac.samples
same 'FLAC: the same samples' flac.samples a.samples
for extension in opus ogg mp3; do
    works "$extension" say --model "$m" -o a.$extension hi
    format=ogg
    [ $extension = mp3 ] && format=mp3
    # A codec may pad to its own frames.
    is "$extension: as libsndfile sees it" "$format 24000 1 yes" "$("$tool" audio a.$extension |
        awk '{print $1, $2, $3, ($4 >= 9600 && $4 < 13000) ? "yes" : $4}')"
done
works 'extension in capitals' say --model "$m" -o B.WAV hi
same 'extension in capitals: WAV' B.WAV a.wav
works '--format beats the extension' say --model "$m" -o c.mp3 --format wav hi
same '--format beats the extension: WAV' c.mp3 a.wav
works 'a device' say --model "$m" -o /dev/null hi

# ---- files that are there already ---------------------------------------------------------------
echo old > target.wav
chmod 640 target.wav
ln -s target.wav link.wav
works 'an existing file' say --model "$m" -o link.wav hi
same 'an existing file: replaced through the link' target.wav a.wav
is 'an existing file: the link stays' 1 "$(test -h link.wav && echo 1)"
# shellcheck disable=SC2012
rights() { ls -l "$1" | cut -c 2-10; }
is 'an existing file: its rights stay' rw-r----- "$(rights target.wav)"
chmod 666 target.wav
works 'rights beyond the umask' say --model "$m" -o target.wav hi
is 'rights beyond the umask stay' rw-rw-rw- "$(rights target.wav)"
(umask 077 && "$marvis" say --model "$m" -o private.wav hi)
is 'a new file: the rights of the umask' rw------- "$(rights private.wav)"
works 'statistics beside the speech' say --model "$m" -o a.wav --stats ./b.wav hi
same 'statistics beside the speech: each its own' a.wav target.wav

# ---- the same seed, the same bytes --------------------------------------------------------------
seeded() { # FILE SEED OPTION...
    file=$1
    seed=$2
    shift 2
    run "$marvis" say --model "$endless" -q --temperature 50 --top-k 0 --max-seconds 2 --seed "$seed" \
        -o "$file" "$@" hi
    [ "$status" -eq 0 ] || fail "seeded $*" "exit status $status"
}
seeded s.wav 1
is 'seeded: 2 s' 'wav 24000 1 48000' "$("$tool" audio s.wav)"
seeded other.wav 2
differs 'another seed' s.wav other.wav
i=0
for options in '' '--threads 1' '--threads 2' '--threads 3' '--chunk-frames 1' \
    '--chunk-frames 7' '--chunk-frames 1000' '--depth-temperature 50' '--speaker 0'; do
    i=$((i + 1))
    # shellcheck disable=SC2086
    seeded again$i.wav 1 $options
    same "the same seed: '$options'" s.wav again$i.wav
done
seeded fewer.wav 1 --codebooks 3
differs 'fewer codebooks' s.wav fewer.wav
# What is measured is not looked at, only that it changes nothing else.
works 'codebooks as the machine allows' say --model "$endless" -q --temperature 50 --max-seconds 1 -o auto.wav --seed 1 \
    --codebooks auto --stats stats.json hi
run "$marvis" say --model "$endless" -q --temperature 50 --max-seconds 1 -o number.wav --seed 1 \
    --codebooks "$(stat_of settings.codebooks)" hi
same 'as with that number' auto.wav number.wav
run "$marvis" say --model "$endless" --max-seconds 1 -o auto.wav --codebooks auto hi
is 'and a line tells' 1 "$(grep -c '^marvis: .*codebooks.* s for a second of speech' "$temp/err" | tr -d ' ')"
seeded cool.wav 1 --depth-temperature 1
differs 'another depth temperature' s.wav cool.wav
run "$marvis" say --model "$endless" -q --temperature 50 --max-seconds 1 -o r1.wav \
    --stats stats.json hi
seed=$(stat_of seed)
run "$marvis" say --model "$endless" -q --temperature 50 --max-seconds 1 -o r2.wav \
    --seed "$seed" hi
same 'the reported seed says the same again' r1.wav r2.wav
run "$marvis" say --model "$endless" -q --temperature 50 --max-seconds 1 -o r3.wav hi
differs 'without a seed, something new' r1.wav r3.wav
"$marvis" say --model "$endless" -q --greedy --max-seconds 1 -o g1.wav --seed 1 hi
"$marvis" say --model "$endless" -q --temperature 0 --max-seconds 1 -o g2.wav --seed 2 hi
same 'greedy needs no seed' g1.wav g2.wav

# ---- statistics and precedence ------------------------------------------------------------------
mkdir tuned
cp "$m"/* tuned
echo '{"temperature": 0.5, "top_k": 7, "depth_decoder_temperature": 0.25}' \
    > tuned/generation_config.json
model=$m
settings() { # OPTION...: codebook 0's and the depth decoder's temperature, top-k and top-p
    run "$marvis" say --model "$model" -o x.wav --stats stats.json "$@" hi
    for key in codebook0 depth; do
        echo "$(stat_of settings.$key.temperature) $(stat_of settings.$key.top_k)" \
            "$(stat_of settings.$key.top_p)"
    done | tr '\n' ' '
}
is 'defaults' '0.9 50 1.0 0.9 50 1.0 ' "$(settings)"
is 'one for both' '0.3 5 0.5 0.3 5 0.5 ' "$(settings --temperature .3 --top-k 5 --top-p .5)"
is 'each its own' '0.3 5 0.5 0.4 6 0.75 ' "$(settings --temperature .3 --top-k 5 --top-p .5 \
    --depth-temperature .4 --depth-top-k 6 --depth-top-p .75)"
is 'depth alone' '0.9 50 1.0 0.4 6 0.75 ' "$(settings --depth-temperature .4 --depth-top-k 6 \
    --depth-top-p .75)"
is 'greedy' '0.0 50 1.0 0.0 50 1.0 ' "$(settings --greedy)"
is 'the last one counts' '0.2 50 1.0 0.2 50 1.0 ' "$(settings --temperature 3 --temperature=.2)"
model=tuned
is "the model's own" '0.5 7 1.0 ' "$(settings | cut -d ' ' -f 1-3) "
is "option over the model's own" '0.8 7 1.0 ' "$(settings --temperature .8 | cut -d ' ' -f 1-3) "

works 'statistics' say --model "$m" -o x.wav --stats stats.json --seed 7 --threads 2 --cpu scalar \
    --no-normalize 'Hello "world" \ é'
is 'statistics: text' 'Hello "world" \ é' "$(stat_of text)"
is 'statistics: model' "$m" "$(stat_of model)"
is 'statistics: seed' 7 "$(stat_of seed)"
is 'statistics: prompt' 23 "$(stat_of n_prompt)"
is 'statistics: frames' 5 "$(stat_of n_frames)"
is 'statistics: seconds' 0.4 "$(stat_of seconds)"
is 'statistics: stop' eos "$(stat_of stop)"
is 'statistics: threads' 2 "$(stat_of threads)"
is 'statistics: cpu' scalar "$(stat_of cpu)"
for key in load_s first_audio_s wall_s step_s made_s rtf prefill_s backbone_s depth_s codec_s peak_rss_bytes; do
    is "statistics: $key above 0" 1 "$(stat_of $key | awk '{print ($1 > 0)}')"
done
is 'statistics: steps hold all stages' 1 "$(steps_hold_stages stats.json)"
run "$marvis" say --model "$m" --codebooks 2 -o x.wav hi
is 'few codebooks' 0 "$status"
is 'few codebooks: a warning' 1 "$(grep -c 'warning: --codebooks 2: .* here 32' "$temp/err")"
works 'eight codebooks' say --model "$m" --codebooks 8 -o x.wav hi
is 'eight codebooks: none' '' "$(cat "$temp/err")"
works 'statistics to standard output' say --model "$m" -o x.wav --stats - hi
cp "$temp/out" stats.json
is 'statistics to standard output: JSON' 5 "$(stat_of n_frames)"

# ---- text ---------------------------------------------------------------------------------------
works 'tokenize' tokenize "$m" hi
is 'tokenize: ids' '[256, 91, 48, 93, 104, 105, 257]' "$(cat "$temp/out")"
works 'tokenize a speaker' tokenize --speaker 12 "$m" hi
is 'tokenize a speaker: ids' '[256, 91, 49, 50, 93, 104, 105, 257]' "$(cat "$temp/out")"
works 'tokenize for the built-in voice' tokenize hi
is 'tokenize for the built-in voice: ids' '[256, 91, 48, 93, 104, 105, 257]' "$(cat "$temp/out")"
works 'tokenize standard input for it' tokenize - < /dev/null
works 'tokenize nothing' tokenize "$m" ''
is 'tokenize nothing: ids' '[256, 91, 48, 93, 257]' "$(cat "$temp/out")"
works 'text that begins with a dash' tokenize "$m" -- -1
is 'text that begins with a dash: ids' '[256, 91, 48, 93, 45, 49, 257]' "$(cat "$temp/out")"
printf '\357\273\277hi \r\n\n' > text.txt
works 'text from a file' tokenize "$m" -f text.txt
is 'text from a file: no mark, no line end' '[256, 91, 48, 93, 104, 105, 32, 257]' \
    "$(cat "$temp/out")"
run "$marvis" tokenize "$m" - < text.txt
is 'text from standard input' '[256, 91, 48, 93, 104, 105, 32, 257]' "$(cat "$temp/out")"
# Characters of two to four bytes over the border of a block, wherever it cuts them.
for i in 1 2 3; do
    { head -c $((65536 - i)) /dev/zero | tr '\0' 'a'; printf 'é–𝄞\n'; } > border.txt
    works "text: a character over a border, $i" say --model "$m" --dry-run -f border.txt
    { head -c $((1048576 - i)) /dev/zero | tr '\0' 'a'; printf 'é–𝄞\n'; } > border.txt
    works "normalize: a character over a border, $i" normalize -f border.txt
done
printf 'a\000b\377c, and on.\n' > odd.txt
cat odd.txt | "$marvis" say --model "$m" -o x.wav --stats stats.json - 2> "$temp/err"
is 'a pipe: what is no text is left out, with a warning' 1 "$(grep -c 'warning: standard input: line 1 holds a NUL' "$temp/err")"
is 'a pipe: what is no text is left out: spoken' 5 "$(stat_of n_frames)"
cat odd.txt | "$marvis" say --model "$m" -q -o x.wav - 2> "$temp/err"
is 'a pipe: quiet, no warning' '' "$(cat "$temp/err")"
# A file that somebody has begun to read: its head is none of our text.
{ printf 'caf\351\n' && echo 'and on.'; } > odd.txt
{
    read -r _
    "$marvis" say --model "$m" -q -o x.wav --stats stats.json - 2> "$temp/err"
} < odd.txt
is 'a file from its middle on' 'and on.' "$(stat_of text)"

# ---- the end of the speech ----------------------------------------------------------------------
run "$marvis" say --model "$endless" --greedy -o cap.wav --max-seconds 1 --stats stats.json hi
is 'cap: status' 0 "$status"
is 'cap: 13 frames hold 1 s' 13 "$(stat_of n_frames)"
is 'cap: stop' cap "$(stat_of stop)"
is 'cap: a warning' 1 "$(grep -c 'warning.*--max-seconds' "$temp/err")"
works 'cap: quiet' say --model "$endless" --greedy -o cap.wav --max-seconds 1 -q hi

run "$marvis" say --model "$models/stuck" --greedy -o stuck.wav --stats stats.json hi
is 'runaway: status' 0 "$status"
is 'runaway: stop' runaway "$(stat_of stop)"
is 'runaway: a warning' 1 "$(grep -c 'warning.*--seed' "$temp/err")"
run "$marvis" say --model "$models/stuck" --greedy -o stuck.wav --stats stats.json --no-guard \
    --max-seconds 3 hi
is 'runaway: not with --no-guard' cap "$(stat_of stop)"

# Ctrl-C: wait until there is speech in the temporary file, then interrupt.
interrupt() { # SIGNAL
    rm -f cut.wav
    "$tool" interruptible "$marvis" say --model "$endless" --temperature 50 --no-guard \
        --max-seconds 160 --chunk-frames 1 --stats stats.json -o cut.wav hi 2> "$temp/err" &
    pid=$!
    while kill -0 $pid 2> /dev/null; do
        for part in .marvis-*.part; do
            [ -s "$part" ] && [ "$(size "$part")" -gt 8000 ] && break 2
        done
    done
    kill -s "$1" $pid 2> /dev/null
    wait $pid
    status=$?
    is "$1: status" 1 "$status"
    is "$1: message" 1 "$(grep -c '^marvis: cancelled after .*cut.wav holds' "$temp/err")"
    is "$1: stop" cancelled "$(stat_of stop)"
    is "$1: a whole file" "wav 24000 1 $(($(stat_of n_frames) * 1920))" "$("$tool" audio cut.wav)"
    is "$1: no temporary file" '' "$(listing | grep 'part$')"
}
interrupt INT
interrupt TERM

# In the second line: the message says where the text goes on.
mkfifo lines
"$tool" interruptible "$marvis" say --model "$m" --retries 0 --chunk-frames 1 -o cut.wav - < lines \
    2> "$temp/err" &
pid=$!
exec 3> lines
printf 'One line of words.\nAnd another.\n' >&3
while kill -0 $pid 2> /dev/null; do
    for part in .marvis-*.part; do
        [ -s "$part" ] && [ "$(size "$part")" -gt 30000 ] && break 2
    done
done
kill -s INT $pid 2> /dev/null
wait $pid
exec 3>&-
is 'INT in the second line: message' 1 \
    "$(grep -cE '^marvis: cancelled after .*cut.wav holds what was spoken, the text up to byte (19|32)$' "$temp/err")"
rm lines

# The same while the program waits for somebody to read the pipe, which is full.
mkfifo held
interrupt_pipe() { # SIGNAL
    "$tool" interruptible "$marvis" say --model "$endless" --greedy --no-guard \
        --max-seconds 160 --stats stats.json -o held hi 2> "$temp/err" &
    pid=$!
    exec 3< held
    "$tool" full held
    kill -s "$1" $pid
    i=0
    while kill -0 $pid 2> /dev/null && [ $i -lt 600 ]; do
        i=$((i + 1))
        sleep 0.05
    done
    kill -s KILL $pid 2> /dev/null
    wait $pid
    is "$1, a pipe that nobody reads: status" 1 $?
    is "$1, a pipe that nobody reads: message" 1 \
        "$(grep -c '^marvis: cancelled after .* s, of which held was not read to the end' "$temp/err")"
    is "$1, a pipe that nobody reads: stop" cancelled "$(stat_of stop)"
    exec 3<&-
}
interrupt_pipe INT
interrupt_pipe TERM
rm held
# A pipe that never holds up a write, as a parent may have made it, and a text that comes late.
{
    sleep 0.1
    printf hi
} | "$tool" nonblocking "$marvis" say --model "$endless" --greedy --no-guard \
    --max-seconds 10 -q -o - - | { sleep 0.3; cat; } > late.wav
"$marvis" say --model "$endless" --greedy --no-guard --max-seconds 10 -q -o - hi |
    cat > soon.wav
same 'pipes that do not block: the same' late.wav soon.wav
is 'a text that comes late, to be written out' 'At ten thirty' \
    "$({ sleep 0.1; printf 'At 10'; sleep 0.1; printf ':30'; } | "$tool" nonblocking "$marvis" normalize -)"
is 'a text that comes late' '[256, 91, 48, 93, 104, 105, 257]' \
    "$({ sleep 0.1; printf hi; } | "$tool" nonblocking "$marvis" tokenize "$m" -)"
rm -f late.wav soon.wav

# ---- info, trace, codec -------------------------------------------------------------------------
works 'info' info "$m"
is 'info: a table' 1 "$(grep -c '^layout  *original$' "$temp/out")"
works 'info --json' info --json "$m"
cp "$temp/out" info.json
is 'info --json: codebooks' 32 "$("$tool" json info.json model.codebooks)"
mkdir bare
cp "$m/model.safetensors" "$m/config.json" bare
works 'info without codec and tokenizer' info bare

"$tool" tensors in.safetensors tokens:I32:3x33:0 mask:U8:3x33:1 frames:I32:2x32:1
works 'trace' trace --model bare --input in.safetensors -o out.safetensors
is 'trace: hidden' 'F32 2x610' "$("$tool" shape out.safetensors hidden)"
is 'trace: logits' 'F32 2x32x19' "$("$tool" shape out.safetensors logits)"

trace_to() { # NAME FILE
    works "trace to $1" trace --model bare --input in.safetensors -o "$2"
}
(umask 077 && "$marvis" trace --model bare --input in.safetensors -o private.safetensors)
is 'trace: the rights of the umask' rw------- "$(rights private.safetensors)"
same 'trace: the same again' private.safetensors out.safetensors
mkdir elsewhere
echo old > elsewhere/target.safetensors
chmod 662 elsewhere/target.safetensors
ln -s elsewhere/target.safetensors link.safetensors
trace_to 'a link' link.safetensors
is 'trace to a link: the link stays' elsewhere/target.safetensors "$(readlink link.safetensors)"
same 'trace to a link: its file is replaced' elsewhere/target.safetensors out.safetensors
is 'trace to a link: with the rights it had' rw-rw--w- "$(rights elsewhere/target.safetensors)"
mkfifo fifo
cat fifo > from_fifo &
trace_to 'a pipe' fifo
is 'trace to a pipe: a pipe still' 1 "$(test -p fifo && echo 1)"
if [ -p fifo ]; then wait $!; else kill $!; fi
same 'trace to a pipe: all of it' from_fifo out.safetensors
# A device of our own: a program that goes wrong as root would replace the one that all share.
if mknod null c 1 3 2> /dev/null && (: > null) 2> /dev/null || { [ "$(id -u)" -ne 0 ] &&
    ln -s /dev/null null; }; then
    trace_to 'a device' null
    is 'trace to a device: a device still' 1 "$(test -c null && echo 1)"
else
    skip 'no device to write to'
    skip 'no device to look at'
fi
is 'trace: no temporary file' '' "$(listing | grep -e 'part$' -e 'safetensors[.]')"

# Ctrl-C waits until the tensors are written and the temporary file is gone.
run "$tool" interrupted "$marvis" trace --model bare --input in.safetensors -o cut.safetensors
is 'trace interrupted: status' 1 "$status"
is 'trace interrupted: message' 'marvis: interrupted' "$(cat "$temp/err")"
same 'trace interrupted: a whole file' cut.safetensors out.safetensors
is 'trace interrupted: no temporary file' '' "$(listing | grep 'part$')"

"$tool" tensors codes.safetensors codes:I32:32x11:3
works 'codec decode' codec decode --model "$m" codes.safetensors -o d.wav
is 'codec decode: length' 'wav 24000 1 21120' "$("$tool" audio d.wav)"
works 'codec decode in pieces' codec decode --model "$m" codes.safetensors -o e.wav --chunk-frames 3
same 'codec decode in pieces: the same' d.wav e.wav
"$tool" tensors one.safetensors codes:I32:32x1:3
"$tool" tensors two.safetensors codes:I32:32x2:3+2
works 'codec decode one frame' codec decode --model "$m" one.safetensors -o one.raw
works 'codec decode two frames' codec decode --model "$m" two.safetensors -o two.raw
head -c 3840 two.raw > begin.raw
same 'codec decode: frames are the columns' begin.raw one.raw
mkdir codec
cp "$m/mimi.safetensors" "$m/config.json" codec
works 'codec decode --codec' codec decode --codec codec/mimi.safetensors codes.safetensors -o f.wav
same 'codec decode --codec: the same' d.wav f.wav

# ---- where models are looked for ----------------------------------------------------------------
cache=$temp/hub
snapshot=$cache/models--owner--tiny/snapshots/0123
mkdir -p "$snapshot" "$cache/models--owner--tiny/refs" "$HOME/.cache/huggingface" "$temp/xdg/huggingface"
cp "$m"/* "$snapshot"
printf 0123 > "$cache/models--owner--tiny/refs/main"
ln -s "$cache" "$HOME/.cache/huggingface/hub"
works 'hub: home' info owner/tiny
rm "$HOME/.cache/huggingface/hub"
fails 2 'owner/tiny' info owner/tiny
ln -s "$cache" "$temp/xdg/huggingface/hub"
for setting in "HF_HUB_CACHE=$cache" "HF_HOME=$temp" "XDG_CACHE_HOME=$temp/xdg"; do
    run env "$setting" "$marvis" info owner/tiny
    is "hub: ${setting%%=*}" 0 "$status"
done

mkdir -p bin share/marvis models
cp "$marvis" bin/marvis
cp -R "$m" share/marvis/builtin
run bin/marvis say -o builtin.wav hi
same 'built-in voice, installed' builtin.wav a.wav
mv share/marvis/builtin models/builtin
run bin/marvis say -o builtin2.wav hi
same 'built-in voice, beside the build folder' builtin2.wav a.wav

# ---- what is spoken -----------------------------------------------------------------------------
works 'normalize' normalize 'At 10:30 Dr. Smith paid $5 🎉.'
is 'normalize: the words' 'At ten thirty Doctor Smith paid five dollars.' "$(cat "$temp/out")"
works 'say --dry-run' say --dry-run 'At 10:30 Dr. Smith paid $5 🎉.'
is 'say --dry-run: the words' 'At ten thirty Doctor Smith paid five dollars.' "$(cat "$temp/out")"
works 'say --dry-run --no-normalize' say --dry-run --no-normalize 'At 10:30.'
is 'say --dry-run --no-normalize: as it is' 'At 10:30.' "$(cat "$temp/out")"
printf 'It is 5%%.\n' > five.txt
works 'normalize a file' normalize -f five.txt
is 'normalize a file: the words' 'It is five percent.' "$(cat "$temp/out")"
is 'normalize standard input' 'It is five percent.' "$("$marvis" normalize - < five.txt)"
works 'say speaks the words' say --model "$m" -o n.wav --stats stats.json -f five.txt
is 'say speaks the words: statistics' 'It is five percent.' "$(stat_of text)"
# Of any size: blocks that end with a paragraph, each written out as the whole would be.
awk 'BEGIN { for (i = 0; i < 30000; i++) printf "It was %d%% on day %d,\nor\nso.\r\n\r\n", i % 90, i }' > big.txt
works 'a dry run of two mebibytes' say --dry-run -f big.txt
is 'a dry run of two mebibytes: all of it' 30000 "$(grep -c '^It was .* percent on day .*, or so.$' \
    "$temp/out")"
is 'a dry run of two mebibytes: its paragraphs' 29999 "$(grep -c '^$' "$temp/out")"
is 'normalize of a pipe of two mebibytes: the same' '' "$(cat big.txt | "$marvis" normalize - |
    cmp - "$temp/out" 2>&1)"
works 'a dry run, as it is' say --dry-run --no-normalize -f big.txt
is 'a dry run, as it is: all but the last line end' $(($(wc -c < big.txt) - 3)) \
    "$(wc -c < "$temp/out" | tr -d ' ')"
tr '\r\n' '  ' < big.txt > line.txt
works 'a dry run of one long line' say --dry-run -f line.txt
is 'a dry run of one long line: all of it' 30000 "$(grep -o 'percent on day' "$temp/out" | wc -l | tr -d ' ')"
rm -f big.txt line.txt
works 'say --no-normalize' say --model "$m" -o n.wav --stats stats.json --no-normalize -f five.txt
is 'say --no-normalize: statistics' 'It is 5%.' "$(stat_of text)"
odd=$(printf 'sp\377y.wav')
if touch "$odd" 2> /dev/null; then
    works 'a file whose name is no UTF-8' say --model "$m" -o "$odd" --stats stats.json hi
    is 'a file whose name is no UTF-8: told' 1 "$(grep -c '"output": "sp.*y.wav"' stats.json)"
    rm "$odd"
else
    skip 'no such names here'
fi
