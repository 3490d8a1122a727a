#!/usr/bin/env bash
# `attend compare` on every kind of data, and `attend look` of models that read series and sounds or answer questions.
#   tests/test_cli_views.sh path/to/attend
set -u
attend=$(realpath "$1")
data=$(cd "$(dirname "$0")" && pwd)/data
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export LC_ALL=C.UTF-8 NO_COLOR=1
failures=0
fail() {
  echo "FAILED: $*"
  failures=$((failures + 1))
}
run() { # STATUS WORDS...: the command with its output in out and err
  local wanted=$1 status
  shift
  timeout 300 "$attend" "$@" >out 2>err
  status=$?
  [ $status = "$wanted" ] || fail "attend $* exited with $status, not $wanted: $(head -c 400 err)"
}
has() { grep -q -- "$2" "$1" || fail "$3: no '$2' in: $(head -c 300 "$1")"; }
# report FOLDER SCORE NETWORKS: its task has that score, a number of each network, and gradients of some
report() {
  has "$1/report.json" "\"score_name\": \"$2\"" "the score of $1"
  [ "$(grep -c '"score_by_length": \[-*[0-9]' "$1/report.json")" = "$3" ] || fail "$1: not $3 networks with scores by length"
  [ "$(grep -c '"gradient_by_distance": \[[0-9]' "$1/report.json")" = "$3" ] || fail "$1: not $3 networks with gradients"
  has "$1/report.html" '^<!doctype html>' "the page of $1"
}
few=(--steps 2 --parameters 9000 -q)

# ---- series: of two shapes and several lengths
awk 'BEGIN { print "@problemName waves\n@data"; for (i = 0; i < 40; i++) { n = 12 + i % 9
  for (c = 0; c < 2; c++) { for (t = 0; t < n; t++) printf "%s%.3f", t ? "," : "", sin(t * (i % 2 ? 0.9 : 0.3) + c); printf ":" }
  print i % 2 ? "fast" : "slow" } }' >waves.ts
awk 'NR < 3 || NR > 30' waves.ts >valid.ts
run 0 compare --data waves.ts --valid valid.ts "${few[@]}" -o waves && report waves Accuracy 5
has waves/report.json '"score_by_length"' "series"
has waves/report.json '"series": {"bands": false, "rows": ' "the curves of series"
run 0 compare -q --resume waves
run 2 compare --data waves.ts --vocab 300 -o x && has err "vocab" "a vocabulary for series"
run 2 compare --data waves.ts waves.ts -o x && has err "takes one file, not 2" "two files of series"
run 1 compare --data waves.ts --task music -o x -q && has err "tunes are read from" "series as tunes"
run 0 look waves/transformer waves.ts && has out "^mean " "look at a series" && has out "series 1 of 40, labelled slow" "look at a series"
run 0 look waves/transformer --data waves.ts --series 2 --gradient --json - && has out '"measure":"gradient"' "gradients of a series"
has out '"series":{"first":1,"rows":' "the curves in JSON"
run 0 look waves/gru waves.ts --gradient --svg - && has out '<polyline' "the curves as SVG"
run 1 look waves/gru waves.ts && has err "no attention to look at" "a GRU of series"
run 1 look waves/transformer waves.ts --series 99 && has err "there is no series 99: it has 40" "a series that is not there"
run 2 look waves/transformer && has err "looks at one file" "a model of series without a file"
run 2 look "$data/look_bert" --data waves.ts && has err "models of series, sounds and tunes" "--data of a model of text"

# more tokens than a picture has columns: stretches of them together
awk 'BEGIN { print "@problemName long\n@data"; for (i = 0; i < 12; i++) { n = 700 + i
  for (t = 0; t < n; t++) printf "%s%.3f", t ? "," : "", sin(t * (i % 2 ? 0.09 : 0.03)); print i % 2 ? ":fast" : ":slow" } }' >long.ts
run 0 train classifier --data long.ts --patch 2 --steps 2 --width 16 --heads 2 --layers 1 --threads 1 -q -o long
run 0 look long long.ts --json - && shown=$(grep -o '"keys":\[[^]]*\]' out | head -1 | tr -cd ',' | wc -c)
[ "$shown" -gt 20 ] && [ "$shown" -lt 200 ] || fail "a long series is shown in stretches, not in $shown"
run 0 look long long.ts --gradient && has out '|' "gradients of a long series"

# ---- numbers for texts
{ printf 'text\tscore\n'; for i in $(seq 1 200); do printf 'a text of %s words and %s more\t%s.5\n' $i $((i * 7 % 11)) $((i % 9)); done; } >rated.tsv
run 0 compare --data rated.tsv --vocab 300 "${few[@]}" -o rated && report rated "Spearman x 100" 5

