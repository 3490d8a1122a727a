#!/usr/bin/env bash
# Every verb with every kind of model: what a model cannot do is refused before anything is read, in one line that says
# what the model is and what it can.
#   tests/test_kinds.sh path/to/attend
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
: >nothing
for i in $(seq 1 40); do
  echo "the man $i" >>text
  printf 'the man %s\t%s\n' "$i" $((i % 3)) >>tsv
done
# model, its kind, what it can
models=("decode_marian:an encoder-decoder:translate pairs" "model_m2m_100_relu:an encoder-decoder:translate pairs"
  "look_gpt2:a decoder:generate text" "generate_llama:a decoder:generate text" "look_bert:an encoder that fills in masks:fill"
  "look_labels:an encoder that classifies:classify" "family_roberta_spans:an encoder that answers questions:answer")
declare -A words=([translate]="translate MODEL" [generate]="generate MODEL" [pairs]="score MODEL --source nothing --target nothing"
  [text]="score MODEL --text nothing" [classify]="classify MODEL" [fill]="fill MODEL" [answer]="answer MODEL" [embed]="embed MODEL")
for entry in "${models[@]}"; do
  IFS=: read -r model kind can <<<"$entry"
  [ -d "$data/$model" ] || { fail "no model $model"; continue; }
  for verb in "${!words[@]}"; do
    # shellcheck disable=SC2086
    "$attend" ${words[$verb]//MODEL/$data/$model} <nothing >out 2>err
    status=$?
    if [[ " $can embed " == *" $verb "* ]]; then
      [ $status = 0 ] || fail "$verb with $model: status $status: $(cat err)"
    else
      [ $status = 1 ] && [ "$(wc -l <err)" = 1 ] || fail "$verb with $model: status $status: $(cat err)"
      grep -q "cannot .*which is $kind: it can .*embed.* and look" err || fail "$verb with $model: $(cat err)"
      [ -s out ] && fail "$verb with $model writes: $(head -c 100 out)"
    fi
  done
done
# going on from a model of another kind
declare -A tasks=([translation]="--source text --target text" [lm]="--text text" [classifier]="--data tsv" [mlm]="--text text")
declare -A takes=([translation]="decode_marian" [lm]="look_gpt2" [classifier]="look_gpt2 look_bert look_labels" [mlm]="look_bert")
for task in "${!tasks[@]}"; do
  for model in decode_marian look_gpt2 look_bert look_labels; do
    [[ " ${takes[$task]} " == *" $model "* ]] && continue
    # shellcheck disable=SC2086
    "$attend" train $task ${tasks[$task]} --from "$data/$model" -o new -q >out 2>err
    status=$?
    [ $status = 1 ] && grep -q "$model is an* .*; train $task needs an* " err && [ "$(wc -l <err)" = 1 ] || fail "train $task from $model: status $status: $(cat err)"
    [ -e new ] && fail "train $task from $model left a folder"
  done
done
[ "$failures" = 0 ] && echo "every kind is asked for what it can" || exit 1
