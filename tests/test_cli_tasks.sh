#!/usr/bin/env bash
# The verbs of series, music, summaries and their measures as a script meets them, on models of some steps trained here.
#   tests/test_cli_tasks.sh path/to/attend
set -u
attend=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export LC_ALL=C.UTF-8 NO_COLOR=1
failures=0
fail() {
  echo "FAILED: $*"
  failures=$((failures + 1))
}
# run STATUS WORDS...: the command with its output in out and err
run() {
  local wanted=$1 status
  shift
  timeout 120 "$attend" "$@" >out 2>err
  status=$?
  [ $status = "$wanted" ] || fail "attend $* exited with $status, not $wanted: $(head -c 400 err)"
}
has() { grep -q -- "$2" "$1" || fail "$3: no '$2' in: $(head -c 600 "$1")"; }
lines() { [ "$(wc -l <"$1")" = "$2" ] || fail "$3: $(wc -l <"$1") lines, not $2"; }
one() { lines err 1 "$1" && has err "$2" "$1"; }
last() { tail -1 err >said-last && has said-last "$2" "$1"; }

# ---- rouge: counted by hand
printf 'the cat sat on the mat\nhello world\n' >reference
printf 'the cat sat\nhello there\n' >summaries
run 0 rouge --reference reference summaries && has out '^ROUGE-1     58.33  precision  75.00  recall  50.00$' rouge
has out '^ROUGE-2     28.57  precision  50.00  recall  20.00$' rouge
run 0 rouge --reference reference summaries --json && has out '"rouge1": {"precision": 0.75, "recall": 0.5,' "rouge --json"
run 0 rouge --reference reference --reference summaries --sentence-level summaries
[ "$(cat out)" = "$(printf '1.0000\t1.0000\t1.0000\t1.0000\n1.0000\t1.0000\t1.0000\t1.0000')" ] || fail "the best reference: $(cat out)"
run 0 rouge --reference reference --reference summaries --average mean --sentence-level summaries
has out '^0.8333	' "the mean of references"
run 0 rouge --reference reference --bootstrap 50 --stem summaries && has out 'interval' "rouge --bootstrap"
run 0 rouge --reference reference --bootstrap 50 --json summaries && has out '"low": {"precision": ' "rouge --bootstrap --json"
printf 'a b.<n>c d.\n' >parts && printf 'c d.<n>a b.\n' >turned && run 0 rouge --reference parts --newline '<n>' --sentence-level --json turned
has out '^{"line": 1, "rouge1"' "rouge --json of a line"
has out '"rougeL": {"precision": 0.5, .*"rougeLsum": {"precision": 1, ' "sentences in another order count one by one"
run 2 rouge --reference parts --newline '' turned && one "rouge --newline of nothing" "newline"
run 2 rouge --reference - - </dev/null && one "standard input twice" "standard input"
"$attend" rouge --reference reference <summaries >piped 2>err || fail "summaries from a pipe: $(cat err)"
head -1 summaries >short && run 1 rouge --reference reference short && one "fewer summaries" "lines"
run 1 rouge --reference nowhere summaries && one "no reference" "nowhere"
run 2 rouge summaries && one "rouge without references" "reference"

# ---- wer: counted by hand
printf 'a b c\nthe same\n' >said
printf 'a x c d\nthe same\n' >heard
run 0 wer --reference said --alignment words heard
has out '^WER 40.00 %  of 5 words: 1 substituted, 0 deleted, 1 inserted$' wer
has out '^       S   I$' "wer --alignment"
run 0 wer --reference said --alignment characters heard && has out '^CER 23.08 %' "wer of characters"
run 0 wer --reference said --json heard && has out '^{"wer": 0.4, ' "wer --json"
printf "A, B and C.\n" >said && printf "a b and c\n" >heard
run 0 wer --reference said heard --normalize english && has out '^WER 0.00 %' "wer --normalize english"
printf 'one\ntwo\n' >heard && run 1 wer --reference said heard && one "more transcripts" "lines"

# ---- squad: counted by hand
cat >questions.json <<'JSON'
{"version": "1.1", "data": [{"title": "t", "paragraphs": [{"context": "The tower was built in 1889 in Paris.", "qas": [
 {"id": "a", "question": "When?", "answers": [{"text": "1889", "answer_start": 23}]},
 {"id": "b", "question": "Where?", "answers": [{"text": "Paris", "answer_start": 31}]}]}]}]}
