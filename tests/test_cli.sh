#!/usr/bin/env bash
# The command as a person and a script meet it: help, errors, and each verb on a tiny model trained here.
#   tests/test_cli.sh path/to/attend        UPDATE=1 writes tests/golden/ anew, to be read before it is committed
set -u
attend=$(realpath "$1")
golden=$(cd "$(dirname "$0")" && pwd)/golden
data=$(dirname "$golden")/data
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export LC_ALL=C.UTF-8 NO_COLOR=1
unset TERM
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

# same NAME FILE: FILE is as in tests/golden/NAME, but for the version
same() {
  sed -i -E 's/attend [0-9]+\.[0-9]+\.[0-9]+/attend VERSION/' "$2"
  if [ "${UPDATE:-}" = 1 ]; then
    mkdir -p "$golden" && cp "$2" "$golden/$1"
  elif ! diff -u "$golden/$1" "$2" >difference; then
    fail "$1 is not as it was"
    head -40 difference
  fi
}

# lines FILE COUNT
lines() { [ "$(wc -l <"$1")" = "$2" ] || fail "$3: $(wc -l <"$1") lines, not $2"; }
has() { grep -q -- "$2" "$1" || fail "$3: no '$2' in: $(head -c 300 "$1")"; }
empty() { [ ! -s "$1" ] || fail "$2: unexpected: $(head -c 300 "$1")"; }

# ---- help -------------------------------------------------------------------------------------------------------
verbs=("train translation" "train summarization" "train lm" "train classifier" "train mlm" "train qa" translate summarize generate chat score bleu rouge squad wer classify embed rank fill answer transcribe tokenize look info bench serve compare convert quantize)
run 0 --help && same help.txt out
for verb in "${verbs[@]}"; do
  run 0 $verb --help
  grep -nE '^.{81,}' out && fail "attend $verb --help is wider than 80 columns"
  cp out first
  run 0 help $verb
  cmp -s first out || fail "attend help $verb differs from attend $verb --help"
  same "help-${verb// /-}.txt" out
done
run 0 train --help && has out "train translation" "train --help"
run 0 --version && has out '^attend [0-9]' --version
run 2 && empty out "attend alone" && lines err 1 "attend alone"
run 0 --man
for name in beam source norm-order layer threads; do
  has out "\\\\-\\\\-${name//-/\\\\-}" "the man page"
done
if command -v groff >groff.path; then
  groff -man -ww -z -Tutf8 out 2>groff.said
  empty groff.said "the man page's roff"
fi

# ---- data, and a tiny model -----------------------------------------------------------------------------------------
for i in $(seq 1 40); do
  for word in Hund Katze Vogel; do echo "Ein $word sieht $i Bäume ."; done
done >train.de
sed 's/Ein/A/; s/Hund/dog/; s/Katze/cat/; s/Vogel/bird/; s/sieht/sees/; s/Bäume/trees/' train.de >train.en
gzip -k train.de
shape=(--layers 1 --width 32 --heads 2 --feedforward 64 --vocab 300 --threads 1 --seed 3)
tiny=(train translation --source train.de --target train.en "${shape[@]}")
run 0 "${tiny[@]}" --out model --steps 40 --valid-every 20 --lr 0.01 || { cat err; exit 1; }
empty out "train writes to standard output"
has err "validation loss" "train's plain lines"
has err "attend translate model" "train's last line"
grep -q $'\r\|\x1b' err && fail "a progress bar where there is no terminal"
for file in config.json model.safetensors tokenizer.json tokenizer_config.json generation_config.json train.jsonl \
  loss.svg; do
  [ -s "model/$file" ] || fail "train made no $file"
done
run 0 "${tiny[@]}" --out model --steps 40 --valid-every 20 --lr 0.01 --resume
has err complete "resuming a complete run"
run 0 "${tiny[@]}" --out quiet --steps 2 --quiet
empty err "train --quiet"

run 0 train lm --text train.en train.de.gz --layers 1 --width 32 --heads 2 --context 16 --batch 4 --steps 20 --seed 0 -o tongue
has err "bits a character" "train lm's last words"
has err "attend generate tongue" "train lm's last line"
has tongue/config.json '"gpt2"' "train lm's family"
has tongue/checkpoint/trainer_state.json '"seed": 0' "--seed 0"
run 2 train lm --text train.en train.de.gz --steps 20 --seed 1 -o tongue --resume -q && has err "began with 0" "another seed"
run 2 train lm --text train.en train.de.gz --seed 1 --resume tongue -q && has err "--seed is 1, but the run to resume began with 0" "--resume DIR behind several texts"
run 2 train classifier --resume tongue && has err "the run in it is of another kind: train lm, not classifier" "another kind of run"
run 0 train lm --resume tongue && has err "nothing to do; more --steps, --epochs or --minutes" "train lm --resume DIR"
run 2 train lm --resume nowhere && has err "nowhere: there is no checkpoint in it to resume from, and to begin --text is missing" "train lm --resume of nothing"
head -80 train.en >other.en
run 1 train lm --text train.en other.en --resume tongue && has err "train.en, other.en: the training data is not what the run in tongue" "changed files"

# ---- interrupted, and resumed ----------------------------------------------------------------------------------------
"$attend" "${tiny[@]}" --out stopped --steps 2000000 2>err &
pid=$!
for _ in $(seq 1 600); do
  grep -q '^step ' err && break
  sleep 0.1
done
kill -INT $pid
wait $pid
status=$?
[ $status = 130 ] || fail "an interrupted training exited with $status, not 130"
has err "attend train --resume stopped goes on" "an interrupted training"
[ -s stopped/checkpoint/model.safetensors ] || fail "an interrupted training left no checkpoint"
step=$(sed -nE 's/.*interrupted at step ([0-9]+);.*/\1/p' err)
(cd / && timeout --preserve-status -s INT 20 "$attend" train --resume "$work/stopped") 2>err
grep -q "going on from step $(printf "%'d" "$step")\( \|$\)\|going on from step .* of 2,000,000" err || fail "train --resume DIR: $(head -c 400 err)"
cp -r stopped moved && cp train.en kept.en && head -60 kept.en >train.en
run 1 train --resume moved && has err "lines" "train --resume DIR with a changed file"
cp kept.en train.en
run 2 train --resume moved --source train.en --layers 2 && has err "began with" "train --resume DIR with another option"

# a budget in minutes: no total and no share of it while the first steps are timed
run 0 "${tiny[@]}" --out timed --minutes 0.05 && has err "timing the first steps" "a budget in minutes"
grep -qE '/0( |$)' err && fail "a total of 0 steps: $(grep -E '/0( |$)' err | head -1)"
script -qec "stty cols 120; '$attend' ${tiny[*]} --out timed-2 --minutes 0.05" /dev/null >bar 2>&1 </dev/null || true
grep -qE '[0-9]/0 ' bar && fail "a bar with a total of 0 steps"

