#!/usr/bin/env bash
# Every declaration of the public header says what it is: each function, type, member, constant and macro has a comment
# of its own, above it or behind it on its lines.
set -eu
header=${HEADER:-include/attend/attend.h}
undocumented() {
  awk '
    function report(what) { if (!covered && !commented) print FILENAME ":" FNR ": no comment: " what }
    # a comment that stands alone covers what follows it
    inside { if (/\*\//) { inside = 0; covered = 1 } next }
    /^ *\/\*/ { if (/\*\//) covered = 1; else inside = 1; next }
    /^ *$/ { covered = 0; next }
    /^#(if|endif|else|ifdef|ifndef|include)/ || /^extern "C"/ || /^}$/ { next }
    # a declaration may go on: until ; or { or , or an end of the line for macros
    {
      if (text == "") commented = 0
      if (/\/\*/) commented = 1
      open_comment = /\/\*/ && !/\*\//
      line = $0
      gsub(/\/\*.*\*\//, "", line); sub(/\/\*.*/, "", line); sub(/ +$/, "", line)
      text = text line
      if (open_comment) { # the rest of a comment behind a declaration
        while ((getline more) > 0 && more !~ /\*\//) { }
      }
      if (line ~ /\\$/) next
      if (text ~ /^#define/) { if (text !~ /ATTEND_ATTEND_H/) { count++; report(text) } text = ""; covered = 0; next }
      if (text ~ /^} /) { text = ""; covered = 0; next }
      if (text ~ /[;{]$/ || text ~ /^ / && text !~ /\(/ || text ~ /,$/ && text !~ /\(/) {
        count++; report(text); text = ""; covered = 0; next
      }
    }
    END { print count + 0 " declarations looked at" }' "$1"
}
found=$(undocumented "$header")
echo "$found" | tail -1
echo "$found" | grep 'no comment' && exit 1
[ "$(echo "$found" | tail -1 | grep -oE '^[0-9]+')" -gt 250 ]
# and the check sees: with any one comment taken out something is missing
work=$(mktemp)
trap 'rm -f "$work"' EXIT
for what in ATT_FINISH_STOP 'size_t part_count' 'ATT_API const char \*att_version' 'typedef struct att_text {'; do
  awk -v what="$what" '
    { lines[NR] = $0 }
    END {
      for (i = 1; i <= NR; i++) if (lines[i] ~ what) at = i
      gsub(/ *\/\*.*\*\//, "", lines[at])
      if (lines[at - 1] ~ /\*\/$/ && lines[at] ~ /^(ATT_API|typedef)/) lines[at - 1] = ""
      for (i = 1; i <= NR; i++) print lines[i]
    }' "$header" >"$work"
  undocumented "$work" | grep -q 'no comment' || { echo "the check does not see that $what has no comment"; exit 1; }
done
