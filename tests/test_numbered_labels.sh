#!/usr/bin/env bash
# Numbers as labels: what they are taken for is said, with --quiet too where it could be otherwise; --labels wins.
#   tests/test_numbered_labels.sh path/to/attend
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
# data FORMULA HEADER: 606 lines, i from 0
data() {
  { [ -z "${2:-}" ] || printf '%b\n' "$2"; awk -v OFMT=%.3g "BEGIN {for (i = 0; i < 606; i++) print \"intent \" i % 101 \" please\\t\" ($1)}"; } >data.tsv
}
# try WHAT PROBLEM TYPE, LABELS, PATTERN, LINES [options]: what config.json says, how many labels; what is said, in how many lines
try() {
  local what=$1 type=$2 count=$3 pattern=$4 said=$5
  shift 5
  rm -rf out
  "$attend" train classifier --data data.tsv --out out --layers 1 --width 16 --heads 2 --feedforward 16 --steps 2 --threads 1 "$@" \
    >out.txt 2>err || { fail "$what: $(tail -1 err)"; return; }
  grep -q "\"problem_type\": *\"$type\"" out/config.json || fail "$what: $(grep problem_type out/config.json)"
  labels=$(sed -n '/"id2label"/,/}/p' out/config.json | tr ',' '\n' | grep -c '"[0-9]*": *"')
  [ "$labels" = "$count" ] || fail "$what: $labels labels, not $count"
  [ -z "$pattern" ] || grep -q -- "$pattern" err || fail "$what: no '$pattern' in: $(cat err)"
  [ "$said" = any ] || [ "$(wc -l <err)" = "$said" ] || fail "$what: $(wc -l <err) lines, not $said: $(cat err)"
  [ "$(grep -c 'a text has' err)" -le 1 ] || fail "$what: said more than once"
}
one=single_label_classification number=regression many=multi_label_classification
data 'i % 101'
try "101 numbers" $one 101 'warning: a text has one of 101 labels, the numbers 0 to 100, detected from the labels; --labels number' 1 -q
try "101 numbers, asked for" $one 101 '' 0 -q --labels one
try "101 numbers as quantities" $number 1 '' 0 -q --labels number
try "101 numbers, loud" $one 101 'a text has one of 101 labels' any
data 'i % 5 + 1'
try "1 to 5" $one 5 '' 0 -q
try "1 to 5, loud" $one 5 'a text has one of 5 labels, the numbers 1 to 5, detected from the labels; --labels number' any
try "1 to 5 as quantities" $number 1 '' 0 -q --labels number
try "a width that is looked for" $one 5 'a text has one of 5' any --parameters 20000
data 'i % 2'
try "0 and 1" $one 2 '' 0 -q
data 'i % 7 + 0.25'
try "fractions" $number 1 'a text has a number, 0.25 to 6.25, detected from the labels; --labels one' any
try "fractions as names" $one 7 '' 0 -q --labels one
data 'i * 3'
try "numbers that never come again" $number 1 'warning: a text has a number, 0 to 1815, detected from the labels; --labels one' 1 -q
data 'i % 3' 'utterance\tintent id'
try "a header" $one 3 'line 1 is taken for the names of the columns: "utterance" is the text, "intent id" the label' 1 -q
data 'i % 3 "," i % 2 + 3'
try "several" $many 5 'a text has any of 5 labels' any
data '7'
"$attend" train classifier --data data.tsv --out none --steps 1 -q 2>err && fail "one label alone is learned"
grep -q 'every line has the label "7"' err && [ "$(wc -l <err)" = 1 ] || fail "one label alone: $(cat err)"
[ -e none ] && fail "one label alone left a folder"
[ "$failures" = 0 ] && echo "numbers as labels are told of" || exit 1