# a signal while a product is under way spoils nothing: it did in one run of ten, where it came on the same stack
for i in $(seq 1 12); do
  rm -rf stopped
  "$attend" "${tiny[@]}" --out stopped --steps 2000000 -q 2>err &
  pid=$!
  for _ in $(seq 1 600); do
    [ -s stopped/train.jsonl ] && break
    sleep 0.05
  done
  sleep "0.$((RANDOM % 4))$((RANDOM % 10))"
  kill -INT $pid
  wait $pid
  status=$?
  [ $status = 130 ] || fail "training interrupted the ${i}th time exited with $status, not 130: $(head -c 300 err)"
done

# ---- errors: one line each, nothing on standard output --------------------------------------------------------------
printf 'Ein Hund\n' >one.de
: >empty.txt
printf 'no tokenizer' >notes.txt
printf 'good dog\tnice\nbad dog\tnot "nice"\n' >train.tsv
printf 'a\tx\nb\nc\ty\n' >columns.tsv
printf 'a\tx\nb\tx\n' >one-class.tsv
printf 'a\tx\nb\t\n' >no-label.tsv
for i in $(seq 1 30); do printf 'a\tx\tid%s\n' "$i"; done >ids.tsv
printf 'text,label\n"a dog, x\n' >quotes.csv
printf 'a,b,c,d\n' >four.csv
printf 'a\tnasty\n' >unknown.tsv
while read -r status words; do
  eval "set -- $words"
  run "$status" "$@" <one.de
  empty out "attend $words"
  lines err 1 "attend $words"
  printf '$ attend %s\n' "$words"
  cat err
  printf '= %s\n' "$status"
done <<'LIST' >errors
2 translat model
2 frobnicate
2 generate
1 generate model Hund
2 generate model Hund --samples 0
2 generate model Hund --stop
2 train
2 train --resume
1 train --resume nowhere
2 train lm
2 train translaton
2 translate
2 translate model Hund --file train.de
2 translate model --bem 4
2 translate model --xyzzy
2 translate model -x
2 translate model --beam
2 translate model --beam --json
2 translate model --beam=
2 translate model --beam 0
2 translate model --beam 1e1
2 translate model --beam 99999999999999999999
2 translate model --length-penalty nan
2 translate model --length-penalty 0x10
2 translate model --length-penalty 1.5x
2 translate model --quiet=yes
2 translate model --threads 0
2 translate model --threads 1000
2 translate model --seed -1
2 translate model --stop
2 translate model --repetition-penalty 0
2 translate model --top-k 5
2 translate model --temperature 1 --beam 4
2 translate model --temperature 1 --nbest 2
2 translate model --nbest 8 --beam 4
1 translate nowhere
1 translate notes.txt
1 translate model --file nowhere.txt
1 translate "$(printf 'two\nlines')"
2 score model
2 score model --text train.en --source train.de
2 score model --stride 3
1 score model --text train.en
2 score model --source - --target -
1 score model --source train.de --target one.de
2 bleu train.en
2 bleu --reference train.en --metric bloo
2 bleu --reference train.en --metric chrf --tokenize char
2 bleu --reference train.en --metric ter --metric chrf --smooth floor
2 bleu --reference train.en --metric ter --lowercase
2 bleu --reference train.en --ter-no-punct
2 bleu --reference train.en --sentence-level --metric ter --metric chrf
2 bleu --reference train.en --metric ter --ter-asian-support
2 bleu --reference train.en --tokenize ja-mecab
2 bleu --reference train.en --tokenize flores200
2 bleu --reference - --reference - one.de
2 bleu --reference train.en --chrf-word-order 2
2 bleu --reference train.en --smooth-value 1
1 bleu --reference train.en one.de
1 bleu --reference nowhere.txt one.de
2 tokenize model --decode --ids
1 tokenize model --decode --file one.de
2 look model Hund --layer 9
2 look model Hund --head 9
2 look model Hund --part middle
2 look model Hund --svg - --json -
2 look model Hund --gradient --layer 1
1 classify model
1 classify nowhere
2 classify model --label-column x
2 classify model --top 0
2 classify model --confusion
2 classify model --data train.tsv Hund
2 classify model --data train.tsv --file one.de
2 classify model --data train.tsv --top 2
2 embed model --pooling middle
2 embed model --normalise --no-normalise
2 embed model --json --npy vectors.npy
1 embed model --npy nowhere/vectors.npy
2 rank model
2 rank model --query Hund --top 0
2 rank model --query Hund --similarity near
2 rank model --query Hund --pairs moods.tsv
2 rank model --index x --pairs moods.tsv
2 rank model --index x --query Hund --file six.de
1 rank model --index nowhere --query Hund
1 rank model --index six.de --query Hund
2 embed model --index x --json
2 embed model --index-type float16
1 embed model --index nowhere/x
2 rank model --pairs moods.tsv --file six.de
1 rank model --pairs nowhere.tsv
1 rank model --query Hund --file nowhere
2 fill model --top 0
1 fill model "Ein [MASK]"
1 look model Hund --svg nowhere/look.svg
1 info nowhere
2 train translation
2 train translation --source train.de
2 train translation --source train.de --target train.en
2 train translation --source train.de --target train.en -o x --valid-source train.de
2 train translation --source train.de --target train.en -o x --steps 3 --minutes 3
2 train translation --source train.de --target train.en -o x --batch 3 --batch-tokens 3
2 train translation --source train.de --target train.en -o x --size huge
2 train translation --kv-heads two
2 train translation --attention dot
2 train translation --activation tanh
2 train translation --precision bf16
2 train translation --tokenizer wordpiece
2 train translation --no-tie=1
2 train translation --no-width
2 train translation --text train.en
2 train translation --source train.de --target train.en -o x -q --family lstm --heads 4
2 train translation --source train.de --target train.en -o x -q --family ffn --no-tie
2 train translation --source train.de --target train.en -o x -q --attention additive
2 train translation --source train.de --target train.en -o x -q --heads 4 --kv-heads 3
2 train translation --dropout 1
2 train translation --average 65
2 train translation --batch-tokens 67108865
2 train translation --source train.de --target train.en -o x -q --width 30 --heads 4
2 train translation --source train.de --target train.en -o x -q --max-length 20 --batch-tokens 10
2 train translation --source train.de --target train.en -o x -q --from model --norm-order after
2 train translation --source train.de --target train.en -o model -q --resume --activation gelu
2 train translation --source train.de --target train.en -o model -q --resume --steps 39
1 train translation --source train.en --target train.de -o model -q --resume
1 train translation --source train.de --target train.en -o model -q
1 train translation --source train.de --target one.de -o x -q
1 train translation --source empty.txt --target empty.txt -o x -q
1 train translation --source nowhere.txt --target train.en -o x -q
1 train translation --source train.de --target train.en -o notes.txt/x -q
2 train lm --text train.en
2 train lm train.en -o x
2 train lm --source train.de --target train.en -o x
2 train lm --text train.en -o x -q --tokenizer wordpiece
2 train lm --text train.en -o x -q --position rotary --width 12 --heads 4
2 train lm --text train.en -o x -q --one-direction
2 train lm --text train.en -o model -q --resume
2 train classifier -o x
2 train classifier --data train.tsv
2 train classifier --data train.tsv --text train.en -o x
2 train classifier --data train.tsv -o x --labels some
2 train classifier --data train.tsv -o x --decoder-layers 2
1 train classifier --data nowhere.tsv -o x -q
1 train classifier --data empty.txt -o x -q
1 train classifier --data train.en -o x -q
1 train classifier --data columns.tsv -o x -q
1 train classifier --data one-class.tsv -o x -q
1 train classifier --data no-label.tsv -o x -q
1 train classifier --data ids.tsv -o x -q
1 train classifier --data quotes.csv -o x -q
1 train classifier --data ids.tsv -o x -q --label-column mood
1 train classifier --data four.csv -o x -q
1 train classifier --data train.tsv --valid unknown.tsv -o x -q
2 compare
2 compare -o x
2 compare -o x --source train.de
2 compare -o x --text train.en --data train.tsv
2 compare -o x --text train.en --width 32
2 compare -o x --source train.de --target train.en --valid train.en
2 train mlm -o x
2 train mlm --text train.en -o x --token-dropout 0.1
2 train mlm --text train.en -o x -q --family ffn
1 train mlm --text empty.txt -o x -q
1 train mlm --text train.en -o x -q --from model
1 train lm --text empty.txt -o x -q
1 train lm --text train.en nowhere.txt -o x -q
1 train lm --text train.en -o x -q --context 50000
1 train lm --text train.en -o x -q --from model
LIST
same errors.txt errors
[ ! -e x ] || fail "a run that was refused left its folder"

