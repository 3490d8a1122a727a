#!/usr/bin/env bash
# Every external name of both libraries begins with att_, and the shared one gives away what the header promises: no
# more, no less.
set -eu
if nm "$ATT_BUILD/libattend.a" 2>/dev/null | grep -qE ' (__asan_|__ubsan_|__gcov_|__sanitizer_)'; then
  echo "instrumented: skipped"
  exit 77
fi
others=$(nm -g --defined-only "$ATT_BUILD/libattend.a" | awk 'NF == 3 && $3 !~ /^att_/ {print $3}')
given=$(nm -D --defined-only "$ATT_BUILD/libattend.so" | awk '{print $3}' | sort)
promised=$(tr '\n' ' ' <include/attend/attend.h | grep -oE 'ATT_API [^;(]*\(' | grep -oE 'att_[a-z0-9_]+\($' | tr -d '(' | sort)
echo "external names in libattend.a that do not begin with att_: ${others:-none}"
echo "between header (<) and libattend.so (>):"
diff <(echo "$promised") <(echo "$given") && [ -z "$others" ] && [ "$(echo "$promised" | wc -l)" -gt 10 ]
