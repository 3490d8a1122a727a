#!/usr/bin/env bash
# `attend answer` and `attend squad` as a script meets them: lines, objects, files of run_squad, and what is refused.
#   tests/test_cli_questions.sh path/to/attend
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
# run STATUS WORDS...: the command with its output in out and err
run() {
  local wanted=$1 status
  shift
  timeout 120 "$attend" "$@" >out 2>err
  status=$?
  [ $status = "$wanted" ] || fail "attend $* exited with $status, not $wanted: $(head -c 400 err)"
}
has() { grep -q -- "$2" "$1" || fail "$3: no '$2' in: $(head -c 300 "$1")"; }
lines() { [ "$(wc -l <"$1")" = "$2" ] || fail "$3: $(wc -l <"$1") lines, not $2"; }
one() { lines err 1 "$1" && has err "$2" "$1"; }
model=$data/family_bert_spans

# ---- answers
printf '\xef\xbb\xbfA man r\xc3\xaddes\r\n\ta horse. \xf0\x9f\x98\x80\r\n' >page.txt
run 0 answer "$model" --context page.txt --question "Who rides?" && lines out 1 "a question"
grep -qP '^[^\t]+\t[0-9.e-]+\t[0-9]+\t[0-9]+$' out || fail "not answer<TAB>score<TAB>start<TAB>end: $(cat out)"
run 0 answer "$model" --context page.txt --question "Who?" --question "What?" --nbest 3 && lines out 6 "n-best of two"
printf 'Who?\nWhat?\n' | "$attend" answer "$model" --context page.txt >piped 2>err || fail "questions from a pipe: $(cat err)"
"$attend" answer "$model" --context page.txt --question "Who?" --question "What?" >given
printf 'Who?\n \n' | "$attend" answer "$model" --context page.txt >out 2>err || fail "a blank question: $(cat err)"
[ "$(tail -1 out)" = "$(printf '\t0\t0\t0')" ] || fail "a blank question has an answer: $(cat out)"
cmp -s piped given || fail "questions of lines and of options differ"
printf 'Who?\tA man.\nWhat?\t\n' | "$attend" answer "$model" >out 2>err || fail "lines of question and context: $(cat err)"
lines out 2 "lines of question and context"
[ "$(tail -1 out)" = "$(printf '\t0\t0\t0')" ] || fail "an empty context: $(tail -1 out)"
run 0 answer "$model" --context page.txt --question "Who?" --json
has out '^{"question": 1, "answer": "' --json
has out '"null_odds": null, "truncated": false}$' --json
run 0 answer "$model" --context page.txt --question "Who?" --null-threshold -1000000
[ "$(cut -f1,3,4 out)" = "$(printf '\t0\t0')" ] || fail "no answer: $(cat out)"
: >nothing
run 0 answer "$model" --context nothing --question "Who?" && lines out 1 "an empty file"
head -c 200000 /dev/zero | tr '\0' 'a' | sed 's/aaaaaaa/aaa aaa/g' >long.txt
run 0 answer "$model" --context long.txt --question "Who?" --window 60 --stride 50 && lines out 1 "a long context"

# ---- files
cat >squad.json <<'JSON'
{"version": "1.1", "data": [{"title": "t", "paragraphs": [{"context": "A man rides a \"horse\".", "qas": [
 {"id": "x1", "question": "Who rides?", "answers": [{"text": "A man", "answer_start": 0}]},
 {"id": "x2", "question": "What?", "answers": [{"text": "horse", "answer_start": 15}]}]}]}]}
JSON
run 0 answer "$model" --data squad.json -o files
[ ! -e files/null_odds.json ] || fail "null odds of a model that always answers"
has files/predictions.json '^    "x1": ".*",$' predictions.json
has files/nbest_predictions.json '^            "end_logit": -\?[0-9]' nbest_predictions.json
run 0 answer "$model" --data squad.json -o files --null-threshold 0 && has files/null_odds.json '"x2": ' null_odds.json
run 0 answer "$model" --data squad.json --json && has out '"id": "x2"' "--data --json"
run 0 squad --reference squad.json files/predictions.json && has out '^{"exact_match": [0-9.]*, "f1": [0-9.]*}$' squad
echo '{"x1": "the man"}' >partly.json
run 0 squad --reference squad.json partly.json && one "a prediction is missing" "1 questions have no prediction: they count as wrong"
[ "$(cat out)" = '{"exact_match": 50.0, "f1": 50.0}' ] || fail "a prediction is missing: $(cat out)"

# ---- what is refused
run 1 answer "$data/family_bert" --context page.txt --question q && one "another head" "cannot answer questions with a bert model"
run 1 answer "$model" --data page.txt && one "no file of SQuAD" "page.txt"
run 1 answer "$model" --data files/predictions.json && one "another JSON" 'it has no list "data"'
run 1 answer "$model" --context missing.txt --question q && one "no context" "missing.txt"
echo "no tab" | "$attend" answer "$model" >out 2>err && fail "a line without a tab was taken"
one "a line without a tab" "line 1 has no tab"
run 2 answer "$model" --question q && one "a question alone" "--question needs --context"
run 2 answer "$model" --data squad.json --context page.txt && one "--data --context" "leave out --context"
run 2 answer "$model" --context page.txt --question q -o files && one "--out" "--out needs --data"
run 2 answer "$model" --context page.txt --question q --no-null --null-threshold 0 && one "--no-null" "exclude each other"
run 2 squad files/predictions.json && one "no reference" "--reference FILE is needed"
run 1 squad --reference squad.json page.txt && one "no predictions" "page.txt"
printf 'A man.\tWho?\tman\t2\n' >single.tsv
run 1 train qa --data single.tsv --from "$data/family_bert" -o run --steps 1 -q && one "one question" "nothing is left to validate on"
run 1 train qa --data page.txt -o run --steps 1 -q && one "train on a text" "page.txt"
[ ! -e run ] || fail "a folder was left"

[ "$failures" = 0 ] && echo "all as it should be"
exit $((failures > 0))
