#!/usr/bin/env python3
"""Makes tests/data/tokenizer/: tokenizers trained by Hugging Face `tokenizers` on a small corpus written here, and what
they make of odd texts; and folders with the files from before tokenizer.json, SentencePiece's among them, as Transformers
reads them. Needs `tokenizers`, `transformers`, `sentencepiece` and `protobuf`. With the folder of the shared data as argument it also takes the hash of
the merges learnt from Multi30k (without it, the old hash is kept).

    python3 tools/make_tokenizer_fixtures.py [../shared/data]
"""
import argparse
import base64
import gzip
import io
import json
import pathlib
import random
import tempfile
import unicodedata

if __name__ == "__main__":  # before the imports that follow: --help needs none of them
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=pathlib.Path, nargs="?", help="the shared data: without it, the old hash is kept")
    args = parser.parse_args()

import sentencepiece as spm
import transformers
from sentencepiece import sentencepiece_model_pb2
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

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
    "DON'T I'LL We'Re 'S x'\u017f", "a\n\n b\r\n  \n c \t\n", "(word) !x\n\n\n?? \n", "12345678 3\u0661\u0662\u0663\u0664", "you don't, do not! it's 'm . , ? ' x",
    "[CLS] [MASK]. a[SEP]b [UNK]", "Él ÇA ÀÉÎÕÜ \u1e9b\u0323 ﬁ ｆｕｌｌ ① ㎏", "a\u00adb\u200bc\u2060d\u202ee\ufffdf\u0007g", "你好，世界！NLP。 㐀𠀀", "¡hola! «x» “y” — … ‐ ⁄ ＿ 、 ॥ ؟ ܀ ⸮",
    "x" * 29 + " " + "y" * 31 + " " + "z" * 30, "\u2581a \u2581\u2581 b\u2581", "<0x41> <0xE2>", "  lead  and trail  ",
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


GPT4 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
BERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
LLAMA = ["<unk>", "<s>", "</s>"]


def bert(lines):
    """The trainer walks a random map: the vocabulary is another one each time, and kept as it is once made."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=30))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    old = OUT / "bert.json"
    if old.exists():
        return Tokenizer.from_file(str(old))
    tokenizer.train_from_iterator(iter(lines), trainers.WordPieceTrainer(vocab_size=700, special_tokens=BERT, show_progress=False))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    return tokenizer


def cased(lines):
    """Case and accents stay; the older post-processor; no cleaning up."""
    state = json.loads(bert(lines).to_str())
    tokenizer = Tokenizer.from_str(json.dumps(state))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False, handle_chinese_chars=False, clean_text=False)
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.decoder = decoders.WordPiece(cleanup=False)
    return tokenizer


def sentencepiece(lines, pre_tokenizer=None, normalizer=None, decoder=None, bytes_too=True, fuse=True):
    """BPE of characters, bytes for those without a token."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=fuse, byte_fallback=bytes_too))
    tokenizer.normalizer = normalizer or normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    tokenizer.pre_tokenizer = pre_tokenizer or pre_tokenizers.Split("\u2581", "merged_with_next")
    fallback = [f"<0x{byte:02X}>" for byte in range(256)] if bytes_too else []
    tokenizer.train_from_iterator(iter(lines), trainers.BpeTrainer(
        vocab_size=700, min_frequency=2, special_tokens=LLAMA + fallback, show_progress=False, limit_alphabet=60))
    state = json.loads(tokenizer.to_str())
    state["added_tokens"] = state["added_tokens"][:3]
    if not pre_tokenizer:
        state["pre_tokenizer"] = None
    tokenizer = Tokenizer.from_str(json.dumps(state))
    tokenizer.decoder = decoder or decoders.Sequence([
        decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 1)])
    return tokenizer


def metaspace(lines):
    return sentencepiece(lines, pre_tokenizers.Sequence([pre_tokenizers.Metaspace(prepend_scheme="first"), pre_tokenizers.Digits(True)]),
                         normalizers.Sequence([normalizers.NFKC(), normalizers.Strip(), normalizers.Lowercase()]), decoders.Metaspace(),
                         bytes_too=False, fuse=False)


