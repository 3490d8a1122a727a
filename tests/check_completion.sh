#!/usr/bin/env bash
# What shells complete: each, where it is installed, is asked word by word (zsh in a terminal of its own).
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
offered_bash() { # what is offered for the last of the words
  COMP_WORDS=(attend "$@") COMP_CWORD=$#
  COMPREPLY=()
  _attend
  echo "${COMPREPLY[*]}"
}
offered_fish() { HOME=$work fish -c "source $work/fish; complete -C 'attend $*'" | cut -f1; }
cat >"$work/ask.zsh" <<'ASK'
# zsh -f ask.zsh SCRIPT LINE: a shell in a terminal of its own completes the line, and what it is offered is printed
zmodload zsh/zpty
zpty shell zsh -f -i
{
  zpty -w shell 'PROMPT=; autoload -Uz compinit; compinit -D -u; source '$1'; compadd() { local -a found
    builtin compadd -O found "$@"; hits+=($found); builtin compadd "$@" }
    show() { hits=(); _main_complete; compstate[insert]= compstate[list]=; print; print -r "OFFER ${(j: :)hits} END" }
    zle -C show complete-word show; bindkey "^I" show; echo RE""ADY'
  while zpty -r shell line; do [[ $line == *READY* ]] && break; done
  zpty -w -n shell "$2"$'\t'
  while zpty -r shell line; do [[ $line == *"OFFER "*END* ]] && { print -r -- ${${line#*OFFER }%% END*}; break; }; done
} always { zpty -d shell }
ASK
offered_zsh() { HOME=$work timeout 20 zsh -f "$work/ask.zsh" "$work/zsh" "attend $*"; }
shells=(bash)
for shell in fish zsh; do command -v $shell >/dev/null && shells+=($shell); done
sorted() { tr ' ' '\n' <<<"$1" | sort -u | paste -sd' '; } # a shell may offer in an order of its own, and twice
expect() { # WANTED WORDS...
  local wanted=$1 got shell
  shift
  for shell in "${shells[@]}"; do
    got=$(offered_$shell "$@" | paste -sd' ')
    [ "$(sorted "$got")" = "$(sorted "$wanted")" ] || { echo "$shell: attend $*: '$got', not '$wanted'"; exit 1; }
  done
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
shells=(bash) # the others offer files here
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
