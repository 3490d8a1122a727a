#!/usr/bin/env bash
# What the library reads and writes does not depend on its host's locale: fractions become text, and text numbers, in
# src/base/number.c alone, and nothing asks which letters the locale has.
set -u
bad=0
complain() {
  echo "$1"
  bad=1
}
mapfile -t files < <(find src -name '*.[ch]' ! -path src/base/number.c)
found=$(grep -nE '\b(strto(d|f|ld)|atof|v?[sf]?scanf|v[a-z]*printf|setlocale|localeconv|strcoll|strftime|to(lower|upper)|is(alpha|alnum|digit|lower|upper|space|punct|print))\(' "${files[@]}")
[ -z "$found" ] || complain "the caller's locale decides here: $found"
# a call to its end, which has the format in it
found=$(grep -lPzo '\bsn?printf\([^;]*?%[-+ #0-9.*]*L?[aefgAEFG][^;]*;' "${files[@]}" | tr '\0' '\n')
[ -z "$found" ] || complain "a fraction is written by snprintf: att_format (base/number.h) belongs there: $found"
[ "$(grep -l 'att_format' "${files[@]}" | wc -l)" -gt 8 ] || complain "the check sees no files"
exit $bad
