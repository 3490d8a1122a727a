#!/usr/bin/env bash
# The page of `attend serve` in chromium: each view with what it asks for, both themes, the width of a telephone, by
# keyboard. SHOTS=folder keeps pictures.
set -eu
attend=$(realpath "$1")
chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
if [ -z "$chromium" ] || ! node --experimental-websocket -e 'process.exit(typeof WebSocket === "function" ? 0 : 1)' 2>/dev/null; then
  echo "chromium or node (22 or newer) is not here: skipped"
  exit 77
fi
data=$ATT_TEST_DATA
work=$(mktemp -d)
leave() { # chromium writes to its profile for a moment more
  kill "$server" 2>/dev/null || true
  for _ in $(seq 100); do rm -rf "$work" 2>/dev/null && return; sleep 0.1; done
}
server=
trap leave EXIT
mkdir "$work/chatty"
cp "$data"/generate_llama/{config.json,generation_config.json,model.safetensors,tokenizer.json,tokenizer_config.json} "$work/chatty"
echo '{% for m in messages %}{{ m.content }}{% endfor %}' >"$work/chatty/chat_template.jinja"
"$attend" serve models/de-en "$work/chatty" plain="$data/generate_gpt2" "$data/family_bert_classes" "$data/family_bert_masked" \
  "$data/family_bert_spans" "$data/whisper" --port 0 >"$work/address" 2>"$work/err" &
server=$!
for _ in $(seq 1200); do [ -s "$work/address" ] && break; kill -0 $server 2>/dev/null || break; sleep 0.05; done
if grep -q "built without libmicrohttpd" "$work/err"; then
  echo "no libmicrohttpd: skipped"
  exit 77
fi
node --experimental-websocket tests/page.mjs "$chromium" "$(cat "$work/address")" "$work/profile" ${SHOTS:+"$SHOTS"}
