#!/usr/bin/env bash
# What the verbs print with --json is the same, byte for byte, with any number of threads, in batches of any size, and
# with weights of any type: nothing depends on which rows are multiplied together.
#   tests/test_bits.sh path/to/attend
set -u
attend=$(realpath "$1")
data=$ATT_TEST_DATA
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export LC_ALL=C.UTF-8 NO_COLOR=1 OMP_WAIT_POLICY=passive
failures=0
fail() {
  echo "FAILED: $*"
  failures=$((failures + 1))
}

# Lines of 1 to 24 words, a hundred tokens apart in length; and one alone.
words=(the man a dog runs over street "in" red two people sit on bench and look at water while it rains there again now)
for i in $(seq 1 40); do
  line=""
  for j in $(seq 0 $((i * 7 % 24))); do line+="${words[$(((i * 5 + j * (i % 3 + 1)) % ${#words[@]}))]} "; done
  echo "${line% }" >>lines
done
paste lines lines >pairs

# same NAME COMMAND...: with one and more threads, and batches of one line and of all, the same output. Batches are
# given by @, where the verb has them.
same() {
  local name=$1 first=1 threads batch arguments
  shift
  for batch in "" 1 100000; do
    for threads in 1 2 3; do
      arguments=("$@")
      [ -n "$batch" ] && arguments+=(--batch-tokens "$batch")
      if ! "$attend" "${arguments[@]}" --threads $threads --json <lines >got 2>err; then
        fail "$name: $(head -1 err)"
        return
      fi
      sed -i -E 's/"(seconds|tokens_per_second)":[^,}]*//g' got
      if [ $first = 1 ]; then
        [ "$(wc -c <got)" -gt 100 ] || fail "$name: says nothing"
        mv got want
        first=0
      elif ! cmp -s got want; then
        fail "$name: other bytes with $threads threads and batches of ${batch:-as many as there are}"
        diff got want | head -4
      fi
    done
    [ -z "$batch" ] && ! "$attend" "$1" --help 2>&1 | grep -q -- --batch-tokens && return
  done
}

# The folder and its copies in half precision.
types() {
  local model=$1 type
  echo "$data/$model"
  for type in float16 bfloat16; do
    if "$attend" convert "$data/$model" -o "$model-$type" --dtype $type >/dev/null 2>err; then
      echo "$model-$type"
    else
      echo "FAILED: convert $model: $(head -1 err)" >&2
    fi
  done
}

for model in decode_marian decode_m2m_100 recurrent_gru_additive recurrent_lstm_multiplicative recurrent_ffn; do
  for folder in $(types $model); do
    same "translate $folder" translate "$folder" --beam 3
    same "score $folder" score "$folder" --source lines --target lines
  done
done
for model in generate_gpt2 generate_llama recurrent_lstm_decoder; do
  for folder in $(types $model); do
    same "generate $folder" generate "$folder" --max-tokens 12
    same "score $folder" score "$folder" --text lines
    same "embed $folder" embed "$folder"
  done
done
for folder in $(types look_bert); do same "embed $folder" embed "$folder"; done
for folder in $(types look_labels) $(types recurrent_gru_classifier); do same "classify $folder" classify "$folder"; done

[ $failures = 0 ] || exit 1
echo "the same bytes everywhere"
