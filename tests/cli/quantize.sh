# shellcheck shell=sh disable=SC2154
# quantize.sh - one-file models by the program: the same speech from one file, what is refused, and
# that nothing is left of a file that did not become whole. Run by run.sh.

m=$models/m
echo kept > kept.gguf

works 'quantize: f32' quantize "$m" -o f32.gguf --type f32
works 'speech of the folder' say --model "$m" --seed 4 -o folder.wav -q hi
works 'speech of the file' say --model f32.gguf --seed 4 -o file.wav -q hi
same 'one file speaks as the folder does' folder.wav file.wav
works 'tokens of the folder' tokenize "$m" 'hi there'
cp "$temp/out" tokens
works 'tokens of the file' tokenize f32.gguf 'hi there'
same 'the tokenizer is in the file' tokens "$temp/out"
works 'info' info --json f32.gguf
is 'info: the codec is in the file' 3 "$(grep -c '"file": "f32.gguf"' "$temp/out" | tr -d ' ')"
mkdir alone && cp f32.gguf alone/model.gguf
works 'a folder with one .gguf is a model' info alone

works 'quantize: the default' quantize "$m" -o mix.gguf
works 'quantize: exceptions' quantize "$m" -o q8.gguf --type q8,depth.ffn=q4,tables=bf16 --threads 1
works 'speech of the mix' say --model mix.gguf --seed 4 -o mix.wav -q hi
works 'quantize: again' quantize q8.gguf -o again.gguf --type f32
works 'quantize replaces a file' quantize "$m" -o kept.gguf --type f32
same 'the same file each time' kept.gguf f32.gguf
works 'codec of the file' codec encode --model f32.gguf folder.wav -o codes.safetensors
works 'a voice of the folder' voice create ./v.safetensors --model "$m" --codes codes.safetensors \
    --text 'hi there you' -q
works 'is a voice of the file' voice show --json --model q8.gguf ./v.safetensors
is 'and fits it' 1 "$(grep -c '"usable": true' "$temp/out" | tr -d ' ')"

works 'report' quantize "$m" --report --type q8,heads=f32
is 'report: a line for each mix, and for the one that is asked for, those below 16 bits calibrated, too' 14 "$(wc -l < "$temp/out" | tr -d ' ')"
is 'report: bf16 keeps the best codes of this model' 1 "$(grep -c '^bf16 .* 100.00 %$' "$temp/out" | tr -d ' ')"

is 'report: with and without calibration' 6 "$(grep -c ' calibrated ' "$temp/out" | tr -d ' ')"

# The model is calibrated where something gets 4 bits, and where that is asked for.
works 'calibrated by default' quantize "$m" -o q4.gguf --type q4
works 'as with 256 frames' quantize "$m" -o q4-256.gguf --type q4 --calibrate 256 --threads 1
same 'the same file for any number of threads' q4.gguf q4-256.gguf
works 'not calibrated' quantize "$m" -o q4-plain.gguf --type q4 --calibrate 0
differs 'calibration makes another file' q4.gguf q4-plain.gguf
for type in f32 q8 int8 q8,heads=bf16; do
    works "$type: not by default" quantize "$m" -o one.gguf --type $type
    works "$type: not calibrated" quantize "$m" -o two.gguf --type $type --calibrate 0
    same "$type: is not calibrated by default" one.gguf two.gguf
done
for type in mix q8,depth.ffn=q4 heads=q8; do
    works "$type: by default" quantize "$m" -o one.gguf --type $type
    is "$type: is calibrated by default" 1 "$(grep -c marvis.calibration_frames one.gguf)"
done
mkdir mute && "$tool" model mute -2 && cp "$m/mimi.safetensors" mute
run "$marvis" quantize mute -o one.gguf
is 'a model that does not speak is quantised without' 0 "$status"
is 'and that is told' 1 "$(grep -c 'warning: not calibrated: mute.*before it had said' "$temp/err")"
works 'or not, with -q' quantize mute -q -o one.gguf
fails 2 'quantise it without calibration' quantize mute -o x.gguf --type q8 --calibrate 9

# ---- refused ------------------------------------------------------------------------------------
fails 2 '--output is missing'      quantize "$m"
fails 2 'must be a file'           quantize "$m" -o -
fails 2 'ends in .gguf'            quantize "$m" -o x.safetensors
fails 2 'is the model itself'      quantize f32.gguf -o f32.gguf
ln -s f32.gguf link.gguf
fails 2 'is the model itself'      quantize f32.gguf -o link.gguf
fails 2 'read from it'             quantize alone -o alone/model.gguf
fails 2 'mix, f32, f16, bf16, q8, q4 or int8' quantize "$m" -o x.gguf --type q5
fails 2 'depth.ffn, heads'         quantize "$m" -o x.gguf --type q8,ffn=q4
fails 2 '--type needs a value'     quantize "$m" -o x.gguf --type
fails 2 'not an option of'         quantize "$m" -o x.gguf --weights f32
fails 2 'must be 0 to 1000000'     quantize "$m" -o x.gguf --calibrate -1
fails 2 'not an option of'         say --calibrate 5 -o x.wav hi
fails 2 'nosuch'                   quantize nosuch -o x.gguf
fails 1 'nofolder/x.gguf'          quantize "$m" -o nofolder/x.gguf
fails 2 'not an option of'         say --model "$m" --type q8 -o x.wav hi
head -c 5000 f32.gguf > cut.gguf
fails 2 'incomplete'               say --model cut.gguf -o x.wav hi
fails 2 'incomplete'               quantize cut.gguf -o x.gguf

# A full disk, played by a limit on the size of files.
listing_before=$(listing)
(
    ulimit -f 8
    exec "$marvis" quantize "$m" -o x.gguf --type f32
) > "$temp/out" 2> "$temp/err"
status=$?
verify_failure 'full disk' 1 'x.gguf'

# Interrupted: the built-in voice takes long enough.
listing_before=$(listing)
"$marvis" quantize -o slow.gguf --type q4 --calibrate 0 --threads 1 > "$temp/out" 2> "$temp/err" &
job=$!
n=0
while [ $n -lt 600 ] && ! ls .marvis-*.part > /dev/null 2>&1; do
    sleep 0.05
    n=$((n + 1))
done
kill -INT $job
wait $job
status=$?
verify_failure 'interrupted' 1 'interrupted'

listing_before=$(listing)
"$marvis" quantize "$models/endless" -o slow.gguf --calibrate 1000000 > "$temp/out" 2> "$temp/err" &
job=$!
sleep 1
kill -INT $job
wait $job
status=$?
verify_failure 'interrupted while the model speaks' 1 'interrupted'
