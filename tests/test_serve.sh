#!/usr/bin/env bash
# `attend serve` as a client sees it, by curl: OpenAI's requests, events, errors, who may ask, limits, the end.
#   tests/test_serve.sh path/to/attend
set -u
attend=$(realpath "$1")
tests=$(cd "$(dirname "$0")" && pwd)
data=$tests/data
models=$(cd "$(dirname "$0")/.." && pwd)/models
command -v curl >/dev/null || { echo "curl is not here: skipped"; exit 77; }
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill -9 "$server" 2>/dev/null; rm -rf "$work"' EXIT
cd "$work" || exit 1
export LC_ALL=C.UTF-8
failures=0

fail() {
  echo "FAILED: $*"
  failures=$((failures + 1))
}
start() { # MODELS and options
  rm -f address
  "$attend" serve "$@" --port 0 --threads 2 >address 2>err &
  server=$!
  for _ in $(seq 1200); do [ -s address ] && break; kill -0 $server 2>/dev/null || break; sleep 0.05; done
  url=$(cat address)
}
stop() { # the exit status must be 0
  kill -TERM "$server"
  wait "$server"
  local status=$?
  server=
  [ $status = 0 ] || fail "the server ended with $status: $(cat err)"
}
ask() { # STATUS PATH [BODY] [curl's options]: the answer is in out
  local wanted=$1 path=$2 body=${3:-} got
  shift $(($# < 3 ? $# : 3))
  got=$(curl -s -m 60 -o out -w '%{http_code}' ${body:+-d "$body"} "$@" "$url$path") || true
  [ "$got" = "$wanted" ] || fail "$path $body: $got, not $wanted: $(head -c 300 out)"
  keep "$got" "$path" "${body:+post}"
}
keep() { # what /openapi.json says of it is looked at at the end
  if [ "$1" = 200 ] && [ "$(head -c 1 out)" = '{' ]; then echo "${3:-get} $2 $(tr '\n' ' ' <out)" >>answers; fi
}
has() { grep -qF -- "$1" out || fail "${2:-}: no '$1' in: $(head -c 400 out)"; }
hasnt() { ! grep -qF -- "$1" out || fail "${2:-}: '$1' in: $(head -c 400 out)"; }
text() { sed -E 's/.*"(text|content)":"(([^"\\]|\\.)*)".*/\2/' out; }

mkdir chatty
cp "$data"/generate_llama/{config.json,generation_config.json,model.safetensors,tokenizer.json,tokenizer_config.json} chatty
cat >chatty/chat_template.jinja <<'TEMPLATE'
{{ bos_token }}{% for m in messages %}
{%- if 'forbidden' in m.content %}{{ raise_exception('Not this: ' ~ m.content) }}{% endif %}{{ m.content }}
{%- endfor %}
TEMPLATE

{ printf '{"model":"de-en","text":"'; head -c 100000 /dev/zero | tr '\0' 'A'; printf '"}'; } >long.text
start chatty "$models/de-en" plain="$data/generate_gpt2" "$data"/family_bert{,_classes,_masked}
case $(cat err) in *"built without libmicrohttpd"*) echo "no libmicrohttpd: skipped"; exit 77 ;; esac
[[ "$url" == http://127.0.0.1:* ]] || fail "the address: $url $(cat err)"

# ---- what there is ----
ask 200 /health && has '"ok"'
ask 200 /v1/models && has '"id":"chatty"' && has '"id":"de-en"' && has '"id":"plain"' && has '"id":"family_bert"'
ask 200 /v1/models/chatty && has '"chat"' && hasnt de-en
ask 404 /v1/models/none && has model_not_found
ask 200 /openapi.json && has /v1/chat/completions && has max_completion_tokens && cp out openapi.json
ask 200 / && has '<html'
ask 404 /nothing && has unknown_url
ask 405 /v1/completions && has wrong_method

# ---- completions: what the command writes ----
few='"max_tokens":8,"temperature":0'
"$attend" generate "$data/generate_gpt2" --no-prompt --max-tokens 8 --temperature 0 --json "A dog" >said
expected=$(sed -E 's/.*"text": "(([^"\\]|\\.)*)".*/\1/' said)
ask 200 /v1/completions "{\"model\":\"plain\",\"prompt\":\"A dog\",$few}"
[ -n "$expected" ] && [ "$(text)" = "$expected" ] || fail "a completion: $(text), not $expected"
has '"finish_reason":"length"' && has '"completion_tokens":8' && has '"object":"text_completion"'
first=$(text)
ask 200 /v1/completions "{\"model\":\"plain\",\"prompt\":\"A dog\",$few,\"logprobs\":0}" && has '"token_logprobs":[-'
ask 200 /v1/completions "{\"model\":\"plain\",\"prompt\":[\"A dog\",\"A\"],$few,\"n\":2}" && has '"index":3'
ask 200 /v1/completions "{\"model\":\"plain\",\"prompt\":\"A dog\",$few,\"echo\":true}" && has '"text":"A dog'
ask 200 /v1/completions "{\"model\":\"plain\",\"prompt\":[5,6,7],$few}" && has '"prompt_tokens":3'
drawn='"model":"plain","prompt":"A","max_tokens":12,"temperature":1.5'
ask 200 /v1/completions "{$drawn,\"seed\":7}" && cp out one && one=$(text)
ask 200 /v1/completions "{$drawn,\"seed\":7}" && [ "$(text)" = "$one" ] || fail "the same seed"
ask 200 /v1/completions "{$drawn,\"seed\":8}" && [ "$(text)" != "$one" ] || fail "another seed"

# ---- events ----
ask 200 /v1/completions "{\"model\":\"plain\",\"prompt\":\"A dog\",$few,\"stream\":true,\"stream_options\":{\"include_usage\":true}}" -N
pieces=$(sed -nE 's/^data: .*"text":"(([^"\\]|\\.)*)".*/\1/p' out | tr -d '\n')
[ "$pieces" = "$first" ] || fail "the events say '$pieces', not '$first'"
has '"finish_reason":null' && has '"completion_tokens":8'
[ "$(tail -n 2 out | head -n 1)" = "data: [DONE]" ] || fail "the end of events: $(tail -c 100 out)"
[ "$(grep -c '"finish_reason":"length"' out)" = 1 ] || fail "the reason comes once"

# ---- chats ----
ask 200 /v1/chat/completions "{\"model\":\"chatty\",\"messages\":[{\"role\":\"user\",\"content\":\"A dog\"}],$few}"
has '"role":"assistant"' && has '"object":"chat.completion"' && first=$(text)
"$attend" generate chatty --chat --no-prompt --max-tokens 8 --temperature 0 --json "A dog" >said
[ "$first" = "$(sed -E 's/.*"text": "(([^"\\]|\\.)*)".*/\1/; s/\\u007f/\x7f/g' said)" ] || fail "a chat: $first, not $(cat said)"
parts='[{"role":"user","content":[{"type":"text","text":"A "},{"type":"text","text":"dog"}]}]'
ask 200 /v1/chat/completions "{\"messages\":$parts,$few}" && [ "$(text)" = "$first" ] || fail "contents in parts"
ask 200 /v1/chat/completions "{\"messages\":$parts,$few,\"stream\":true}" && has '"delta":{"role":"assistant"' && has '[DONE]'
ask 200 /v1/chat/completions "{\"messages\":$parts,$few,\"logprobs\":true}" && has '"logprobs":{"content":[{"token":'
ask 400 /v1/chat/completions '{"messages":[{"role":"user","content":"forbidden"}]}' && has "Not this"
ask 400 /v1/chat/completions '{"messages":[]}' && has '"param":"messages"'
ask 400 /v1/chat/completions '{"model":"plain","messages":[{"role":"user","content":"A"}]}' && has "no chat template"

# ---- tools, grammars, biases ----
tool='"tools":[{"type":"function","function":{"name":"f"}}],"grammar":"root ::= \"Hm <tool_call>{\\\"name\\\": \\\"f\\\", \\\"arguments\\\": {\\\"a\\\": 1}}</tool_call>\""'
ask 200 /v1/chat/completions "{\"messages\":$parts,$tool,\"max_tokens\":100}"
has '"finish_reason":"tool_calls"' && has '"function":{"name":"f","arguments":"{\"a\": 1}"}' && has '"content":"Hm "'
ask 200 /v1/chat/completions "{\"messages\":$parts,$tool,\"max_tokens\":100,\"stream\":true}" && has '"tool_calls":[{"id":' && has '"finish_reason":"tool_calls"'
ask 200 /v1/chat/completions "{\"messages\":$parts,$tool,\"max_tokens\":100,\"tool_choice\":\"none\"}" && hasnt '"tool_calls"'
plain='"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"a":{"$ref":"#/$defs/n"}},"required":["a"],"additionalProperties":false,"$defs":{"n":{"enum":[1,2]}}}}},{"type":"function","function":{"name":"g","parameters":{"type":"object","properties":{"b":{"$ref":"#/$defs/n"}},"required":["b"],"additionalProperties":false,"$defs":{"n":{"const":"z"}}}}}]'
ask 400 /v1/chat/completions "{\"messages\":$parts,$plain}" && has "knows no tools" && has '"param":"tools"'
ask 200 /v1/chat/completions "{\"messages\":$parts,$plain,\"tool_choice\":\"required\",\"max_tokens\":200}" && has '"model":"chatty"'
ask 200 /v1/chat/completions "{\"messages\":$parts,$plain,\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"f\"}},\"max_tokens\":100}"
has '"tool_calls":[{"id":"call_' && has '"name":"f","arguments":"{\"a\": ' && has '"finish_reason":"tool_calls"'
ask 200 /v1/chat/completions "{\"messages\":$parts,$plain,\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"g\"}},\"max_tokens\":100}"
has '"name":"g","arguments":"{\"b\": \"z\"}"' "each tool has definitions of its own"
ask 400 /v1/chat/completions "{\"messages\":$parts,$plain,\"tool_choice\":{\"function\":{\"name\":\"h\"}}}" && has '"param":"tool_choice"'
ask 400 /v1/chat/completions "{\"messages\":$parts,$plain,\"tool_choice\":\"any\"}" && has '"param":"tool_choice"'
ask 400 /v1/chat/completions "{\"messages\":$parts,$tool,\"tool_choice\":\"required\"}" && has "leave out grammar"

# ---- what clients send by default, or spell otherwise ----
ask 200 /v1/chat/completions '{"messages":[{"role":"user","content":"A"},{"role":"assistant","content":null,"tool_calls":[]},{"role":"assistant"}],"max_tokens":2.0}'
ask 200 /v1/completions '{"prompt":"A","max_tokens":2,"frequency_penalty":0,"presence_penalty":0,"best_of":1,"suffix":null,"stop":[]}'
ask 400 /v1/completions '{"prompt":"A","best_of":2}' && has '"param":"best_of"'
ask 400 /v1/completions '{"prompt":[1,"a"]}' && has "number 2 is no token id"
ask 400 /v1/completions '{"prompt":"A","echo":true,"logprobs":1}' && has '"param":"echo"'
ask 200 /v1/completions '{"prompt":"A","max_tokens":40,"temperature":0,"ignore_eos":true,"presence_penalty":2,"frequency_penalty":2}'
other=$(text)
ask 200 /v1/completions '{"prompt":"A","max_tokens":40,"temperature":0,"ignore_eos":true}'
[ "$(text)" != "$other" ] || fail "penalties change nothing: $other"
ask 415 /v1/completions '{"prompt":"A"}' -H 'Content-Encoding: gzip' && has encoded
ask 405 /v1/completions '' -D headers
grep -qi '^allow: POST' headers || fail "a wrong method: $(cat headers)"
schema='{"type":"object","properties":{"a":{"enum":["x","yy"]},"b":{"type":"integer","minimum":1,"maximum":9}},"required":["a","b"]}'
ask 200 /v1/chat/completions "{\"messages\":$parts,\"max_tokens\":90,\"temperature\":1,\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"schema\":$schema}}}"
[[ "$(text)" =~ ^\{.*\\\"a\\\":.*\\\"(x|yy)\\\",.*\\\"b\\\":.*[1-9].*\}$ ]] || fail "a schema: $(text)"
ask 400 /v1/completions '{"prompt":"A","response_format":{"type":"json_schema","json_schema":{"schema":{"$ref":"#"}}}}' && has itself
ask 400 /v1/completions '{"prompt":"A","response_format":{"type":"xml"}}' && has response_format
ask 400 /v1/completions '{"prompt":"A","grammar":"root ::= ("}' && has "the grammar, line 1"
ask 200 /v1/completions '{"model":"chatty","prompt":"A","max_tokens":3,"logit_bias":{"70":100},"logprobs":2}' && has '"top_logprobs":[{'
ask 400 /v1/completions '{"prompt":"A","logit_bias":{"x":1}}' && has logit_bias
ask 200 /v1/chat/completions "{\"messages\":$parts,$few,\"logprobs\":true,\"top_logprobs\":2}" && has '"top_logprobs":[{"token":'

# ---- embeddings ----
ask 200 /v1/embeddings '{"model":"family_bert","input":["A dog","A cat"]}' && has '"index":1' && has '"embedding":['
ask 200 /v1/embeddings '{"model":"family_bert","input":"A dog","encoding_format":"base64"}' && has '"embedding":"'
ask 400 /v1/embeddings '{"model":"family_bert","input":"A dog","dimensions":7}' && has dimensions
ask 400 /v1/embeddings '{"model":"family_bert","input":[]}'
long=$(printf 'a dog %.0s' $(seq 60))
list=$(printf '"A dog",%.0s' $(seq 20))
ask 400 /v1/embeddings "{\"model\":\"family_bert\",\"input\":[$list\"$long\"]}" && has 'line 21 has 241 tokens, but the model reads at most 64'
ask 200 /v1/embeddings "{\"model\":\"family_bert\",\"input\":\"$long\",\"truncate\":true}" && has '"embedding":['
ask 400 /v1/embeddings '{"model":"family_bert"}' && has "input is missing"

# ---- attend's own ----
"$attend" translate "$models/de-en" "Ein Hund läuft." --json >said
ask 200 /v1/translate '{"model":"de-en","text":"Ein Hund läuft."}'
said=$(sed -E 's/.*"text": "([^"]*)".*/\1/' said)
[ -n "$said" ] && [ "$(text)" = "$said" ] || fail "a translation: $(text), not $said"
ask 200 /v1/translate '{"text":["Ein Hund läuft.","","Eine Katze."],"nbest":2,"beam":4,"alignment":true}'
has '"hypotheses":[{' && has '"source_tokens":[' && has '"index":2' && has '"alignment":['
ask 200 /v1/translate '{"text":"Ein Hund.","temperature":1,"samples":3,"seed":1}' && has '"hypotheses"'
ask 400 /v1/translate '{"text":"Ein Hund.","nbest":2,"temperature":1}'
ask 200 /v1/classify '{"text":["a warm film","a"]}' && has '"label":"' && has '"index":1'
ask 400 /v1/classify '{"text":["a"],"text_pair":["b","c"]}' && has "has 2 texts"
ask 200 /v1/fill '{"text":"a [MASK] b","top":2}' && has '"masks":[[{"token":' && has '"probability":'
ask 400 /v1/fill '{"text":"no mask"}'
ask 200 /v1/score '{"model":"plain","text":["A dog","A"]}' && has '"bytes":5' && has '"logprob":-'
ask 200 /v1/score '{"model":"de-en","text":"Ein Hund.","target":"A dog."}' && has '"logprob":-'
ask 400 /v1/score '{"model":"plain","text":"A","target":"B"}'
ask 200 /v1/tokenize '{"model":"plain","text":"A dog"}' && has '"ids":[' && ids=$(sed -E 's/.*"ids":(\[[^]]*\]).*/\1/' out)
ask 200 /v1/tokenize "{\"model\":\"plain\",\"ids\":$ids}" && has '"text":"A dog"'
ask 400 /v1/tokenize '{"model":"plain","ids":[99999999,-1,"x"]}'
ask 400 /v1/tokenize '{"model":"plain"}'
"$attend" look "$models/de-en" "Ein Hund." --json said
ask 200 /v1/attention '{"model":"de-en","text":"Ein Hund."}' && same=$(cmp said out 2>&1) || true
[ -z "$same" ] || fail "attention: $same"
ask 200 /v1/attention '{"model":"de-en","text":"Ein Hund.","gradient":true}' && has '"gradient"'
ask 400 /v1/attention @long.text && has "too long"
ask 200 /v1/attention '{"model":"chatty","text":"A dog"}' && has '"decoder":{"queries":["'
ask 200 /v1/attention '{"model":"plain","text":"A dog","gradient":true}' && has '"measure":"gradient"' && has '"decoder":{"queries":["'
ask 200 /v1/attention '{"model":"family_bert_classes","text":"a warm film"}' && has '"encoder":{"queries":["'

# ---- what is wrong ----
ask 400 /v1/completions '{"model":"de-en","prompt":"A"}' && has "cannot generate"
ask 404 /v1/completions '{"model":"nobody","prompt":"A"}' && has model_not_found
ask 400 /v1/completions '{"prompt":"A","tempratur":1}' && has '"param":"tempratur"'
ask 400 /v1/completions '{"prompt":"A","temperature":-1}'
ask 400 /v1/completions '{"prompt":"A","temperature":1e999}'
ask 400 /v1/completions '{"prompt":"A","n":1.5}'
ask 400 /v1/completions '{"prompt":[1,-5]}' && has "outside"
ask 400 /v1/completions '{"prompt":{}}'
ask 400 /v1/completions '{"prompt":"A","stop":[""]}'
ask 400 /v1/completions '["prompt"]' && has invalid_json
ask 400 /v1/completions '{"prompt":' && has invalid_json
head -c 3000 /dev/zero | tr '\0' '[' >deep
ask 400 /v1/completions @deep && has invalid_json
head -c 100000 /dev/zero | tr '\0' 'A' >long
{ printf '{"prompt":"'; cat long; printf '"}'; } >long.json
ask 400 /v1/completions @long.json && has positions
ask 403 /health '' -H 'Host: example.org' && has wrong_host
ask 200 /health '' -H 'Host: localhost:1'
ask 403 /health '' -H 'Origin: http://example.org' && has wrong_origin
ask 200 /health '' -H "Origin: $url"
head -c 5000000 /dev/zero | tr '\0' 'A' >large
ask 413 /v1/completions @large && has too_long
ask 200 /metrics && has 'attend_requests_total{path="/v1/completions",status="2xx"}' && hasnt 'A dog'

# ---- many at once, some of whom go away: all that stay get what they get alone ----
asked=()
for i in $(seq 12); do
  curl -s -m 60 -o "out$i" -d "{\"model\":\"plain\",\"prompt\":\"A dog\",$few}" "$url/v1/completions" &
  asked+=($!)
  [ $((i % 3)) = 0 ] || continue
  timeout 0.05 curl -s -N -o gone -d '{"model":"plain","prompt":"A","max_tokens":40,"stream":true,"ignore_eos":true}' "$url/v1/completions" &
  asked+=($!)
done
wait "${asked[@]}" # by name: a wait for nothing waits for the server
for i in $(seq 12); do
  cp "out$i" out && [ "$(text)" = "$expected" ] || fail "one of many: $(head -c 200 out)"
done
stop
[ ! -s err ] || fail "the server said: $(head -c 300 err)"

# ---- questions, summaries, ranks, embeddings: what the command says; recordings ----
number() { sed -E "s/.*\"$1\": ?(-?[0-9.e+-]+).*/\1/" "$2" | head -n 1 | awk '{printf "%.9g", $1}'; }
start asked="$data/family_bert_spans" shorter="$data/decode_bart" cross="$data/rank_bert" vectors="$data/family_bert" \
  classes="$data/family_bert_classes" ears="$data/whisper" chatty --max-file 500
ask 200 /v1/models && has '"answer"' && has '"summarize"' && has '"rank"' && has '"transcribe"'
context="a warm film by a good man about an old house. it was made in a cold year, and a dog is in it."
printf '%s' "$context" >context
"$attend" answer "$data/family_bert_spans" --context context --question "who made it?" --nbest 3 --json >said
ask 200 /v1/answer "{\"question\":\"who made it?\",\"context\":\"$context\",\"nbest\":3}"
answer=$(sed -E 's/.*"question": 1, "answer": "([^"]*)".*/\1/' said)
[ -n "$answer" ] && has "\"answer\":\"$answer\"" "an answer"
[ "$(grep -o '"score":' out | wc -l)" = 4 ] || fail "the best answers: $(head -c 300 out)"
for key in start end score; do # of the last answer
  [ "$(number $key said)" = "$(number $key out)" ] || fail "$key of an answer: $(number $key out), not $(number $key said)"
done
ask 200 /v1/answer "{\"question\":[\"a?\",\"b?\"],\"context\":\"$context\"}" && has '"index":1'
ask 400 /v1/answer '{"question":["a","b"],"context":["c"]}' && has "has 1 texts"
ask 400 /v1/answer '{"question":"a"}' && has "context is missing"
ask 400 /v1/answer '{"question":"a","context":"b","no_null":true,"null_threshold":0}'
long="abc gg. Abd hh. Cab aa fe. Ddd ee ab. abc gg. Abd hh. Cab aa fe. Ddd ee ab. abc gg. Abd hh. Cab aa fe. Ddd ee ab."
for how in "" ,\"long\":true ,\"prefix\":\"ab\ \" ,\"beam\":3; do
  case $how in *long*) words=--long ;; *prefix*) words="--prefix=ab " ;; *beam*) words=--beam=3 ;; *) words=--quiet ;; esac
  "$attend" summarize "$data/decode_bart" "$words" "$long" --json >said 2>/dev/null
  ask 200 /v1/summarize "{\"model\":\"shorter\",\"text\":[\"$long\",\"\"]$how}"
  said=$(sed -E 's/.*"summary": "(([^"\\]|\\.)*)".*/\1/' said)
  [ -n "$said" ] && has "\"index\":0,\"summary\":\"$said\"" "a summary $how" && has '"index":1,"summary":"","parts":0'
  [ "$(number parts said)" = "$(sed 's/.*"index":0//' out | number parts /dev/stdin)" ] || true
done
"$attend" summarize "$data/family_bert" --extract 1 "$context" >said
ask 200 /v1/summarize "{\"model\":\"vectors\",\"text\":\"$context\",\"extract\":1}" && has "\"summary\":\"$(cat said)\""
ask 400 /v1/summarize '{"model":"vectors","text":"a","extract":1,"beam":2}' && has '"param":"beam"'
ask 400 /v1/summarize '{"model":"vectors","text":"a"}' && has "cannot summarize"
for model in cross:rank_bert vectors:family_bert; do
  printf 'a dog\nan old house\nthe year\n' >lines
  "$attend" rank "$data/${model#*:}" --query "a house" --file lines >said
  ask 200 /v1/rerank "{\"model\":\"${model%:*}\",\"query\":\"a house\",\"documents\":[\"a dog\",{\"text\":\"an old house\"},\"the year\"]}"
  got=$(grep -oE '"index":[0-9]+,"relevance_score":[^}]*' out | sed -E 's/"index":([0-9]+),"relevance_score":(.*)/\1 \2/' | awk '{printf "%d %.5f\n", $1 + 1, $2}')
  [ "$(awk -F'\t' '{printf "%d %.5f\n", $2, $1}' said)" = "$got" ] || fail "ranks of $model: $got, not $(cat said)"
done
ask 200 /v1/rerank '{"model":"cross","query":"a","documents":["b","c","d"],"top_n":2,"return_documents":true}' && has '"document":{"text":"'
[ "$(grep -o relevance_score out | wc -l)" = 2 ] || fail "two of three: $(cat out)"
ask 200 /v1/rerank "{\"model\":\"cross\",\"query\":\"a\",\"documents\":[\"b\",\"$(printf 'a dog %.0s' $(seq 60))\"]}"
has '"truncated":true' && has '"truncated":false'
ask 400 /v1/rerank '{"query":"a","documents":[]}'
ask 400 /v1/rerank '{"query":"a","documents":[{"x":1}]}'

# several requests in one batch: the same as alone
for i in $(seq 8); do
  ask 200 /v1/embeddings "{\"model\":\"vectors\",\"input\":[\"text $i\",\"a dog $i of $((i * i))\"],\"encoding_format\":\"base64\"}" && cp out "alone$i"
  ask 200 /v1/classify "{\"model\":\"classes\",\"text\":[\"a film $i\",\"warm\"]}" && cp out "class$i"
done
asked=()
for i in $(seq 8); do
  curl -s -m 60 -o "got$i" -d "{\"model\":\"vectors\",\"input\":[\"text $i\",\"a dog $i of $((i * i))\"],\"encoding_format\":\"base64\"}" "$url/v1/embeddings" &
  asked+=($!)
  curl -s -m 60 -o "label$i" -d "{\"model\":\"classes\",\"text\":[\"a film $i\",\"warm\"]}" "$url/v1/classify" &
  asked+=($!)
done
wait "${asked[@]}"
for i in $(seq 8); do
  cmp "got$i" "alone$i" && cmp "label$i" "class$i" || fail "request $i among others"
done

# ---- OpenAI's newer form ----
ask 200 /v1/chat/completions "{\"messages\":[{\"role\":\"user\",\"content\":\"A dog\"}],$few}" && first=$(text)
few_out='"max_output_tokens":8,"temperature":0'
ask 200 /v1/responses "{\"input\":\"A dog\",$few_out}" && has '"object":"response"' && has '"output_tokens":8' && has "\"text\":\"$first\"" && has '"incomplete"'
ask 200 /v1/responses "{\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"A dog\"}]}],$few_out}" && has "\"text\":\"$first\""
ask 200 /v1/responses "{\"input\":\"dog\",\"instructions\":\"A \",$few_out}" && has "\"text\":\"$first\"" && has '"instructions":"A "'
ask 200 /v1/responses "{\"input\":\"A dog\",$few_out,\"stream\":true}" && has 'event: response.created' && has 'event: response.incomplete'
[ "$(sed -nE 's/^data: .*"delta":"(([^"\\]|\\.)*)".*/\1/p' out | tr -d '\n')" = "$first" ] || fail "the deltas: $(cat out)"
ask 200 /v1/responses '{"input":"A","max_output_tokens":80,"temperature":1,"text":{"format":{"type":"json_schema","name":"n","schema":{"enum":[17]}}}}'
has '"text":"17"' && has '"status":"completed"'
ask 400 /v1/responses '{"input":[]}' && has input
ask 400 /v1/responses '{"input":7}' && has input
ask 400 /v1/responses '{"input":"A","text":7}' && has format
ask 400 /v1/responses '{"input":"A","tools":[]}' && has '"param":"tools"'

# ---- recordings ----
little() { local v=$1 i; for ((i = 0; i < $2; i++, v >>= 8)); do printf "\\x$(printf %02x $((v & 255)))"; done; }
{
  printf 'RIFF'; little 64036 4; printf 'WAVEfmt '; little 16 4; little 1 2; little 1 2; little 16000 4; little 32000 4; little 2 2; little 16 2
  printf 'data'; little 64000 4
  LC_ALL=C awk 'BEGIN {s = 1; for (i = 0; i < 64000; i++) {s = (s * 16807) % 2147483647; printf "%c", 33 + s % 94}}'
} >noise.wav
send() { # STATUS PATH [curl's options]
  local wanted=$1 path=$2 got
  shift 2
  got=$(curl -s -m 60 -o out -w '%{http_code}' "$@" "$url$path") || true
  [ "$got" = "$wanted" ] || fail "$path $*: $got, not $wanted: $(head -c 300 out)"
  keep "$got" "$path" post
}
hear=/v1/audio/transcriptions
if "$attend" transcribe "$data/whisper" noise.wav >said 2>err; then
  for format in text srt vtt; do
    "$attend" transcribe "$data/whisper" noise.wav --format $format --seed 5 >said
    send 200 $hear -F file=@noise.wav -F model=ears -F response_format=$format -F seed=5
    [ $format = text ] && tr '\n' ' ' <out | sed 's/ $//' >one && tr '\n' ' ' <said | sed 's/ $//' >two || { cp out one; cp said two; }
    cmp one two || fail "a recording as $format: $(head -c 200 out), not $(head -c 200 said)"
  done
  send 200 $hear -F file=@noise.wav -F response_format=verbose_json -F 'timestamp_granularities[]=word' -F 'timestamp_granularities[]=segment'
  has '"words":[' && has '"segments":[' && has '"duration":2'
  send 200 $hear -F temperature=0 -F language=en -F prompt=ab -F file=@noise.wav && has '"text":"'
  send 200 /v1/audio/translations -F file=@noise.wav && has '"text":"'
  send 400 $hear -F file=@context && has "no audio"
  send 400 $hear -F file= && has "no audio"
  head -c 40000 noise.wav >cut.wav
  send 200 $hear -F file=@cut.wav
fi
send 400 $hear -F model=ears && has "file is missing"
send 400 $hear -F file=@noise.wav -F response_format=xml && has response_format
send 400 $hear -F file=@noise.wav -F temperature=hot && has '"param":"temperature"'
send 400 $hear -F file=@noise.wav -F language=xx && has xx
send 400 $hear -F file=@noise.wav -F file=@noise.wav && has invalid_form
send 400 $hear -F file=@noise.wav -F other=1 && has '"param":"other"'
send 400 $hear -F file=@noise.wav -F model=cross && has "cannot transcribe"
send 400 /v1/audio/translations -F file=@noise.wav -F language=en && has '"param":"language"'
send 415 $hear -d '{"file":"x"}' -H 'Content-Type: application/json' && has no_form
send 400 $hear -H 'Content-Type: multipart/form-data; boundary=xyz' --data-binary 'no form at all'
head -c 600000 /dev/zero >large # 1.2 times what is taken
send 413 $hear -F file=@large && has too_long
ask 200 /health
stop
[ ! -s err ] || fail "the server said: $(head -c 300 err)"

# ---- keys, origins, few places ----
printf 'secret\n\nother\n' >keys
start chatty --api-key-file keys --allow-origin https://example.org --slots 1 --queue 1 --grace 20
ask 401 /v1/models && has invalid_api_key
ask 401 /v1/models '' -H 'Authorization: Bearer secre'
ask 401 /v1/models '' -H 'Authorization: Bearer secrets'
ask 200 /v1/models '' -H 'Authorization: Bearer secret'
ask 200 /v1/models '' -H 'Authorization: Bearer other'
ask 400 /v1/completions '{"prompt":"A","n":2}' -H 'Authorization: Bearer other' && has slots
ask 200 /health
ask 204 /v1/models '' -X OPTIONS -H 'Origin: https://example.org' -D headers
grep -qi '^access-control-allow-origin: https://example.org' headers || fail "an origin that may ask: $(cat headers)"
many='{"prompt":"A","max_tokens":200,"ignore_eos":true,"stream":true}'
for i in 1 2 3 4 5 6; do
  curl -s -m 60 -o "out$i" -w '%{http_code}\n' -d "$many" -H 'Authorization: Bearer secret' "$url/v1/completions" >"code$i" &
  jobs[i]=$!
done
for _ in $(seq 400); do # until one is being answered
  ask 200 /metrics '' -H 'Authorization: Bearer secret'
  grep -q '^attend_requests_total{path="/v1/completions",status="2xx"}' out && break
  sleep 0.05
done
kill -TERM "$server" # while some run: they are finished
for i in 1 2 3 4 5 6; do
  wait "${jobs[i]}"
  case $(cat "code$i") in
    200) cp "out$i" out && has '[DONE]' "finished before the end" ;;
    429 | 503) ;;
    000) ;; # came after the end
    *) fail "as the server ends: $(cat "code$i") $(head -c 200 "out$i")" ;;
  esac
done
wait "$server" || fail "the server ended with $?"
server=
grep -qx 200 code? || fail "nobody was served: $(cat code?)"

# ---- TLS ----
if command -v openssl >/dev/null && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
  -subj /CN=localhost -keyout tls.key -out tls.crt 2>/dev/null; then
  start chatty --tls-certificate tls.crt --tls-key tls.key
  [[ "$url" == https://* ]] || fail "the address with TLS: $url"
  ask 200 /v1/completions '{"prompt":"A","max_tokens":3,"stream":true}' --cacert tls.crt --resolve "localhost:${url##*:}:127.0.0.1" -k && has '[DONE]'
  stop
  "$attend" serve chatty --tls-certificate tls.key --tls-key tls.crt --port 0 2>err >out && fail "a key as a certificate"
  grep -q "TLS certificate" err || fail "a key as a certificate: $(cat err)"
fi
"$attend" serve chatty --tls-certificate tls.crt 2>err && fail "a certificate without a key"
"$attend" serve chatty --api-key-file /dev/null --port 0 2>err && fail "a file without a key"

# ---- while the models' thread is busy ----
start plain="$data/generate_gpt2" --lazy
{ printf '{"text":"' && head -c 40000 /dev/zero | tr '\0' 'a' && printf '"}'; } >long.json
curl -s -m 120 -o scored -d @long.json "$url/v1/score" &
busy=$!
for _ in $(seq 400); do # until it is at it
  ask 200 /metrics && grep -q '^attend_requests_open 1' out && ask 200 /v1/models && grep -q '"loaded":true' out && break
  sleep 0.02
done
ask 200 /v1/models && has '"id":"plain"'
ask 200 /v1/models/plain && has '"loaded":true'
ask 404 /v1/models/none && has model_not_found
ask 404 /v1/completions '{"model":"none","prompt":"A"}' && has '"param":"model"' && has "no model 'none'"
ask 200 /health
kill -0 "$busy" 2>/dev/null || fail "it was not busy: $(head -c 300 scored)"
kill "$busy"
stop

# ---- a model that is opened when it is asked for; one that cannot be ----
start chatty no=/no/such/folder --lazy
ask 200 /v1/models && has '"loaded":false'
ask 200 /v1/completions '{"model":"chatty","prompt":"A","max_tokens":2}'
ask 500 /v1/completions '{"model":"no","prompt":"A"}'
ask 200 /v1/models/chatty && has '"loaded":true'
stop
"$attend" serve /no/such/folder 2>err && fail "a model that is not there"
grep -q "^attend serve: /no/such/folder" err || fail "a model that is not there: $(cat err)"
"$attend" serve chatty "$data/../data/../$(basename "$work")/chatty" chatty --lazy --port 0 2>err >out && fail "two of a name"
grep -q "two models are called chatty" err || fail "two of a name: $(cat err)"
"$attend" serve chatty --host 203.0.113.7 --port 9 2>err && fail "an address that is not here"
grep -q "cannot listen on 203.0.113.7" err || fail "an address that is not here: $(cat err)"

# ---- answers are what /openapi.json says ----
if command -v python3 >/dev/null; then
  python3 -B -E "$tests/check_answers.py" openapi.json answers || fail "answers are not as /openapi.json has them"
fi

[ "$failures" = 0 ] && echo "all held"
exit $((failures > 0))
