#!/usr/bin/env bash
# What shells complete: bash is asked, word by word; zsh and fish, where they are installed, must read their scripts.
set -eu
attend=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for shell in bash zsh fish; do
  "$attend" --completion $shell >"$work/$shell"
  [ "$(wc -l <"$work/$shell")" -gt 20 ] || { echo "$shell: too short"; exit 1; }
  if command -v $shell >/dev/null; then $shell -n "$work/$shell"; else echo "$shell is not here: only written"; fi
done
if "$attend" --completion tcsh 2>"$work/err" >"$work/out"; then exit 1; fi
grep -q "bash, zsh or fish" "$work/err" && [ ! -s "$work/out" ]

# shellcheck disable=SC1090,SC1091
source "$work/bash"
offered() { # what is offered for the last of the words
  COMP_WORDS=(attend "$@") COMP_CWORD=$#
  COMPREPLY=()
  _attend
  echo "${COMPREPLY[*]}"
}
expect() { # WANTED WORDS...
  local wanted=$1 got
  shift
  got=$(offered "$@")
  [ "$got" = "$wanted" ] || { echo "attend $*: '$got', not '$wanted'"; exit 1; }
}
expect "translate" transl
expect "train translate transcribe" tra
expect "translation" train tran
expect "--resume" train --r
expect "--beam" translate model --be
expect "--no-tie" train lm --no-ti
expect "--freeze" train lm --fre
expect "cross" look model --part cr
expect "rotary relative" train lm --position r
expect "" translate model in.d
for verb in $("$attend" --help | sed -n '/^Verbs:/,/^$/p' | sed -nE 's/^  ([a-z]+)( [a-z]+)?  .*/\1/p' | sort -u); do
  grep -q "'$verb" "$work/bash" && grep -q "$verb" "$work/zsh" && grep -q "$verb" "$work/fish" || { echo "$verb is missing"; exit 1; }
done
# every option of every verb is in each script
"$attend" --man | sed 's/\\-/-/g; s/\\f[BIR]//g; s/--\[no-\]/--/' | grep -oE '^(-[a-z], )?--[a-z-]+' | grep -oE '[a-z][a-z-]+$' | sort -u >"$work/options"
while IFS= read -r option; do
  for shell in bash zsh fish; do
    grep -qE -- "(--| -l )$option" "$work/$shell" || { echo "--$option is missing in $shell"; exit 1; }
  done
done <"$work/options"
echo "$(wc -l <"$work/options") options in each"
[ "$(wc -l <"$work/options")" -gt 80 ]