# ---- generate, score --text ------------------------------------------------------------------------------------------
decoder=$golden/../data/generate_llama
run 0 generate "$decoder" "A dog" --max-tokens 6 && has out '^A dog' generate
empty err generate
run 0 generate "$decoder" "A dog" --max-tokens 6 --no-prompt && cp out new
grep -q '^A dog' new && fail "generate --no-prompt prints the prompt"
run 0 generate "$decoder" --temperature 1 --samples 3 --max-tokens 5 "A dog" && cp out three
[ "$(grep -c '^---$' three)" = 2 ] || fail "three samples are not parted by two lines"
run 0 generate "$decoder" --temperature 1 --samples 3 --max-tokens 5 A dog --threads 3
cmp -s out three || fail "generate differs with threads"
run 0 generate "$decoder" --temperature 1 --samples 3 --max-tokens 5 A dog --seed 2
cmp -s out three && fail "generate does not heed the seed"
printf 'A dog\n\nx' >prompts && run 0 generate "$decoder" --json --max-tokens 4 <prompts && lines out 3 "generate --json"
for key in line sample prompt text tokens ids finish logprob prompt_tokens; do has out "\"$key\": " "generate --json"; done
printf 'A dog\n' >prompt.txt && run 0 generate "$decoder" --prompt-file prompt.txt --max-tokens 6 --no-prompt
cmp -s out new || fail "generate --prompt-file differs from a prompt"
same=("$decoder" "A dog and a dog and a" --max-tokens 40 --ignore-end)
for drawn in "" "--temperature 0.5"; do
  run 0 generate "${same[@]}" $drawn --draft none && cp out undrafted && [ -s undrafted ] || fail "generate --draft none"
  for draft in lookup "$decoder"; do
    for count in 0 4; do
      run 0 generate "${same[@]}" $drawn --draft "$draft" --draft-tokens $count
      cmp -s out undrafted || fail "generate $drawn --draft $draft --draft-tokens $count writes something else"
    done
  done
done
run 1 generate "$decoder" x --draft model && has err "cannot guess for this one" "a draft with another vocabulary"
empty out "a draft with another vocabulary" && lines err 1 "a draft with another vocabulary"
run 1 generate "$decoder" x --draft nowhere && has err nowhere "a draft that is not there"
run 2 generate "$decoder" x --draft-tokens 16
run 0 generate "${same[@]}" --cache-type f32 && [ -s out ] || fail "generate --cache-type f32"
run 1 generate "$decoder" x --cache-type q8_0 && has err "multiple of 32" "heads that are too narrow for q8_0"
long_prompt=$(printf 'a dog and %.0s' $(seq 1 12))
run 0 generate "$decoder" "$long_prompt" --max-tokens 9 --save-cache kept && cp out saved && [ -s kept ] || fail "--save-cache"
run 0 generate "$decoder" "$long_prompt" --max-tokens 9 --load-cache kept && empty err "--load-cache"
cmp -s out saved || fail "generate --load-cache writes something else"
run 0 generate "$decoder" "something else" --max-tokens 2 --load-cache kept && has err "begins otherwise" "another prompt"
run 1 generate "$decoder" x --load-cache kept --cache-type f32 && has err "another cache type" "another cache type"
run 1 generate tongue x --load-cache kept && has err "another model" "another model's cache" && empty out "another model's cache"
echo nothing >broken && run 1 generate "$decoder" x --load-cache broken && lines err 1 "a broken cache"
run 2 generate "$decoder" --save-cache kept <prompts && has err "one prompt" "--save-cache of many prompts"
run 0 generate "$decoder" "A dog" --max-tokens 0 --ignore-end && has err "stopped: the context of 256 tokens is full" "a full context"
run 0 generate "$decoder" "A dog" --max-tokens 700 --ignore-end --json && has out '"finish": "length"' "beyond the context"
[ "$(grep -c 'going on with the last 128' err)" = 1 ] || fail "that the window moves is not said once: $(cat err)"
printf 'A dog %.0s' $(seq 1 200) >long.txt
run 0 generate "$decoder" --prompt-file long.txt --max-tokens 4 && has err "going on from its last 128" "a prompt too long"
run 1 generate "$decoder" --prompt-file long.txt --max-tokens 0 && has err "but the model has 256 positions" "a prompt too long"
empty out "a prompt too long"
run 2 generate "$decoder" x --top-k 5 && has err "temperature" "top-k without sampling"
run 2 generate "$decoder" x --prompt-file prompt.txt && has err "exclude" "two prompts"
run 1 translate "$decoder" && has err "decoder: it can generate" "translate with a decoder"
run 0 score "$decoder" --text long.txt && lines out 1 "score --text" && has err "bits per byte" "score --text"
run 0 score "$decoder" --text prompts --lines --json --quiet && lines out 3 "score --lines" && empty err "score --quiet"
for key in line logprob tokens bytes; do has out "\"$key\": " "score --lines --json"; done
run 1 score "$decoder" --text long.txt --stride 256 && has err "1 to 255" "a stride too long"
"$attend" generate "$decoder" "A dog" --ignore-end --temperature 1 --max-tokens 0 --samples 64 >out 2>err </dev/null &
pid=$!
sleep 0.2
kill -INT $pid 2>err
wait $pid
status=$?
[ $status = 130 ] || [ $status = 0 ] || fail "an interrupted generate exited with $status"

