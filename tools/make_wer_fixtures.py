#!/usr/bin/env python3
"""Makes tests/data/wer.json: what jiwer says of odd pairs of lines, and what Transformers' EnglishTextNormalizer makes of
odd texts.

    python3 -m pip install jiwer transformers
    python3 tools/make_wer_fixtures.py tests/data

Each pair has its counts of words and characters and both alignments as jiwer draws them; the whole corpus has the rates.
"""
import argparse
import json
import os
import random

WORDS = "the a dog cats ran run, to too TWO Straße naïve it's its x y z 日本 語 . - no yes maybe hello there".split()
ODD = [
    ("", ""), ("", "a b"), ("a b", ""), (" ", "\t"), ("a", "a"), ("a b c", "c b a"), ("a  b", "a b"), ("a\tb", "a b"), ("a\t\tb", "a b"),
    (" lead and trail ", "lead and trail"), ("a\u00a0b", "a b"), ("a \u00a0 b", "a b"), ("A b", "a b"), ("b.", "b"), ("x\u2003\u2003y", "x y"),
    ("the cat sat on the mat", "cat sat on a mat there"), ("one two three four", "one three two four"), ("a a a a", "a a"), ("a b a b a b", "b a b a b a"),
    ("héllo wörld", "hello world"), ("日本語 です", "日本 語です"), ("👍 ok", "👎 ok"), ("short one here", "shoe order one"),
    ("quite a bit of longer sentence", "quite bit of an even longest sentence here"), ("a\u2028b", "a b"), ("x", "x x x x x"), ("x x x x x", "x"),
    ("* star", "star *"), ("aaaa", "bbbb"), ("abcdefgh", "hgfedcba"), ("\x1c\x1d a", "a"), ("e\u0301", "\u00e9"),
]
ENGLISH = [
    "Mr. Smith's dog, isn't it? I'd been there; he's gone, they've won't.", "It cost $3.50 and 20 cents, or 1,000,000 euros.", "one hundred twenty three",
    "twenty twenty one", "nineteen eighties", "two and a half million dollars", "$2 and ¢7", "two dollars and seven cents", "$0.07", "oh double seven",
    "triple five nine", "one oh one", "the first, the second and the twenty third", "three point one four one five nine", "point five", "minus five degrees",
    "negative, over", "plus one", "fifty percent", "fifty per cent", "five per day", "per", "and", "and a half", "one and a half", "half and a half", "million and a half years",
    "the 1960s were 4th", "the 21 st of may", "2nd 3 rd 4th 5 s", "I have 1 dog and 1s and 11", "ones and one", "um, uh, hmm mm mhm mmm well", "<laughs> hello [noise] there (music) end",
    "()(a) [] <>", "<open [never closed", "(open", "Y'all can't let's gonna wanna gotta I'ma imma woulda coulda shoulda ma'am", "St. Prof. Capt. Gov. Ald. Gen. Sen. Rep. Pres. Rev. Hon. Asst. Assoc. Lt. Col. Jr. Sr. Esq. Dr. Mrs. Mr.",
    "she'll we're I'm you've he'd don't it's 't", "colour theatre", "Æsop's œuvre: naïve façade, Łódź, straße, þorn", "１２３ ½ ² ①", "100% of 50 % x% %", ". .5 5. a.b 1.2.3 $ $x £5 €6 ¢7 5$",
    "hundred thousand", "one hundred thousand", "two thousand thousand", "zero million", "zero", "o o o", "oh my", "seven hundred and forty two", "hundreds of thousands", "five thousandth", "twentieth century",
    "twenty-first", "a-b_c", "one two three four five", "eleven twelve thirteen", "ten eleven", "twenty eleven", "one hundred eleven", "one hundred and eleven", "thirty six sixes", "eighth nineth ninth twelfth zeroth",
    "two point", "point", "point of view", "two point five million", "2.5 million", "2.0 million", "1.2345 thousand", "007", "7.0", "7.10", "$7 million", "$5 hundred", "+5 -5", "£ 5", "five pounds", "pounds", "cents", "five cents and two dollars",
    "double trouble", "double", "double o seven", "triple", "double oh", "one million two hundred thousand and three", "nine decillion", "one decillion decillion", "twenty five hundred", "five hundred five hundred", "3 thousand 4 hundred", "12 million",
    "5,000.25", "1,2,3", "1,23,456", "a , b", "12:30", "3/4", "3 - 4", "e-mail", "ABC123def4", "x2 3y", "", " ", "...", "!?", "tab\there\nline", "a 'b' c", "rock 'n' roll", "don 't", "O'Neil", "'cause", "it 's",
    "İstanbul ΣΑΣ", "日本語 ok", "naïve café résumé", "thirty, forty; fifty.", "twenties thirties", "six sixes seven", "one one one", "1 1 1", "one 1 one", "12 12", "nineteen ninety nine", "two thousand and twelve", "two thousand twelve", "four score and seven",
    "a hundred and ten", "fifteen hundred", "one point two point three", "192.168.0.1", "five and five", "hundred and", "hundred and one", "minus", "minus x", "plus 5", "positive attitude", "ten percent off", "percent", "per cent", "5 per cent",
]


