#!/bin/sh
# Synthesises the training and test audio by two processes: DATA/NN.pcm, .par and .jsonl, and DATA/test.*, open_test.*
# usage: build_data.sh DATA [DOMAIN [OPEN [SEED]]]     numbers of domain and open sentences, about 2 s each
set -e
here=$(cd "$(dirname "$0")" && pwd)
data=$1 domain=${2:-30000} open=${3:-5000} seed=${4:-1}
mkdir -p "$data"
cc -O2 "$here/synth.c" -o "$data/synth" -lflite_cmu_us_rms -lflite_cmu_us_slt -lflite_cmu_us_awb -lflite_usenglish \
    -lflite_cmulex -lflite -lm
for set in test open_test; do
    python3 "$here/voices.py" --plain < "$here/data/${set}_sentences.txt" | "$data/synth" "$data/$set"
done
{
    python3 "$here/corpus.py" --seed "$seed" --count "$domain"
    python3 "$here/corpus.py" --open --seed "$seed" --count "$open"
} | shuf --random-source="$here/corpus.py" > "$data/train.txt"
split -d -a 2 -n l/12 "$data/train.txt" "$data/part"
for part in "$data"/part[0-9][0-9]; do
    n=${part##*/part}
    python3 "$here/voices.py" --seed "$seed$n" < "$part" > "$data/$n.tsv"
    echo "$n"
done | xargs -P 2 -I @ sh -c '
    "$0/synth" "$0/part@" < "$0/@.tsv" && for e in pcm par jsonl; do mv "$0/part@.$e" "$0/@.$e"; done' "$data"