# ---- translate -------------------------------------------------------------------------------------------------------
run 0 translate model --file train.de && lines out 120 translate
empty err translate
cp out translated
run 0 translate model --file train.de.gz && { cmp -s out translated || fail "translate differs on a .gz file"; }
run 0 translate model <train.de && { cmp -s out translated || fail "translate differs on standard input"; }
run 0 translate model --batch-tokens 20 --file train.de
cmp -s out translated || fail "translate differs with small batches"
run 0 translate model <empty.txt && empty out "translate on nothing"
printf '\n\nEin Hund\n   \nKatze' >odd && run 0 translate model --file odd && lines out 5 "translate of empty lines"
[ "$(sed -n 1p out)" = "" ] || fail "an empty line was translated to something"
cp out from-file
run 0 translate model Ein Hund && { sed -n 3p from-file | cmp -s - out || fail "words differ from a line"; }
run 0 translate model --file one.de && cp out from-file
run 0 translate model one.de && has err "'one.de' is a file: its lines are read" "a file in place of a text"
run 0 translate model two.txt && has err "there is no file 'two.txt': the word itself is taken as the text" "a file that is not there"
run 0 translate model tongue && has err "'tongue' is a folder: the word itself is taken as the text" "a folder in place of a text"
run 0 translate model "Ein Hund" "Eine Katze" && has err "2 texts are joined to one" "several texts"
cmp -s out from-file || fail "a file in place of a text is not read as --file reads it"
run 0 translate model --nbest 3 --file one.de && lines out 3 --nbest
grep -qvE '^0 \|\|\| .* \|\|\| -?[0-9.e-]+$' out && fail "--nbest: not Moses' lines: $(cat out)"
run 0 translate model --json --file odd && lines out 5 "translate --json"
for key in line text score logprob tokens ids source_tokens alignment truncated; do has out "\"$key\": " "translate --json"; done
if command -v python3 >python.path; then
  python3 - out <<'PYTHON' || fail "translate --json: not what it should be"
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
assert [row["line"] for row in rows] == [1, 2, 3, 4, 5]
row = rows[2]
assert len(row["tokens"]) == len(row["ids"]) == len(row["alignment"]) > 0
assert all(0 <= place < len(row["source_tokens"]) for place in row["alignment"])
assert row["logprob"] < 0 and row["source_tokens"][-1] == "</s>"
PYTHON
fi
run 0 translate model --temperature 1.5 --samples 4 --seed 7 --file one.de && lines out 4 --samples
cp out first
run 0 translate model --temperature 1.5 --samples 4 --seed 7 --file one.de
cmp -s first out || fail "the same seed gives other samples"
run 0 translate model --temperature 1.5 --samples 4 --seed 8 --file one.de
cmp -s first out && fail "another seed gives the same samples"
run 0 translate model --max-tokens 1 --json --file one.de
has out '"ids": \[[0-9]*\]' --max-tokens

# lines that are none, and a line of a million letters
printf 'a\0b\n\xff\xfe Hund \xc3\nBaum\r\n' >broken && run 0 translate model --file broken && lines out 3 "NUL and wrong UTF-8"
has err "not valid UTF-8" "wrong UTF-8"
{ head -c 1000000 /dev/zero | tr '\0' 'a'; echo; echo Hund; } >long
run 0 translate model --max-tokens 4 --file long && lines out 2 "a line of a million letters"
has err "line 1 is too long" "a line of a million letters"
run 0 translate model --max-tokens 4 <long && lines out 2 "a line of a million letters on standard input"

# a pipe is answered line by line; threads spin for a bounded time, unless somebody has said how they wait
coproc ANSWER { exec env -u OMP_WAIT_POLICY -u GOMP_SPINCOUNT -u KMP_BLOCKTIME "$attend" translate model; }
for _ in $(seq 1 100); do
  grep -qz '^GOMP_SPINCOUNT=2000$' /proc/$ANSWER_PID/environ 2>proc.said && break
  sleep 0.1
done
grep -qz '^GOMP_SPINCOUNT=2000$' /proc/$ANSWER_PID/environ || fail "threads spin as long as they like"
sleep 2 | OMP_WAIT_POLICY=active "$attend" translate model &
pid=$!
sleep 1
grep -qz '^GOMP_SPINCOUNT=' /proc/$pid/environ 2>proc.said && fail "OMP_WAIT_POLICY is not obeyed"
wait $pid
echo Hund >&"${ANSWER[1]}"
read -r -t 60 -u "${ANSWER[0]}" answer || fail "a pipe's first line was not answered before the next came"
eval "exec ${ANSWER[1]}>&-"
wait

# stopped while it waits, and while it works
sleep 4 | timeout --preserve-status -s INT 2 "$attend" translate model >out 2>err
[ "${PIPESTATUS[1]}" = 130 ] || fail "an interrupted wait for lines does not exit with 130"
for _ in $(seq 1 400); do cat train.de; done >book
timeout --preserve-status -s INT 2 "$attend" translate model --beam 16 --file book >out 2>err
[ $? = 130 ] || fail "an interrupted translation does not exit with 130"
[ "$(wc -l <err)" -le 1 ] || fail "an interrupted translation says more than one line"
[ -z "$(tail -c 1 out)" ] || fail "an interrupted translation leaves half a line"

# ---- tokenize --------------------------------------------------------------------------------------------------------
head -6 train.de >six.de
run 0 tokenize model --file six.de && same tokens.txt out
run 0 tokenize model --special --file six.de && has out '</s>$' --special
run 0 tokenize model --ids --file six.de && cp out ids
run 0 tokenize model --decode --file ids
cmp -s out six.de || fail "tokenize --ids and --decode do not give the text back"
run 0 tokenize model --json --file six.de && has out '"line": 6, "tokens": \[' "tokenize --json"
run 1 tokenize model --decode <<<"1 999999" && has err "no token 999999" "tokenize --decode"