def pairs():
    random.seed(3)
    found = list(ODD)
    for i in range(180):
        reference = random.choices(WORDS[: 4 + i % len(WORDS)], k=random.randrange(1, 14))
        hypothesis = []
        for word in reference:
            kind = random.random()
            if kind < 0.15:
                continue
            hypothesis.append(random.choice(WORDS) if kind < 0.35 else word)
            if kind > 0.85:
                hypothesis.append(random.choice(WORDS))
        found.append((" ".join(reference), " ".join(hypothesis)))
    return found


def drawn(jiwer, output):
    return "\n".join(jiwer.visualize_alignment(output, show_measures=False, skip_correct=False).split("\n")[2:5])


def counts(output):
    return [output.hits, output.substitutions, output.deletions, output.insertions]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    args = parser.parse_args()
    import jiwer
    import rapidfuzz
    from transformers.models.whisper.english_normalizer import EnglishTextNormalizer

    spellings = {"colour": "color", "theatre": "theater", "café": "never", "cafe": "coffee house"}
    plain, american = EnglishTextNormalizer({}), EnglishTextNormalizer(spellings)
    out = {"rapidfuzz": rapidfuzz.__version__, "pairs": []}
    lines = pairs()
    for reference, hypothesis in lines:
        words, characters = jiwer.process_words(reference, hypothesis), jiwer.process_characters(reference, hypothesis)
        out["pairs"].append(dict(reference=reference, hypothesis=hypothesis, words=counts(words), characters=counts(characters),
                                 wer=words.wer, mer=words.mer, wil=words.wil, wip=words.wip, cer=characters.cer,
                                 word_alignment=drawn(jiwer, words)))
        if (reference, hypothesis) in ODD:
            out["pairs"][-1]["character_alignment"] = drawn(jiwer, characters)
    words = jiwer.process_words([r for r, _ in lines], [h for _, h in lines])
    characters = jiwer.process_characters([r for r, _ in lines], [h for _, h in lines])
    out["corpus"] = dict(words=counts(words), characters=counts(characters), wer=words.wer, mer=words.mer, wil=words.wil, wip=words.wip,
                         cer=characters.cer)
    random.seed(5)
    left, right = [random.randrange(4) for _ in range(3000)], [random.randrange(4) for _ in range(2600)]
    far = jiwer.process_characters("".join("abcd"[i] for i in left), "".join("abcd"[i] for i in right))
    out["long"] = dict(reference="".join("abcd"[i] for i in left), hypothesis="".join("abcd"[i] for i in right), characters=counts(far))
    out["spellings"] = spellings
    out["english"] = [[text, plain(text), american(text)] for text in ENGLISH]
    path = os.path.join(args.out, "wer.json")
    with open(path, "w", encoding="utf-8") as file:
        file.write(json.dumps(out, ensure_ascii=False).replace('}, {"reference"', '},\n{"reference"').replace('"], ["', '"],\n["') + "\n")


if __name__ == "__main__":
    main()
