#!/usr/bin/env bash
# What a model's folder says beside its weights, as the command meets it: settings of generating that are applied, said
# or refused by the verb that needs them alone; and texts that are the same whichever way they come in.
#   tests/test_cli_settings.sh path/to/attend
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

# run STATUS WORDS...: the command with its output in out and err; complains about another exit status
run() {
  local wanted=$1 status
  shift
  timeout 120 "$attend" "$@" >out 2>err
  status=$?
  [ $status = "$wanted" ] && return 0
  fail "attend $* exited with $status, not $wanted: $(head -c 400 err)"
  return 1
}
has() { grep -q -- "$2" "$1" || fail "$3: no '$2' in: $(head -c 300 "$1")"; }
empty() { [ ! -s "$1" ] || fail "$2: unexpected: $(head -c 300 "$1")"; }
differs() { cmp -s "$1" "$2" && fail "$3 changes nothing"; }
equal() { cmp -s "$1" "$2" || fail "$3: $(diff "$1" "$2" | head -5)"; }

cp -r "$data/generate_llama" decoder && cp -r "$data/decode_m2m_100" translator
chmod -R u+w decoder translator
settings() { echo "{\"eos_token_id\": 2, \"bos_token_id\": 1, \"decoder_start_token_id\": 2, \"pad_token_id\": 1$2}" >"$1/generation_config.json"; }

# ---- applied, and by the options --------------------------------------------------------------------------------------
say() { run 0 generate decoder "A dog" --json "$@" && cp out "$name"; }
settings decoder ', "max_new_tokens": 12'
name=plain say
for one in '"no_repeat_ngram_size": 1'  '"suppress_tokens": [100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112, 113, 114, 115, 116]' '"repetition_penalty": 1.5'; do
  settings decoder ", \"max_new_tokens\": 12, $one"
  name=one say && empty err "$one" && differs plain one "$one"
done
settings decoder ', "max_new_tokens": 12'
name=ngram say --no-repeat-ngram 1 && differs plain ngram --no-repeat-ngram
settings decoder ', "max_new_tokens": 12, "no_repeat_ngram_size": 1'
name=one say && equal ngram one "the option and the setting"
name=off say --no-repeat-ngram 0 && equal plain off "--no-repeat-ngram 0"
settings decoder ', "max_length": 9'
name=whole say && has whole '"finish": "length"' max_length
name=more say --max-tokens 12 && equal plain more "--max-tokens over max_length"
run 1 generate decoder "A dog runs over the street and barks" && has err "max_length is 9" "a prompt beyond max_length"
settings decoder ', "max_new_tokens": 12'
token=$(python3 -c 'import json; print(json.load(open("plain"))["ids"][4])' 2>/dev/null || grep -o '"ids": \[[^]]*' plain | cut -d, -f5 | tr -d ' ')
sed -i "s/\"eos_token_id\": 2/\"eos_token_id\": [2, $token]/" decoder/generation_config.json
name=ended say && has ended '"finish": "end"' "a second end token"
name=least say --min-tokens 10 && differs ended least --min-tokens
run 2 generate decoder x --min-tokens 13 && has err "--min-tokens 13 is above --max-tokens, which is 12" "--min-tokens alone"
run 2 generate decoder x --min-tokens 5 --max-tokens 4 && has err "--min-tokens 5 is above --max-tokens, which is 4" "--min-tokens"
settings decoder ', "max_new_tokens": 12, "min_new_tokens": 8'
run 0 generate decoder x --max-tokens 4 && has err "--max-tokens 4 is below the 8 tokens that the model asks for at least" "--max-tokens"
settings decoder ', "max_new_tokens": 4, "min_new_tokens": 8'
run 0 generate decoder x && has err "min_new_tokens is above max_new_tokens" "a folder's lengths"
settings decoder ', "max_new_tokens": 12, "stop_strings": ["zzz", "e"]'
name=stopped say && name=free say --stop zzzz && differs stopped free "--stop over stop_strings"
settings decoder ', "max_new_tokens": 4, "do_sample": true, "num_return_sequences": 3, "temperature": 2.0'
run 0 generate decoder "A dog" --json && [ "$(wc -l <out)" = 3 ] || fail "num_return_sequences of a decoder"
run 1 generate translator x
settings translator ', "max_length": 20, "num_beams": 4, "num_return_sequences": 3'
printf 'fae dgbd bgf f\nab a hbac\n' >lines
run 0 translate translator <lines && cp out beams && [ "$(wc -l <out)" = 2 ] || fail "not a line a line"
run 0 translate translator --no-repeat-ngram 1 <lines && differs beams out "translate --no-repeat-ngram"
stop=$(head -1 beams | cut -c2-3)
run 0 translate translator --stop "$stop" <lines && differs beams out "translate --stop"
grep -qF -- "$stop" out && fail "translate --stop gives the stop text"
run 2 translate translator x --min-tokens 9 --max-tokens 8 && has err "--min-tokens 9 is above --max-tokens, which is 8" "translate"
run 2 summarize translator x --min-tokens 9 --max-tokens 8 && has err "--min-tokens 9 is above --max-tokens, which is 8" "summarize"
settings translator ', "max_length": 20, "do_sample": true, "top_k": 0'
run 0 translate translator <lines && cp out drawn && run 0 translate translator --seed 9 <lines && differs drawn out do_sample
run 0 translate translator --beam 4 <lines && equal beams out "--beam 4 over do_sample"