def gemma(lines):
    return sentencepiece(lines, pre_tokenizers.Split(" ", "merged_with_previous"), normalizers.Replace(" ", "\u2581"), decoders.Sequence([
        decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()]))


def llama3(lines):
    tokenizer = base(None)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(GPT4), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    train(tokenizer, lines, 600, ["<|begin_of_text|>", "<|end_of_text|>"])
    tokenizer.post_processor = processors.Sequence([processors.ByteLevel(), processors.TemplateProcessing(
        single="<|begin_of_text|> $A", pair="<|begin_of_text|> $A <|begin_of_text|>:1 $B:1", special_tokens=[("<|begin_of_text|>", 0)])])
    state = json.loads(tokenizer.to_str())
    state["model"]["ignore_merges"] = True
    return Tokenizer.from_str(json.dumps(state))


def qwen(lines):
    tokenizer = base(normalizers.NFC())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(GPT4.replace("{1,3}", "")), "removed", invert=True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    return train(tokenizer, lines, 500, ["<|endoftext|>"])


O200K = "|".join([
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"\p{N}{1,3}", r" ?[^\s\p{L}\p{N}]+[\r\n/]*", r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+"])
DEEPSEEK = "|".join([
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+", r"[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+", r" ?[\p{P}\p{S}]+[\r\n]*",
    r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+"])


def by_patterns(lines, *splits):
    tokenizer = base(None)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*splits, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    return train(tokenizer, lines, 600, ["<|endoftext|>"])


def o200k(lines):
    return by_patterns(lines, pre_tokenizers.Split(Regex(O200K), "isolated"))


def deepseek(lines):
    return by_patterns(lines, *(pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in (r"\p{N}{1,3}", "[一-龥\u3040-ゟ゠-ヿ]+", DEEPSEEK)))


def behaviors(lines):
    """Each behavior, of what matches and of what does not."""
    split = lambda pattern, *rest: pre_tokenizers.Split(Regex(pattern), *rest)
    return by_patterns(lines, split(r"^\s+|\s+$", "removed"), split(r"(?<=[\p{L}])[.!?](?=\s|$)", "merged_with_previous"),
                       split(r"[\p{Lu}']", "merged_with_next"), split(r"\d|\p{Sc}", "contiguous"), split(r"\w*", "contiguous", True))


UPPER, LOWER = (rf"[{kinds}\p{{Lm}}\p{{Lo}}\p{{M}}&&[^\p{{Han}}]]" for kinds in (r"\p{Lu}\p{Lt}", r"\p{Ll}"))
KIMI = "|".join([r"[\p{Han}]+", rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
                 rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*(?i:'s|'t|'re|'ve|'m|'ll|'d)?", r"\p{N}{1,3}", r" ?[^\s\p{L}\p{N}]+[\r\n]*",
                 r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+"])


def scripts(lines):
    """Scripts, sets that others narrow, ends of words."""
    return by_patterns(lines, *(pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in (
        KIMI, r"\b[a-zé-я&&[^aeiou]]+", r"(?<=\P{Hangul})\p{Hangul}|\B\p{thai}")))


def clip(lines):
    """Words end in </w>. Their letters come in another order each time: kept as it is once made."""
    old = OUT / "clip.json"
    if old.exists():
        return Tokenizer.from_file(str(old))
    tokenizer = base(normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"), "removed", invert=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    letters = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.model = models.BPE(unk_token="<unk>", end_of_word_suffix="</w>")
    tokenizer.train_from_iterator(iter(lines), trainers.BpeTrainer(
        vocab_size=900, special_tokens=["<unk>", "<s>", "</s>"], initial_alphabet=letters, end_of_word_suffix="</w>", show_progress=False))
    tokenizer.decoder = decoders.BPEDecoder()
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 1), add_prefix_space=False, trim_offsets=False)
    return tokenizer


def words(lines):
    """Whole words."""
    tokenizer = Tokenizer(models.WordLevel(unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex("[\"“”]"), "''")])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.CharDelimiterSplit(" "), pre_tokenizers.Punctuation("merged_with_next"), pre_tokenizers.FixedLength(8)])
    tokenizer.train_from_iterator(iter(lines), trainers.WordLevelTrainer(vocab_size=300, special_tokens=["<unk>"], show_progress=False))
    return tokenizer


def learn_pieces(lines, **how):
    """A SentencePiece model whose table of what the texts' characters become has NFKC, blanks, nothing, two for one and
    one for two."""
    rules = {c: unicodedata.normalize("NFKC", c) for text in TEXTS for c in text if unicodedata.normalize("NFKC", c) != c}
    rules |= {c: " " for c in "\t\n\r\u2028"} | {c: "" for c in "\u0007\u200b\u00ad\ufeff"}
    rules |= {"e\u0301": "é", "\r\n": " ", "😀": ":-)", "Σ": "σ", "कु": "कू", "가": "나"}
    spell = lambda text: " ".join(f"{ord(c):X}" for c in text)
    model = io.BytesIO()
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as file:
        file.write("".join(f"{spell(a)}\t{spell(b)}\n" for a, b in rules.items()))
        file.flush()
        rules = {} if "normalization_rule_name" in how else {"normalization_rule_tsv": file.name}
        spm.SentencePieceTrainer.train(sentence_iterator=iter(lines), model_writer=model, minloglevel=3, num_threads=1, **rules, **how)
    return model.getvalue()


def charsmap():
    return sentencepiece_model_pb2.ModelProto.FromString(learn_pieces(["a b c d"] * 9, vocab_size=9)).normalizer_spec.precompiled_charsmap


def precompiled():
    """Only from JSON."""
    state = json.loads(base(None).to_str())
    state["normalizer"] = {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(charsmap()).decode()}
    return Tokenizer.from_str(json.dumps(state)).normalizer


def pieces(name, lines, marks, unknown, normalizer, pre_tokenizer, decoder, post, fallback=False):
    """Unigram. Its trainer walks a random map as WordPiece's: the pieces are kept as they are once made."""
    old = OUT / f"{name}.json"
    if old.exists():
        return Tokenizer.from_file(str(old))
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer, tokenizer.pre_tokenizer, tokenizer.decoder = normalizer, pre_tokenizer, decoder
    tokenizer.train_from_iterator(iter(lines), trainers.UnigramTrainer(
        vocab_size=400, special_tokens=marks, unk_token=unknown, show_progress=False, initial_alphabet=list("abc")))
    state = json.loads(tokenizer.to_str())
    if fallback:
        state["model"]["byte_fallback"] = True
        state["model"]["vocab"] += [[f"<0x{byte:02X}>", -9.5] for byte in range(256) if byte != 0x99]
    tokenizer = Tokenizer.from_str(json.dumps(state))
    tokenizer.post_processor = post(tokenizer.token_to_id)
    return tokenizer


def t5(lines):
    end = lambda id_of: processors.TemplateProcessing(single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", id_of("</s>"))])
    return pieces("t5", lines, ["<pad>", "</s>", "<unk>"], "<unk>", precompiled(), pre_tokenizers.Sequence([
        pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]), decoders.Metaspace(), end)


def albert(lines):
    around = lambda id_of: processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[(mark, id_of(mark)) for mark in ("[CLS]", "[SEP]")])
    return pieces("albert", lines, ["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"], "<unk>", normalizers.Sequence([
        normalizers.Replace("``", '"'), normalizers.Replace("''", '"'), normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase(), precompiled()]),
        pre_tokenizers.Metaspace(), decoders.Metaspace(), around)


def fallback(lines):
    """A whole text as one word; bytes, but for one of them."""
    start = lambda id_of: processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", id_of("<s>"))])
    return pieces("fallback", lines[:200], LLAMA, "<unk>", normalizers.Sequence([
        precompiled(), normalizers.Strip(left=False, right=True), normalizers.Replace(Regex(" {2,}"), "\u2581")]),
        pre_tokenizers.Metaspace(prepend_scheme="first", split=False), decoders.Sequence([
            decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]), start, fallback=True)


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


DATA = [text.encode() for text in TEXTS] + [bytes.fromhex(text) for text in BROKEN]


def older_bert(folder, lines, config):
    """vocab.txt, with a line left empty and a token that comes twice: its last line counts."""
    tokens = sorted((vocab := bert(lines).get_vocab()), key=vocab.get)
    folder.mkdir(exist_ok=True)
    (folder / "vocab.txt").write_text("".join(token + "\n" for token in [*tokens, "", tokens[-1]]))
    if config:
        (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return transformers.BertTokenizerFast.from_pretrained(str(folder)).backend_tokenizer


def older_gpt2(folder, lines):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.train_from_iterator(iter(lines), trainers.BpeTrainer(
        vocab_size=400, special_tokens=["<|endoftext|>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    folder.mkdir(exist_ok=True)
    tokenizer.model.save(str(folder))
    return transformers.GPT2TokenizerFast.from_pretrained(str(folder)).backend_tokenizer


def spm_folder(name, file, lines, config, **how):
    """A folder with nothing but SentencePiece's file, which is kept as it is once made."""
    folder = OUT / name
    folder.mkdir(exist_ok=True)
    if not (folder / file).exists():
        (folder / file).write_bytes(learn_pieces([line for line in lines if line.strip()], hard_vocab_limit=False, **how))
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


def spm_folders(lines):
    plain = {"tokenizer_class": "PreTrainedTokenizerFast"}
    raw = dict(normalization_rule_name="identity", remove_extra_whitespaces=False)
    folders = [
        spm_folder("spm_llama", "tokenizer.model", lines, {"tokenizer_class": "LlamaTokenizer", "add_bos_token": True, "legacy": True},
                   model_type="bpe", vocab_size=600, byte_fallback=True, character_coverage=0.99, **raw),
        spm_folder("spm_bpe", "tokenizer.model", lines, plain, model_type="bpe", vocab_size=300, character_coverage=0.98),
        spm_folder("spm_t5", "spiece.model", lines, {"tokenizer_class": "T5Tokenizer", "extra_ids": 7}, vocab_size=400, pad_id=0, eos_id=1, unk_id=2, bos_id=-1),
        spm_folder("spm_xlm_roberta", "sentencepiece.bpe.model", lines, {"tokenizer_class": "XLMRobertaTokenizer"}, vocab_size=300),
        spm_folder("spm_unigram", "tokenizer.model", lines, plain, vocab_size=500, byte_fallback=True, add_dummy_prefix=False)]
    return {folder.name: transformers.AutoTokenizer.from_pretrained(str(folder)).backend_tokenizer for folder in folders}


def spm_marian(lines):
    """Ids of each text (but those with marks, which the C++ library normalises apart from what they stand on, and with its own
    character for spaces, which it strips at the end)."""
    folder = spm_folder("spm_marian", "source.spm", lines, {"tokenizer_class": "MarianTokenizer"}, vocab_size=300, bos_id=-1)
    spm_folder("spm_marian", "target.spm", lines[::2], {"tokenizer_class": "MarianTokenizer"}, vocab_size=260, bos_id=-1)
    names = set()
    for side in ("source", "target"):
        processor = spm.SentencePieceProcessor(model_file=str(folder / f"{side}.spm"))
        names |= {processor.id_to_piece(i) for i in range(processor.get_piece_size())}
    names = ["</s>", "<unk>", *sorted(names - {"</s>", "<unk>"}), ">>de<<", "<pad>"]
    (folder / "vocab.json").write_text(json.dumps({name: i for i, name in enumerate(names)}))
    tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder))
    (folder / "target.spm").unlink()
    texts = [data.decode(errors="replace") for data in DATA] + [">>de<< The dog's running."]
    texts = [text for text in texts if not any(unicodedata.category(c)[0] == "M" for c in text) and not set("<\u2581") & set(text.replace(">>de<<", ""))]
    return [[text.encode().hex(), tokenizer.encode(text)] for text in texts]


def spm_mbart(name, config):
    """Ids of texts, with the pieces of spm_xlm_roberta; languages stand behind texts or before them."""
    folder, file = OUT / name, "sentencepiece.bpe.model"
    folder.mkdir(exist_ok=True)
    (folder / file).write_bytes((OUT / "spm_xlm_roberta" / file).read_bytes())
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder))
    return [[text.encode().hex(), tokenizer(text).input_ids] for text in [*TEXTS[4:48], "de_DE x sl_SI <mask> zh_CN"]]


def older(lines):
    cased = {"do_lower_case": False, "tokenize_chinese_chars": False, "mask_token": {"content": "[MASK]", "__type": "AddedToken"}}
    return {"older_bert": older_bert(OUT / "older_bert", lines, None), "older_cased": older_bert(OUT / "older_cased", lines, cased),
            "older_gpt2": older_gpt2(OUT / "older_gpt2", lines)}


def cases(tokenizer):
    """Of each text: [ids, ids with marks, hex of decoded text, hex of it without special tokens]"""
    made = []
    for data in DATA:
        text = data.decode(errors="replace")
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        marked = tokenizer.encode(text).ids
        made.append([ids, marked, tokenizer.decode(marked, skip_special_tokens=False).encode().hex(), tokenizer.decode(marked).encode().hex()])
    return made


def pairs(tokenizer):
    """[hex of the first text, hex of the second, most tokens (0: any), ids, types]"""
    made = []
    for i, most in enumerate([0, 0, 0, 0, 0, 0, 7, 8, 9, 12, 13, 30]):
        texts = [TEXTS[(5 * i + 8) % len(TEXTS)], TEXTS[(7 * i + 14) % len(TEXTS)]]
        tokenizer.enable_truncation(most) if most else tokenizer.no_truncation()
        found = tokenizer.encode(*texts)
        made.append([texts[0].encode().hex(), texts[1].encode().hex(), most, found.ids, found.type_ids])
    tokenizer.no_truncation()
    return made


def main(data):
    OUT.mkdir(parents=True, exist_ok=True)
    lines = corpus()
    (OUT / "corpus.txt").write_text("".join(line + "\n" for line in lines))
    old = json.loads((OUT / "cases.json").read_text()) if (OUT / "cases.json").exists() else {}
    found = {"texts": [data.hex() for data in DATA], "multi30k": multi30k(data) if data else old.get("multi30k")}
    made = [m2m, marian, roberta, whole, bert, cased, sentencepiece, metaspace, gemma, llama3, qwen, o200k, deepseek, behaviors, scripts, clip, words, t5, albert, fallback]
    for name, tokenizer in {**{make.__name__: make(lines) for make in made}, "few": few_bytes()}.items():
        text = tokenizer.to_str()
        if name == "t5":  # as files of before 2020 have it
            text = text.replace('"type":"Unigram",', "")
        (OUT / f"{name}.json").write_text(text)
        found[name] = {"cases": cases(tokenizer), "pairs": pairs(tokenizer)}
    found["spm_marian"] = spm_marian(lines)
    for name, tokenizer in {**older(lines), **spm_folders(lines)}.items():
        found[name] = {"cases": cases(tokenizer), "pairs": pairs(tokenizer)}
    found["spm_mbart"] = spm_mbart("spm_mbart", {"tokenizer_class": "MBartTokenizer"})
    found["spm_mbart50"] = spm_mbart("spm_mbart50", {"tokenizer_class": "MBart50Tokenizer", "src_lang": "ja_XX"})
    (OUT / "cases.json").write_text(json.dumps(found, separators=(",", ":")).replace("],[[", "],\n[["))


if __name__ == "__main__":
    main(args.data)
