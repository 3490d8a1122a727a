#!/usr/bin/env python3
"""Makes src/text/unicode_tables.c: where Unicode as Hugging Face `tokenizers` has it differs from utf8proc's (version
15 in Debian 12). Each of its steps stands on another version: patterns on that of its Oniguruma, lower case on that of
its Rust, normal forms and accents on Unicode 9. What each says of every code point is asked of `tokenizers` itself. Scripts
are those of Perl's Unicode (14 in Debian 12), as SentencePiece's trainer takes them together: Hiragana, Katakana and Han
are one.

    python3 -m pip install tokenizers
    python3 tools/make_unicode_tables.py        # with libutf8proc.so.2
"""
import argparse
import ctypes
import pathlib
import subprocess

if __name__ == "__main__":  # before the imports that follow: --help needs none of them
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()

from tokenizers import Regex, normalizers, pre_tokenizers

NAMED = ["Han", "Hiragana", "Katakana", "Hangul", "Thai", "Latin", "Cyrillic", "Arabic"]  # that patterns name
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


def normalized(call, text):
    call.restype = ctypes.c_void_p
    made = call(text.encode())
    text = ctypes.string_at(made).decode()
    ctypes.CDLL(None).free(ctypes.c_void_p(made))
    return text


def scripts():
    """(first code point, script) by number: 0 what belongs to all, 1 what goes with the character before."""
    program = 'use Unicode::UCD "prop_invmap"; my ($f, $s) = prop_invmap("Script"); print "$$f[$_] $$s[$_]\\n" for 0 .. $#$f'
    lines = subprocess.run(["perl", "-e", program], check=True, capture_output=True, text=True).stdout.split("\n")
    spans = [(int(line.split()[0]), line.split()[1]) for line in lines if line and not line.startswith("1114112")]
    spans += [(0x30FC, "Han"), (0x30FD, dict(spans).get(0x30FD, "Katakana"))]
    numbers, made = {"Common": 0, "Inherited": 1}, []
    for code, name in sorted(spans):
        if name == "Unknown":
            continue  # what has no character takes the script of those before it
        name = "Han" if name in ("Hiragana", "Katakana") else name
        number = numbers.setdefault(name, len(numbers))
        if not made or made[-1][1] != number:
            made.append((code, number))
    return made


def named_scripts():
    text, table = "", ""
    for name in NAMED:
        spans = ranges(sorted((code, True) for code in found(r"\p{%s}" % name)))
        lower = name.lower()
        text += f"\nstatic const att_code_range {lower}[] = {{\n" + rows(f"{{0x{a:x}, 0x{b:x}}}" for a, b, _ in spans) + "\n};\n"
        table += f'    {{"{lower}", {lower}, sizeof {lower} / sizeof *{lower}}},\n'
    text += "\nconst att_named_script att_named_scripts[] = {\n" + table + "};\n"
    return text + "const size_t att_named_script_count = sizeof att_named_scripts / sizeof *att_named_scripts;\n"


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
    forms = [(normalizers.NFD(), utf8proc.utf8proc_NFD), (normalizers.NFKD(), utf8proc.utf8proc_NFKD)]
    whole = [(code, True) for code in CODES if code and any(form.normalize_str(chr(code)) != normalized(own, chr(code)) for form, own in forms)]
    text = HEAD + "const att_code_category att_newer_categories[] = {\n"
    text += rows(f"{{0x{a:x}, 0x{b:x}, ATT_{name.upper()}}}" for a, b, name in categories) + "\n};\n"
    text += "const size_t att_newer_category_count = sizeof att_newer_categories / sizeof *att_newer_categories;\n\n"
    text += "const att_code_lower att_newer_lower[] = {\n" + rows(f"{{0x{a:x}, 0x{b:x}}}" for a, b in cases) + "\n};\n"
    text += "const size_t att_newer_lower_count = sizeof att_newer_lower / sizeof *att_newer_lower;\n\n"
    text += "const att_code_range att_formless[] = {\n" + rows(f"{{0x{a:x}, 0x{b:x}}}" for a, b, _ in ranges(sorted({*still, *whole}))) + "\n};\n"
    text += "const size_t att_formless_count = sizeof att_formless / sizeof *att_formless;\n"
    text += "\nconst att_code_script att_scripts[] = {\n" + rows(f"{{0x{a:x}, {number}}}" for a, number in scripts()) + "\n};\n"
    text += "const size_t att_script_count = sizeof att_scripts / sizeof *att_scripts;\n"
    text += named_scripts()
    OUT.write_text(text)


if __name__ == "__main__":
    main()