# ---- look ------------------------------------------------------------------------------------------------------------
run 0 look model Ein Hund sieht 3 Bäume . && has out "cross-attention, layer 1 of 1, mean of 2 heads" look
grep -qE '^.{81,}' out && fail "look is wider than 80 columns"
grep -q $'\x1b' out && fail "look is coloured where there is no terminal"
run 0 look model "Ein Hund ." --target "A dog ." --part decoder --head 2 && has out "head 2" "look --head"
run 0 look model --part encoder <six.de && [ "$(grep -c 'encoder' out)" -ge 6 ] || fail "look on lines"
run 0 look model Hund --svg a.svg --html a.html --json - && has out '"parts"' "look --json -"
has a.svg '^<svg' "look --svg"
has a.html '<html' "look --html"
grep -qiE '(src|href)="?https?:' a.html && fail "look --html loads something from elsewhere"
run 2 look model --svg b.svg <six.de
run 0 look model -- "-Hund" && has out "^-Hund" "look at a text that begins with a dash"
printf '\nHund\n\nKatze\n' | "$attend" look model >out 2>err && [ "$(grep -c cross out)" = 2 ] || fail "look on empty lines"

run 0 look model "Ein Hund ." --target "A dog ." --gradient && has out "gradient norm: each word by the words of the source" look
has out "of the largest: 0*[0-9]" "look --gradient"
run 0 look model "Ein Hund ." --gradient --json - && has out '"measure":"gradient"' "look --gradient --json"

# ---- train classifier, train mlm, classify ------------------------------------------------------------------------------
for i in $(seq 1 30); do
  for word in lovely warm fine; do printf 'a %s dog %s\tnice\n' $word "$i"; done
  for word in awful cold bad; do printf 'a %s dog %s\tnot "nice"\n' $word "$i"; done
done >moods.tsv
small=(--layers 1 --width 32 --heads 2 --feedforward 64 --vocab 300 --threads 1 --seed 3)
run 0 train classifier --data moods.tsv "${small[@]}" --out moods --steps 60 --valid-every 30 --lr 0.01 || cat err
empty out "train classifier writes to standard output"
has err "a text has one of 2 labels" "train classifier says what it sees"
has err 'labels: nice 90, not "nice" 90' "train classifier counts labels"
has err "accuracy 1.0000, macro-F1 1.0000, Matthews 1.0000" "train classifier's last lines"
has err "attend classify moods" "train classifier's last line"
printf 'a warm dog\n\na bad dog\n' >three.txt
run 0 classify moods --file three.txt && lines out 3 classify
[ -z "$(sed -n 2p out)" ] || fail "an empty line has a label: $(sed -n 2p out)"
sed -n 1p out | grep -qP '^nice\t0\.[0-9]+$' || fail "classify: not label<TAB>probability: $(head -3 out)"
sed -n 3p out | grep -qP '^not "nice"\t0\.[0-9]+$' || fail "classify: not label<TAB>probability: $(head -3 out)"
cut -f2 out >probabilities
run 0 classify moods --json <three.txt && lines out 3 "classify --json"
sed -E 's/.*"score": ([^,]*),.*/\1/; s/^null$//' out | cmp -s - probabilities || fail "classify --json gives other numbers"
has out '"label": "not \\"nice\\"", "score": 0' "classify --json"
run 0 classify moods --top 5 --file three.txt && [ "$(awk -F'\t' 'NF {print NF}' out | sort -u)" = 4 ] || fail "classify --top: $(head -3 out)"
run 0 classify moods --data moods.tsv --confusion && lines out 6 "classify --data"
printf 'accuracy\t1.0000\nmacro-F1\t1.0000\nMatthews\t1.0000\n\tnice\tnot "nice"\nnice\t90\t0\nnot "nice"\t0\t90\n' |
  cmp -s - out || fail "classify --data --confusion: $(cat out)"
run 0 classify moods --data moods.tsv --confusion --json && has out '"confusion": \[\[90, 0\], \[0, 90\]\]' "classify --data --json"
run 1 classify moods --data empty.txt && has err "it has no rows" "measuring on an empty file"
for named in "$data"/family_*_token_classes; do
  echo "a man walks to a house" >walk.txt
  run 0 classify "$named" --json <walk.txt && lines out 1 "classify --json of tokens"
  grep -o '"label": "[A-Z]*", "text": "[^"]*"' out | cmp -s - "$named/spans.txt" || fail "$named: spans: $(cat out)"
  run 0 classify "$named" --file walk.txt && lines out 21 "classify of tokens"
  sed -n 1p out | grep -qP '^a\t[BIO]' && [ -z "$(tail -1 out)" ] || fail "classify: not token<TAB>label: $(cat out)"
  run 1 classify "$named" --data moods.tsv && has err "a head of token-classes is not measured" "classify --data"
  run 1 classify "$named" --top 2 --file walk.txt && has err "whole texts" "classify --top of tokens"
done
run 0 look "$data/family_bert_token_classes" --gradient "a man" --json - && has out '"gradient"' "look --gradient of tokens"
run 1 translate moods --file three.txt && has err "translate with a bert model" "translating with a classifier"
cut -f1 moods.tsv >moods.txt
run 0 train mlm --text moods.txt "${small[@]}" --out masked --steps 20 --valid-every 10
has err "perplexity" "train mlm's last line"
run 1 classify masked --file three.txt && has err "classify with a bert model" "classifying with a model of masks"
for i in 1 2 3 4 5; do echo "Ein schöner Hund $i"; done >cased.txt
for keep in "" --no-lowercase; do
  rm -rf cased
  run 0 train mlm --text cased.txt --valid cased.txt "${small[@]}" --out cased --steps 2 --max-length 8 $keep || cat err
  run 0 tokenize cased --file cased.txt && sed -n 1p out >"pieces$keep"
done
grep -q "schon" pieces || fail "wordpiece does not lower: $(cat pieces)"
grep -q "Ein schöner Hund" pieces--no-lowercase || fail "wordpiece --no-lowercase: $(cat pieces--no-lowercase)"
run 2 train classifier --data moods.tsv --from masked --out refused --no-lowercase
has err "lowercase cannot be chosen" "--no-lowercase with --from"
run 0 train classifier --data moods.tsv --from masked --out tuned --steps 60 --valid-every 30 --lr 0.01 --threads 1
has err "accuracy 1.0000" "train classifier --from"

# ---- embed -----------------------------------------------------------------------------------------------------------
run 0 embed model --file six.de && lines out 6 embed
[ "$(awk '{print NF}' out | sort -u)" = 32 ] || fail "embed: not 32 numbers a line"
cp out vectors
run 0 embed model --batch-tokens 1 <six.de && lines out 6 "embed with small batches"
run 0 embed model --json --file six.de && sed 's/^\[//; s/]$//; s/, / /g' out | cmp -s - vectors || fail "embed --json gives other numbers"
run 0 embed model --npy vectors.npy --file six.de && empty out "embed --npy writes to standard output"
[ "$(stat -c %s vectors.npy)" = $((128 + 6 * 32 * 4)) ] || fail "embed --npy: $(stat -c %s vectors.npy) bytes"
run 0 embed model --npy none.npy --file empty.txt && head -1 none.npy | grep -aq "'shape': (0, 32)" || fail "embed --npy on nothing"
run 0 embed model --pooling first --no-normalise --file odd && lines out 5 "embed of empty lines"
echo "Ein Hund" >prompted.de && echo "Hund" >unprompted.de
run 0 embed model --file prompted.de && cp out prompted
run 0 embed model --file unprompted.de --prompt "Ein " && cmp -s prompted out || fail "embed --prompt is not text before the line"
run 0 embed model --file unprompted.de --pooling max --normalise && lines out 1 "embed --pooling max"