# ---- forecasts
awk 'BEGIN { print "date,a,b"; for (i = 0; i < 200; i++) printf "2024-01-%02d %02d:00,%.3f,%.3f\n", 1 + i / 24, i % 24, sin(i / 4), cos(i / 3) }' >table.csv
run 0 compare --data table.csv --horizon 6 --lookback 24 "${few[@]}" -o ahead && report ahead "Squared error" 5
run 0 look ahead/transformer table.csv --target b --html page.html && has page.html '"series":{"first":-24,' "a forecast's page"
run 1 look ahead/transformer table.csv --target c && has err 'no column "c"' "a column that is not there"
run 2 compare --data waves.ts --task forecast -o x -q && has err "horizon" "a forecast without a horizon"

# ---- tunes, summaries, questions
{ echo "X:1"; echo "M:4/4"; echo "L:1/8"; echo "K:C"; for i in $(seq 1 60); do echo "CDEF GABc|cBAG FEDC|"; done; } >tune.abc
run 0 compare --data tune.abc "${few[@]}" --context 32 -o tunes && report tunes "Nats per word" 5
printf 'X:1\nM:4/4\nL:1/8\nK:C\nCDEF|\n' >short.abc
run 0 look tunes/transformer --data short.abc && has out '^ *key_62 ' "the words of a tune" && has out '^ *len_12 ' "the words of a tune"
run 0 look tunes/gru --data short.abc --gradient --json - && has out '"measure":"gradient"' "gradients of a tune"
run 2 look tunes/gru --data short.abc --series 2 && has err "models of series, sounds and tunes" "--series of a tune"
run 2 look "$data/look_bert" --data short.abc && has err "models of series, sounds and tunes" "a tune for an encoder"

# ---- piano rolls, told from questions by what is in the file
awk 'BEGIN { printf "{\"train\": ["; for (part = 0; part < 2; part++) { if (part) printf "], \"valid\": ["
  for (i = 0; i < 8; i++) { printf "%s[", i ? ", " : ""; for (f = 0; f < 10 + i; f++) printf "%s%s", f ? ", " : "", f % 2 ? "[60, 64]" : "[48, 67]"; printf "]" } }
  print "]}" }' >rolls.json
run 0 compare --data rolls.json "${few[@]}" -o rolls && report rolls "Nats per frame" 4
run 0 compare --data rolls.json --task music --valid rolls.json "${few[@]}" -o again && report again "Nats per frame" 4
run 2 compare --data rolls.json rolls.json -o x && has err "piano rolls are in one file" "two files of rolls"
has rolls/report.json '"lengths": \[\[0, 0\], \[1, 1\]' "the frames before"
has rolls/report.json '"length_texts": \[8, 8, ' "frames of each length"
has rolls/report.json '"roll": {"lowest": 48, "rows": 1[0-7], "lines": \[\[1, 0, 1' "the rolls of examples"
has rolls/report.json '"likely": \[\[\[0\.[0-9]' "how likely keys were found"
grep -o '"score": [0-9.]*, "valid_loss": [0-9.]*' rolls/report.json | # of all held-out frames: the loss that the training found
  awk '{ gsub(",", ""); d = $2 - $4; if (d < 0) d = -d; if (!($2 > 0.1) || d > 1e-4 * $2) bad = 1 } END { exit !(NR == 4 && !bad) }' ||
  fail "the score is not the loss of what is held out: $(grep -o '"score": [0-9.]*, "valid_loss": [0-9.]*' rolls/report.json)"
run 0 look rolls/transformer rolls.json && has out "tune 1 of 16 (train)" "look at a roll" && has out "10 frames, [0-9.]* nats a frame" "look at a roll"
has out "^  C4 " "keys beside a roll" && has out "^mean " "look at a roll"
run 0 look rolls/transformer --data rolls.json --series 16 --svg roll.svg --html roll.html && has roll.svg 'fill="#1c4f8c"' "a roll as SVG"
has roll.html '"roll":{"frames":17,"lowest":48,"levels":' "a roll's page"
run 0 look rolls/gru --data rolls.json --series 9 --gradient --json - && has out 'tune 9 of 16 (valid)' "gradients of a roll"
[ "$(sed 's/.*"decoder"//; s/"cross".*//' out | grep -o '"keys":\[[^]]*' | tr ',' '\n' | wc -l)" = 10 ] || fail "ten frames are read: $(head -c 300 out)"
run 0 look rolls/gru --data short.abc --frames 2 --gradient && has out "^4 frames, " "a tune as a roll"
run 1 look rolls/gru rolls.json && has err "no attention to look at" "a GRU of rolls"
run 1 look rolls/gru rolls.json --series 17 --gradient && has err "no tune 17: it has 16" "a tune that is not there"
run 2 look rolls/gru && has err "looks at one file" "a model of rolls without a file"
run 2 look tunes/gru --frames 2 "bar" && has err "models of piano rolls" "--frames of words"
for i in $(seq 1 30); do echo "{\"text\": \"the meeting of day $i is at noon, bring the report\", \"summary\": \"meeting $i\"}"; done >mails.jsonl
run 0 compare --data mails.jsonl "${few[@]}" --vocab 300 --context 32 -o mails && report mails ROUGE-L 5
{ printf 'context\tquestion\tanswer\n'; for i in $(seq 1 30); do printf 'The bridge %s was built by Ann in May.\tWho built bridge %s?\tAnn\n' $i $i; done; } >asked.tsv
run 0 compare --data asked.tsv --task qa "${few[@]}" --vocab 300 --context 64 -o asked && report asked F1 5
echo "The bridge was built by Ann in May." >page.txt
run 0 look asked/transformer "Who built it?" --context page.txt && has out '\*' "the answer's tokens" && has out "^Who built it? - " "question and answer"
run 0 look asked/lstm "Who built it?" --context page.txt --gradient && has out "^ *answer" "what moves the answer"
run 2 look asked/lstm "Who?" --context page.txt --target x && has err "one of --context and --target" "two contexts"
echo >empty.txt
run 1 look asked/transformer "Who?" --context empty.txt

