#!/usr/bin/env python3
"""Makes tests/data/bleu.json: what sacreBLEU says of small corpora and, where a data folder is given, of large ones.

    python3 -m pip install sacrebleu==2.6.0
    python3 tools/make_bleu_fixtures.py tests/data [DATA_FOLDER]

A corpus has hypotheses, lists of references (null: that line has no such reference), results of the whole corpus, and
where it has "sentences" the scores of each line alone. Without DATA_FOLDER (the folder that holds flores-de-en) the old
file's large corpora are kept.
"""
import argparse
import json
import os
import random

SMALL = {
    "plain": (
        ["The dog runs through the snow.", "A man is standing on a ladder.", "Two boys play football."],
        ["A dog is running through the snow.", "A man stands on a ladder.", "Two boys are playing soccer."],
    ),
    "same": (["The cat sat on the mat, didn't it?"], ["The cat sat on the mat, didn't it?"]),
    "empty": (["", "a b c d e", "   ", "x"], ["a b", "", "  \t ", "x"]),
    "all empty": (["", ""], ["", ""]),
    "nothing in common": (["a b c d e"], ["v w x y z"]),
    "short": (["yes", "no no", "it is so"], ["yes", "no", "it is not"]),
    "short of orders": (["the the the", "a b"], ["the cat", "a b"]),
    "punctuation": (
        ['"Wait..." -- he said; (no) [maybe] {yes}!', "it's 5-6 o'clock, isn't it?", "a/b\\c|d~e^f`g", "end,.", ".,start", "...,,,..."],
        ['"Wait ..." - he said: (no) [may be] {yes}!', "It's 5 - 6 o'clock , isn't it ?", "a/b \\c |d~ e^f`g", "end , .", ". , start", ". . . , , ,"],
    ),
    "numbers": (
        ["It cost 1,234.56 dollars, or 3.5%.", "in 1984-1990.", "v1.2.3 at 10:30", "0.5, .5 and 5.", "1990-", "12,a 12.b a.12 a,12", "7.,8 9,.0"],
        ["It cost 1,234.56 dollars or 3.5 %.", "from 1984 - 1990 .", "v1.2.3 at 10.30", "0.5 , .5 and 5 .", "1990 -", "12, a 12. b a. 12 a, 12", "7. ,8 9, .0"],
    ),
    "entities": (
        ["&quot;Tom &amp; Jerry&quot;", "a &lt; b &gt; c &amp;lt; d", "<skipped>here", "&amp;quot;x&amp;amp;", "AT&T & co", "&apos;s"],
        ['"Tom & Jerry"', "a < b > c < d", "here", '"x&', "AT & T and co", "'s"],
    ),
    "spaces": (
        ["a\u00a0b\u2003c\td", "  lead and trail \u3000", "one\u2028two\x1cthree\x85four", "hyphen-\nated word\nnext", "zero\u200bwidth\ufeffmark"],
        ["a b c d", "lead and trail", "one two three four", "hyphenated word next", "zero width mark"],
    ),
    "unicode": (
        ["Müßiggang ist aller Laster Anfang – “so heißt es”…", "¿Qué pasó? ¡Nada! 5€ + 3£ = ½", "Το σπίτι είναι ΜΕΓΆΛΟ.", "İstanbul ve IĞDIR ΣΑΣ Σ. ΑΣ'Α ΑΣ. ὈΔΥΣΣΕΎΣ,", "«Да», — сказал он. №5", "naïve café ﬁn ǅ ẞ", "ⅣΣ aΣⅣ Σ\u0387Σ ªΣ 1Σ aΣ\uff0e", "e\u0301a\u0308 combining"],
        ["Müssiggang ist aller Laster Anfang - \"so heißt es\" ...", "¿Que pasó? ¡nada! 5 € + 3 £ = ½ .", "Το σπίτι είναι μεγάλο.", "i̇stanbul ve iğdir σας σ. ασ'α ας. ὀδυσσεύς ,", "\"Да\" - сказал он. № 5", "naive cafe fin ǆ ß", "ⅳς aσⅳ σ\u0387ς ªς 1σ aς\uff0e", "\u00e9\u00e4 combining"],
    ),
    "chinese": (
        ["我 爱北京,天安门。", "今天天气很好!3.5度", "東京都は「大きい」です。", "ภาษาไทย ๑๒๓,๔", "١٢٫٣ و ٤,٥ ؟"],
        ["我爱北京天安门。", "今天的天气真好!3.5 度", "東京都は『大きな』街です。", "ภาษาไทย ๑๒๓, ๔", "١٢٫٣ و ٤ ,٥ ?"],
    ),
    "emoji": (
        ["I ❤️ you 👨‍👩‍👧 so much!!! 🎉🎉", "x²+y³=z⁴ ≠ ∞ → ⅓ Ⅳ", "a_b #tag @you $5 50% ^^ ~~"],
        ["I ❤ you 👨‍👩‍👧 so much! 🎉", "x² + y³ = z⁴ ≠ ∞ → ⅓ Ⅳ", "a _ b # tag @ you $ 5 50 % ^ ~"],
    ),
    "words with marks": (
        ["(hi) \"there\" 'tis ok. a. .a . !! ?x? -", "(one) two, -three- #4", "«x» …"],
        ["( hi) there\" tis ok . a .a .. ! x? --", "one) two , three- #4", "x» …"],
    ),
    "repeats": (["the the the the the the the", "a a b a a b a a b"], ["the cat is on the mat", "a b a a b a b a b a"]),
    "long against short": (["word " * 300], ["word word other word"]),
    "short against long": (["word word other word"], ["word " * 300]),
    "normalized twice": (  # as sacreBLEU's TER does with references
        ["SchneetheJohn'ssat\u3000", "x %,.0 y", "the dog 's and John's\u00a0cat's", "&amp;lt; ..38 3.-4", "it's,'s 'S"],
        ["SchneetheJohn's\u3000sat", "x %,.0 y", "the dog's\u2003and John 's cat's", "&amp;amp;lt; . .38 3 .-4", "it's\u3000,'s\t'S"],
    ),
}