# a folder of sentence-transformers: a stage that attend does not know is refused by embed, and by nothing else
mkdir encoder encoder/1_Pooling encoder/2_CNN && cp model/* encoder/ 2>cp.said
module='{"type": "sentence_transformers.models.%s", "path": "%s"}'
printf "[$module, $module]" Transformer "" Pooling 1_Pooling >encoder/modules.json
echo '{"pooling_mode": ["cls", "max"]}' >encoder/1_Pooling/config.json
run 0 embed encoder --file six.de && lines out 6 "embed with joined poolings"
[ "$(awk '{print NF}' out | sort -u)" = 64 ] || fail "embed with joined poolings: not 64 numbers a line"
cp out joined
run 0 convert encoder --out encoder-f32 --type float32
run 0 embed encoder-f32 --file six.de && cmp -s joined out || fail "a converted sentence encoder gives other vectors"
run 0 embed encoder --file six.de --pooling mean && cmp -s vectors out || fail "--pooling does not win over the folder"
printf "[$module, $module, $module]" Transformer "" Pooling 1_Pooling CNN 2_CNN >encoder/modules.json
run 1 embed encoder --file empty.txt --npy refused.npy
has err "encoder/2_CNN: attend does not run the stage CNN" "embed with a CNN"
lines err 1 "embed with a CNN"
[ -e refused.npy ] && fail "embed writes a file for a folder that it refuses"
run 0 translate encoder --file one.de

cp vectors.npy kept.npy
yes "Ein Hund" | timeout --preserve-status -s INT 2 "$attend" embed model --npy vectors.npy >out 2>err
[ "${PIPESTATUS[1]}" = 130 ] || fail "an interrupted embed does not exit with 130"
cmp -s vectors.npy kept.npy || fail "an interrupted embed leaves half a file"

# ---- rank ------------------------------------------------------------------------------------------------------------
printf 'a dog\n\nthe man throws the ball\na dog\n' >texts
run 0 rank "$data/rank_bert" --query "a dog walks" --file texts && lines out 3 "rank without the blank line"
[ "$(cut -f1 out | sort -rg)" = "$(cut -f1 out)" ] || fail "rank: not by relevance: $(cat out)"
[ "$(cut -f2 out | sort -n | paste -sd' ')" = "1 3 4" ] || fail "rank: lines are not 1, 3 and 4: $(cat out)"
cp out ranked
run 0 rank "$data/rank_bert" --query "a dog walks" --top 2 <texts && head -2 ranked | cmp -s - out || fail "rank --top 2"
run 0 rank "$data/rank_bert" --query "a dog walks" --json <texts
python3 -c 'import json, sys
for a, b in zip(open("ranked"), open("out"), strict=True):
    score, line, text = a.rstrip("\n").split("\t")
    assert json.loads(b) == {"line": int(line), "score": float(score), "text": text}, (a, b)' || fail "rank --json differs"
grep -v '^$' texts | sed 's/^/a dog walks\t/' >pairs.tsv
run 0 rank "$data/rank_bert" --pairs pairs.tsv && lines out 3 "rank --pairs"
[ "$(sort -rg out)" = "$(cut -f1 ranked)" ] || fail "rank --pairs gives other scores: $(cat out)"
run 0 rank model --query Hund --file six.de --similarity dot && lines out 6 "rank by vectors"
run 0 embed model --index six.index --file six.de && empty out "embed --index writes to standard output"
run 0 rank model --query Hund --file six.de && cut -f2- out >ranked
run 0 rank model --query Hund --index six.index && cut -f2- out | cmp -s - ranked || fail "rank --index orders otherwise"
cp six.index bad.index && printf '\xff\xff\xc0\x7f' | dd of=bad.index bs=1 seek=128 conv=notrunc 2>/dev/null
run 1 rank model --query Hund --index bad.index && has err "vectors that are no numbers" "a vector that is no number"
cat six.de >>seven && run 0 rank model --index six.index --top 1 --file six.de && lines out 6 "rank --index of six queries"
awk -F'\t' '$1 != $3 || $2 < 0.9999' out | grep -q . && fail "rank --index does not find the line itself: $(cat out)"
run 0 rank model --index six.index --top 2 --json "Hund" && has out '^{"query": 1, "line": [1-6], "score": [0-9.]*, "text"' "rank --index --json"
run 0 embed model --index half.index --index-type float16 <six.de
[ "$(stat -c %s half.index)" = $(($(stat -c %s six.index) - 6 * 32 * 2)) ] || fail "a float16 index is not half as large"
run 1 rank "$data/look_bert" --index six.index --query Hund && has err "made with another model" "an index of another model"
cp six.index kept.index
yes "Ein Hund" | timeout --preserve-status -s INT 2 "$attend" embed model --index six.index >out 2>err
[ "${PIPESTATUS[1]}" = 130 ] || fail "an interrupted embed --index does not exit with 130"
cmp -s six.index kept.index || fail "an interrupted embed --index leaves half a file"
run 1 rank moods --query Hund --file six.de && has err "cannot rank texts" "rank with a classifier"

# ---- fill ------------------------------------------------------------------------------------------------------------
run 0 fill "$data/look_bert" The man "[MASK]" the "[MASK]" --top 3 && lines out 6 fill
grep -qvP '^\S+\t0\.\d+(e-\d+)?\tThe .*' out && fail "fill: not token<TAB>probability<TAB>line: $(head -3 out)"
printf '[MASK] dog\nno mask\n' | "$attend" fill "$data/look_bert" >out 2>err
[ $? = 1 ] || fail "a line without a mask does not exit with 1"
lines out 5 "fill before a line without a mask"
has err "line 2: there is no mask in the line" "a line without a mask"
run 0 fill "$data/look_bert" --json "A [MASK]." && has out '^{"line": 1, "masks": \[\[{"token": "' "fill --json"
run 0 look "$data/look_bert" "The man throws" && has out "encoder self-attention" "look at an encoder"
run 0 look "$data/look_gpt2" "To be" && has out "decoder self-attention" "look at a decoder"
run 0 look "$data/look_labels" "The man" --gradient && has out "gradient norm: the likeliest label" "look --gradient at a label"
run 1 look "$data/look_gpt2" "To be" --part cross && has err "part cross: the model has none" "look at a part that is not there"

# ---- score -----------------------------------------------------------------------------------------------------------
run 0 score model --source train.de --target train.en && lines out 120 score
grep -qvP '^-[0-9.]+(e-?\d+)?\t\d+$' out && fail "score: not logprob<TAB>tokens: $(head -3 out)"
has err perplexity score
cut -f 1 out >logprobs
run 0 score model --source train.de.gz --target train.en --json --quiet && empty err "score --quiet"
sed -E 's/.*"logprob": ([^,]*),.*/\1/' out | cmp -s - logprobs || fail "score --json gives other numbers"