# ---- quantized weights: gradients go through them to about where they go through the floats
seq -f 'the dog number %g sleeps by the house and the cat looks on' 60 >dogs.txt
run 0 train lm --text dogs.txt --vocab 300 --context 32 --layers 2 --width 32 --heads 2 --steps 30 --threads 1 -q -o writer
run 0 quantize writer --type q8_0 -o eighth
for model in writer eighth; do # norms, a number each
  run 0 look $model "the dog number 7 sleeps" --gradient --json - && has out '"measure":"gradient"' "gradients of $model"
  grep -o '"decoder":{.*' out | grep -o '[0-9]\.[0-9]*[e0-9-]*' >"$(basename $model).norms"
done
paste writer.norms eighth.norms | awk '{ d = $1 - $2; n++; if (d < 0) d = -d; if (d > 0.05 * $1 + 0.01) bad++ } END { exit !(n > 20 && bad == 0) }' ||
  fail "gradients of quantized weights: $(paste writer.norms eighth.norms | head -8)"

# ---- sounds
if ! command -v python3 >python.path; then
  echo "skipped, for there is no python3: sounds"
elif "$attend" transcribe 2>&1 | grep -q "built without"; then
  echo "skipped: this build reads no audio"
else
  python3 - <<'MAKE'
import array, math, wave
rows, words = ["file\tlabel"], ["file\ttext"]
for i in range(24):
    length = 1600 + 200 * (i % 5)
    with wave.open(f"tone{i}.wav", "wb") as f:
        f.setparams((1, 2, 8000, 0, "NONE", ""))
        f.writeframes(array.array("h", [int(9000 * math.sin(t * (0.3 if i % 2 else 0.9))) for t in range(length)]).tobytes())
    rows.append(f"tone{i}.wav\t{'low' if i % 2 else 'high'}")
    words.append(f"tone{i}.wav\t{'lo' if i % 2 else 'hi'}")
open("sounds.tsv", "w").write("\n".join(rows) + "\n")
open("words.tsv", "w").write("\n".join(words) + "\n")
MAKE
  run 0 compare --data sounds.tsv "${few[@]}" -o sounds && report sounds Accuracy 5
  has sounds/report.json '"series": {"bands": true' "the spectrogram of a sound"
  run 0 look sounds/transformer tone1.wav && has out '|0.0 s' "look at a sound"
  run 0 look sounds/transformer --data sounds.tsv --series 3 --gradient --svg sound.svg && has sound.svg '<svg' "a sound as SVG"
  run 0 train speech --data words.tsv --steps 2 --width 16 --heads 2 --layers 1 -q -o ears
  run 0 look ears tone1.wav --target hi && has out "cross-attention, layer 1 of 1" "look of a recogniser"
  run 0 look ears tone1.wav --target hi --part encoder --svg ears.svg && has ears.svg 'encoder self-attention' "a recogniser's encoder"
  ffmpeg -v error -y -stream_loop 60 -i tone4.wav -c copy hum.wav </dev/null 2>/dev/null || cp tone4.wav hum.wav
  run 0 transcribe ears hum.wav --json -q # of several windows
  run 0 transcribe ears tone1.wav --beam 3 -q
  for wrong in "--language en" "--prompt a" "--task translate" "--words" "--temperature 0.5"; do
    run 1 transcribe ears tone1.wav $wrong && has err "for Whisper models" "transcribe $wrong"
  done
  run 0 train speech --data words.tsv --ctc-weight 1 --steps 2 --width 16 --heads 2 --layers 1 -q -o ctc
  run 0 look ctc tone1.wav --target hi --json - && has out '"cross":{"queries":\[\],"keys":\[\],"layers":0' "a recogniser without a decoder"
fi

echo "the views: $failures failures"
[ "$failures" = 0 ]
