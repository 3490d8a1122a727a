#!/usr/bin/env bash
# Signals: a first SIGINT, SIGTERM or SIGHUP stops whatever is under way in order, with status 130; what was made is
# saved, and nothing half-written stays. Two runs never share a folder.
#   tests/test_signals.sh path/to/attend
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
for i in $(seq 1 60); do
  echo "Ein Hund läuft $i ." >>s
  echo "A dog runs $i ." >>t
done
tiny=(train translation --source s --target t --layers 1 --width 32 --heads 2 --feedforward 64 --vocab 300 --threads 1 --seed 3)

# wait_for FILE PATTERN: until the file has it
wait_for() {
  for _ in $(seq 1 1200); do
    grep -q -- "$2" "$1" 2>/dev/null && return 0
    sleep 0.05
  done
  fail "$1 never had '$2'"
  return 1
}
# ends STATUS WHAT: the last background process ends so
ends() {
  wait "$pid"
  local status=$?
  [ $status = "$1" ] || fail "$2: status $status, not $1: $(head -c 300 err)"
}
step_of() { sed -n 's/^ *"step": \([0-9]*\),.*/\1/p' "$1/checkpoint/trainer_state.json" | head -1; }

# ---- training: each signal saves -------------------------------------------------------------------------------------
for signal in INT TERM HUP; do
  rm -rf out
  "$attend" "${tiny[@]}" --out out --steps 2000000 2>err &
  pid=$!
  wait_for err '^step '
  kill -$signal $pid
  ends 130 "train, SIG$signal"
  [ "$(step_of out)" -gt 0 ] || fail "SIG$signal saved nothing"
  [ -e out/.lock ] && fail "SIG$signal left a lock"
  grep -q -- --resume err || fail "SIG$signal: nothing said of --resume"
done

# a terminal that closes may say so twice, and SIGTERM may follow: what is being saved is saved
rm -rf out
"$attend" "${tiny[@]}" --out out --steps 2000000 2>err &
pid=$!
wait_for err '^step '
kill -HUP $pid; kill -HUP $pid; kill -TERM $pid
ends 130 "train, several signals"
[ "$(step_of out)" -gt 0 ] || fail "several signals saved nothing"

# nohup: goes on, and the end is the end
rm -rf out
(trap '' HUP; exec "$attend" "${tiny[@]}" --out out --steps 400 2>err) &
pid=$!
wait_for err '^step '
kill -HUP $pid
ends 0 "train under nohup"

# ---- two runs, one folder ---------------------------------------------------------------------------------------------
rm -rf out
"$attend" "${tiny[@]}" --out out --steps 2000000 2>err &
pid=$!
wait_for err '^step '
for words in "${tiny[*]} --out out" "${tiny[*]} --out out --resume" "compare --source s --target t --out out --resume --steps 2"; do
  # shellcheck disable=SC2086
  "$attend" $words -q 2>second >second.out
  status=$?
  [ $status = 1 ] || fail "a second run in the folder: status $status: $words"
  [ "$(wc -l <second)" = 1 ] || fail "a second run: not one line: $(cat second)"
  grep -q 'out: another run works in it' second || fail "a second run: $(cat second)"
  [ -s second.out ] && fail "a second run wrote: $(cat second.out)"
done
kill -INT $pid
ends 130 "the first of two runs"
"$attend" "${tiny[@]}" --out model --steps 2 -q 2>err || fail "a small model: $(cat err)"
"$attend" "${tiny[@]}" --out out --steps 2000000 --resume 2>err &
pid=$!
wait_for err '^step '
"$attend" convert model --out out 2>second && fail "convert into a run's folder"
grep -q 'out: another run works in it' second || fail "convert into a run's folder: $(cat second)"
kill -KILL $pid
wait $pid 2>/dev/null
[ -e out/.lock ] || fail "no lock was left by a kill: nothing is tried here"
"$attend" "${tiny[@]}" --out out --steps 2000000 --resume 2>err &
pid=$!
wait_for err '^step '
kill -INT $pid
ends 130 "a run after a killed one"
awk -F'[:,]' '{if ($2 + 0 < last) bad = 1; last = $2 + 0} END {exit bad}' out/train.jsonl || fail "train.jsonl goes back"

# ---- everything else: nothing stays, status 130 -----------------------------------------------------------------------
# waits NAME STATUS WORDS...: the command with nothing coming on its standard input, then a signal
mkfifo pipe
for signal in INT TERM HUP; do
  for words in "translate model" "embed model --npy vectors.npy" "tokenize model" "score model --source pipe --target t" \
    "train translation --source pipe --target t --out fresh" "train lm --text pipe --out fresh" "bleu --reference t pipe" \
    "convert model --out half"; do
    rm -rf half fresh
    exec 9<>pipe # a pipe that somebody holds open, and nobody writes
    # shellcheck disable=SC2086
    "$attend" $words <pipe >out.txt 2>err 9>&- &
    pid=$!
    sleep 0.3
    kill -$signal $pid 2>/dev/null
    exec 9>&-
    wait $pid
    status=$?
    if [ "${words%% *}" = convert ]; then # it may have been over before
      [ $status = 130 ] || [ $status = 0 ] || fail "$words, SIG$signal: status $status: $(cat err)"
      [ $status = 130 ] && [ -e half ] && fail "$words, SIG$signal: half is there"
    else
      [ $status = 130 ] || fail "$words, SIG$signal: status $status: $(cat err)"
    fi
    rest=$(find . -maxdepth 1 -name '*.tmp-*' -o -maxdepth 1 -name fresh -o -maxdepth 1 -name vectors.npy)
    [ -z "$rest" ] || fail "$words, SIG$signal: left $rest"
  done
done

# ---- convert: whole or not at all -------------------------------------------------------------------------------------
for limit in 1 8 40 80; do
  rm -rf half
  # what it measures of coverage is cut off, too, and would spoil that of all
  (ulimit -f $limit; GCOV_PREFIX=$PWD/none exec "$attend" convert model --out half --type float32) >out.txt 2>err
  status=$?
  if [ -e half ]; then
    [ $status = 0 ] || fail "convert that failed left a folder (limit $limit)"
  else
    [ $status = 1 ] && [ "$(wc -l <err)" = 1 ] || fail "convert on a full disk: status $status: $(cat err)"
  fi
  rest=$(find . -maxdepth 1 -name '*.tmp-*')
  [ -z "$rest" ] || fail "convert on a full disk left $rest"
done
"$attend" convert model --out half -q 2>err || fail "convert: $(cat err)"
echo 'Ein Hund' | "$attend" translate half -q >out.txt 2>err || fail "what was converted: $(cat err)"
[ "$failures" = 0 ] && echo "signals are heard" || exit 1