# ---- bleu ------------------------------------------------------------------------------------------------------------
printf 'The cat sat on the mat .\nHello , world !\nÜber 3.5 "trees" & more\n' >reference
printf 'The cat sat on a mat .\nHello world !\nüber 3.5 trees & more\n' >hypothesis
printf 'The cat sat on the mat .\n\nÜber 3.5 Bäume & mehr\n' >second
for options in "" "--tokenize char" "--tokenize intl --lowercase" "--tokenize none --smooth floor" "--tokenize zh" \
  "--smooth add-k --smooth-value 2" "--metric chrf" "--metric chrf --chrf-word-order 2" "--json" "--metric chrf --json" \
  "--metric ter" "--metric ter --ter-normalized --ter-no-punct --ter-asian-support --ter-case-sensitive" \
  "--reference second --metric ter --metric chrf --metric bleu" "--reference second --variable-references" \
  "--sentence-level" "--sentence-level --metric ter --json --reference second --variable-references"; do
  echo "$ attend bleu --reference reference hypothesis $options"
  run 0 bleu --reference reference hypothesis $options
  cat out
done >scores
same bleu.txt scores
run 0 bleu --reference reference <hypothesis && cp out first
run 0 bleu --reference reference - <hypothesis && { cmp -s out first || fail "bleu - differs"; }
run 0 bleu --reference - hypothesis <reference && { cmp -s out first || fail "bleu --reference - differs"; }
run 0 bleu --reference reference --reference second hypothesis && has err "second: line 2 is empty, and counts as one more" "an empty reference"
run 0 bleu --reference reference --reference second --variable-references hypothesis && empty err "--variable-references"
run 1 bleu --reference second --variable-references hypothesis && has err "line 2 is empty in every reference" "no reference at all"
run 1 bleu --reference reference --reference train.en hypothesis && has err "hypothesis has 3 lines, but train.en has 120" "a second reference"

# ---- info ------------------------------------------------------------------------------------------------------------
run 0 info model && has out "m2m_100" info && has out "^all .*100.0%" info
run 0 info model --json && has out '"parameters": [0-9]' "info --json"
run 0 info && has out "^kernels" "info of the machine"
run 0 info --json && has out '"instruction_set": "' "info --json of the machine"
for kind in model tongue "$data/family_bert"; do
  run 0 bench "$kind" --lengths 4,6 --batches 2 --tokens 3 --seconds 0 --threads 1 && has out "^read  *2  *6 " "bench $kind" && has out "^other .* %$" "parts of bench $kind"
done
run 0 bench tongue --lengths 4 --batches 1,3 --tokens 5 --seconds 0 --threads 1 --json && lines out 5 "bench --json"
has out '^{"work": "write", "batch": 3, "tokens": 5, "seconds": [0-9.e-]*, "tokens_per_second": [0-9.e+]*, "memory_share": [0-9.e-]*, ' "bench --json"
has out '"parts": {"decoder projections": 0[.0-9e-]*, "decoder attention": [^,]*, "decoder feed-forward": [^,]*, "output head": [^,]*, "other": [^,]*}}$' "parts of bench --json"
python3 - out <<'PYTHON' || fail "shares of bench --json do not add up to 1"
import json, sys
for line in open(sys.argv[1]):
    parts = json.loads(line).get("parts", {"all": 1})
    assert abs(sum(parts.values()) - 1) < 1e-3, line
PYTHON
run 2 bench model --lengths 0 && has err 'lengths: "0" is no list of' "bench without a length"
run 2 bench model --batches 1,,2 && has err 'batches: "1,,2" is no list of' "bench of no batch"

# ---- compare ---------------------------------------------------------------------------------------------------------
for i in $(seq 1 40); do printf 'a good dog, number %s\tnice\na bad dog that bites %s of us\tnasty\n' "$i" "$i"; done >labels.tsv
few=(--steps 2 --vocab 300 --parameters 20000 -q)
run 0 compare --source train.de --target train.en "${few[@]}" -o pairs && has out '^pairs/report.html$' "compare's output"
run 0 compare --data labels.tsv "${few[@]}" -o labelled
run 0 compare --text train.en "${few[@]}" --context 16 -o running
for folder in pairs labelled running; do
  command -v python3 >python.path || { echo "skipped, for there is no python3: what the reports of compare have"; break; }
  python3 - "$folder" <<'CHECK' || fail "the report in $folder"
import json, sys
report = json.load(open(sys.argv[1] + "/report.json"))
names = [n["name"] for n in report["networks"]]
expected = ["ffn", "rnn", "lstm", "gru"] + (["gru-attention"] if report["task"] == "translation" else []) + ["transformer"]
assert names == expected, names
for n in report["networks"]:
    assert n["steps"] == 2 and n["seconds"] > 0 and n["tokens"] > 0 and n["curve"], n["name"]
    assert len(n["score_by_length"]) == len(report["lengths"]), n["name"]
    assert 1000 < n["parameters"] < 60000, (n["name"], n["parameters"])
    assert any(g is not None and g > 0 for g in n["gradient_by_distance"]), n["name"]
page = open(sys.argv[1] + "/report.html").read()
assert page.startswith("<!doctype html>") and "src=" not in page and "<link" not in page, "the page fetches something"
CHECK
done
rm -f pairs/report.json
run 1 compare --source train.de --target train.en "${few[@]}" -o pairs && has err "not empty" "compare into a folder that is there"
run 0 compare --source train.de --target train.en "${few[@]}" -o pairs --resume && [ -s pairs/report.json ] || fail "compare --resume"
rm -f pairs/report.json running/report.json labelled/report.html
# as if the clock had ended one training, and waiting in vain another
sed -i 's/"step": 2,/"step": 1,/g; s/"validated": 2/"validated": 1/' pairs/rnn/checkpoint/trainer_state.json pairs/gru/checkpoint/trainer_state.json
sed -i 's/"stale": [0-9]*/"stale": 9/; s/"patience": [0-9a-z]*/"patience": 9/' pairs/gru/checkpoint/trainer_state.json
mkdir elsewhere
for folder in pairs labelled running; do (cd elsewhere && "$attend" compare -q --resume ../$folder >out 2>err) || fail "compare --resume $folder: $(cat elsewhere/err)"; done
[ -s pairs/report.json ] && [ -s running/report.json ] && [ -s labelled/report.html ] || fail "compare --resume DIR makes no report"
python3 - <<'CHECK' || fail "the notes of the comparison"
import json
notes = {n["name"]: n["note"] or "" for n in json.load(open("pairs/report.json"))["networks"]}
assert notes["rnn"].startswith("cut short by the clock at step 1 of 2"), notes
assert notes["gru"].startswith("no longer improved: stopped at step 1 of 2"), notes
assert not any("step" in note for name, note in notes.items() if name not in ("rnn", "gru")), notes
assert "cut short by the clock at step 1 of 2" in open("pairs/report.html").read()
CHECK
run 2 compare --resume nowhere-yet && has err "data are missing" "compare --resume of nothing"
run 2 compare -o x && has err "data are missing" "compare without data"
run 2 compare --source train.de -o x && has err "target" "compare without a target"
run 2 compare --text train.en --data labels.tsv -o x && has err "one kind" "compare of two kinds"

