#!/usr/bin/env python3
"""Makes tests/data/token_spans.json: where `tokenizers` says that each token stands in its text.

    python3 tools/make_span_fixtures.py [MORE/tokenizer.json ...]

    [{"tokenizer": "bert.json", "text": ..., "ids": [...], "begins": [...], "ends": [...]}, ...]

Places are code points, white space at both ends of a token left out, for some tokenizers count it in and others do not;
a token of white space alone has its beginning twice. Texts have accents as one character: of one that is written as two
`tokenizers` gives the letter without its mark, attend both.
"""
import argparse
import glob
import json
import os

if __name__ == "__main__":  # before the imports that follow: --help needs none of them
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("more", nargs="*")
    args = parser.parse_args()

from tokenizers import Tokenizer

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "data")
TEXTS = ["A man rides a horse.", "  two  blanks\tand a tab\r\nand a line\n\nend ", "Ünïcödé café naïve Straße",
         "emoji 😀 and 👨‍👩‍👧 here", "日本語 text 中文", "x" * 40 + " y", "don't stop-me (now)!", "½ ﬁne №5 Ⅻ",
         "İstanbul DŽ ß", " ", "", "a\u00a0b\u2003c", "السلام عليكم", "1,234.56 $9"]


def places(text, begin, end):
    part = text[begin:end]
    if not part.strip():
        return begin, begin
    return begin + len(part) - len(part.lstrip()), end - len(part) + len(part.rstrip())


def main():
    out = []
    for path in sorted(glob.glob(os.path.join(DATA, "tokenizer", "*.json"))) + args.more:
        try:
            tokenizer = Tokenizer.from_file(path)
        except Exception:  # no tokenizer
            continue
        for text in TEXTS:
            encoding = tokenizer.encode(text, add_special_tokens=False)
            spans = [places(text, *span) for span in encoding.offsets]
            out.append({"tokenizer": os.path.basename(path), "text": text, "ids": encoding.ids,
                        "begins": [s[0] for s in spans], "ends": [s[1] for s in spans]})
    with open(os.path.join(DATA, "token_spans.json"), "w", encoding="utf-8") as file:
        json.dump(out, file, ensure_ascii=False, separators=(",", ":"))
        file.write("\n")
    print(len(out), "texts")


if __name__ == "__main__":
    main()