def random_corpus(lines=60):
    """Lines of anything, close enough to each other to share n-grams."""
    rng = random.Random(7)
    pieces = list(" \t.,-0123456789aAbBzZ<>&;:!?'\"/\\()[]{}|~^_`@#$%+=*") + [
        " the ", " of ", " Hund", "&amp;", "&lt;", "&quot;", "<skipped>", "ß", "Σ", "İ", "é", "—", "…", "。", "我", "๑", "²", "€", "\u00a0", "😀", "\u0301", "،", "٣",
    ]
    hypotheses, references = [], []
    for _ in range(lines):
        line = [rng.choice(pieces) for _ in range(rng.randrange(0, 60))]
        changed = [rng.choice(pieces) if rng.random() < 0.15 else piece for piece in line]
        hypotheses.append("".join(changed))
        references.append("".join(line))
    return hypotheses, references


ODD = [
    "", " ", "\u3000\u2003 \x1f", ".", "...!!!???", "-", "'s", "a", "İ", "Σ", "\u0301", "\ufeff", "😀", "👨‍👩‍👧 👩🏽‍🚀 🇩🇪", "“—”", "\u2001x\u2a6dy\u2a6e",
    "我爱北京天安门。", "「東京」、ﾃｽﾄ・カタカナとひらがな㈱㌔", ". start", "  . start", ",.,.", "1.5 , 2,5 3. .4", "John's dog 's dogs' it's", "&quot;A&amp;B&quot;",
    "한국어 문장입니다．　", "ｆｕｌｌ　ｗｉｄｔｈ，（ｔｅｘｔ）！", "𠀀𪛖 㐀䶵䶶 龥龦龻龼 豈﨔 ⺀⼀⿰〇〆 ㄅㆠ ㇀ ︐︰ ☀✿", "㈀㉟㋿㌀㏿㽀㼢㼣 ｡･ ﹏ 〝〟〜",
    "مرحبا، يا عالم؟", "नमस्ते दुनिया।", "a\u200bb\u00adc", "x\u0085y\u2028z", "tab\tand\x0bvertical", "A-B 5-6 -7 8- 9--10", "(a)(b)[c]{d}<e>", "a" * 300,
]