JSON
echo '{"a": "in 1889", "b": "Paris"}' >answers.json
run 0 squad --reference questions.json answers.json
[ "$(cat out)" = '{"exact_match": 50.0, "f1": 83.33333333333333}' ] || fail "squad: $(cat out)"
echo '[1]' >answers.json && run 1 squad --reference questions.json answers.json && one "no answers" "answers.json"

cat >questions2.json <<'JSON'
{"version": "v2.0", "data": [{"title": "t", "paragraphs": [{"context": "The tower was built in 1889 in Paris.", "qas": [
 {"id": "a", "question": "When?", "is_impossible": false, "answers": [{"text": "1889", "answer_start": 23}]},
 {"id": "b", "question": "By whom?", "is_impossible": true, "answers": []}]}]}]}
JSON
echo '{"a": "in 1889", "b": "Paris"}' >answers.json && echo '{"a": 0.1, "b": 0.9}' >odds.json
run 0 squad --reference questions2.json answers.json && has out '"f1": 33.3' "squad 2.0" && has out '"NoAns_exact": 0.0,' "squad 2.0" && has out '"total": 2,' "squad 2.0"
run 0 squad --reference questions2.json answers.json --null-odds odds.json --null-threshold 0.5
has out '"HasAns_f1": 66.6' "squad --null-odds" && has out '"NoAns_exact": 100' "squad --null-odds" && has out '"best_f1": 83.3' "squad --null-odds"
run 2 squad --reference questions2.json answers.json --null-threshold 0.5 && one "a threshold of no odds" "null-odds"

# ---- forecast: a row an hour that repeats each day
awk 'BEGIN { print "time,load"; for (i = 0; i < 240; i++) printf "2024-01-%02d %02d:00:00,%.4f\n", 1 + i / 24, i % 24, 10 + 3 * sin(i / 24 * 6.283185307) }' >load.csv
shape=(--layers 1 --width 16 --heads 2 --feedforward 32 --threads 1 --seed 3)
run 0 train forecast --data load.csv --horizon 6 --lookback 48 --steps 10 "${shape[@]}" -o meter
has err 'last season' "train forecast names what it is compared with"
run 0 forecast meter --data load.csv --threads 1 && lines out 7 "a forecast of six hours"
has out '^time,series,target,mean,q0.1,q0.5,q0.9$' "a forecast's columns"
[ "$(cut -d, -f1 out | sed -n '2p;$p')" = "$(printf '2024-01-11 00:00:00\n2024-01-11 05:00:00')" ] || fail "its times: $(cat out)"
run 0 forecast meter --data load.csv --json --threads 1 --svg next.svg && lines out 6 "forecast --json"
has out '"time": "2024-01-11 05:00:00"' "forecast --json"
has next.svg '</svg>' "forecast --svg"
run 0 forecast meter --data load.csv --plot --threads 1 && has out '\*' "forecast --plot"
run 0 forecast meter --data load.csv --backtest --threads 1 && has out '^187 windows' "forecast --backtest"
has out '^last season .*0.0000' "what repeats each day is known from the day before"
has err 'no better than the last season' "a model that loses is told so"
run 0 forecast meter --data load.csv --backtest --json --threads 1 && lines out 1 "forecast --backtest --json"
has out '"nominal_coverage": 0.8,' "a coverage as it was asked for"
run 2 forecast meter --data load.csv --plot --json && one "forecast --plot --json" "give one of them"
head -20 load.csv >few.csv && run 1 forecast meter --data few.csv && last "too few rows" "few.csv"
sed 's/load/other/' load.csv >other.csv && run 1 forecast meter --data other.csv && one "another column" 'other.csv: the model forecasts "load"'
sed 's/,[0-9.]*$/,/' load.csv >empty.csv && run 1 forecast meter --data empty.csv && one "an empty column" 'column "load" has no value'
awk -F, -v OFS=, 'NR > 1 { $1 = sprintf("20%02d-%02d-%02d", NR / 300, NR / 25 % 12 + 1, NR % 25 + 1) } { print }' load.csv >days.csv
run 1 forecast meter --data days.csv && last "days for hours" "its rows come every day, the model's every hour"
printf 'time,load\n' >none.csv && run 1 forecast meter --data none.csv && one "no rows" "none.csv"

