#!/usr/bin/env bash
# --help of every verb and the man page name the same options, and each option of --help is one the verb takes.
set -eu
attend=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"$attend" --man | sed 's/\\-/-/g; s/\\f[BIR]//g' >"$dir/man"
"$attend" --help | sed -n '/^Verbs:/,/^$/p' | sed -nE 's/^  ([a-z]+( [a-z]+)?)  .*/\1/p' >"$dir/verbs"
options() { sed 's/--\[no-\]/--/g' | grep -oE -- '--[a-z][a-z-]*' | sort -u; }
in_man() { # the options of a section: those on the line after .TP
  awk -v head="$1" 'index($0, head) == 1 {on = 1; next} /^\.S[SH]/ {on = 0} on && tagged {print} {tagged = /^\.TP/}' "$dir/man"
}
in_man '.SH OPTIONS' | options >"$dir/everywhere" || true
count=0
while IFS= read -r verb; do
  # shellcheck disable=SC2086
  "$attend" $verb --help </dev/null | grep -E '^  (-[a-z], )?--' | sed -E 's/^(  (-[a-z], )?--(\[no-\])?[a-z-]+).*/\1/' | options >"$dir/help"
  { in_man ".SS attend $verb" | options; cat "$dir/everywhere"; } | sort -u >"$dir/page"
  echo "$verb: --help (<) and the man page (>)"
  diff "$dir/help" "$dir/page"
  count=$((count + $(wc -l <"$dir/help")))
done <"$dir/verbs"
echo "$(wc -l <"$dir/verbs") verbs, $count options"
[ "$(wc -l <"$dir/verbs")" -ge 7 ] && [ "$count" -gt 40 ]
