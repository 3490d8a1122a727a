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

# Lines of 1 to 24 words.
words=(the man a dog runs over street "in" red two people sit on bench and look at water while it rains there again now)
for i in $(seq 1 30); do
  line=""
  for j in $(seq 0 $((i * 7 % 24))); do line+="${words[$(((i * 5 + j * (i % 3 + 1)) % ${#words[@]}))]} "; done
  echo "${line% }" >>lines
done

# same NAME COMMAND...: with one and more threads, and batches of one line and of all, the same output.
same() {
  local name=$1 threads batch arguments=() settings=("1 0" "2 0" "3 0")
  shift
  "$attend" "$1" --help 2>&1 | grep -q -- --batch-tokens && settings=("1 0" "1 1" "2 1" "3 100000")
  rm -f want
  for setting in "${settings[@]}"; do
    read -r threads batch <<<"$setting"
    arguments=("$@" --threads "$threads" --json)
    [ "$batch" = 0 ] || arguments+=(--batch-tokens "$batch")
    "$attend" "${arguments[@]}" <lines >got 2>err || { fail "$name: $(head -1 err)"; return; }
    if [ ! -e want ]; then
      [ "$(wc -c <got)" -gt 40 ] || fail "$name: says nothing"
      mv got want
    elif ! cmp -s got want; then
      fail "$name: other bytes with $threads threads and batches of $batch tokens"
    fi
  done
}

# The folder's copy in half precision.
half() {
  "$attend" convert "$data/$1" -o "$1-$2" --type "$2" >/dev/null 2>err || fail "convert $1: $(head -1 err)"
}

# The copy with quantized weights, of a folder of the data or one that was made here.
quantized() {
  local from=$data/$1
  [ -e "$from" ] || from=$1
  "$attend" quantize "$from" --type "$2" -o "$1-$2" >/dev/null 2>err || fail "quantize $1: $(head -1 err)"
}

# A network of a few steps' training, as wide as no kernel's vectors are where $width does not say otherwise.
train() {
  local out=$1
  shift
  "$attend" train "$@" --layers 1 --width "${width:-44}" --vocab 300 --steps 3 --seed 1 --threads 1 -o "$out" -q 2>err ||
    fail "train $out: $(head -1 err)"
}
for family in rnn lstm gru ffn; do
  train $family translation --source lines --target lines --valid-source lines --valid-target lines --family $family
done
train gru-lm lm --text lines --valid lines --family gru
sed 's/\(.*\) \([a-z]*\)$/\1 \2\t\2/' lines | grep -P '\t' >labelled
train gru-classifier classifier --data labelled --valid labelled --family gru
width=64 train classifier classifier --data labelled --valid labelled

half decode_m2m_100 float16
half generate_gpt2 bfloat16
half generate_llama float16
half look_bert float16
half look_labels bfloat16
quantized decode_marian q8_0
quantized decode_m2m_100 q4_0
quantized generate_gpt2 q5_1
quantized generate_llama q4_1
quantized generate_llama iq4_nl
quantized classifier q5_0
for model in "$data"/decode_marian decode_m2m_100-float16 decode_marian-q8_0 decode_m2m_100-q4_0 rnn lstm gru ffn; do
  same "translate $model" translate "$model" --beam 3
  same "score $model" score "$model" --source lines --target lines
done
for model in "$data"/generate_gpt2 "$data"/generate_llama generate_gpt2-bfloat16 generate_llama-float16 \
  generate_gpt2-q5_1 generate_llama-q4_1 generate_llama-iq4_nl gru-lm; do
  same "generate $model" generate "$model" --max-tokens 12
  same "score $model" score "$model" --text lines
  same "embed $model" embed "$model"
done
for model in "$data"/look_bert look_bert-float16 classifier-q5_0; do same "embed $model" embed "$model"; done
for model in "$data"/look_labels look_labels-bfloat16 classifier-q5_0 gru-classifier; do
  same "classify $model" classify "$model"
done

[ $failures = 0 ] || exit 1
echo "the same bytes everywhere"
