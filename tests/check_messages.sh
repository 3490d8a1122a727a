#!/usr/bin/env bash
# Every message of the library and the command, as one list: FILE: text, with || between texts of one call. Fails on words
# that a stranger to the project would stumble over (docs and the field have others for each).
set -u
list=$(find src cli -name '*.[ch]' | sort | while IFS= read -r file; do
  tr '\n' ' ' <"$file" | sed -E 's/" +"//g; s/"" *(PRI[a-z0-9]+) *""/%/g' |
    grep -oE '\b(att_fail|att_log|att_cli_fail|att_cli_warn|att_trainer_say|snprintf|att_format)\(([^;"]|"([^"\\]|\\.)*")*;' |
    grep -E '^att_(fail|log|cli_fail|cli_warn|trainer_say)|snprintf\((text|what|why|note)|att_format\((text|note)' |
    grep -oE '"([^"\\]|\\.)*"' | sed -E 's/^"(.*)"$/\1/' | grep -E '[a-z]{3}' | sed "s|^|$file: |"
done)
echo "$list"
count=$(wc -l <<<"$list")
echo "$count messages"
[ "$count" -gt 500 ] || { echo "too few: the list is not whole"; exit 1; }
# the words on the left are those of docs/ARCHITECTURE.md and the code, or of nobody
bad=$(grep -nE 'something is missing|gone on from|by the look of|goes on from|go on from|placing the words|that there are"|\bpeer\b|\bmarks?\b in|examined?\b|the rooms\b|is no option' <<<"$list")
[ -z "$bad" ] && exit 0
echo "not plain:"
echo "$bad"
exit 1