def odd_corpus():
    """200 lines with up to three references, each line made in one of several ways; None where one is missing."""
    rng = random.Random(11)
    words = ["the", "cat", "sat", "on", "mat", "Der", "Hund", "läuft", "im", "Schnee", ",", ".", "it's", "我", "爱", "5.3", "(x)", "ΣΑΣ", "😀", "a-b", "!"]

    def change(line):
        """Blocks moved, words lost, put in, or others."""
        line = list(line)
        for _ in range(rng.randrange(4)):
            size, at = rng.randrange(1, 6), rng.randrange(len(line) + 1)
            block, line = line[at : at + size], line[:at] + line[at + size :]
            at = rng.randrange(len(line) + 1)
            line[at:at] = block
        return [rng.choice(words) if rng.random() < 0.1 else word for word in line if rng.random() > 0.05]

    rows = []
    for i in range(200):
        if i < len(ODD):
            first = ODD[i]
            row = [first, first.strip(), rng.choice(ODD), first.upper() + " ."]
        elif i < 2 * len(ODD):
            row = [rng.choice(ODD) + rng.choice(["", " ", "x"]) + rng.choice(ODD[:-1]) for _ in range(4)]
        else:
            line = [rng.choice(words) for _ in range(rng.choice([1, 3, 8, 15, 30, 50]))]
            row = [" ".join(change(line)) for _ in range(4)]
        if i % 5 == 1:
            row[rng.randrange(1, 4)] = None
        elif i % 7 == 2:
            row[2] = row[3] = None
        rows.append(row)
    return list(zip(*rows))


def long_corpus():
    """What reaches the limits of TER: its beam, its longest shifts, and how many it tries."""
    rng = random.Random(13)
    names = [chr(97 + i) for i in range(26)] + [chr(97 + i) + chr(97 + j) for i in range(26) for j in range(26)]
    few = [rng.choice(names[:5]) for _ in range(250)]
    blocks = [names[i : i + 10] for i in range(0, 300, 10)]
    far = names[40:100] + names[:40] + names[100:300]
    pairs = [
        (few, rng.sample(few, len(few))),
        (["w"] * 200, ["w"] * 90),
        (["w", "v"] * 80, ["v", "w"] * 80),
        (sum(rng.sample(blocks, len(blocks)), []), sum(blocks, [])),
        (sum(blocks[1::2] + blocks[::2], []), sum(blocks, [])),
        (far, names[:300]),
        (names[30:60] + names[:30] + names[60:200], names[:200]),
        (["x"] * 60 + names[:60], names[:60] + ["x"] * 60),
    ]
    for hypothesis, reference in [(1, 2000), (2000, 1), (40, 2000), (39, 2000), (41, 2000), (2000, 40), (30, 1999), (7, 400), (400, 7)]:
        line = [rng.choice(names[:60]) for _ in range(reference)]
        pairs.append(([rng.choice(line) for _ in range(hypothesis)], line))
    return [" ".join(pair[0]) for pair in pairs], [" ".join(pair[1]) for pair in pairs]


def bleu_options(tokenizer="13a", lowercase=False, smoothing="exp", value=None):
    return {"metric": "bleu", "tokenizer": tokenizer, "lowercase": lowercase, "smoothing": smoothing, "value": value}


def chrf_options(word_order, lowercase=False):
    return {"metric": "chrf", "word_order": word_order, "lowercase": lowercase}


def ter_options(normalized=False, no_punct=False, asian_support=False, case_sensitive=False):
    return {"metric": "ter", "normalized": normalized, "no_punct": no_punct, "asian_support": asian_support, "case_sensitive": case_sensitive}


EVERY_TER = [ter_options(*(bool(kind >> bit & 1) for bit in range(4))) for kind in range(16)]
FULL = [
    *[bleu_options(tokenizer, False, *smoothing) for tokenizer in ["13a", "none", "char", "intl"] for smoothing in [
        ("exp", None), ("floor", None), ("add-k", None), ("none", None), ("floor", 0.25), ("add-k", 2.5), ("floor", 0.0)]],
    *[bleu_options(tokenizer, True) for tokenizer in ["13a", "none", "char", "intl", "zh"]],
    bleu_options("zh"),
    *[chrf_options(word_order, lowercase) for word_order in [0, 1, 2] for lowercase in [False, True]],
    *EVERY_TER,
]
SEVERAL = [
    *[bleu_options(tokenizer, lowercase) for tokenizer in ["13a", "none", "char", "intl", "zh"] for lowercase in [False, True]],
    bleu_options(smoothing="floor"), bleu_options(smoothing="add-k", value=0.5), bleu_options(smoothing="none"),
    chrf_options(0), chrf_options(2), chrf_options(2, True), *EVERY_TER,
]
LARGE = [bleu_options(tokenizer) for tokenizer in ["13a", "none", "char", "intl", "zh"]] + [
    bleu_options(lowercase=True), chrf_options(0), chrf_options(2), ter_options(), ter_options(True, True, True, True)]


