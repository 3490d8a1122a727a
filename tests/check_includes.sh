#!/usr/bin/env bash
# Rooms may include along the arrows of docs/ARCHITECTURE.md only; the command and the examples the public header only.
set -u
declare -A may=(
  [base]="base"
  [kernels]="base kernels"
  [tensor]="base kernels tensor"
  [layers]="base kernels tensor layers"
  [formats]="base formats"
  [text]="base formats text"
  [models]="base kernels tensor layers models formats text"
  [decode]="base kernels tensor layers models decode formats text"
  [train]="base kernels tensor layers models decode train formats text"
  [view]="base formats text view"
  [api]="base kernels tensor layers models decode train formats text view api"
)
bad=0 seen=0
complain() {
  echo "$1"
  bad=1
}
while IFS=: read -r file line include; do
  room=${file#src/}
  room=${room%%/*}
  target=${include%%/*}
  seen=$((seen + 1))
  [ -n "${may[$room]:-}" ] || complain "$file:$line: no arrow is known for the room $room"
  [[ "$include" == */* ]] || complain "$file:$line: \"$include\" does not name its room"
  [[ " ${may[$room]:-} " == *" $target "* ]] || complain "$file:$line: $room may not include \"$include\""
done < <(grep -rnE '^ *# *include *"' src --include='*.c' --include='*.h' | sed -E 's/# *include *"([^"]*)".*/\1/; s/: */:/2')
while IFS=: read -r file line include; do
  seen=$((seen + 1))
  [ -e "$(dirname "$file")/$include" ] || complain "$file:$line: \"$include\" is not the public header"
done < <(grep -rnE '^ *# *include *"' cli examples --include='*.c' --include='*.h' | sed -E 's/# *include *"([^"]*)".*/\1/; s/: */:/2')
echo "$seen includes looked at"
[ "$bad" = 0 ] && [ "$seen" -gt 20 ]
