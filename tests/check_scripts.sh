#!/usr/bin/env bash
# Every script of bench/ and tools/ answers --help on a bare Python, before it imports what may not be installed; and
# none has the name of a module of Python's own library, which the other scripts of its folder would then import.
set -u
if ! command -v python3 >/dev/null; then
  echo "no python3: skipped"
  exit 77
fi
bad=0 seen=0
complain() {
  echo "$1"
  bad=1
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$PWD
for script in bench/*.py bench/*.sh tools/*.py tools/*.sh; do
  [ -f "$script" ] || continue # a pattern without any
  [ "$(head -c 2 "$script")" = "#!" ] || continue # a module that scripts share
  seen=$((seen + 1))
  start=(bash)
  [[ "$script" == *.py ]] && start=(python3 -B -E -S) # -S: without what is installed beside Python's own library
  (cd "$work" && timeout 60 "${start[@]}" "$root/$script" --help </dev/null >out 2>err) ||
    complain "$script --help fails; it should answer before it imports what is not Python's own: $(tail -n 1 "$work/err")"
  grep -q '^usage: ' "$work/out" || complain "$script --help writes no usage"
done
echo "$seen scripts looked at"
[ "$seen" -gt 15 ] || complain "too few: the check sees nothing"
names=$(cd "$root" && for file in bench/*.py tools/*.py; do basename "$file" .py; done)
hidden=$(python3 -B -E -S -c 'import sys; print(*(set(sys.argv[1:]) & set(sys.stdlib_module_names)))' $names 2>/dev/null)
[ -z "$hidden" ] || complain "a script hides a module of Python's own library: $hidden"
exit $bad
