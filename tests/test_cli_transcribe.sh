#!/usr/bin/env bash
# `attend transcribe` with a tiny random Whisper: formats, files and standard input, hostile ones; and with real models and
# recordings of ../shared where both are there.
#   tests/test_cli_transcribe.sh path/to/attend
set -u
attend=$(realpath "$1")
data=$(cd "$(dirname "$0")" && pwd)/data
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export LC_ALL=C.UTF-8 NO_COLOR=1
failures=0
model=$data/whisper
sure="--logprob -1000 --temperature-step 0 --language en"

fail() {
  echo "FAILED: $*"
  failures=$((failures + 1))
}
has() { grep -qE -- "$2" "$1" || fail "$3: no '$2' in: $(head -c 300 "$1")"; }
run() { # STATUS WORDS...
  local wanted=$1 status
  shift
  timeout 120 "$attend" "$@" >out 2>err </dev/null
  status=$?
  [ $status = "$wanted" ] || fail "attend $* exited with $status, not $wanted: $(head -c 400 err)"
}
bytes() { # VALUE COUNT: a little-endian number
  local value=$1 i
  for ((i = 0; i < $2; i++, value >>= 8)); do printf "\\x$(printf %02x $((value & 255)))"; done
}
head_of() { # FORMAT CHANNELS RATE BITS SIZE
  printf RIFF; bytes $((36 + $5)) 4; printf 'WAVEfmt '; bytes 16 4; bytes "$1" 2; bytes "$2" 2; bytes "$3" 4
  bytes $(($3 * $2 * $4 / 8)) 4; bytes $(($2 * $4 / 8)) 2; bytes "$4" 2; printf data; bytes "$5" 4
}
noise() { # BYTES: the same each time
  awk -v n="$1" 'BEGIN {s = 1; for (i = 0; i < n; i++) {s = (s * 16807) % 2147483647; printf "%c", 33 + s % 94}}'
}
{ head_of 1 2 8000 16 64000; noise 64000; } >noise.wav # two seconds, 8,000 hertz, stereo
"$attend" transcribe "$model" noise.wav 2>err >out
if grep -q "reads no recordings" err; then
  echo "a build without libsndfile: skipped"
  exit 77
fi

# ---- formats ----
run 0 transcribe "$model" noise.wav $sure && [ -s out ] || fail "nothing was heard"
lines=$(wc -l <out)
run 0 transcribe "$model" noise.wav $sure --json && has out '^\{"file": "noise.wav", "start": [0-9.]+, "end": [0-9.]+, "text": ".+", "language": "en", "ids": \[' json
[ "$(wc -l <out)" = "$lines" ] || fail "JSON has other segments than text"
python3 -c 'import json, sys; [json.loads(line) for line in sys.stdin]' <out 2>/dev/null || ! command -v python3 >/dev/null || fail "no JSON"
run 0 transcribe "$model" noise.wav $sure --format srt && has out '^1$' srt && has out '^00:00:0[0-9],[0-9]{3} --> 00:00:0[0-9],[0-9]{3}$' srt
if command -v ffmpeg >/dev/null; then
  cp out out.srt && ffmpeg -v error -y -i out.srt read.vtt </dev/null && has read.vtt -- '-->' "ffmpeg reads srt"
fi
run 0 transcribe "$model" noise.wav $sure --format vtt && [ "$(head -1 out)" = WEBVTT ] || fail "vtt"
if command -v ffmpeg >/dev/null; then
  cp out out.vtt && ffmpeg -v error -y -i out.vtt read.srt </dev/null && has read.srt -- '-->' "ffmpeg reads vtt"
fi
run 0 transcribe "$model" noise.wav $sure --format tsv && [ "$(head -1 out)" = "$(printf 'start\tend\ttext')" ] || fail "tsv"
[ "$(wc -l <out)" = $((lines + 1)) ] || fail "tsv has other segments than text"
run 0 transcribe "$model" noise.wav noise.wav $sure --format tsv && [ "$(grep -c '^noise.wav' out)" = $((2 * lines)) ] || fail "two files"
run 0 transcribe "$model" noise.wav $sure --words && has out '^[0-9.]+	[0-9.]+	' words
run 0 transcribe "$model" noise.wav $sure --words --json && has out '"words": \[\{"word": ".*", "start": [0-9.]+, "end": [0-9.]+, "probability": ' "words in JSON"
run 2 transcribe "$model" noise.wav noise.wav --format srt && has err "one recording" "subtitles of two"

# ---- standard input: a pipe, a file ----
run 0 transcribe "$model" noise.wav $sure && cp out expected
cat noise.wav | "$attend" transcribe "$model" - $sure >out 2>err && cmp out expected || fail "a pipe: $(cat err)"
"$attend" transcribe "$model" $sure <noise.wav >out 2>err && cmp out expected || fail "a file on standard input"

# ---- what is no recording, or none to write of ----
{ head_of 1 1 16000 16 96000; head -c 96000 /dev/zero; } >silence.wav
run 0 transcribe "$model" silence.wav && [ ! -s out ] || fail "silence was written down"
head_of 1 1 16000 16 0 >none.wav
run 1 transcribe "$model" none.wav && has err "none.wav: a recording without a sample" "no samples"
: >empty.wav
run 1 transcribe "$model" empty.wav && has err "empty.wav: an empty file" "empty"
run 1 transcribe "$model" . && has err "a folder" "a folder"
echo "And so my fellow Americans" >text.wav
run 1 transcribe "$model" text.wav && has err "text.wav: no audio" "a text"
{ head_of 3 1 16000 32 6400; head -c 3200 /dev/zero; printf '\x00\x00\xc0\x7f'; head -c 3196 /dev/zero; } >nan.wav
run 1 transcribe "$model" nan.wav && has err "the sample at 0.0500 seconds is not a number" "NaN"
[ "$(wc -l <err)" = 1 ] || fail "more than one line: $(cat err)"
run 1 transcribe "$model" absent.wav && has err "absent.wav: No such file" "absent"
run 1 transcribe "$model" noise.wav --language xx && has err 'language "xx" is none' "a wrong language"
run 1 transcribe "$data/model_marian_relu" noise.wav && has err "cannot transcribe" "a translator"
run 1 translate "$model" Hund && has err "it can transcribe" "a Whisper that is to translate text"

[ $failures = 0 ] && echo "all of transcribe's formats and refusals are as they should be"
exit $((failures > 0))
