# shellcheck shell=sh disable=SC2154
# errors.sh - every way to call the program wrongly, and every way its work can fail: the exit status,
# one line that names the culprit, and no file left behind. Run by run.sh.

m=$models/m
echo 'Some words.' > words.txt
printf ' \n\t\r\n' > blank.txt
: > empty.txt
head -c 1048577 /dev/zero | tr '\0' 'a' > huge.txt
echo kept > kept.wav
mkdir folder

# ---- commands and options -----------------------------------------------------------------------
fails 2 'marvis help'
fails 2 'unknown command'              frobnicate
fails 2 "did you mean 'marvis say'"    sya hello
fails 2 'decode, encode'                codec
fails 2 "'codec recode'"               codec recode in.wav
fails 2 'nosuch'                       help nosuch
fails 2 '--frobnicate'                 say --frobnicate hi -o x.wav
fails 2 'did you mean --model'         say --modle "$m" hi -o x.wav
fails 2 'did you mean --temperature'   say --temp 1 hi -o x.wav
fails 2 'not an option of'             info --seed 1 "$m"
fails 2 '-z'                           say -z hi -o x.wav
fails 2 'put -- before'                say "-5 degrees outside" -o x.wav
fails 2 '--seed needs a value'         say hi -o x.wav --seed
fails 2 '--model needs a value'        say --model --seed 3 hi -o x.wav
fails 2 '--model needs a value'        say --model= hi -o x.wav
fails 2 '--model needs a value'        say --model -- hi -o x.wav
fails 2 '--greedy takes no value'      say --greedy=1 hi -o x.wav
fails 2 "'there' is superfluous"       say --model "$m" hi there -o x.wav
fails 2 'options only'                 trace x

# ---- values -------------------------------------------------------------------------------------
for value in abc 1x '' 0x10 nan inf 1,5 1.2.3 2-1 --; do
    fails 2 --temperature say --model "$m" hi -o x.wav --temperature "$value"
    fails 2 --max-seconds say --model "$m" hi -o x.wav --max-seconds "$value"
done
for value in abc 1.5 '' 1e3 2-1 99999999999999999999; do
    fails 2 --seed    say --model "$m" hi -o x.wav --seed "$value"
    fails 2 --top-k   say --model "$m" hi -o x.wav --top-k "$value"
    fails 2 --threads say --model "$m" hi -o x.wav --threads "$value"
done
for pair in seed:-1 speaker:-1 speaker:1000000 temperature:-0.1 temperature:101 top-k:-1 \
    top-p:0 top-p:1.01 depth-temperature:-1 depth-top-k:-1 depth-top-p:0 codebooks:0 \
    max-seconds:0 max-seconds:-3 chunk-frames:0 chunk-frames:1025 threads:-1 threads:257; do
    fails 2 "--${pair%:*}" say --model "$m" hi -o x.wav "--${pair%:*}" "${pair#*:}"
done
fails 2 'auto|f32|bf16|int8|q8|q4|mix'  say --model "$m" hi -o x.wav --weights f64
fails 2 'wav|flac'       say --model "$m" hi -o x.wav --format aiff
fails 2 'quantum'        say --model "$m" hi -o x.wav --cpu quantum
fails 2 '1 to 32'        say --model "$m" hi -o x.wav --codebooks 33
fails 2 'not a whole number, nor auto' say --model "$m" hi -o x.wav --codebooks some
fails 2 'give one'       say --model "$m" hi -o x.wav --codebooks auto --resume
fails 2 '--greedy'       say --model "$m" hi -o x.wav --greedy --temperature 1

# ---- text ---------------------------------------------------------------------------------------
fails 2 'TEXT is missing'         say --model "$m" -o x.wav
fails 2 'no text to speak'        say --model "$m" -o x.wav ''
fails 2 'no text to speak'        say --model "$m" -o x.wav '  	 '
fails 2 'empty.txt'               say --model "$m" -o x.wav -f empty.txt
fails 2 'blank.txt'               say --model "$m" -o x.wav -f blank.txt
fails 2 'missing.txt'             say --model "$m" -o x.wav -f missing.txt
fails 2 'folder'                  say --model "$m" -o x.wav -f folder
fails 2 'give one of them'        say --model "$m" -o x.wav -f words.txt hi
# Too long a form, a surrogate, a plane too many, a lone tail, the end inside a character.
for bytes in '\300\257' '\340\237\277' '\355\240\200' '\360\217\277\277' '\364\220\200\200' '\365' '\200' '\342\200' \
    'caf\351 noir'; do
    # shellcheck disable=SC2059
    printf "One line.\nAnother $bytes" > odd.txt
    fails 2 'odd.txt: line 2 is not UTF-8' say --model "$m" -o x.wav -f odd.txt
    fails 2 'odd.txt: line 2 is not UTF-8' normalize -f odd.txt
    fails 2 'TEXT: line 2 is not UTF-8' say --model "$m" -o x.wav "$(cat odd.txt)"
    fails 2 'TEXT: line 2 is not UTF-8' normalize "$(cat odd.txt)"
