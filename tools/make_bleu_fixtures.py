#!/usr/bin/env python3
"""Makes tests/data/bleu.json: what sacreBLEU says of small corpora and, where a data folder is given, of large ones.

    python3 tools/make_bleu_fixtures.py tests/data [DATA_FOLDER]

Without DATA_FOLDER (the folder that holds flores-de-en) the old file's large corpora are kept.
"""
import json
import os
import random
import sys

import sacrebleu
from sacrebleu.metrics import BLEU, CHRF

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


def options_of(full):
    for tokenizer in ["13a", "none", "char", "intl"]:
        for lowercase in [False, True]:
            for smoothing, value in [("exp", None)] if lowercase else [
                ("exp", None), ("floor", None), ("add-k", None), ("none", None), ("floor", 0.25), ("add-k", 2.5), ("floor", 0.0),
            ]:
                if full or (smoothing == "exp" and not (lowercase and tokenizer != "13a")):
                    yield {"metric": "bleu", "tokenizer": tokenizer, "lowercase": lowercase, "smoothing": smoothing, "value": value}
    for word_order in [0, 1, 2]:
        for lowercase in [False, True]:
            if full or (not lowercase and word_order != 1):
                yield {"metric": "chrf", "word_order": word_order, "lowercase": lowercase}


def measure(hypotheses, references, full, details):
    results = []
    for options in options_of(full):
        if options["metric"] == "bleu":
            metric = BLEU(tokenize=options["tokenizer"], lowercase=options["lowercase"], force=True,
                          smooth_method=options["smoothing"], smooth_value=options["value"])
        else:
            metric = CHRF(word_order=options["word_order"], lowercase=options["lowercase"])
        score = metric.corpus_score(hypotheses, [references])
        result = {**{k: v for k, v in options.items() if v is not None}, "score": float(score.score),
                  "line": str(score).rstrip()}
        if details:
            result["signature"] = str(metric.get_signature())
        if details and options["metric"] == "bleu":
            result["precision"] = [float(p) for p in score.precisions]
            result["brevity_penalty"] = score.bp
            result["lengths"] = [score.sys_len, score.ref_len]
        results.append(result)
    return results


def measure_files(folder):
    corpora = []
    for system, reference in [("de-en.flores-test.google.en", "de-en.flores-test.en"),
                              ("de-en.flores-test.bergamot-tiny.en", "de-en.flores-test.en"),
                              ("en-de.flores-test.microsoft.de", "en-de.flores-test.de")]:
        lines = []
        for name in [system, reference]:
            with open(os.path.join(folder, "flores-de-en", name), encoding="utf-8", newline="\n") as file:
                lines.append([line.rstrip("\n") for line in file])
        corpora.append({"hypotheses": "flores-de-en/" + system, "references": "flores-de-en/" + reference,
                        "results": measure(lines[0], lines[1], False, True)})
    return corpora


def main():
    out = os.path.join(sys.argv[1], "bleu.json")
    if len(sys.argv) > 2:
        files = measure_files(sys.argv[2])
    else:
        with open(out, encoding="utf-8") as file:
            files = json.load(file)["files"]
    corpora = []
    for name, (hypotheses, references) in {**SMALL, "random": random_corpus()}.items():
        corpora.append({"name": name, "hypotheses": hypotheses, "references": references,
                        "results": measure(hypotheses, references, True, name == "plain")})
    with open(out, "w", encoding="utf-8") as file:
        file.write('{"sacrebleu": "%s",\n"corpora": [\n' % sacrebleu.__version__)
        file.write(",\n".join(json.dumps(corpus, ensure_ascii=False) for corpus in corpora))
        file.write('],\n"files": [\n' + ",\n".join(json.dumps(corpus) for corpus in files) + "]}\n")


main()