def metric_of(options, references=None, sentences=False):
    from sacrebleu.metrics import BLEU, CHRF, TER

    arguments = {k: v for k, v in options.items() if k != "metric"}
    if options["metric"] == "chrf":
        return CHRF(**arguments, references=references)
    if options["metric"] == "ter":
        return TER(**arguments, references=references)
    return BLEU(tokenize=options["tokenizer"], lowercase=options["lowercase"], force=True, smooth_method=options["smoothing"],
                smooth_value=options["value"], effective_order=sentences, references=references)


def said(options):
    return {k: v for k, v in options.items() if v is not None}


def measure(hypotheses, references, chosen, details=True):
    results = []
    for options in chosen:
        metric = metric_of(options, references)
        score = metric.corpus_score(hypotheses, None)
        result = {**said(options), "score": float(f"{score.score:.12g}"), "line": str(score).rstrip()}
        if details:
            result["signature"] = str(metric.get_signature())
        if details and options["metric"] == "bleu":
            result["precision"] = [float(f"{p:.10g}") for p in score.precisions]
            result["brevity_penalty"] = score.bp
            result["lengths"] = [score.sys_len, score.ref_len]
        results.append(result)
    return results


def measure_sentences(hypotheses, references, chosen):
    results = []
    for options in chosen:
        metric = metric_of(options, sentences=True)
        scores, signatures = [], []
        for hypothesis, *refs in zip(hypotheses, *references):
            scores.append(float(f"{metric.sentence_score(hypothesis, [ref for ref in refs if ref is not None]).score:.12g}"))
            signatures.append(str(metric.get_signature()))
        result = {**said(options), "signatures": sorted(set(signatures)), "scores": scores}
        results.append(result)
    return results


def corpora():
    """(name, hypotheses, lists of references, options of the corpus, options of its sentences)."""
    for name, (hypotheses, references) in {**SMALL, "random": random_corpus()}.items():
        yield name, hypotheses, [references], FULL, []
        if len(hypotheses) > 1 and name != "random":
            others = references[1:] + references[:1]
            yield name + ", several references", hypotheses, [references, others, [None, *hypotheses[1:]]], SEVERAL[::3], []
    hypotheses, *references = odd_corpus()
    yield "odd", hypotheses, references, SEVERAL, [
        bleu_options(), bleu_options("zh", True), bleu_options("char", smoothing="floor"), chrf_options(0), chrf_options(2), ter_options(), *EVERY_TER[::5]]
    hypotheses, references = long_corpus()
    yield "long", hypotheses, [references], [bleu_options(), chrf_options(2), ter_options()], [ter_options()]


def measure_files(folder):
    measured = []
    for system, *references in [("de-en.flores-test.google.en", "de-en.flores-test.en"),
                                ("de-en.flores-test.bergamot-tiny.en", "de-en.flores-test.en"),
                                ("en-de.flores-test.microsoft.de", "en-de.flores-test.de"),
                                ("de-en.flores-test.bergamot-tiny.en", "de-en.flores-test.en", "de-en.flores-test.microsoft.en")]:
        lines = []
        for name in [system, *references]:
            with open(os.path.join(folder, "flores-de-en", name), encoding="utf-8", newline="\n") as file:
                lines.append([line.rstrip("\n") for line in file])
        measured.append({"hypotheses": "flores-de-en/" + system, "references": ["flores-de-en/" + name for name in references],
                         "results": measure(lines[0], lines[1:], LARGE)})
    return measured


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", help="tests/data")
    parser.add_argument("data", nargs="?", help="the folder that holds flores-de-en")
    args = parser.parse_args()
    out = os.path.join(args.out, "bleu.json")
    import sacrebleu

    if args.data:
        files = measure_files(args.data)
    else:
        with open(out, encoding="utf-8") as file:
            files = json.load(file)["files"]
    measured = [{"name": name, "hypotheses": hypotheses, "references": references,
                 "results": measure(hypotheses, references, chosen, len(references) > 1 or name == "plain"),
                 "sentences": measure_sentences(hypotheses, references, alone)} for name, hypotheses, references, chosen, alone in corpora()]
    with open(out, "w", encoding="utf-8") as file:
        file.write('{"sacrebleu": "%s",\n"corpora": [\n' % sacrebleu.__version__)
        file.write(",\n".join(json.dumps(corpus, ensure_ascii=False) for corpus in measured))
        file.write('],\n"files": [\n' + ",\n".join(json.dumps(corpus) for corpus in files) + "]}\n")


if __name__ == "__main__":
    main()