# ---- covariates: a tariff that goes on for the six hours that are forecast
awk -F, -v OFS=, 'NR == 1 { print $0, "tariff"; next } { x = NR * NR % 7; print $1, (NR > 235 ? "" : $2 + x), x }' load.csv >tariff.csv
run 0 train forecast --data tariff.csv --target load --covariates tariff --horizon 6 --lookback 48 --steps 10 --norm rms "${shape[@]}" -o paid
has err 'covariates: tariff; they explain 100% of load' "train forecast says what covariates explain"
run 0 forecast paid --data tariff.csv --threads 1 && lines out 7 "a forecast with covariates"
[ "$(cut -d, -f1 out | sed -n '2p;$p')" = "$(printf '2024-01-10 18:00:00\n2024-01-10 23:00:00')" ] || fail "the times ahead: $(cat out)"
run 0 forecast paid --data tariff.csv --backtest --threads 1 && has out '^181 windows' "a backtest with covariates"
run 0 info paid && has out 'forecast' "info of a model with covariates"
run 0 look paid tariff.csv --threads 1 && has out 'attention' "look at a model with covariates"
head -240 tariff.csv >short.csv && run 1 forecast paid --data short.csv && last "too few rows ahead" "5 rows stand behind 2024-01-10 17:00:00"
sed '$s/,[0-9]*$/,/' tariff.csv >hole.csv && run 1 forecast paid --data hole.csv && last "a hole ahead" '"tariff" is empty at 2024-01-10 23:00:00'
run 1 forecast paid --data load.csv && one "no covariate" 'the model needs the covariate "tariff"; the table has: 1 "time", 2 "load"'
run 1 train forecast --data tariff.csv --covariates load,load --horizon 6 -o none && last "a covariate twice" "named twice"
run 0 train --resume paid --steps 12 --threads 1 && has err 'going on from step 10' "a run with covariates is resumed"

# ---- music
for i in 1 2 3 4; do
  printf 'X:%d\nT:t\nM:3/4\nL:1/4\nK:C\n' $i && for k in 1 2 3 4 5 6 7 8; do printf 'C E G|c B A|'; done && echo
done >tunes.abc
run 0 train music --data tunes.abc --steps 8 "${shape[@]}" -o tunes
run 0 compose tunes -o tune.mid --bars 4 --threads 1 && [ "$(head -c 4 tune.mid)" = MThd ] || fail "compose: no MIDI"
run 0 compose tunes -o same.mid --bars 4 --threads 1 && { cmp -s tune.mid same.mid || fail "the same seed, another tune"; }
run 0 compose tunes -o tune.abc --bars 4 --threads 1 && has tune.abc '^K:' "compose in ABC"
run 0 compose tunes -o on.abc --bars 2 --prompt tunes.abc --threads 1 && has on.abc '^M:3/4' "compose goes on in the prompt's metre"
run 0 compose tunes -o short.abc --seconds 4.4 --prompt tunes.abc --threads 1 && run 0 compose tunes -o long.mid --seconds 30 --threads 1
run 2 compose tunes -o x.mid --seconds 3 --bars 4 && one "--seconds --bars" "one of --bars and --seconds"
run 2 compose tunes -o x.json && one "a tune as .json" "of piano rolls"
run 1 compose tunes -o nowhere/x.mid && one "a folder that is not there" "nowhere"
run 2 compose tunes -o tune.wav && one "an end that is no tune's" "tune.wav"
run 1 compose meter -o x.mid && one "compose of a forecaster" "cannot generate"

# ---- piano rolls: frames of keys, one part of them alone, then with parts of their own
for part in train valid test; do
  printf '%s"%s": [' "$([ $part = train ] && echo '{' || echo ', ')" $part
  for i in 1 2 3 4 5 6; do printf '%s[[60, 64], [62], [], [60], [67, 72], [65]]' "$([ $i = 1 ] || echo ', ')"; done
  printf ']'
