#!/bin/sh
# Synthesises the training and test audio: two processes, DATA/00.pcm .. with DATA/00.jsonl, and DATA/test.*
# usage: build_data.sh DATA [COUNT [SEED]]      (COUNT sentences, 2.2 s each on average; 85 times real time a core)
set -e
here=$(cd "$(dirname "$0")" && pwd)
data=$1 count=${2:-32000} seed=${3:-1}
mkdir -p "$data"
cc -O2 "$here/synth.c" -o "$data/synth" -lflite_cmu_us_rms -lflite_usenglish -lflite_cmulex -lflite -lm
"$data/synth" "$data/test" < "$here/data/test_sentences.txt"
python3 "$here/corpus.py" --seed "$seed" --count "$count" > "$data/train.txt"
split -d -a 2 -n l/8 "$data/train.txt" "$data/train.part"
for i in 0 1 2 3 4 5 6 7; do echo "$i"; done |
    xargs -P 2 -I @ sh -c '"$0/synth" "$0/part@" < "$0/train.part0@" && mv "$0/part@.pcm" "$0/0@.pcm" && mv "$0/part@.jsonl" "$0/0@.jsonl"' "$data"
