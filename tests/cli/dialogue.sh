# shellcheck shell=sh disable=SC2154
# dialogue.sh - marvis dialogue: scripts of both forms, what is spoken and written of them, and every
# way to write them wrongly. Run by run.sh.

m=$models/m # speaks 5 frames, 0.4 s, of anything
"$tool" tensors zeros.safetensors codes:I32:32x25:0 || exit 1

# ---- lines --------------------------------------------------------------------------------------
cat > play.txt << 'END'
# A play.
Anna: Hello, it is 10:30.
Bert:   Good morning!
  How are you?

Anna : Fine.
END
works 'a dry run' dialogue play.txt --dry-run
cat > expected << 'END'
# Anna: speaker 0
# Bert: speaker 1
Anna: Hello, it is ten thirty.
Bert: Good morning! How are you?
Anna: Fine.
END
same 'a dry run prints a script' "$temp/out" expected
cp "$temp/out" again.txt
works 'a dry run of that' dialogue again.txt --dry-run
same 'it is the same' "$temp/out" expected
works 'a dry run from standard input, verbatim' dialogue - --dry-run --no-normalize \
    --speakers Anna=7 < play.txt
is 'verbatim' 'Anna: Hello, it is 10:30.' "$(sed -n 3p "$temp/out")"
is 'a number of its own' '# Anna: speaker 7' "$(sed -n 1p "$temp/out")"
is 'the first free number for who has none' '# Bert: speaker 0' "$(sed -n 2p "$temp/out")"

works 'a dialogue' dialogue play.txt --model "$m" --seed 1 -o a.wav --stats a.json
is 'a dialogue: time in steps' 1 "$("$tool" json a.json step_s | awk '{print ($1 > 0)}')"
is 'three turns of 0.4 s and two pauses of 0.25 s' 'wav 24000 1 40800' "$("$tool" audio a.wav)"
is 'seconds' 1.7 "$("$tool" json a.json seconds)"
is 'turns' 3 "$(grep -c '"stop": "eos"' a.json)"
is 'where they begin' '0.0 0.65 1.3 ' "$(sed -n 's/.*"start_s": \(.*\),/\1/p' a.json | tr '\n' ' ')"
is 'who they are' '0 1 0 ' "$(sed -n 's/.*"speaker": \(.*\),/\1/p' a.json | tr '\n' ' ')"
# BOS "[0]Hello, it is ten thirty." EOS, 5 frames, zeros: 29 + 5 + 1; 26 characters; 31 + 5 + 1; 5
is 'each turn stands on those before' '29 66 82 ' \
    "$(sed -n 's/.*"n_prompt": \(.*\),/\1/p' a.json | tr '\n' ' ')"
is 'which are not computed again' '0 34 71 ' \
    "$(sed -n 's/.*"n_reused": \(.*\),/\1/p' a.json | tr '\n' ' ')"
works 'the same again' dialogue play.txt --model "$m" --seed 1 -o b.wav --threads 1 --chunk-frames 1
same 'any threads, any chunks' a.wav b.wav
works 'a number of six digits' dialogue play.txt --model "$m" --seed 1 -o b.wav --stats b.json \
    --speakers Bert=123456
is 'a number of six digits: in his turn, and in what the next one answers' '29 71 87 ' \
    "$(sed -n 's/.*"n_prompt": \(.*\),/\1/p' b.json | tr '\n' ' ')"
works 'no pause' dialogue play.txt --model "$m" --seed 1 -o b.flac --turn-pause 0
is 'no pause: length' 'flac 24000 1 28800' "$("$tool" audio b.flac)"
works 'down a pipe' dialogue play.txt --model "$m" --seed 1 -o - --format raw
is 'down a pipe: length' $((2 * 40800)) "$(wc -c < "$temp/out" | tr -d ' ')"
printf '\357\273\277One: a\r\nTwo: b\r\n  c\r\n' > dos.txt
works 'lines of DOS, and a mark at the start' dialogue dos.txt --dry-run
is 'lines of DOS' 'Two: b c' "$(sed -n 4p "$temp/out")"

