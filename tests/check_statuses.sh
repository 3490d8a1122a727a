#!/usr/bin/env bash
# A condition has one status: no text of a failure stands under two (include/attend/attend.h says which is for what).
set -u
found=$(find src -name '*.c' -print0 | sort -z | xargs -0 cat | tr '\n' ' ' | sed -E 's/" +"//g' |
  grep -oE 'att_fail\([^;"]*ATT_[A-Z]+, *"([^"\\]|\\.)*"' | sed -E 's/^.*(ATT_[A-Z]+), *"(.*)"$/\1\t\2/')
echo "$(wc -l <<<"$found") failures looked at"
[ "$(wc -l <<<"$found")" -gt 200 ] || { echo "too few: the check sees nothing"; exit 1; }
# what is but a frame for other texts says nothing: "%s", "%s: %s", what ends before a PRId64
twice=$(sort -u <<<"$found" | grep -vE $'\t''(%s(: %[a-z]+)*|.*%)$' | cut -f2 | sort | uniq -d)
[ -z "$twice" ] && exit 0
echo "under two statuses:"
echo "$twice"
exit 1
