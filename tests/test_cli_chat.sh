#!/usr/bin/env bash
# `attend generate --chat` and `attend chat` on a tiny model with a chat template.
#   tests/test_cli_chat.sh path/to/attend
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
same() { cmp -s "$1" "$2" || fail "$3: $(diff "$1" "$2" | head -c 400)"; }
has() { grep -q -- "$2" "$1" || fail "$3: no '$2' in: $(head -c 300 "$1")"; }
run() { # STATUS WORDS...
  local wanted=$1 status
  shift
  timeout 120 "$attend" "$@" >out 2>err
  status=$?
  [ $status = "$wanted" ] || fail "attend $* exited with $status, not $wanted: $(head -c 400 err)"
}

mkdir model
cp "$data"/generate_llama/{config.json,generation_config.json,model.safetensors,tokenizer.json,tokenizer_config.json} model
cat >model/chat_template.jinja <<'TEMPLATE'
{{ bos_token }}{% for m in messages %}
{%- if m.role == 'critic' or 'forbidden' in m.content %}{{ raise_exception('Not this: ' ~ m.content) }}{% endif %}
{%- if m.role == 'system' %}{{ m.content }}.{% elif m.role == 'user' %}{{ m.content }}{% else %}{{ m.content }}!{% endif %}
{%- endfor %}
TEMPLATE
few="--max-tokens 6 --temperature 0"

# ---- one turn: what the template makes, and no second start token ----
run 0 generate model $few --no-prompt "A dog" && cp out plain
[ -s plain ] || fail "nothing was written"
run 0 generate model $few --chat A dog && same plain out "--chat"
run 0 generate model $few --no-prompt "Hm.A dog" && cp out plain_system
run 0 generate model $few --chat --system Hm "A dog" && same plain_system out "--chat --system"
run 0 generate model $few --chat --json "A dog" && has out '"prompt": "A dog"' "--chat --json"
printf 'A dog\nA dog\n' | timeout 60 "$attend" generate model $few --chat >out
{ cat plain; echo ---; cat plain; } >expected
same expected out "--chat of lines"
run 1 generate model --chat "a forbidden word" && has err "the chat template says: Not this: a forbidden word" "raise_exception"
run 2 generate model --system Hm "A dog" && has err "--system is for --chat" "--system alone"
run 1 generate "$data/generate_llama" --chat "A dog" && has err "no chat template" "a model without a template"
run 1 chat "$data/generate_llama" </dev/null && has err "no chat template" "chat without a template"
run 1 chat "$data/family_bert" </dev/null

# ---- a conversation: the second prompt has the first answer in it ----
printf 'A dog\n\n' | timeout 60 "$attend" chat model $few >first 2>err || fail "chat: $(cat err)"
same plain first "the first turn"
"$attend" generate model $few --no-prompt "A dog$(cat first)! A cat" >second
printf 'A dog\r\n A cat\n/save said.json' | timeout 60 "$attend" chat model $few >out 2>err || fail "chat: $(cat err)"
cat first second >expected
same expected out "two turns"
sed -E 's/"content": ".*"\}/.../; s/^ //' said.json >roles # what the model writes has characters that JSON escapes
printf '[{"role": "user", ...,\n{"role": "assistant", ...,\n{"role": "user", ...,\n{"role": "assistant", ...]\n' >expected
same expected roles "/save"
has said.json '^\[{"role": "user", "content": "A dog"},' "/save"
has said.json '^ {"role": "user", "content": " A cat"},' "/save"
printf 'A dog\n/reset\nA dog\n' | timeout 60 "$attend" chat model $few >out
cat first first >expected
same expected out "/reset"
printf 'A dog\n/reset\nA dog\n/save said.json\n' | timeout 60 "$attend" chat model $few --system Hm >out
cat plain_system plain_system >expected
same expected out "/reset keeps the system message"
has said.json '^\[{"role": "system", "content": "Hm"},' "/save with a system message"

# ---- mistakes of a script end it ----
printf '/nosuch x\nA dog\n' | timeout 60 "$attend" chat model $few >out 2>err
[ $? = 2 ] && [ ! -s out ] || fail "an unknown command"
has err "there is no command '/nosuch'" "an unknown command"
printf '/save\n' | timeout 60 "$attend" chat model 2>err >out
[ $? = 2 ] || fail "/save alone"
printf 'A dog\n/save no/such/folder\n' | timeout 60 "$attend" chat model $few 2>err >out
[ $? = 1 ] || fail "/save to nowhere"
printf 'forbidden\n' | timeout 60 "$attend" chat model 2>err >out
[ $? = 1 ] || fail "a refused message"
printf 'A dog\n' | timeout 60 "$attend" chat model --system forbidden 2>err >out
[ $? = 1 ] && [ ! -s out ] || fail "a refused system message"
printf '/help\n' | timeout 60 "$attend" chat model 2>err >out || fail "/help"
has err "/reset" "/help"
run 2 chat model --top-k 3 </dev/null && has err "give --temperature" "sampling alone"
timeout 60 "$attend" chat model </dev/null >out 2>err || fail "no input: $(cat err)"
[ ! -s out ] || fail "no input: $(cat out)"
[ -c /dev/full ] && printf 'A dog\n' | timeout 60 "$attend" chat model $few 2>err >/dev/full && fail "a full disk"

# ---- a person: mistakes are said, and it goes on ----
if command -v script >/dev/null && script --version 2>/dev/null | grep -q util-linux; then
  printf 'forbidden\nA dog\n/nosuch\n/save by_hand.json\n' >typed
  timeout 60 script -qec "$attend chat model $few" /dev/null <typed >out || fail "in a terminal: $(cat out)"
  has out "Not this: forbidden" "in a terminal"
  has out "no command '/nosuch'" "in a terminal"
  has by_hand.json "^\[{\"role\": \"user\", \"content\": \"A dog\"}," "in a terminal"
else
  echo "no script(1): what a terminal sees is not tried"
fi

[ "$failures" = 0 ] && echo "all held"
exit $((failures > 0))
