#!/usr/bin/env python3
"""Makes tests/data/tokenizer/: tokenizers trained by Hugging Face `tokenizers` on a small corpus written here, and what
they make of odd texts. Needs `tokenizers`. With the folder of the shared data as argument it also takes the hash of
the merges learnt from Multi30k (without it, the old hash is kept).

    python3 tools/make_tokenizer_fixtures.py [../shared/data]
"""
import gzip
import json
import pathlib
import random
import sys

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

OUT = pathlib.Path(__file__).resolve().parent.parent / "tests" / "data" / "tokenizer"

WORDS = {
    "en": "the a dog dogs runs running ran through snow don't we'll they're I've you'd I'm it's fast faster "
          "fastest old 1984 12,345 naïve café re-run (perhaps) \"quoted\" end.",
    "de": "der die das Hund Hunde läuft laufen lief durch den Schnee über Straße größer Größe Übung schön schöner "
          "am schönsten, Fußgängerübergang Donaudampfschifffahrt 3,50",
    "ru": "собака собаки бежит бежала через снег большой большая ёлка 1917 года.",
    "el": "ο σκύλος τρέχει μέσα στο χιόνι γρήγορα Σίσυφος",
    "zh": "狗在雪地里奔跑。 一只 大狗 和 小狗 二〇二六年",
    "ja": "犬は雪の中を走る。 がぎぐげご カタカナ",
    "ko": "개가 눈 속을 달린다 한국어",
    "ar": "الكلب يجري في الثلج ١٢٣",
    "hi": "कुत्ता बर्फ में दौड़ता है १२३",
    "th": "สุนัขวิ่งผ่านหิมะ",
    "marks": "e\u0301te\u0301 a\u0328\u0301 \u1e9b\u0323 \u212b \u2126 q\u0307\u0323 q\u0323\u0307",
    "signs": "😀 👩‍👩‍👧 🇩🇪 → ≠ ½ ² Ⅷ £5 €10 § ... !!! ?! -- __init__ a_b x=1; {} <b> </b> http://a.b/c?d=e&f #1",
}


def corpus():
    """Lines over all the scripts: some words far more often than others, runs of blanks, repeats of one letter."""
    rng = random.Random(7)
    lines = []
    for _ in range(420):
        words = WORDS[rng.choice(["en", "de", "en", "de", *WORDS])].split(" ")
        chosen = [words[min(int(rng.expovariate(0.12)), len(words) - 1)] for _ in range(rng.randint(1, 11))]
        lines.append(rng.choice([" ", " ", " ", "  "]).join(chosen))
    lines += ["a" * n for n in (1, 2, 3, 5, 8, 13)] + ["abab" * 4, "abcabcabc", "bcbc", " ", "", "\t\ttab", "x\u3000y", "ababcabcc" * 3]
    return lines


TEXTS = [
    "", " ", "  ", "\n", "a", "'", "'s", "''s", "don't WE'LL we'll they're 'twas 'Re", "The dog's running.", "  two  three   four    ",
    "tabs\t\tand\nnewlines\r\n\r\nend ", "x\u00a0y\u3000z\u2028w\u0085v\u180eu", "12345 1 234 x1y2 ½² ⅧⅨ ١٢٣", "Ein Hund läuft durch den Schnee.",
    "DER FUSSGÄNGERÜBERGANG, ÜBER DIE STRASSE", "собака бежит через снег", "狗在雪地里奔跑。", "犬は雪の中を走る。", "개가 눈 속을 달린다",
    "\u1100\u1161\u11a8\u1112\u1161\u11ab", "कुत्ता बर्फ में", "สุนัขวิ่ง", "الكلب يجري", "ЁЛКА İstanbul IŞIK ΣΊΣΥΦΟΣ ẞ", "e\u0301 é \u212b \u2126 \u0344 q\u0307\u0323",
    "\u0301\u0316\u0301\u0316 a\u0316\u0301\u0316\u0301", "😀👩‍👩‍👧🇩🇪", "<s>", "</s>", "a</s>b", "x <pad> y", " <mask> ", "a <mask>b", "a<mask>  b", "<mask><mask>", "   <mask>   <mask>   ",
    "keep KEEP Keep keeper kept_keep a keep.", "keep", "straße STRASSE Straße", "étéÉTÉ e\u0301te\u0301", "<unk><unk></s>", "<s", "</s", "< s >", "Ġ Ċ ġ", "aaaaaaaaaaaaaaaaaaaaa", "ababcabccababcabcc",
    "http://a.b/c?d=e&f=%20#x", "a\u200db \u200c \ufeff", "x\u0000y", "\u0000", "\u007f\u0080\u009f", "ab" * 300, " " * 70 + "x", "!?" * 40 + " end",
]
BROKEN = ["ff", "61ff62", "c3", "c328", "e28261", "e282", "f09f98", "f09f9861", "eda080", "f4908080", "c0af", "e08080", "f8888080", "80", "61f0808080", "fffe6100", "e2e282ac", "f09f9880f09f98"]


