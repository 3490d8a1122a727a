#!/usr/bin/env python3
"""Makes tests/data/rouge.json: odd pairs of texts and what rouge-score makes of them, with and without stems; words and
their stems as NLTK has them.

    python3 -m pip install rouge-score nltk
    python3 tools/make_rouge_fixtures.py

    pairs: [{"text", "references": [..], "plain", "stemmed": [[precision, recall, f] of rouge1, 2, L and Lsum]}]
           of several references the best by each kind's f, as score_multi has it
    stems: {word: stem}
"""
import argparse
import json
import os
import random

if __name__ == "__main__":  # before the imports that follow: --help needs none of them
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()

from nltk.stem.porter import PorterStemmer
from rouge_score import rouge_scorer

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "data", "rouge.json")
KINDS = ["rouge1", "rouge2", "rougeL", "rougeLsum"]
ODD = [("", "a word"), ("a word", ""), ("", ""), ("\n", "\n\n"), ("...", "?!"), ("a", "a"), ("a a a", "a"), ("a", "a a a"),
       ("Ein Bär läuft", "ein bär LÄUFT"), ("\u0130stanbul \u212aelvin", "istanbul kelvin"), ("日本語の文", "日本語"),
       ("one\ntwo\nthree", "three\ntwo\none"), ("a b c d", "a c b d"), ("a b\nb a", "b a\na b"), ("x\n\n\ny", "y\nx"),
       ("the cat's hat", "the cats hat"), ("U.S.A. 1,000.50", "usa 1 000 50"), ("_a_b_", "a b"), ("tab\there", "tab here"),
       ("no\u00a0break", "no break"), ("\x00zero", "zero"), ("emoji 😀 here", "emoji here"), ("a" * 300, "a" * 300)]
WORDS = ("the a of and police killed gunman running runs ran relational conditional rational hopefully hopefulness sky "
         "skies dying news proceed agreed feed hopping falling hissing fizzed filing enjoy enjoyment spy flies tried ties "
         "radically analogously vietnamization operator feudalism decisiveness formality sensitivity sensibility "
         "triplicate formative electricity electrical goodness revival allowance inference airliner adjustable "
         "replacement adoption communism angularity effective bowdlerize probate rate cease controlled rolling "
         "apologies theology geologist generalization oscillators y yy yes toys eying 1990s covid19 2nd").split()
ENDINGS = ("s es ies sses ss ed ied eed ing y ational tional enci anci izer bli alli entli eli ousli ization ation ator "
           "alism iveness fulness ousness aliti iviti biliti fulli logi icate ative alize iciti ical ful ness al ance ence "
           "er ic able ible ant ement ment ent ion tion sion ou ism ate iti ous ive ize e ll lle").split()


def scores(scorer, references, text):
    found = scorer.score_multi(references, text)
    return [list(map(float, found[kind])) for kind in KINDS]


def draw_text(draw, few):
    words = draw.sample(WORDS, few)
    lines = [" ".join(draw.choice(words) for _ in range(draw.randint(0, 9))) for _ in range(draw.randint(1, 4))]
    text = draw.choice(["\n", "\n", " ", ". \n"]).join(lines)
    return text.upper() if draw.random() < 0.1 else text


def main():
    draw, stemmer = random.Random(4), PorterStemmer()
    pairs = [(text, [reference]) for text, reference in ODD]
    while len(pairs) < 200:
        few = draw.randint(2, 12)
        pairs.append((draw_text(draw, few), [draw_text(draw, few) for _ in range(draw.choice([1, 1, 1, 3]))]))
    plain = rouge_scorer.RougeScorer(KINDS, use_stemmer=False)
    stemmed = rouge_scorer.RougeScorer(KINDS, use_stemmer=True)
    out = [{"text": text, "references": references, "plain": scores(plain, references, text),
            "stemmed": scores(stemmed, references, text)} for text, references in pairs]
    roots = ["".join(draw.choice("aeioulsztbcrwxy") for _ in range(draw.randint(0, 6))) for _ in range(8)]
    words = sorted({word for word in WORDS + [root + end for root in roots for end in ENDINGS] if len(word) > 3})
    with open(OUT, "w") as file:
        json.dump({"pairs": out, "stems": {word: stemmer.stem(word) for word in words}}, file, separators=(",", ":"))
        file.write("\n")
    print(len(out), "pairs", len(words), "words")


if __name__ == "__main__":
    main()
