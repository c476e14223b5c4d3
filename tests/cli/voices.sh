# shellcheck shell=sh disable=SC2154
# voices.sh - saved voices: create, list, show, remove, and marvis say with one. Run by run.sh.

m=$models/m
said='These are the words that somebody says in it, slowly.'
XDG_DATA_HOME=$temp/data
export XDG_DATA_HOME
kept=$XDG_DATA_HOME/marvis/voices
"$marvis" say --model "$models/endless" -o ref.wav --seed 1 --temperature 50 --no-guard --max-seconds 4 \
    hi 2> /dev/null
"$tool" tensors zeros.safetensors codes:I32:32x50:0 || exit 1

# ---- none yet -----------------------------------------------------------------------------------
works 'list: no voices' voice list
is 'list: no voices yet' 1 "$(grep -c 'no voices yet' "$temp/out")"
works 'list: none as JSON' voice list --json
is 'list: an empty list' '[]' "$(cat "$temp/out")"
is 'list makes no folder' 'no' "$([ -e "$XDG_DATA_HOME" ] && echo yes || echo no)"
fails 2 "no voice is called 'anna'" voice show anna
fails 2 "no voice is called 'anna'" voice remove anna
fails 2 "no voice is called 'anna'" say --voice anna --model no-such-model -o x.wav hi

# ---- create -------------------------------------------------------------------------------------
works 'create' voice create anna --model "$m" --codes zeros.safetensors --text "$said" --speaker 7
is 'create: says what it made' 1 "$(grep -c '^anna: 4.0 s of speech, in .*/anna.safetensors$' \
    "$temp/out")"
is 'create: one file' anna.safetensors "$(ls -A "$kept")"
fails 2 'anna: this voice is there already' voice create anna --model no-such-model \
    --codes zeros.safetensors --text "$said"
works 'create: replaced' voice create anna --model "$m" --codes zeros.safetensors --text "$said" \
    --speaker 3 --force
works 'create: from audio' voice create 'From audio' --model "$m" --audio ref.wav --text "$said" --quiet
is 'create: quiet' 0 "$(wc -c < "$temp/out" | tr -d ' ')"
works 'create: a file' voice create here.safetensors --model "$m" --codes zeros.safetensors \
    --text "$said"
is 'create: it is there' yes "$([ -s here.safetensors ] && echo yes)"
works 'create: options first' voice create --model "$m" --codes zeros.safetensors --text "$said" last
run "$marvis" voice create pace --model "$m" --codes zeros.safetensors --text 'Too short.'
is 'create: a transcript that is too short' '0 1' "$status $(grep -c 'warning: .* 10 characters' \
    "$temp/err")"
for name in '' . .. .hidden -x ../../x a/b 'a\b' ' a' 'a ' "$(printf 'a\tb')" \
    "$(head -c 65 /dev/zero | tr '\0' a)"; do
    fails 2 "cannot be a voice's name" voice create --model no-such-model --codes zeros.safetensors \
        --text "$said" -- "$name"
done
is 'create: no voice of a bad name' 4 "$(ls -A "$kept" | wc -l | tr -d ' ')"
fails 2 "cannot be a voice's name" say --voice ../../x --model no-such-model -o x.wav hi
fails 2 "cannot be a voice's name" voice remove ../../x
fails 2 "cannot be a voice's name" voice show ../../x
fails 2 '--audio is missing' voice create new --text "$said"
fails 2 '--text is missing' voice create new --audio ref.wav
fails 2 'give one of them' voice create new --audio ref.wav --codes zeros.safetensors --text "$said"
fails 2 'gone.wav: cannot be opened' voice create new --model no-such-model --audio gone.wav \
    --text "$said"
fails 2 'NAME is missing' voice create --audio ref.wav --text "$said"
fails 1 'x.safetensors: cannot' voice create no/such/x.safetensors --model "$m" \
    --codes zeros.safetensors --text "$said"
echo 'no folder' > file
XDG_DATA_HOME=$work/file fails 1 'file' voice create new --model "$m" --codes zeros.safetensors \
    --text "$said"

# ---- list and show ------------------------------------------------------------------------------
works 'list' voice list
is 'list: a head and a line each' 5 "$(wc -l < "$temp/out" | tr -d ' ')"
is 'list: a name and its figures' 1 "$(grep -c '^anna  *4\.0 .*  m$' "$temp/out")"
works 'list as JSON' voice list --json
cp "$temp/out" list.json
is 'list: sorted' 'From audio' "$("$tool" json list.json 0.name)"
is 'list: seconds' 4.0 "$("$tool" json list.json 1.seconds)"
works 'show' voice show anna --model "$m"
is 'show: its words' 1 "$(grep -c "^words  *$said\$" "$temp/out")"
is 'show: usable' 1 "$(grep -c '^usable  *yes, as match$' "$temp/out")"
works 'show as JSON' voice show anna --model "$m" --json
cp "$temp/out" show.json
for pair in name:anna speaker:3 frames:50 codebooks:32 source:zeros.safetensors model:m usable:true \
    snapshot_usable:true "snapshot.positions:$((2 + 3 + ${#said} + 51))" layout:match "text:$said"; do
    is "show: ${pair%%:*}" "${pair#*:}" "$("$tool" json show.json "${pair%%:*}")"
