# shellcheck shell=sh disable=SC2154
# voice.sh - marvis say in the voice of a recording: what is gone on from, what is written, and every
# way to give it wrongly. Run by run.sh.

m=$models/m
said='These are the words that somebody says in it, slowly.'
"$marvis" say --model "$models/endless" -o ref.wav --seed 1 --temperature 50 --no-guard --max-seconds 4 \
    hi 2> /dev/null
is 'a recording' 'wav 24000 1 96000' "$("$tool" audio ref.wav)"

# ---- what comes out -----------------------------------------------------------------------------
# m speaks 5 frames after a frame whose first code is 0: codes of zeros are such a recording.
"$tool" tensors zeros.safetensors codes:I32:32x50:0 || exit 1
works '--voice-codes' say --model "$m" --voice-codes zeros.safetensors --voice-text "$said" -o a.wav \
    --stats a.json --seed 1 'Hello.'
is '--voice-codes: the new speech alone' 'wav 24000 1 9600' "$("$tool" audio a.wav)"
# BOS "[0]", the words, a space, "Hello.", EOS; 50 frames; no frame of zeros after them
is 'trap 25: positions of the prompt' $((2 + 3 + ${#said} + 1 + 6 + 50)) \
    "$("$tool" json a.json n_prompt)"
is '--voice-codes: statistics' zeros.safetensors "$("$tool" json a.json voice.file)"
is '--voice-codes: seconds' 4.0 "$("$tool" json a.json voice.seconds)"
works 'no voice' say --model "$m" -o b.wav --stats b.json --seed 1 'Hello.'
is 'no voice: statistics' null "$("$tool" json b.json voice)"
differs 'the codec goes on from the voice' a.wav b.wav

works 'a transcript with a number' say --model "$m" --voice-codes zeros.safetensors \
    --voice-text 'I have 3 of these, and that is all there is.' -o n.wav --stats n.json 'Hello.'
is 'a transcript with a number: written out, as the text is' $((2 + 3 + 48 + 1 + 6 + 50)) \
    "$("$tool" json n.json n_prompt)"
rm n.wav n.json

# The same from audio and from its codes, made by hand: quiet cut off, a pause behind.
voice() { # ARGUMENT...
    run "$marvis" say --model "$models/endless" --max-seconds 1 --greedy --seed 1 'Hello.' "$@"
}
voice --voice-audio ref.wav --voice-text "$said" -o a.wav --stats a.json
is '--voice-audio' 0 "$status"
seconds=$("$tool" json a.json voice.seconds)
is '--voice-audio: seconds, with the pause' 4.24 "$seconds"
"$marvis" say --model "$models/endless" -o - --format wav --seed 1 --temperature 50 --no-guard \
    --max-seconds 4 hi 2> /dev/null | cat > piped.wav
{
    head -c 44 piped.wav
    head -c 48000 /dev/zero
    tail -c +45 piped.wav
    head -c 480000 /dev/zero
} > quiet.wav
voice --voice-audio quiet.wav --voice-text "$said" -o b.wav --stats b.json
is 'a quiet recording' 0 "$status"
is 'a quiet recording: no quiet but 50 ms and the pause' 4.32 "$("$tool" json b.json voice.seconds)"
voice --voice-audio ref.wav --voice-text "$said" -o c.wav --threads 1 --chunk-frames 1
same 'any threads, any chunks' a.wav c.wav
voice --voice-audio ref.wav --voice-text "$said" -o c.wav --codebooks 8
is 'fewer codebooks' 0 "$status"
for extension in flac ogg mp3; do
    "$marvis" say --model "$models/endless" -o "ref.$extension" --seed 1 --temperature 50 --no-guard \
        --max-seconds 4 hi 2> /dev/null
    voice --voice-audio "ref.$extension" --voice-text "$said" -o c.wav
    is "a recording as $extension" 0 "$status"
done

# ---- the transcript -----------------------------------------------------------------------------
voice --voice-audio ref.wav --voice-text 'Too short.' -o c.wav
is 'trap 29: a short transcript is a warning' 0 "$status"
is 'trap 29: which names the numbers' 1 "$(grep -c 'warning: .* 10 characters for 4.2 s .* 2.4 a second' \
    "$temp/err")"
voice --voice-audio ref.wav --voice-text "$said $said $said" -o c.wav
is 'trap 29: a long transcript, too' 1 "$(grep -c 'warning: .* 161 characters for 4.2 s' "$temp/err")"
voice --voice-audio ref.wav --voice-text 'Too short.' -o c.wav --quiet
is 'trap 29: not when quiet' 0 "$(wc -c < "$temp/err" | tr -d ' ')"
rm -f c.wav
fails 2 '--voice-text is missing: give the words that are said in ref.wav' \
    say --model no-such-model hi -o x.wav --voice-audio ref.wav
fails 2 '--voice-text is missing' say --model no-such-model hi -o x.wav --voice-codes zeros.safetensors
fails 2 '--voice-text is empty'   say --model no-such-model hi -o x.wav --voice-audio ref.wav --voice-text ' '
fails 2 '--voice-text: nothing in it is spoken' say --model "$m" hi -o x.wav \
    --voice-codes zeros.safetensors --voice-text '***'
fails 2 '--voice-text without'    say --model no-such-model hi -o x.wav --voice-text "$said"

# ---- the recording ------------------------------------------------------------------------------
: > empty.wav
echo 'This is no sound.' > text.wav
head -c 5000 ref.wav > cut.wav
head -c 44 piped.wav > header.wav
{ head -c 44 piped.wav; head -c 240000 /dev/zero; } > silent.wav
head -c $((44 + 2400)) piped.wav > short.wav
"$tool" tensors other.safetensors other:I32:32x50:0 || exit 1
"$tool" tensors few.safetensors codes:I32:8x50:0 || exit 1
"$tool" tensors high.safetensors codes:I32:32x50:16 || exit 1
"$tool" tensors long.safetensors codes:I32:32x950:0 || exit 1
voice_fails() { # STATUS WORDS FILE
    fails "$1" "$2" say --model "$m" hi -o x.wav --voice-audio "$3" --voice-text "$said"
}
codes_fail() { # STATUS WORDS FILE
    fails "$1" "$2" say --model "$m" hi -o x.wav --voice-codes "$3" --voice-text "$said" --quiet
}
fails 2 'give one of them' say --model "$m" hi -o x.wav --voice-audio ref.wav \
    --voice-codes zeros.safetensors --voice-text "$said"
voice_fails 2 'gone.wav: cannot be opened' gone.wav
voice_fails 2 'is no ordinary file'        .
voice_fails 2 'empty.wav: is empty'        empty.wav
voice_fails 2 'text.wav: is not audio'     text.wav
voice_fails 2 'cut.wav: is cut off'        cut.wav
voice_fails 2 'header.wav: holds no sound' header.wav
voice_fails 2 'silent.wav: the audio is silent' silent.wav
voice_fails 2 'short.wav: only 0.32 s'     short.wav
codes_fail 2 'gone.safetensors'            gone.safetensors
codes_fail 2 'ref.wav'                     ref.wav
codes_fail 2 'no tensor "codes"'                     other.safetensors
codes_fail 2 'few.safetensors: the voice: the recording has 8 codebooks, the session speaks with 32' \
    few.safetensors
codes_fail 2 'high.safetensors: the voice: frame 0, codebook 0: code 16' high.safetensors
codes_fail 2 'long.safetensors: the voice: 76.0 s of recording' long.safetensors
# The file is looked at before a model is loaded.
fails 2 'text.wav' say --model no-such-model hi -o x.wav --voice-audio text.wav --voice-text "$said"
# A minute is too long beside 90 s of speech and the texts, or by itself.
{
    head -c 44 piped.wav
    for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do tail -c +45 piped.wav; done
} > long.wav
voice_fails 2 'long.wav: 80.2' long.wav
"$marvis" codec encode --quiet --model "$m" long.wav -o minute.safetensors
fails 2 'shorter recording' say --model "$m" hi -o x.wav --voice-codes minute.safetensors --quiet \
    --voice-text "$said"

# A codec that only decodes.
mkdir deaf
cp "$m/model.safetensors" "$m/config.json" "$m/tokenizer.json" deaf
"$tool" decoder-only "$m/mimi.safetensors" deaf/mimi.safetensors || exit 1
fails 2 'has no encoder' say --model deaf hi -o x.wav --voice-audio ref.wav --voice-text "$said"
works 'a codec that only decodes, with codes' say --model deaf hi -o x.wav --seed 1 \
    --voice-codes zeros.safetensors --voice-text "$said"
