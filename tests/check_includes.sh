#!/usr/bin/env bash
# Rooms may include along the arrows of docs/ARCHITECTURE.md only; the command, its server and the examples the public header only.
# No circle between files: what each object needs of the others is followed.
set -u
declare -A may=(
  [base]="base"
  [kernels]="base kernels"
  [tensor]="base kernels tensor"
  [layers]="base kernels tensor layers"
  [formats]="base kernels formats"
  [text]="base formats text"
  [audio]="base kernels audio"
  [metrics]="base formats text metrics"
  [models]="base kernels tensor layers models formats text audio metrics"
  [decode]="base kernels tensor layers models decode formats text audio"
  [train/data]="base kernels tensor layers models formats text audio metrics train/data"
  [train]="base kernels tensor layers models formats text audio train"
  [train/tasks]="base kernels tensor layers models decode formats text audio metrics speech train/data train train/tasks"
  [view]="base formats text view"
  [speech]="base kernels tensor layers models decode formats text audio speech"
  [compare]="base formats text audio metrics models train/data train view compare"
  [api]="base kernels tensor layers models decode formats text audio metrics speech train/data view api"
  [serve]="base kernels tensor layers models decode formats text audio api serve"
)
rooms_inside=" train/data train/tasks "
bad=0 seen=0
complain() {
  echo "$1"
  bad=1
}
room_of() { # train/tasks/classifier.c: train/tasks; models/families/bert.c: models
  local folder=${1%/*}
  [[ "$rooms_inside" == *" $folder "* ]] && echo "$folder" || echo "${1%%/*}"
}
while IFS=: read -r file line include; do
  room=$(room_of "${file#src/}")
  target=$(room_of "$include")
  seen=$((seen + 1))
  [ -n "${may[$room]:-}" ] || complain "$file:$line: no arrow is known for the room $room"
  [[ "$include" == */* ]] || complain "$file:$line: \"$include\" does not name its room"
  [[ " ${may[$room]:-} " == *" $target "* ]] || complain "$file:$line: $room may not include \"$include\""
done < <(grep -rnE '^ *# *include *"' src --include='*.c' --include='*.h' | sed -E 's/# *include *"([^"]*)".*/\1/; s/: */:/2')
while IFS=: read -r file line include; do
  seen=$((seen + 1))
  [ -e "$(dirname "$file")/$include" ] || complain "$file:$line: \"$include\" is not the public header"
done < <(grep -rnE '^ *# *include *"' cli examples server --include='*.c' --include='*.h' | sed -E 's/# *include *"([^"]*)".*/\1/; s/: */:/2')
echo "$seen includes looked at"

# the pairs (file, file whose names it needs); tsort says the files of a circle, one a line
objects=$ATT_BUILD/CMakeFiles/attend_objects.dir
pairs=$(find src -name '*.c' | while IFS= read -r file; do
  [ -e "$objects/$file.o" ] && nm "$objects/$file.o" | awk -v f="${file%.c}" '{print f, $(NF - 1), $NF}'
done | awk '$2 ~ /^[TDBR]$/ {home[$3] = $1} $2 == "U" {user[++n] = $1; name[n] = $3}
  END {for (i = 1; i <= n; i++) if (name[i] in home && home[name[i]] != user[i]) print user[i], home[name[i]]}' | sort -u)
circle=$(tsort <<<"$pairs" 2>&1 >/dev/null | sed -n 's/^tsort: \(src\)/\1/p' | paste -sd' ')
[ -z "$circle" ] || complain "a circle of files: $circle"
echo "$(wc -l <<<"$pairs") pairs of files looked at"
[ "$(wc -l <<<"$pairs")" -gt 100 ] || complain "too few pairs: the check sees nothing"
[ "$bad" = 0 ] && [ "$seen" -gt 20 ]
