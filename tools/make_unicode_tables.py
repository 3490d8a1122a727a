#!/usr/bin/env python3
"""Makes src/text/unicode_tables.c: where Unicode as Hugging Face `tokenizers` has it differs from utf8proc's (version
14 in Debian 12). Each of its steps stands on another version: patterns on that of its Oniguruma, lower case on that of
its Rust, normal forms and accents on Unicode 9. What each says of every code point is asked of `tokenizers` itself.

    python3 -m pip install tokenizers
    python3 tools/make_unicode_tables.py        # with libutf8proc.so.2
"""
import argparse
import ctypes
import pathlib
import unicodedata

if __name__ == "__main__":  # before the imports that follow: --help needs none of them
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()

from tokenizers import Regex, normalizers, pre_tokenizers

OUT = pathlib.Path(__file__).resolve().parent.parent / "src" / "text" / "unicode_tables.c"
NAMES = "Cn Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Cs Co".split()
CODES = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000]
HEAD = """/* Owns where Unicode as `tokenizers` has it differs from utf8proc's. Made by tools/make_unicode_tables.py. */
#include "text/unicode_tables.h"

/* clang-format off */
"""


def found(pattern):
    """The code points that the pattern matches."""
    split = pre_tokenizers.Split(Regex(pattern), "removed", invert=True)
    codes = set()
    for first in range(0, len(CODES), 5000):
        for piece, _ in split.pre_tokenize_str("".join(map(chr, CODES[first:first + 5000]))):
            codes.update(map(ord, piece))
    return codes


def ranges(pairs):
    """(first, last, value) of sorted (code, value)."""
    made = []
    for code, value in pairs:
        if made and made[-1][1] == code - 1 and made[-1][2] == value:
            made[-1][1] = code
        else:
            made.append([code, code, value])
    return made


def rows(items):
    lines, line = [], "   "
    for item in items:
        if len(line) + len(item) > 118:
            lines.append(line)
            line = "   "
        line += f" {item},"
    return "\n".join([*lines, line])


def main():
    utf8proc = ctypes.CDLL("libutf8proc.so.2")
    old = {code: NAMES[utf8proc.utf8proc_category(code)] for code in CODES}
    new = {code: "Cn" for code in CODES}
    for name in NAMES:
        if name not in ("Cn", "Cs"):
            new.update(dict.fromkeys(found(r"\p{%s}" % name), name))
    assert all(old[code] == "Cn" or code == 0x1171E for code in CODES if old[code] != new[code]), "more than new ones"
    categories = ranges([(code, new[code]) for code in CODES if old[code] != new[code] and old[code] == "Cn"])
    lower = normalizers.Lowercase()
    cases = [(code, ord(lower.normalize_str(chr(code)))) for code in CODES if code != 0x130 and lower.normalize_str(chr(code)) != chr(utf8proc.utf8proc_tolower(code))]
    strip = normalizers.StripAccents()
    still = [(code, True) for code in CODES if new[code][0] == "M" and strip.normalize_str(chr(code))]
    forms = {"NFD": normalizers.NFD(), "NFKD": normalizers.NFKD()}
    whole = [(code, True) for code in CODES if code and any(form.normalize_str(chr(code)) != unicodedata.normalize(name, chr(code)) for name, form in forms.items())]
    text = HEAD + "const att_code_category att_newer_categories[] = {\n"
    text += rows(f"{{0x{a:x}, 0x{b:x}, ATT_{name.upper()}}}" for a, b, name in categories) + "\n};\n"
    text += "const size_t att_newer_category_count = sizeof att_newer_categories / sizeof *att_newer_categories;\n\n"
    text += "const att_code_lower att_newer_lower[] = {\n" + rows(f"{{0x{a:x}, 0x{b:x}}}" for a, b in cases) + "\n};\n"
    text += "const size_t att_newer_lower_count = sizeof att_newer_lower / sizeof *att_newer_lower;\n\n"
    text += "const att_code_range att_formless[] = {\n" + rows(f"{{0x{a:x}, 0x{b:x}}}" for a, b, _ in ranges(sorted({*still, *whole}))) + "\n};\n"
    text += "const size_t att_formless_count = sizeof att_formless / sizeof *att_formless;\n"
    OUT.write_text(text)


if __name__ == "__main__":
    main()