def base(normalizer, prefix=False, regex=True):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix, use_regex=regex)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def train(tokenizer, lines, vocab, specials):
    tokenizer.train_from_iterator(iter(lines), trainers.BpeTrainer(
        vocab_size=vocab, min_frequency=2, special_tokens=specials, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    return tokenizer


def mark_end(tokenizer):
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B:1 </s>:1", special_tokens=[("</s>", tokenizer.token_to_id("</s>"))])
    return tokenizer


M2M = ["<s>", "<pad>", "</s>", "<unk>"]


def m2m(lines):
    return mark_end(train(base(normalizers.NFC()), lines, 900, M2M))


def marian(lines):
    tokenizer = train(base(normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])), lines, 599, ["</s>", "<unk>"])
    tokenizer.add_special_tokens(["<pad>"])
    return mark_end(tokenizer)


def roberta(lines):
    """Every switch of added tokens; a prefix space; a post-processor of two tokens."""
    tokenizer = train(base(normalizers.Lowercase(), prefix=True), lines, 500, M2M)
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, rstrip=True)])
    tokenizer.add_tokens([AddedToken("keep", single_word=True), AddedToken("Straße", normalized=True), AddedToken("ÉT", normalized=False), AddedToken("éTÉ", normalized=False, rstrip=True)])
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    return tokenizer


def whole(lines):
    """No word pattern, whole pieces of text looked up first, two processors."""
    tokenizer = train(base(None, regex=False), lines, 700, M2M)
    tokenizer.post_processor = processors.Sequence([
        processors.ByteLevel(), processors.TemplateProcessing(
            single="<pad> <s> $A </s> </s>", pair="$A $B:1", special_tokens=[("<s>", 0), ("<pad>", 1), ("</s>", 2)])])
    state = json.loads(tokenizer.to_str())
    state["model"]["ignore_merges"] = True
    return Tokenizer.from_str(json.dumps(state))


def few_bytes():
    """A vocabulary without most bytes: unknown ones become one mark for a run of them."""
    state = json.loads(base(None).to_str())
    state["model"].update(vocab={"<unk>": 0, "a": 1, "b": 2, "ab": 3, "Ġ": 4, "Ġab": 9}, merges=["a b", "Ġ ab"], unk_token="<unk>", fuse_unk=True)
    return Tokenizer.from_str(json.dumps(state))


def fnv1a(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return f"{value:016x}"


def merges_of(tokenizer):
    return [" ".join(merge) for merge in json.loads(tokenizer.to_str())["model"]["merges"]]


def multi30k(folder):
    lines = []
    for side in ("de", "en"):
        lines += gzip.open(folder / "multi30k" / f"train.{side}.gz", "rb").read().decode().split("\n")[:-1]
    merges = merges_of(train(base(normalizers.NFC()), [line.removesuffix("\r") for line in lines], 8000, M2M))
    return {"vocab": 8000, "merges": len(merges), "fnv1a": fnv1a("".join(merge + "\n" for merge in merges).encode())}


def cases(tokenizer):
    """[hex of text, ids, ids with marks, hex of decoded text, hex of it without special tokens]"""
    made = []
    for data in [text.encode() for text in TEXTS] + [bytes.fromhex(text) for text in BROKEN]:
        text = data.decode(errors="replace")
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        marked = tokenizer.encode(text).ids
        made.append([data.hex(), ids, marked, tokenizer.decode(marked, skip_special_tokens=False).encode().hex(),
                     tokenizer.decode(marked).encode().hex()])
    return made


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    lines = corpus()
    (OUT / "corpus.txt").write_text("".join(line + "\n" for line in lines))
    old = json.loads((OUT / "cases.json").read_text()) if (OUT / "cases.json").exists() else {}
    found = {"multi30k": multi30k(pathlib.Path(sys.argv[1])) if len(sys.argv) > 1 else old.get("multi30k")}
    for name, tokenizer in {"m2m": m2m(lines), "marian": marian(lines), "roberta": roberta(lines), "whole": whole(lines), "few": few_bytes()}.items():
        tokenizer.save(str(OUT / f"{name}.json"), pretty=False)
        found[name] = cases(tokenizer)
    (OUT / "cases.json").write_text(json.dumps(found, separators=(",", ":")).replace("],[\"", "],\n[\""))


if __name__ == "__main__":
    main()
