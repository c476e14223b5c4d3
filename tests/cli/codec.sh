# shellcheck shell=sh disable=SC2154
# codec.sh - speech to codes and back: marvis codec encode, whose output codec decode reads, and every
# way to call it wrongly. Run by run.sh.

m=$models/m
works 'speech to encode' say --model "$m" --seed 1 'Some words.' -o speech.wav
works 'codec encode' codec encode --model "$m" speech.wav -o codes.safetensors
is 'codec encode: a frame for each 80 ms' 'I32 32x5' "$("$tool" shape codes.safetensors codes)"
works 'codec decode of it' codec decode --model "$m" codes.safetensors -o back.wav
is 'codec decode of it: length' 'wav 24000 1 9600' "$("$tool" audio back.wav)"
works 'codec encode again' codec encode --model "$m" --threads 1 speech.wav -o again.safetensors
same 'codec encode again: the same' codes.safetensors again.safetensors
for tier in scalar auto; do
    works "codec encode --cpu $tier" codec encode --cpu $tier --model "$m" speech.wav -o tier.safetensors
done
works 'codec encode --codebooks' codec encode --model "$m" speech.wav -o few.safetensors --codebooks 4
is 'codec encode --codebooks: so many' 'I32 4x5' "$("$tool" shape few.safetensors codes)"
works 'codec decode of few' codec decode --model "$m" few.safetensors -o few.wav
cp "$m/config.json" config.json
works 'codec encode --codec' codec encode --codec "$m/mimi.safetensors" speech.wav -o alone.safetensors
same 'codec encode --codec: the same' codes.safetensors alone.safetensors

# Any format: an exact one gives the same codes, and the others as many frames.
works 'speech as FLAC' say --model "$m" --seed 1 'Some words.' -o speech.flac
works 'codec encode of FLAC' codec encode --model "$m" speech.flac -o flac.safetensors
same 'codec encode of FLAC: as of WAV' codes.safetensors flac.safetensors
for format in opus ogg mp3; do
    works "speech as $format" say --model "$m" --seed 1 'Some words.' -o "speech.$format"
    works "codec encode of $format" codec encode --model "$m" "speech.$format" -o other.safetensors
done
# From a pipe the WAV does not know its length.
"$marvis" say --model "$m" --seed 1 'Some words.' -q -o - | cat > piped.wav
works 'codec encode of a piped WAV' codec encode --model "$m" piped.wav -o piped.safetensors
same 'codec encode of a piped WAV: as of WAV' codes.safetensors piped.safetensors

# 50 ms are one frame.
head -c $((44 + 2400)) piped.wav > short.wav
works 'codec encode of 50 ms' codec encode --model "$m" short.wav -o short.safetensors
is 'codec encode of 50 ms: one frame' 'I32 32x1' "$("$tool" shape short.safetensors codes)"

# ---- what is wrong ------------------------------------------------------------------------------
: > empty.wav
echo 'This is no sound.' > text.wav
head -c 5000 speech.wav > cut.wav
head -c 44 piped.wav > header.wav
mkdir folder
encode_fails() { # STATUS WORDS AUDIO
    fails "$1" "$2" codec encode --model "$m" "$3" -o x.safetensors
}
fails 2 'AUDIO is missing'    codec encode -o x.safetensors
fails 2 '--output is missing' codec encode --model "$m" speech.wav
fails 2 'must be a file'      codec encode --model "$m" speech.wav -o -
fails 2 'give one of them'    codec encode --model "$m" --codec "$m/mimi.safetensors" speech.wav -o x.safetensors
fails 2 'codes are no sound'  codec encode --model "$m" speech.wav -o x.wav
fails 2 'codes are no sound'  codec encode --model "$m" speech.wav -o speech.wav
cp speech.wav speech
fails 2 'codes are no sound'  codec encode --model "$m" speech -o ./speech
fails 1 'nofolder'            codec encode --model "$m" speech.wav -o nofolder/x.safetensors
fails 2 'is not an option of' codec encode --model "$m" speech.wav -o x.safetensors --format wav
fails 2 '33 codebooks'        codec encode --model "$m" speech.wav -o x.safetensors --codebooks 33
fails 2 'junk.safetensors'    codec encode --codec junk.safetensors speech.wav -o x.safetensors
encode_fails 2 'gone.wav: cannot be opened'    gone.wav
encode_fails 2 'folder: is no ordinary file'   folder
encode_fails 2 'empty.wav: is empty'           empty.wav
encode_fails 2 'text.wav: is not audio'        text.wav
encode_fails 2 'cut.wav: is cut off'           cut.wav
encode_fails 2 'header.wav: holds no sound'    header.wav