done
{ cat huge.txt; printf '\nAnd a NUL\000\377'; } > odd.txt
fails 2 'line 2 holds a NUL'      say --model "$m" -o x.wav -f odd.txt
fails 2 'line 2 holds a NUL'      normalize -f odd.txt
rm odd.txt
fails 2 'standard input comes once' say --model "$m" -o x.wav --resume -
fails 2 'ordinary file'           say --model "$m" -o - --resume hi
listing_before=$(listing)
run "$marvis" say --model "$m" -o x.wav - < /dev/null
verify_failure 'empty standard input' 2 'standard input'
run "$marvis" tokenize "$m" - < huge.txt
verify_failure 'huge standard input' 2 '1 MiB'
run "$marvis" say --model "$m" -o x.wav - <&-
verify_failure 'closed standard input' 2 'standard input'

fails 2 'nothing in it is spoken' say --model "$m" -o x.wav '🎉 :)'
fails 2 'nothing in it is spoken' say --dry-run '🎉'
fails 2 'TEXT: nothing in it'      normalize '***'
fails 2 'TEXT is missing'         normalize
fails 2 'no text to speak'        normalize ' '
fails 2 'missing.txt'             normalize -f missing.txt
fails 2 'not an option of'        normalize --no-normalize hi

for options in '' --no-normalize; do
    fails 2 'TEXT: nothing in it is spoken, only emoji, signs' say --model "$m" -o x.wav $options '***'
    is "only signs $options: no advice that does not help" 0 "$(grep -c -e ';' "$temp/err")"
done

fails 2 'create, list, show, remove' voice
fails 2 'encode' codec
for call in 'voice --help' 'help voice' 'voice -h'; do
    works "$call" $call
    is "$call: its four commands" 4 "$(grep -c '^  marvis voice ' "$temp/out")"
done
fails 2 'unknown command' help nothing
fails 2 'the name of the model is empty' info ''

# ---- output -------------------------------------------------------------------------------------
fails 2 '--output is missing'     say --model "$m" hi
fails 2 '--device without --play'  say --model "$m" --device 0 -o a.wav hi
fails 2 '--resume is of a file' say --model "$m" --play --resume hi
fails 2 '--format is of a file' say --model "$m" --play --format wav hi
# What the libraries under PortAudio leave behind is not ours.
leaks=${ASAN_OPTIONS-}
export ASAN_OPTIONS=detect_leaks=0
fails 2 'sound'                   say --model "$m" --play --device 'no such card' hi
if [ -n "$leaks" ]; then ASAN_OPTIONS=$leaks; else unset ASAN_OPTIONS; fi
fails 2 'x.xyz'                   say --model "$m" hi -o x.xyz
fails 2 'does not end in'         say --model "$m" hi -o noextension
fails 2 'folder is a folder'      say --model "$m" hi -o folder
fails 2 'does not end in'         say --model "$m" hi -o some.dir/noextension
fails 2 'is a folder'             say --model "$m" hi --format wav -o folder
fails 2 'is a folder'             say --model "$m" hi --format wav -o nofolder/
fails 1 'nofolder/x.wav'          say --model "$m" hi -o nofolder/x.wav
fails 1 'words.txt/x.wav'         say --model "$m" hi -o words.txt/x.wav
fails 1 'nofolder/s.json'         say --model "$m" hi -o x.wav --stats nofolder/s.json
fails 2 'x.wav'                   say --model "$m" hi -o x.wav --stats x.wav
fails 2 'standard output'         say --model "$m" hi -o - --stats -
# One file by two names, there already or not.
ln -s . here
ln -s kept.wav link.wav
ln kept.wav hard.wav
ln -s nowhere.wav dangling.wav
for pair in x.wav:./x.wav "$work/x.wav:x.wav" here/x.wav:x.wav folder/../x.wav:x.wav \
    kept.wav:./kept.wav link.wav:kept.wav kept.wav:hard.wav; do
    fails 2 "--stats ${pair#*:} and --output ${pair%:*}" say --model no-such-model hi \
        -o "${pair%:*}" --stats "${pair#*:}"