# ---- voices -------------------------------------------------------------------------------------
mkdir -p scripts
cp zeros.safetensors scripts
cat > scripts/play.json << 'END'
{
  "pause": 0.5,
  "voices": {
    "Anna": {"speaker": 3, "codes": "zeros.safetensors", "text": "These are my 3 words, as I said them."},
    "Bert": {},
    "Nobody": {"codes": "gone.safetensors", "text": "not needed"}
  },
  "turns": [
    {"speaker": "Anna", "text": "Hello."},
    {"speaker": "Bert", "text": "My own words.", "codes": "zeros.safetensors"},
    {"speaker": "Anna", "text": "I see.", "pause": 1},
    {"speaker": "Bert", "text": "Not to be heard.", "codes": "zeros.safetensors", "output": false},
    {"speaker": "Bert", "text": "So."}
  ]
}
END
works 'JSON: a dry run' dialogue scripts/play.json --dry-run
cat > expected << 'END'
# Anna: speaker 3, voice scripts/zeros.safetensors
# Bert: speaker 0
# Nobody: speaker 1, voice scripts/gone.safetensors
Anna: Hello.
# recorded, scripts/zeros.safetensors: Bert: My own words.
Anna: I see.
# recorded, scripts/zeros.safetensors: Bert: Not to be heard.
Bert: So.
END
same 'JSON: who says what' "$temp/out" expected
works 'JSON' dialogue scripts/play.json --model "$m" --seed 1 -o c.wav --stats c.json
# 0.4, 0.5 + 2 recorded, 1 + 0.4, nothing, 0.5 + 0.4 s
is 'JSON: length' "wav 24000 1 $((24000 * 52 / 10))" "$("$tool" audio c.wav)"
is 'JSON: what the steps made, of three turns' 1.2 "$("$tool" json c.json made_s | awk '{printf "%.6g", $1}')"
is 'JSON: the layout of the model' match "$("$tool" json c.json layout)"
is 'JSON: recorded turns are told' 2 "$(grep -c '"recorded": "scripts/zeros' c.json)"
# Anna's words, of 41 characters written out, and the new text in one segment; 25 frames of her voice
words='These are my three words, as I said them.'
turn1=$((2 + 3 + 6 + 5 + 1)) turn2=$((2 + 3 + 13 + 25 + 1)) turn3=$((2 + 3 + 6 + 5 + 1))
turn4=$((2 + 3 + 16 + 25 + 1))
is 'JSON: voice match behind the turns' \
    "$((2 + 3 + ${#words} + 1 + 6 + 25)) $((turn1 + turn2 + 2 + 3 + ${#words} + 1 + 6 + 25)) $((turn1 + turn2 + turn3 + turn4 + 2 + 3 + 3)) " \
    "$(sed -n 's/.*"n_prompt": \(.*\),/\1/p' c.json | tr '\n' ' ')"
works 'voices as turns' dialogue scripts/play.json --model "$m" --seed 1 -o d.wav --stats d.json \
    --voice-layout context
