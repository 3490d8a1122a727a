#!/usr/bin/env bash
# Text that is not UTF-8, wherever text is read: UTF-16 is refused by name, from a file as from standard input; a byte
# order mark of UTF-8 changes nothing; another encoding is said.
#   tests/test_encodings.sh path/to/attend
set -u
attend=$(realpath "$1")
data=$ATT_TEST_DATA
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export LC_ALL=C.UTF-8 NO_COLOR=1
failures=0
fail() {
  echo "FAILED: $*"
  failures=$((failures + 1))
}
bert=$data/look_bert gpt2=$data/look_gpt2 labels=$data/look_labels marian=$data/decode_marian
printf 'The man throws the ball.\nThe woman reads.\n' >text
printf 'The [MASK] throws the ball.\nThe [MASK] reads.\n' >masked
printf 'The man throws\t1\nThe woman reads\t0\n' >tsv

# utf16 FILE: in four kinds, as FILE.1 to .4
utf16() {
  { printf '\xff\xfe'; iconv -f UTF-8 -t UTF-16LE "$1"; } >"$1.1"
  { printf '\xfe\xff'; iconv -f UTF-8 -t UTF-16BE "$1"; } >"$1.2"
  iconv -f UTF-8 -t UTF-16LE "$1" >"$1.3"
  iconv -f UTF-8 -t UTF-16BE "$1" >"$1.4"
}
utf16 text; utf16 masked; utf16 tsv
# refused FILE WORDS...: by name, in one line, with status 1 and nothing on standard output
refused() {
  local file=$1 status
  shift
  "$attend" "$@" >out 2>err
  status=$?
  [ $status = 1 ] || fail "$* ($file): status $status: $(head -c 200 err)"
  tail -1 err | grep -q "$file: is UTF-16[LB]*E*, not UTF-8: convert it first (iconv -f UTF-16" || fail "$* ($file): $(cat err)"
  [ "$(grep 'attend ' err | grep -vc 'no names of columns')" = 1 ] || fail "$* ($file): not one line: $(cat err)"
  [ -s out ] && fail "$* ($file): wrote: $(head -c 100 out)"
}
for kind in 1 2 3 4; do
  # named files
  for words in "translate $marian --file text.$kind" "embed $bert --file text.$kind" "classify $labels --file text.$kind" "tokenize $bert --file text.$kind" \
    "score $gpt2 --text text.$kind" "score $marian --source text.$kind --target text" \
    "score $marian --source text --target text.$kind" "bleu --reference text.$kind text" "bleu --reference text text.$kind" \
    "train translation --source text.$kind --target text --out new" "train translation --source text --target text.$kind --out new" \
    "train translation --source text --target text --valid-source text.$kind --valid-target text --out new" \
    "train lm --text text.$kind --out new" "train lm --text text --valid text.$kind --out new" "train mlm --text text.$kind --out new" \
    "compare --text text.$kind --out compared"; do
    # shellcheck disable=SC2086
    refused "text.$kind" $words </dev/null
  done
  for words in "train classifier --data tsv.$kind --out new" "train classifier --data tsv --valid tsv.$kind --out new"; do
    # shellcheck disable=SC2086
    refused "tsv.$kind" $words </dev/null
  done
  # standard input
  for words in "translate $marian" "embed $bert" "classify $labels" "tokenize $bert" "generate $gpt2" "bleu --reference text" \
    "score $gpt2 --text -"; do
    # shellcheck disable=SC2086
    refused "standard input" $words <text.$kind
  done
  refused "standard input" fill "$bert" <masked.$kind
  rm -rf compared
  [ -e new ] && fail "a refused text left a folder"
done
# the same with a mark of UTF-8 as without
for name in text masked; do { printf '\xef\xbb\xbf'; cat $name; } >$name.marked; done
for words in "translate $marian" "embed $bert" "classify $labels" "tokenize $bert" "generate $gpt2 --max-tokens 4"; do
  [ "${words%% *}" = generate ] && { printf 'A dog\n' >text; printf '\xef\xbb\xbfA dog\n' >text.marked; }
  # shellcheck disable=SC2086
  "$attend" $words <text >plain 2>err || fail "$words: $(cat err)"
  # shellcheck disable=SC2086
  "$attend" $words <text.marked >marked 2>err || fail "$words: $(cat err)"
  cmp -s plain marked || fail "$words: a byte order mark on standard input changes what comes out"
  [ "${words%% *}" = generate ] && continue
  # shellcheck disable=SC2086
  "$attend" $words --file text.marked >marked 2>err
  cmp -s plain marked || fail "$words: a byte order mark in a file changes what comes out"
done
printf 'The man throws the ball.\nThe woman reads.\n' >text
"$attend" fill "$bert" <masked >plain && "$attend" fill "$bert" <masked.marked >marked
cmp -s plain marked || fail "fill: a byte order mark changes what comes out"
# a mark that comes in pieces, and nothing but a mark
(printf '\xef'; sleep 0.7; printf '\xbb\xbfThe man'; sleep 0.7; printf ' throws the ball.\nThe woman reads.\n') | "$attend" tokenize "$bert" >marked
"$attend" tokenize "$bert" <text >plain
cmp -s plain marked || fail "a byte order mark that comes in pieces changes what comes out"
printf '\xef\xbb\xbf' | "$attend" tokenize "$bert" >marked 2>err || fail "a mark alone: $(cat err)"
[ -s marked ] && fail "a mark alone is a line"
# Latin-1: read with a warning that says what to do
printf 'Der Hund l\xe4uft \xfcber\n%.0s' $(seq 1 40) >latin
"$attend" train lm --text latin --out new --layers 1 --width 16 --heads 2 --context 16 --steps 1 -q 2>err || fail "Latin-1: $(cat err)"
grep -q "converted to UTF-8 first (iconv)" err || fail "Latin-1: $(cat err)"
[ "$failures" = 0 ] && echo "encodings are told apart" || exit 1