done >rolls.json && echo '}' >>rolls.json
echo "$(cut -d']' -f1-48 rolls.json | sed 's/, "valid".*//')}" >only.json
run 0 train music --data rolls.json --steps 4 "${shape[@]}" -o rolls && has err 'test: 6 tunes of piano rolls, 36 frames' "the parts of piano rolls"
has err ', test [0-9.]*;' "the test part is measured, too"
run 0 train music --data only.json --steps 4 "${shape[@]}" -o held && has err 'train: 5 tunes .*, 30 frames' "the last tenth is held out"
run 0 train music --data only.json --valid rolls.json --steps 4 "${shape[@]}" -o beside && has err 'train: 6 tunes' "--valid of piano rolls"
run 2 train music --data rolls.json only.json --steps 4 -o none && last "two files of piano rolls" "only.json"
echo '{"train": [[[60], [62]]]}' >one.json && run 1 train music --data one.json --steps 4 -o none && last "one tune" "one.json"
echo '{"valid": [[[60], [62]]]}' >one.json && run 1 train music --data one.json --steps 4 -o none && last "no tunes to learn from" 'no tunes under "train"'
run 0 score rolls --data rolls.json --threads 1 && lines out 3 "score of piano rolls" && has out '^test	[0-9.]*	36$' "score of piano rolls"
run 0 score rolls --data rolls.json --json --threads 1 && has out '^{"part": "valid", "logprob": -[0-9.]*, "tunes": 6, "frames": 36, "nats": ' "score --json"
run 2 score rolls --data rolls.json --text plain && one "score of rolls and text" "no other input"
run 0 compose rolls -o roll.mid --bars 2 --frames 2 --tempo 90 --threads 1 && [ "$(head -c 4 roll.mid)" = MThd ] || fail "compose of rolls"
run 0 compose rolls -o roll.json --seconds 6 --tempo 120 --threads 1 && run 0 compose rolls -o on.abc --prompt roll.json --threads 1
[ "$(tr -cd '[' <roll.json | wc -c)" -ge 12 ] || fail "six seconds at 120 are 12 frames: $(cat roll.json)"
run 1 compose tunes -o x.mid --tempo 90 && one "the tempo of a model of tunes" "piano rolls"

# ---- summaries
for i in $(seq 1 30); do
  for word in dog cat bird; do printf '{"text": "Today the %s slept. Nobody saw %d trees.", "summary": "The %s slept."}\n' $word "$i" $word; done
done >texts.jsonl
run 0 train summarization --data texts.jsonl --vocab 300 --steps 10 "${shape[@]}" -o summer
run 0 summarize summer "Today the dog slept." --max-tokens 8 --threads 1 && lines out 1 "a summary"
head -3 texts.jsonl >three && run 0 summarize summer --objects --file three --max-tokens 8 --json --threads 1
lines out 3 "summarize --objects --json"
printf 'Today the dog slept.\n\nA cat.\n' >plain && run 0 summarize summer --file plain --max-tokens 8 --threads 1
lines out 3 "summarize, a line for a line" && [ -z "$(sed -n 2p out)" ] || fail "an empty line was summed up"
run 0 summarize summer --long --file plain --max-tokens 8 --threads 1 && lines out 3 "summarize --long"
echo 'no object' >odd && run 1 summarize summer --objects --file odd && one "lines that are no objects" "line 1"
echo '{"title": "x"}' >odd && run 1 summarize summer --objects --file odd && one "an object without a text" "line 1"
run 0 train summarization --data texts.jsonl --valid three --extract --vocab 300 --steps 4 --width 16 --heads 2 --layers 1 --threads 1 -o picker
run 0 summarize picker "Today the dog slept. Nobody saw 3 trees." --extract 1 --threads 1 && lines out 1 "a sentence picked"
run 2 train summarization --data texts.jsonl --extract --decoder-layers 2 -o none && last "an extractor's decoder" "leave out --decoder-layers"
run 0 train summarization --data texts.jsonl --extract --from picker --steps 2 --threads 1 -o again
run 0 train summarization --data texts.jsonl --copy --vocab 300 --steps 4 "${shape[@]}" -o copier
run 0 summarize copier "Today the dog slept." --max-tokens 8 --threads 1 && lines out 1 "a summary that copies"
run 1 summarize meter "a text" && one "summarize of a forecaster" "cannot summarize"

echo "verbs of tasks: $failures failures"
[ $failures = 0 ]