done
is 'show: the day' "$(date +%Y-%m-%d)" "$("$tool" json show.json date)"
works 'show: a file' voice show here.safetensors --model "$m"
works 'show: another model' voice show anna --model "$models/endless" --json
cp "$temp/out" show.json
is 'show: not for another model' false "$("$tool" json show.json usable)"
is 'show: why not' 1 "$(grep -c 'made for another model (m)' show.json)"
head -c 700 "$kept/anna.safetensors" > "$kept/torn.safetensors"
works 'list: a damaged voice' voice list
is 'list: tells about it' 1 "$(grep -c '^torn .*torn.safetensors: ' "$temp/out")"
fails 2 'torn.safetensors: ' voice show torn --model "$m"
fails 2 'torn.safetensors: ' say --voice torn --model no-such-model -o x.wav hi
works 'remove: a damaged voice' voice remove torn

# ---- say ----------------------------------------------------------------------------------------
works 'say --voice' say --model "$m" --voice anna -o a.wav --stats a.json --seed 1 'Hello.'
works 'say --voice-codes' say --model "$m" --voice-codes zeros.safetensors --voice-text "$said" \
    --speaker 3 -o b.wav --stats b.json --seed 1 'Hello.'
same 'match: as the recording itself' a.wav b.wav
is 'match: positions' "$("$tool" json b.json n_prompt)" "$("$tool" json a.json n_prompt)"
is 'match: the words come from the snapshot' "$((1 + 3 + ${#said})) 0" \
    "$("$tool" json a.json n_reused) $("$tool" json b.json n_reused)"
is 'say --voice: statistics' 'anna 4.0 3' "$("$tool" json a.json voice.file) $("$tool" json a.json \
    voice.seconds) $("$tool" json a.json settings.speaker)"
works 'say in context' say --model "$m" --voice anna --voice-layout context -o a.wav --stats a.json \
    --seed 1 'Hello.'
works 'say in context, without a snapshot' say --model "$m" --voice-codes zeros.safetensors \
    --voice-text "$said" --speaker 3 --voice-layout context -o b.wav --stats b.json --seed 1 'Hello.'
same 'context: as the recording itself' a.wav b.wav
# BOS "[3]", the words, EOS; 50 frames and one of zeros; BOS "[3]Hello." EOS
is 'context: positions' "$((5 + ${#said} + 51 + 5 + 6))" "$("$tool" json a.json n_prompt)"
is 'context: all of the voice comes from the snapshot' "$((5 + ${#said} + 51)) 0" \
    "$("$tool" json a.json n_reused) $("$tool" json b.json n_reused)"
works 'another speaker' say --model "$m" --voice anna --voice-layout context --speaker 4 -o a.wav \
    --stats a.json --seed 1 'Hello.'
is 'another speaker: no snapshot' 2 "$("$tool" json a.json n_reused)"
works 'say --voice FILE' say --model "$m" --voice here.safetensors -o a.wav --seed 1 'Hello.'
fails 2 "voice create 'here.safetensors' --force --audio 'zeros.safetensors' --text" \
    say --model "$models/endless" --voice here.safetensors -o x.wav hi
fails 2 'here.safetensors: this voice was made for another model (m): create it again' \
    say --model "$models/endless" --voice here.safetensors -o x.wav hi
fails 2 'ref.wav' say --model "$m" --voice ref.wav -o x.wav hi
fails 2 'zeros.safetensors: not a saved voice' say --model no-such-model --voice zeros.safetensors \
    -o x.wav hi
fails 2 '--voice and --voice-audio' say --voice anna --voice-audio ref.wav --voice-text x -o x.wav hi
fails 2 '--voice and --voice-text' say --voice anna --voice-text x -o x.wav hi
fails 2 '--voice-layout without a voice' say --voice-layout match -o x.wav hi
fails 2 'must be one of match|context' say --voice anna --voice-layout x -o x.wav hi
works 'a voice is heard' codec decode "$kept/anna.safetensors" --model "$m" -o heard.wav
is 'a voice is heard: its seconds' 'wav 24000 1 96000' "$("$tool" audio heard.wav)"

# ---- remove -------------------------------------------------------------------------------------
works 'remove' voice remove anna
is 'remove: it is gone' no "$([ -e "$kept/anna.safetensors" ] && echo yes || echo no)"
fails 2 'zeros.safetensors: not a saved voice' voice remove zeros.safetensors
works 'remove: a file' voice remove here.safetensors
is 'remove: the file is gone' no "$([ -e here.safetensors ] && echo yes || echo no)"

# ---- wrong folders ------------------------------------------------------------------------------
# The folder is looked at before the recording is: the model is not even opened.
echo file > "$temp/no-folder"
XDG_DATA_HOME=$temp/no-folder fails 1 'no-folder' voice create bob --model no-such-model \
    --codes zeros.safetensors --text "$said"
fails 1 'gone/bob.safetensors: cannot be created' voice create gone/bob.safetensors \
    --model no-such-model --codes zeros.safetensors --text "$said"

# ---- where they are -----------------------------------------------------------------------------
unset XDG_DATA_HOME
works 'create: in the home' voice create bob --model "$m" --codes zeros.safetensors --text "$said"
is 'create: where' 1 "$(find "$HOME" -name bob.safetensors | wc -l | tr -d ' ')"
HOME='' fails 2 'HOME is not set' voice create bob --model "$m" --codes zeros.safetensors --text "$said"