# ---- said, also with --quiet; refused by those who generate alone ---------------------------------------------------
settings decoder ', "max_new_tokens": 4, "num_beams": 4, "guidance_scale": 1.5'
run 0 generate decoder "A dog" --quiet && has err "num_beams is not applied" generate && has err "guidance_scale is not" generate
[ "$(printf 'a\nb\n' | "$attend" generate decoder 2>&1 >/dev/null | grep -c guidance_scale)" = 1 ] || fail "said more than once"
for bad in '{"num_beams": 0}' '{"top_k": "many"}' '{"bad_words_ids": [[100000]]}' '[1]'; do
  echo "$bad" >decoder/generation_config.json
  run 1 generate decoder x && has err "generation_config.json" "$bad" && [ "$(wc -l <err)" = 1 ] || fail "$bad: not a line"
  for verb in "score decoder --text lines" "info decoder" "tokenize decoder --file lines" "embed decoder --file lines"; do
    run 0 $verb && grep -v "^[0-9]* tokens" err >said
    empty said "$verb with $bad"
  done
done
echo '{broken' >decoder/generation_config.json
run 0 generate decoder x --max-tokens 3 && has err "config.json's settings are taken" "a broken file"
for key in '"pad_token_id": -1' '"bos_token_id": -5' '"eos_token_id": null' '"pad_token_id": "x"' '"eos_token_id": []'; do
  python3 - "$key" <<'P' 2>/dev/null || continue
import json, sys
config = json.load(open("decoder/config.json"))
config.update(json.loads("{" + sys.argv[1] + "}"))
json.dump(config, open("decoder/config.json", "w"))
P
  run 0 score decoder --text lines
done

# ---- written again --------------------------------------------------------------------------------------------------
settings translator ', "max_length": 20, "num_beams": 3, "length_penalty": 0.6, "bad_words_ids": [[5, 6]], "own": [1.5]'
run 0 convert translator --out again && equal translator/generation_config.json again/generation_config.json convert

# ---- one text, four ways -----------------------------------------------------------------------------------------------
printf '\357\273\277fae dgbd\r\nab a hbac' >mark.txt
printf 'fae dgbd\nab a hbac\n' >plain.txt
gzip -k mark.txt
run 0 tokenize translator --file plain.txt && cp out wanted
run 0 tokenize translator --file mark.txt && equal wanted out "a file with a byte order mark"
run 0 tokenize translator --file mark.txt.gz && equal wanted out "the same, packed"
run 0 tokenize translator <mark.txt && equal wanted out "standard input with a byte order mark"
(head -c 2 mark.txt; sleep 0.3; tail -c +3 mark.txt) | "$attend" tokenize translator >out && equal wanted out "the same, slowly"
printf '\357\273\277' | "$attend" tokenize translator >out && empty out "a byte order mark alone"

settings decoder ', "max_new_tokens": 5'
run 0 generate decoder "A dog" && cp out wanted
run 0 generate decoder "$(printf '\357\273\277A dog\r\n')" && equal wanted out "an argument with a byte order mark"
printf '\357\273\277A dog\r\n' >prompt.txt
run 0 generate decoder --prompt-file prompt.txt && equal wanted out "a prompt's file"
run 0 generate decoder <prompt.txt && equal wanted out "a prompt on standard input"

# ---- letters that spell a special token ------------------------------------------------------------------------------
for i in $(seq 300); do echo "the <unk> of town $i was <unk> . <|endoftext|>"; done >text
for kind in char byte; do
  run 0 train lm --text text --out $kind --tokenizer $kind --size tiny --steps 2 --context 32 --threads 1 --quiet
  printf 'the <unk> of <|endoftext|>\n' >wanted
  run 0 tokenize $kind --ids <wanted && cp out ids && run 0 tokenize $kind --decode <ids && equal wanted out "$kind letters"
  has $kind/tokenizer_config.json '"split_special_tokens": true' $kind
done

[ $failures = 0 ] && echo "all is well"
exit $failures