voice=$((2 + 3 + ${#words} + 25 + 1))
is 'voices as turns: once, before all' \
    "$((voice + 2 + 3 + 6)) $((voice + turn1 + turn2 + 2 + 3 + 6)) $((voice + turn1 + turn2 + turn3 + turn4 + 2 + 3 + 3)) " \
    "$(sed -n 's/.*"n_prompt": \(.*\),/\1/p' d.json | tr '\n' ' ')"
is 'voices as turns: not computed again' \
    "0 $((voice + turn1 - 1)) $((voice + turn1 + turn2 + turn3 - 1)) " \
    "$(sed -n 's/.*"n_reused": \(.*\),/\1/p' d.json | tr '\n' ' ')"
works 'a saved voice' voice create "$work/anna.safetensors" --model "$m" --codes zeros.safetensors \
    --text "$words" --quiet
works '--voices' dialogue play.txt --model "$m" --seed 1 -o e.wav --stats e.json \
    --voices Anna=anna.safetensors
is '--voices: spoken in it' $((2 + 3 + ${#words} + 1 + 24 + 25)) \
    "$(sed -n 's/.*"n_prompt": \(.*\),/\1/p' e.json | head -1)"
works '--voices in context' dialogue play.txt --model "$m" --seed 1 -o e2.wav --stats e.json \
    --voices Anna=anna.safetensors --voice-layout context
is '--voices in context: the first comes from its snapshot' $((2 + 3 + ${#words} + 25 + 1)) \
    "$(sed -n 's/.*"n_reused": \(.*\),/\1/p' e.json | head -1)"
works '--voices in context, under another number' dialogue play.txt --model "$m" --seed 1 -o e3.wav \
    --stats e.json --voices Anna=anna.safetensors --voice-layout context --speakers Anna=1,Bert=0
is '--voices in context, under another number: computed' 2 \
    "$(sed -n 's/.*"n_reused": \(.*\),/\1/p' e.json | head -1)"
echo '{"voices": {"A": {"voice": "../anna.safetensors"}}, "turns": [{"speaker": "A", "text": "Hm."}]}' \
    > scripts/saved.json
works 'a saved voice in a script, beside it' dialogue scripts/saved.json --model "$m" --seed 1 -o f.wav
rm -f expected

# ---- more than fits -----------------------------------------------------------------------------
# 40 turns of 2 + 3 + 3 + 5 + 1 positions, of which 923 - 1 are there beside 90 s
i=0
while [ $i -lt 80 ]; do
    echo 'A: one'
    echo 'B: two'
    i=$((i + 1))
done > long.txt
# Without the guard each turn may take all of the 90 s.
works 'a long dialogue' dialogue long.txt --model "$m" --seed 1 -o g.wav --stats g.json --no-guard
is 'a long dialogue: all of it is spoken' $((160 * 9600 + 159 * 6000)) \
    "$("$tool" audio g.wav | cut -d ' ' -f 4)"
is 'a long dialogue: no prompt beyond what fits' '' "$(sed -n 's/.*"n_prompt": \(.*\),/\1/p' g.json |
    awk '$1 > 922')"
is 'a long dialogue: turns went, half of them in one step' 3 \
    "$(grep -c '^ \{6\}"n_dropped": [1-9]' g.json | tr -d ' ')"
is 'a long dialogue: what went is told' 102 "$("$tool" json g.json n_dropped)"
# Beside 150 s there are 172 positions: the voice's 72, 8 of text, and 6 turns of 14. When turns go
# the next one differs from the first that went behind BOS "[0]".
for letter in a b c d e f g h i j; do
    echo "A: $letter$letter$letter"
    echo "B: $letter$letter$letter"
done > short.txt
works 'a narrow window behind a voice' dialogue short.txt --model "$m" --seed 1 -o g.wav --stats g.json \
    --max-seconds 150 --no-guard --voices A=anna.safetensors --voice-layout context
is 'a narrow window: the prompts' '80 94 108 122 136 150 164 122 136 150 164 122 ' \
    "$(sed -n 's/.*"n_prompt": \(.*\),/\1/p' g.json | head -12 | tr '\n' ' ')"
is 'a narrow window: the voice stays, and is not computed again' '76 76 76 76 ' \
    "$(grep '^ \{6\}"n_[rd]' g.json | paste - - | awk '$4 != "0," {print $2 + 0}' | tr '\n' ' ')"
rm -f g.wav long.txt short.txt

# ---- long turns ---------------------------------------------------------------------------------
# A turn longer than the model, and one of more than --max-seconds: pieces, all of them spoken.
{
    printf 'A: hm\nB: '
    i=0
    while [ $i -lt 100 ]; do
        printf 'ten letters, '
        i=$((i + 1))
    done
    printf 'and so on.\nA: Yes.\n'
} > wordy.txt
works 'a turn longer than the model' dialogue wordy.txt --model "$m" --seed 1 -o g.wav --stats g.json \
    --retries 0
pieces=$(sed -n 's/^ *"spoken": \(.*\),/\1/p' g.json | sed -n 2p)
is 'a turn longer than the model: pieces' yes "$([ "$pieces" -ge 6 ] && echo yes)"
is 'a turn longer than the model: all are spoken' $(((pieces + 2) * 9600 + 2 * 6000)) \
    "$("$tool" audio g.wav | cut -d ' ' -f 4)"
is 'a turn longer than the model: its pieces are turns, and the oldest had to go' yes \
    "$([ "$("$tool" json g.json n_dropped)" -gt 2 ] && echo yes)"
works 'the same again' dialogue wordy.txt --model "$m" --seed 1 -o g2.wav --retries 0 --chunk-frames 3
same 'any chunks' g.wav g2.wav
echo 'A: This is one sentence of it. This is another sentence. And here is a third one.' > three.txt
works 'one piece' dialogue three.txt --model "$m" --seed 1 -o g.wav --stats g.json --retries 0
is 'one piece: told' 1 "$(sed -n 's/^ *"spoken": \(.*\),/\1/p' g.json)"
works 'pieces as --max-seconds wants them' dialogue three.txt --model "$m" --seed 1 -o g.wav \
    --stats g.json --max-seconds 5 --retries 0
is 'pieces as --max-seconds wants them: three' 3 "$(sed -n 's/^ *"spoken": \(.*\),/\1/p' g.json)"
works 'a pause between them' dialogue three.txt --model "$m" --seed 1 -o g.wav \
    --max-seconds 5 --retries 0 --sentence-pause 100
is 'a pause between them: length' $((3 * 9600 + 2 * 2400)) "$("$tool" audio g.wav | cut -d ' ' -f 4)"
rm -f wordy.txt three.txt g.wav g2.wav

# ---- what ends otherwise ------------------------------------------------------------------------
run "$marvis" dialogue play.txt --model "$models/endless" --seed 1 -o h.wav --max-seconds 0.8
is 'turns that are cut off: done' 0 "$status"
is 'turns that are cut off: a warning each' 3 "$(grep -c 'was cut off' "$temp/err")"
is 'with the line' 1 "$(grep -c 'warning: play.txt: line 3 (Bert): was cut off' "$temp/err")"
works 'turns that are cut off, quietly' dialogue play.txt --model "$models/endless" --seed 1 -o h.wav \
    --max-seconds 0.8 --quiet
# Ctrl-C: wait until there is speech in the temporary file, then interrupt.
"$tool" interruptible "$marvis" dialogue play.txt --model "$models/endless" --temperature 50 --no-guard \
    --max-seconds 140 --chunk-frames 1 --stats cut.json -o cut.wav 2> "$temp/err" &
pid=$!
while kill -0 $pid 2> /dev/null; do
    for part in .marvis-*.part; do
        [ -s "$part" ] && [ "$(wc -c < "$part")" -gt 8000 ] && break 2
    done
done
kill -s INT $pid 2> /dev/null
wait $pid
is 'Ctrl-C: status' 1 $?
is 'Ctrl-C: message' 1 "$(grep -c '^marvis: cancelled in turn 1 of 3; cut.wav holds' "$temp/err")"
is 'Ctrl-C: one turn is told' 1 "$(grep -c '"stop": "cancelled"' cut.json)"
is 'Ctrl-C: a whole file' "wav 24000 1 $(($(sed -n 's/.*"n_frames": \(.*\),/\1/p' cut.json) * 1920))" \
    "$("$tool" audio cut.wav)"
is 'Ctrl-C: no temporary file' '' "$(listing | grep 'part$')"
# The same while a recorded turn is written: what was heard until then is kept as well.
"$tool" tensors long.safetensors codes:I32:32x700:0 || exit 1
echo '{"turns": [{"speaker": "A", "text": "hm", "codes": "long.safetensors"},
    {"speaker": "B", "text": "so"}]}' > recorded.json
"$tool" interruptible "$marvis" dialogue recorded.json --model "$models/endless" --temperature 50 \
    --no-guard --max-seconds 60 -o rest.wav 2> "$temp/err" &
pid=$!
while kill -0 $pid 2> /dev/null; do
    for part in .marvis-*.part; do
        [ -s "$part" ] && [ "$(wc -c < "$part")" -gt 8000 ] && break 2
    done
done
kill -s INT $pid 2> /dev/null
wait $pid
is 'Ctrl-C in a recorded turn: status' 1 $?
is 'Ctrl-C in a recorded turn: message' 1 \
    "$(grep -c '^marvis: cancelled in turn [12] of 2; rest.wav holds' "$temp/err")"
is 'Ctrl-C in a recorded turn: all of it is kept' yes \
    "$([ "$("$tool" audio rest.wav | cut -d ' ' -f 4)" -ge $((700 * 1920)) ] && echo yes)"
# And in the last turn: the pipe is full long before its end, so that the signal comes in it.
echo '{"turns": [{"speaker": "A", "text": "hm", "codes": "long.safetensors"}]}' > recorded.json
mkfifo slow
"$tool" interruptible "$marvis" dialogue recorded.json --model "$models/endless" -o slow \
    2> "$temp/err" &
pid=$!
exec 3< slow
dd bs=1000 count=8 <&3 > /dev/null 2>&1
kill -s INT $pid
cat <&3 > /dev/null
wait $pid
is 'Ctrl-C in the last turn, a recorded one: status' 1 $?
is 'Ctrl-C in the last turn: message' 1 "$(grep -c '^marvis: cancelled in turn 1 of 1' "$temp/err")"
exec 3<&-
rm -f long.safetensors recorded.json slow

# A name that is no UTF-8, where the file system takes it.
odd=$(printf 'pl\377y.txt')
if cp play.txt "$odd" 2> /dev/null; then
    works 'a script of any name' dialogue "$odd" --model "$m" --seed 1 -o k.wav --stats k.json
    is 'a script of any name: told' 1 "$(grep -c '"script": "pl.*y.txt"' k.json)"
    rm "$odd"
else
    skip 'no such names here'
fi
rm -f ./*.wav ./*.flac ./*.json

# ---- wrong calls --------------------------------------------------------------------------------
fails 2 'SCRIPT is missing' dialogue -o x.wav
fails 2 '--output is missing' dialogue play.txt
fails 2 'gone.txt: cannot be opened' dialogue gone.txt -o x.wav
fails 2 'are the same file' dialogue play.txt -o x.wav --stats x.wav
fails 2 '--voice-audio is not an option' dialogue play.txt -o x.wav --voice-audio a.wav
fails 2 "--speakers: 'Anna' is not NAME=VALUE" dialogue play.txt -o x.wav --speakers Anna
fails 2 "--speakers: '=3' is not NAME=VALUE" dialogue play.txt -o x.wav --speakers =3
fails 2 "--speakers: 'Anna=' is not NAME=VALUE" dialogue play.txt -o x.wav --speakers Anna=,Bert=1
fails 2 "--speakers: nobody is called 'Ana'" dialogue play.txt -o x.wav --speakers Ana=1
fails 2 "--speakers: 'x' is no speaker" dialogue play.txt -o x.wav --speakers Anna=x
fails 2 "--speakers: '1000000' is no speaker" dialogue play.txt -o x.wav --speakers Anna=1000000
fails 2 'the voice of Anna: ' dialogue play.txt -o x.wav --voices Anna=nobody
fails 2 'the voice of Anna: ' dialogue play.txt -o x.wav --voices Anna=play.safetensors
works 'a voice of another model' voice create "$work/other.safetensors" --model "$models/endless" \
    --codes zeros.safetensors --text "$words" --quiet
fails 2 'play.txt: the voice of Bert: other.safetensors: this voice was made for another model' \
    dialogue play.txt --model "$m" -o x.wav --voices Bert=other.safetensors
rm other.safetensors
fails 2 '--device without --play' dialogue play.txt -o x.wav --device 0
fails 2 '--format is of a file' dialogue play.txt --play --format wav
# What the libraries under PortAudio leave behind is not ours.
leaks=${ASAN_OPTIONS-}
export ASAN_OPTIONS=detect_leaks=0
fails 2 'sound' dialogue play.txt --model "$m" --play --device 'no such card'
if [ -n "$leaks" ]; then ASAN_OPTIONS=$leaks; else unset ASAN_OPTIONS; fi
fails 2 'must be 0 to 60' dialogue play.txt -o x.wav --turn-pause 61

# ---- wrong scripts ------------------------------------------------------------------------------
script_fails() { # WORDS SCRIPT, which is looked at before a model is loaded
    printf '%b' "$2" > wrong
    fails 2 "$1" dialogue wrong -o x.wav --model no-such-model
    rm wrong
}
script_fails 'wrong: nobody says anything' ''
script_fails 'wrong: nobody says anything' '# nothing\n'
script_fails 'wrong: line 2: no turn begins here' 'A: b\nno colon\n'
script_fails 'wrong: line 1: no turn begins here' '10:30 it is\n'
script_fails 'wrong: line 1: no turn begins here' ': hm\n'
script_fails 'wrong: line 1: it goes on with a turn, but none came before' '  hm\n'
script_fails 'wrong: line 3 (B): the turn has no text' 'A: b\n\nB:\nA: c\n'
script_fails 'wrong: line 1 (A): nothing in the text is spoken' 'A: ***\n'
script_fails 'wrong: line 1: it is not UTF-8' 'A: \0377\n'
script_fails 'wrong: line 1, column 1: ' '{\n'
script_fails 'wrong: line 2, column 8: ' '{"turns": [],\n "turns": []}'
script_fails 'wrong: line 1, column ' '{"turns": [{"speaker": "A" "text": "b"}]}'
script_fails 'wrong: "turns" is missing' '{}'
script_fails 'wrong: "turns" must be a list' '{"turns": {}}'
script_fails 'nobody says anything' '{"turns": []}'
script_fails 'wrong: nothing would be written' \
    '{"turns": [{"speaker": "A", "text": "b", "output": false}]}'
script_fails 'wrong: turn 1: "speaker": a name has no line breaks' \
    '{"turns": [{"speaker": "A\\nB", "text": "b"}]}'
script_fails 'a name has no line breaks' '{"voices": {"\\u001b[31m": {}}, "turns": []}'
script_fails '"a??31m" is not known here' '{"a\0302\023331m": 1}'
script_fails "would be one more than the 1000 who may speak" \
    "$(awk 'BEGIN { for (i = 0; i < 1001; i++) printf "p%d: hm\\n", i }')"
script_fails 'wrong: "turn" is not known here; there are: voices turns pause' '{"turn": []}'
script_fails '"pause" must be a number of seconds, 0 to 60' '{"pause": "1", "turns": []}'
script_fails '"pause" must be a number' '{"pause": -1, "turns": []}'
script_fails '"voices" must be an object' '{"voices": [], "turns": []}'
script_fails 'voice "A": it must be an object' '{"voices": {"A": "anna"}, "turns": []}'
script_fails 'voice "A": "file" is not known here' '{"voices": {"A": {"file": "a"}}, "turns": []}'
script_fails 'voice "A": "speaker" must be a number' '{"voices": {"A": {"speaker": "1"}}, "turns": []}'
script_fails 'voice "A": "speaker" must be' '{"voices": {"A": {"speaker": -1}}, "turns": []}'
script_fails 'voice "A": "audio" must be a text' '{"voices": {"A": {"audio": 1}}, "turns": []}'
script_fails 'voice "A": "audio" is empty' '{"voices": {"A": {"audio": ""}}, "turns": []}'
script_fails 'voice "A": "voice" is a saved voice' \
    '{"voices": {"A": {"voice": "a", "text": "b"}}, "turns": []}'
script_fails 'turn 1: it must be an object' '{"turns": ["A: b"]}'
script_fails 'turn 1: "speaker" is missing' '{"turns": [{"text": "b"}]}'
script_fails 'turn 1: "speaker" must be a text' '{"turns": [{"speaker": 1, "text": "b"}]}'
script_fails 'turn 1: "text" is missing' '{"turns": [{"speaker": "A"}]}'
script_fails 'turn 1: "txt" is not known here' '{"turns": [{"speaker": "A", "txt": "b"}]}'
script_fails 'turn 2 (A): the turn has no text' \
    '{"turns": [{"speaker": "A", "text": "b"}, {"speaker": "A", "text": " "}]}'
script_fails 'turn 1: "output" must be true or false' \
    '{"turns": [{"speaker": "A", "text": "b", "output": 0}]}'
script_fails 'turn 1: "voices" has nobody called "Ana"' \
    '{"voices": {"Anna": {}}, "turns": [{"speaker": "Ana", "text": "b"}]}'
script_fails 'turn 1 (A): gone.wav: cannot be opened' \
    '{"turns": [{"speaker": "A", "text": "b", "audio": "gone.wav"}]}'
script_fails 'turn 1 (A): "audio" and "codes": give one of them' \
    '{"turns": [{"speaker": "A", "text": "b", "audio": "a", "codes": "b"}]}'
script_fails 'the voice of A: "text" is missing: give the words that are said in zeros.safetensors' \
    '{"voices": {"A": {"codes": "zeros.safetensors"}}, "turns": [{"speaker": "A", "text": "b"}]}'
script_fails 'the voice of A: "text" without "audio"' \
    '{"voices": {"A": {"text": "hm"}}, "turns": [{"speaker": "A", "text": "b"}]}'

# What only the model can tell.
"$tool" tensors high.safetensors codes:I32:32x25:16 || exit 1
echo '{"turns": [{"speaker": "A", "text": "b"}, {"speaker": "B", "text": "hm", "codes": "high.safetensors"}]}' \
    > high.json
# The turns before one that fails are kept.
for extension in wav flac; do
    run "$marvis" dialogue high.json --model "$m" -o x.$extension --stats x.json --seed 1
    is "a late failure, $extension: status" 2 "$status"
    is "a late failure, $extension: why, and where the rest is" 1 \
        "$(grep -c "^marvis: high.json: turn 2 (B): turn 2 of the context: frame 0, codebook 0: code 16 .*; x.$extension holds what was spoken before$" "$temp/err")"
    is "a late failure, $extension: one line" 1 "$(wc -l < "$temp/err" | tr -d ' ')"
    is "a late failure, $extension: the turn before" "$extension 24000 1 9600" \
        "$("$tool" audio x.$extension)"
    is "a late failure, $extension: the statistics" 1 "$(grep -c '"stop": "eos"' x.json)"
    is "a late failure, $extension: and why" 1 "$(grep -c '"error": "high.json: turn 2 (B)' x.json)"
    rm -f x.$extension x.json
done
run "$marvis" dialogue high.json --model "$m" -o - --format raw --seed 1
is 'a late failure, down a pipe: status' 2 "$status"
is 'a late failure, down a pipe: the turn before' $((2 * 9600)) "$(wc -c < "$temp/out" | tr -d ' ')"
is 'a late failure, down a pipe: told' 1 "$(grep -c 'standard output holds what' "$temp/err")"
echo '{"turns": [{"speaker": "B", "text": "hm", "codes": "high.safetensors"}, {"speaker": "A", "text": "b"}]}' \
    > first.json
fails 2 'first.json: turn 1 (B): turn 1 of the context' dialogue first.json --model "$m" -o x.wav
# A disk that is full in the third turn of 0.4 s: what fits is kept (see errors.sh).
for extension in wav raw flac; do
    (
        ulimit -f 64
        "$marvis" dialogue play.txt --model "$models/endless" -o x.$extension --seed 1 \
            --temperature 50 --no-guard --max-seconds 2 --quiet 2> "$temp/err"
        echo $? > "$temp/status"
    )
    is "a full disk, $extension: status" 1 "$(cat "$temp/status")"
    is "a full disk, $extension: told" 1 "$(grep -c \
        "^marvis: play.txt: line [0-9] ([A-Z][a-z]*): x.$extension: cannot be written: .*; x.$extension holds what was spoken before$" "$temp/err")"
    if [ $extension = raw ]; then
        n=$(($(wc -c < x.raw) / 2))
    else
        n=$("$tool" audio x.$extension | cut -d ' ' -f 4)
    fi
    is "a full disk, $extension: what fits is kept" yes "$([ "$n" -gt 12000 ] && echo yes)"
    is "a full disk, $extension: nothing else is left" '' "$(listing | grep 'part$')"
    rm -f x.$extension
done

# What is read is not replaced by what is written.
printf 'A: hm\n' > same.txt
echo '{"voices": {"A": {"audio": "voice.wav", "text": "hm"}, "B": {}}, "turns": [{"speaker": "A", "text": "a"},
    {"speaker": "B", "text": "b", "audio": "turn.wav"}]}' > same.json
"$marvis" say --model "$m" -q -o voice.wav --no-guard hi
cp voice.wav turn.wav
fails 2 'SCRIPT same.txt: the file would be replaced' dialogue same.txt --model no-such-model --format raw -o ./same.txt
fails 2 'SCRIPT same.txt: the file would be replaced' dialogue same.txt --model no-such-model -o x.wav --stats same.txt
fails 2 'same.json: the voice of A: the voice voice.wav: the file would' dialogue same.json --model no-such-model -o voice.wav
fails 2 'same.json: turn 2 (B): the turn turn.wav: the file would' dialogue same.json --model no-such-model -o turn.wav
is 'a script stays' 'A: hm' "$(cat same.txt)"