# ---- convert ---------------------------------------------------------------------------------------------------------
run 0 convert model --out half && empty out "convert writes to standard output"
run 0 info half && has out "stored as *float16" "convert"
[ "$(stat -c %s half/model.safetensors)" -lt "$(($(stat -c %s model/model.safetensors) * 6 / 10))" ] || fail "convert halves nothing"
head -3 train.de | "$attend" translate model >whole.out && head -3 train.de | "$attend" translate half | cmp -s - whole.out ||
  fail "a converted model translates in another way"
run 0 convert half --type float32 --out whole && run 0 convert whole --out again && cmp half/model.safetensors again/model.safetensors ||
  fail "float16 does not survive float32"
run 0 convert half --type f32 --out short && cmp whole/model.safetensors short/model.safetensors || fail "f32 is not float32"
run 1 convert model --out half && has err "half: the folder exists" "convert into a folder that is there"
run 2 convert model && has err "--out is missing" "convert without --out"

# ---- a .gguf, and quantized weights ------------------------------------------------------------------------------------
run 0 convert "$data/family_gpt2" --out tale.gguf --type float32 && empty out "convert into a .gguf writes to standard output"
run 0 generate "$data/family_gpt2" "the run" --temperature 0 --max-tokens 12 && cp out whole.out
run 0 generate tale.gguf "the run" --temperature 0 --max-tokens 12 && cmp out whole.out || fail "a .gguf generates otherwise"
run 0 info tale.gguf && has out "^type  *gpt2" "info of a .gguf" && has out "stored as *float32" "info of a .gguf"
run 1 convert model --out tale.gguf && has err "tale.gguf: is there; name another file" "convert into a file that is there"
run 1 convert tongue --out tongue.gguf && has err "GGUF has no tokenizer of characters" "convert of letters into a .gguf"
run 1 info none.gguf && has err "none.gguf: cannot be opened" "a .gguf that is not there"
head -c 1000 tale.gguf >cut.gguf && run 1 info cut.gguf && has err "is it cut off?" "a .gguf that is cut off" && lines err 1 "a .gguf that is cut off"
run 0 quantize model --type q8_0 --out eight && empty out "quantize writes to standard output"
[ -e eight/model.gguf ] && [ ! -e eight/model.safetensors ] || fail "quantize writes no model.gguf"
run 0 info eight && has out "stored as *q8_0" "quantize"
head -3 train.de | "$attend" translate eight >eight.out && lines eight.out 3 "translations of quantized weights"
run 0 quantize tongue --type q4_0 --calibrate train.en --out heeded && empty out "quantize --calibrate"
has err '^perplexity of the last tenth of train.en: [0-9.]* before, [0-9.]* quantized, [0-9.]* calibrated$' "quantize --calibrate"
run 0 quantize "$data/family_gpt2" --type q4_0 --calibrate train.en --out heeded.gguf -q && empty err "quantize --calibrate -q"
run 1 quantize "$data/family_gpt2" --type q4_0 --calibrate train.en --out heeded.gguf && has err "heeded.gguf: is there" "quantize --calibrate again"
ls -d heeded*uncalibrated* 2>/dev/null && fail "quantize --calibrate leaves something"
run 0 score heeded --text train.en -q
run 1 quantize model --calibrate train.en --out none && has err "score" "quantize --calibrate of a translator"
run 1 quantize model --out model.gguf && has err "GGUF has no architecture of m2m_100 models" "quantize into a .gguf"
run 1 quantize model --type q9 --out nine && has err 'type is "q9": it must be one of float32, ' "quantize to no type"
run 0 quantize "$data/family_gpt2" --type q4_0 --out four.gguf && run 0 info four.gguf && has out "stored as *float" "quantize into a .gguf"

# ---- standard output that fails ----------------------------------------------------------------------------------------
for words in "translate model --file train.de" "tokenize model --file train.de" "score model --source train.de --target train.en" \
  "bleu --reference reference hypothesis" "look model Hund" "info model" --help --man; do
  "$attend" $words 2>err >/dev/full
  [ $? = 1 ] || fail "attend $words on a full disk does not exit with 1"
  has err "standard output: No space left" "attend $words on a full disk"
  "$attend" $words 2>err >&-
  [ $? = 1 ] || fail "attend $words with a closed standard output does not exit with 1"
done
for words in "translate model --file train.de" "tokenize model --file train.de" "--man"; do
  "$attend" $words 2>err | head -1 >out
  [ "${PIPESTATUS[0]}" = 0 ] || fail "attend $words | head -1 does not end quietly"
  empty err "attend $words | head -1"
done
"$attend" translate model --file . 2>err </dev/null && fail "a folder was translated"
lines err 1 "translating a folder"
"$attend" translate model 2>err <. && fail "a folder on standard input was translated"
lines err 1 "a folder on standard input"

# ---- too little memory: said, or done; not where the tests' own instruments want all addresses --------------------------
least=16000
if (ulimit -v 4000000 && "$attend" --version) >out 2>&1; then
  until (ulimit -v $least && "$attend" --version) >out 2>&1; do least=$((least + 500)); done
  for i in $(seq 0 30); do
    for words in "translate model --file train.de --threads 2" "train translation --source train.de --target train.en \
      ${shape[*]} --out scarce$i --steps 2 -q"; do
      (ulimit -v $((least + 700 * i)) && exec "$attend" $words) >out 2>err
      status=$?
      [ $status -le 1 ] && [ "$(wc -l <err)" = $status ] ||
        fail "attend $words in $((least + 700 * i)) KiB exited with $status: $(head -c 300 err)"
    done
  done
fi

# ---- permission: not for root, who may do everything -----------------------------------------------------------------
if [ "$(id -u)" != 0 ]; then
  mkdir locked && chmod 500 locked
  run 1 "${tiny[@]}" --out locked/model --steps 1 -q && lines err 1 "a locked folder"
  cp one.de secret && chmod 000 secret
  run 1 translate model --file secret && lines err 1 "a locked file"
fi

if [ $failures = 0 ]; then
  echo "the command: all as it should be"
else
  echo "the command: $failures failures"
  exit 1
fi