done
listing_before=$(listing)
run "$marvis" say --model no-such-model hi --format raw -o ../out --stats -
verify_failure 'standard output is the output' 2 '--output ../out'
is 'one file by two names: the old file stays' kept "$(cat kept.wav)"
fails 2 'dangling.wav is a link'  say --model no-such-model hi -o dangling.wav
is 'a link to nothing stays' nowhere.wav "$(readlink dangling.wav)"
# What is read is not replaced by what is written.
ln words.txt words.wav
mkfifo pipe.wav.partial pipe.wav.resume
: > stats.wav.partial
for pair in '-f words.txt:-o words.wav' '-f words.txt:-o x.wav --stats ./words.txt' \
    'hi --voice-text hm --voice-audio kept.wav:-o link.wav' 'hi --voice-text hm --voice-codes hard.wav:-o kept.wav' \
    '-f stats.wav.partial:-o stats.wav --resume' 'hi --stats stats.wav.partial:-o stats.wav --resume' \
    'hi --stats new.wav.resume:-o ./new.wav --resume'; do
    # shellcheck disable=SC2086
    fails 2 'would be replaced by' say --model no-such-model ${pair%:*} ${pair#*:}
done
is 'a text stays' 'Some words.' "$(cat words.txt)"
fails 1 'pipe.wav.resume is no ordinary file' say --model "$m" -o pipe.wav --resume hi
rm pipe.wav.resume
fails 2 'pipe.wav.partial is no ordinary file' say --model "$m" -o pipe.wav --resume hi
rm words.wav pipe.wav.partial stats.wav.partial
for format in flac opus ogg mp3; do
    fails 2 "$format needs an ordinary file" say --model "$m" hi -o - --format $format
done
if [ -c /dev/full ]; then
    fails 1 '/dev/full'           say --model "$m" hi -o /dev/full
    : > x.wav # the speech itself is whole
    fails 1 '/dev/full'           say --model "$m" hi -o x.wav --stats /dev/full
    is 'statistics fail, the speech stays' 'wav 24000 1 9600' "$("$tool" audio x.wav)"
    rm x.wav
    listing_before=$(listing)
    for call in "say --model $m hi -o -" "say --model $m hi -o - --format raw" help --version \
        "info $m" "tokenize $m hi"; do
        # shellcheck disable=SC2086
        "$marvis" $call > /dev/full 2> "$temp/err"
        status=$?
        verify_failure "marvis $call > /dev/full" 1 'standard output'
    done
else
    skip 'no /dev/full'
fi
"$marvis" say --model "$m" hi -o - 2> "$temp/err" >&-
status=$?
verify_failure 'closed standard output' 1 'standard output'
# No file of the program's may take the number of the closed stream.
: > x.wav
listing_before=$(listing)
"$marvis" say --model "$m" hi -o x.wav --stats - 2> "$temp/err" >&-
status=$?
verify_failure 'closed standard output, statistics' 1 'standard output'
is 'closed standard output: the speech is whole' 'wav 24000 1 9600' "$("$tool" audio x.wav)"
rm x.wav
listing_before=$(listing)

# A reader that goes away: more speech than a pipe holds.
{
    "$marvis" say --model "$models/endless" -o - --greedy --max-seconds 20 hi 2> "$temp/err"
    echo $? > "$temp/status"
} | head -c 44 > /dev/null
status=$(cat "$temp/status")
verify_failure 'closed pipe' 1 'standard output'

# A reader that had enough, as head has, before anything was written: no failure of ours.
mkfifo gone
for call in 'help say' 'help' 'say --help' "info $m" 'voice list' '--version'; do
    : < gone &
    reader=$!
    exec 3> gone
    wait $reader
    # shellcheck disable=SC2086
    "$marvis" $call >&3 2> "$temp/err"
    is "$call, to nobody: status" 0 $?
    exec 3>&-
    is "$call, to nobody: silence" '' "$(cat "$temp/err")"
done
rm gone

# A full disk, played by a limit on the size of files (in units of 512 or 1024 bytes).
for extension in wav raw flac opus mp3; do
    (
        ulimit -f 2
        "$marvis" say --model "$models/endless" -o x.$extension --seed 1 --temperature 50 --no-guard \
            --max-seconds 20 hi 2> "$temp/err"
        echo $? > "$temp/status"
    )
    # the error itself is a file of less than the limit
    status=$(cat "$temp/status")
    verify_failure "full disk, $extension" 1 "x.$extension"
done

# What was there before a failure is there after it.
fails 2 'no-such-model' say --model no-such-model hi -o kept.wav
is 'a failure keeps the old file' kept "$(cat kept.wav)"

if [ "$(id -u)" -ne 0 ]; then
    mkdir locked && chmod 500 locked
    echo secret > secret.txt && chmod 000 secret.txt
    fails 1 'locked/x.wav' say --model "$m" hi -o locked/x.wav
    fails 2 'secret.txt'   say --model "$m" -o x.wav -f secret.txt
    fails 2 'secret.txt'   info secret.txt
else
    skip 'permissions mean nothing to root'
fi

# ---- models -------------------------------------------------------------------------------------
printf 'not a model' > junk.safetensors
mkdir bare nocodec notokenizer badconfig
cp "$m/model.safetensors" "$m/config.json" bare
cp "$m/model.safetensors" "$m/config.json" "$m/tokenizer.json" nocodec
cp "$m/model.safetensors" "$m/config.json" "$m/mimi.safetensors" notokenizer
cp "$m/model.safetensors" "$m/tokenizer.json" "$m/mimi.safetensors" badconfig
echo '{' > badconfig/config.json
fails 2 'no-such-model'       say --model no-such-model hi -o x.wav
fails 2 'owner/no-such-model' say --model owner/no-such-model hi -o x.wav
fails 2 'folder'              say --model folder hi -o x.wav
fails 2 'junk.safetensors'    say --model junk.safetensors hi -o x.wav
fails 2 'codec'               say --model nocodec hi -o x.wav
fails 2 'okenizer'            say --model notokenizer hi -o x.wav
fails 2 'badconfig/config'    say --model badconfig hi -o x.wav
fails 2 'gone.safetensors'    say --model nocodec --codec gone.safetensors hi -o x.wav
fails 2 'junk.safetensors'    say --model nocodec --codec junk.safetensors hi -o x.wav
fails 2 'gone.json'           say --model "$m" --tokenizer gone.json hi -o x.wav
fails 2 'words.txt'           say --model "$m" --tokenizer words.txt hi -o x.wav
fails 2 'gone.json'           say --model "$m" --config gone.json hi -o x.wav
fails 2 'no-such-model'       info no-such-model
fails 2 'junk.safetensors'    info --json junk.safetensors
fails 2 'TEXT is missing'     tokenize
fails 2 'TEXT is missing behind' tokenize "$m"
fails 2 '--config without --model' say --config csm-1b hi -o x.wav
echo 'A: hm' > script.txt
fails 2 '--config without --model' dialogue --config csm-1b script.txt -o x.wav
fails 2 '--speaker anna: this model has no names for its speakers' say --model "$m" --speaker anna hi -o x.wav
fails 2 '--speaker 1x: not a whole number' say --model no-such-model --speaker 1x hi -o x.wav
fails 2 '--speaker -1: must be 0 to 999999' say --model no-such-model --speaker -1 hi -o x.wav
fails 2 '--config without MODEL' info --config csm-1b
fails 2 '--config without MODEL' tokenize --config csm-1b hi
fails 2 'no-such-model'       tokenize no-such-model hi
fails 2 'okenizer'            tokenize notokenizer hi

# ---- trace --------------------------------------------------------------------------------------
tokens=tokens:I32:3x33:0 mask=mask:U8:3x33:1 frames=frames:I32:2x32:1
trace_fails() { # WORDS TENSOR...
    words=$1
    shift
    "$tool" tensors in.safetensors "$@" || exit 1
    fails 2 "$words" trace --model "$m" --input in.safetensors -o out.safetensors
}
: > in.safetensors
fails 2 'in.safetensors'      trace --model "$m" --input in.safetensors -o out.safetensors
fails 2 'gone.safetensors'    trace --model "$m" --input gone.safetensors -o out.safetensors
fails 2 '--input is missing'  trace --model "$m" -o out.safetensors
fails 2 '--output is missing' trace --model "$m" --input in.safetensors
fails 2 'must be a file'      trace --model "$m" --input in.safetensors -o -
trace_fails tokens        $mask $frames
trace_fails mask          $tokens $frames
trace_fails frames        $tokens $mask
trace_fails "I32"         tokens:F32:3x33:0 $mask $frames
trace_fails "I32"         tokens:I64:3x33:0 $mask $frames
trace_fails "U8"          $tokens mask:I32:3x33:1 $frames
trace_fails "I32"         $tokens $mask frames:U8:2x32:1
trace_fails "dimensions"  tokens:I32:99:0 $mask $frames
trace_fails "dimensions"  $tokens $mask frames:I32:1x2x32:0
trace_fails "columns"     tokens:I32:3x32:0 mask:U8:3x32:1 $frames
trace_fails "'mask'"      $tokens mask:U8:2x33:1 $frames
trace_fails "'mask'"      $tokens mask:U8:3x32:1 $frames
trace_fails "0 or 1"      $tokens mask:U8:3x33:2 $frames
trace_fails "'frames'"    $tokens $mask frames:I32:2x31:1
trace_fails "empty"       $tokens $mask frames:I32:0x32:1
trace_fails "empty"       tokens:I32:0x33:0 $mask $frames
trace_fails "in.safetensors: frame 0"             $tokens $mask frames:I32:2x32:19
trace_fails "id -1"          $tokens $mask frames:I32:2x32:-1
trace_fails "in.safetensors: position 0"         tokens:I32:3x33:258 $mask $frames
trace_fails "context"     tokens:I32:2049x33:0 mask:U8:2049x33:1 $frames
"$tool" tensors in.safetensors $tokens $mask $frames || exit 1
for model in "$m" no-such-model; do # the output is looked at before the model
    fails 1 'nofolder'     trace --model "$model" --input in.safetensors -o nofolder/out.safetensors
    fails 2 'is a folder'  trace --model "$model" --input in.safetensors -o folder
    fails 2 'is a folder'  trace --model "$model" --input in.safetensors -o nofolder/
    fails 2 'is a link'    trace --model "$model" --input in.safetensors -o dangling.wav
done
if [ -c /dev/full ]; then
    ln -s /dev/full full
    fails 1 'full'         trace --model "$m" --input in.safetensors -o full
    rm full
else
    skip 'no /dev/full'
fi
fails 2 'no-such-model'   trace --model no-such-model --input in.safetensors -o out.safetensors

# ---- codec decode -------------------------------------------------------------------------------
decode_fails() { # WORDS TENSOR
    "$tool" tensors codes.safetensors "$2" || exit 1
    fails 2 "$1" codec decode --codec "$m/mimi.safetensors" codes.safetensors -o x.wav
}
: > codes.safetensors
cp "$m/config.json" config.json
fails 2 'CODES is missing'  codec decode -o x.wav
fails 2 'codes.safetensors' codec decode --model "$m" codes.safetensors -o x.wav
fails 2 'gone.safetensors'  codec decode --model "$m" gone.safetensors -o x.wav
decode_fails "codes"        other:I32:32x4:1
decode_fails "I32"          codes:F32:32x4:1
decode_fails "dimensions"   codes:I32:32x4x1:1
decode_fails "empty"        codes:I32:32x0:1
decode_fails "33"           codes:I32:33x4:1
decode_fails "codes.safetensors: frame 0" codes:I32:32x4:16
decode_fails "frames from 8 on" codes:I32:32x12:8+1
decode_fails "-1"           codes:I32:32x4:-1
"$tool" tensors codes.safetensors codes:I32:32x4:1 || exit 1
fails 2 '--output is missing' codec decode --model "$m" codes.safetensors
fails 2 'give one of them'    codec decode --model "$m" --codec "$m/mimi.safetensors" \
    codes.safetensors -o x.wav
fails 2 'junk.safetensors'    codec decode --codec junk.safetensors codes.safetensors -o x.wav
fails 2 'does not end in'     codec decode --model "$m" codes.safetensors -o x.txt
fails 1 'nofolder/x.wav'      codec decode --model "$m" codes.safetensors -o nofolder/x.wav

# ---- the built-in voice, where there is none ----------------------------------------------------
mkdir bin
cp "$marvis" bin/marvis
listing_before=$(listing)
run bin/marvis say hi -o x.wav
if [ "$status" = 0 ]; then
    skip 'a voice is installed where this build looks for one'
    rm -f x.wav
else
    verify_failure 'no built-in voice' 2 "$work/bin/../share/marvis/builtin"
fi
