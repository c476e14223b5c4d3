# shellcheck shell=sh disable=SC2154
# bench.sh - marvis bench with the smallest shape: what it writes, never how long it took. Run by run.sh.

works 'the smallest' bench --quiet --shape tiny --runs 1 --types bf16,q8 --threads 1 --batch 1,2 --json b.json \
    --svg b.svg
is 'table: a row for each type of weights' 2 "$(grep -c -e '^bf16  *1 .*%$' -e '^q8  *1 .*%$' "$temp/out" | tr -d ' ')"
is 'table: first audio with the most threads' 2 "$(grep -c '^ *first audio' "$temp/out" | tr -d ' ')"
is 'table: codebooks in real time with the most threads' 2 "$(grep -c '^ *codebooks in real time: 4 of 4' "$temp/out" | tr -d ' ')"
is 'table: types times batches' 4 "$(grep -c -E '^(bf16|q8) +1 +[12] +[0-9.]+ \(' "$temp/out" | tr -d ' ')"
is 'JSON: the shape' tiny "$("$tool" json b.json model)"
is 'JSON: runs' 1 "$("$tool" json b.json runs)"
is 'JSON: codebooks' 4 "$("$tool" json b.json codebooks)"
for key in median least most n; do
    is "JSON: $key of 2 results and 4 batches" 1 \
        "$(($(grep -c "\"$key\":" b.json) == 2 * (1 + 5 + 1 + 3) + 4))"
done
for stage in backbone depth heads mimi other; do
    is "JSON: $stage in each result" 2 "$(grep -c "\"$stage\": {" b.json | tr -d ' ')"
    is "SVG: $stage in each bar and the legend" 3 "$(grep -c "$stage" b.svg | tr -d ' ')"
done
is 'SVG: whole' '</svg>' "$(tail -1 b.svg)"

works 'threads up to those given, fewer codebooks' bench -q --shape tiny --runs 1 --types bf16 --threads 3 \
    --codebooks 2 --json t.json
is 'JSON: 1, 2 and 3 threads' 3 "$(grep -c '"weights": "bf16"' t.json | tr -d ' ')"
is 'JSON: the codebooks asked for' 2 "$("$tool" json t.json codebooks)"
works 'a model' bench -q --model "$models/endless" --runs 1 --types f32 --threads 1 --json m.json
is 'JSON: the model' "$models/endless" "$("$tool" json m.json model)"
rm b.json b.svg t.json m.json

fails 2 'must be marvis-250m, marvis-100m, csm-1b, tiny or builtin' bench --shape huge
fails 2 '--types q3: must be some of auto|f32|bf16' bench --shape tiny --types q3
fails 2 '--types bf16,: must be some of' bench --shape tiny --types bf16,
fails 2 'up to 8 numbers from 1 to 1024' bench --shape tiny --batch 0
fails 2 'up to 8 numbers from 1 to 1024' bench --shape tiny --batch 1,x
fails 2 'up to 8 numbers from 1 to 1024' bench --shape tiny --batch 1,2,3,4,5,6,7,8,9
fails 2 'give one of them' bench --shape tiny --model "$models/m"
fails 2 '--codebooks auto: not a whole number' bench --codebooks auto
fails 2 'must be 1 to 100' bench --runs 0
fails 2 'superfluous' bench tiny
fails 1 'no/b.svg' bench -q --shape tiny --svg no/b.svg
fails 2 "cpu tier 'mmx' is unknown" bench --shape tiny --cpu mmx
