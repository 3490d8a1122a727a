#!/usr/bin/env python3
"""Makes what the training of Unigram tokenizers is held to: tests/data/unigram.json.

    python3 -m pip install sentencepiece
    python3 tools/make_unigram_fixtures.py

The text is drawn from the pieces of models/de-en, so that it has words, endings, capitals, accents and punctuation in
about the frequencies of text. `pieces` are those that SentencePiece's trainer learns from it, `tokens` how many it makes
of the text with them.
"""
import argparse
import io
import json
import pathlib
import random

if __name__ == "__main__":  # before the imports that follow: --help needs none of them
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()

import sentencepiece

ROOT = pathlib.Path(__file__).resolve().parent.parent
VOCABULARY = 500


def read_pieces():
    """Beginnings and endings of words, the most frequent first."""
    vocabulary = json.loads((ROOT / "models/de-en/tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    bytes_of = {}
    spare = 256
    for byte in range(256):
        plain = 33 <= byte <= 126 or 161 <= byte <= 172 or 174 <= byte <= 255
        bytes_of[chr(byte) if plain else chr(spare)] = byte
        spare += not plain
    words, endings = [], []
    for piece in sorted(vocabulary, key=vocabulary.get):
        try:
            text = bytes(bytes_of[c] for c in piece).decode()
        except (KeyError, UnicodeDecodeError):
            continue
        if text.strip().isalpha() and len(text) > 1:
            (words if text[0] == " " else endings).append(text.strip())
    return words, endings


def draw(generator, items):
    return items[min(int(len(items) * generator.paretovariate(1.1) / 40), len(items) - 1)]


def make_text():
    generator = random.Random(3)
    words, endings = read_pieces()
    lines = []
    for _ in range(700):
        line = []
        for _ in range(generator.randrange(2, 10)):
            word = draw(generator, words) + (draw(generator, endings) if generator.random() < 0.3 else "")
            line.append(word if generator.random() < 0.95 else str(generator.randrange(1, 300)))
        line[0] = line[0].capitalize()
        if generator.random() < 0.3:
            line[generator.randrange(len(line))] += ","
        lines.append(" ".join(line) + generator.choice([".", ".", ".", "!", "?", ""]))
    return lines


def main():
    lines = make_text()
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(lines), model_writer=model, vocab_size=VOCABULARY,
                                             model_type="unigram", num_threads=1, minloglevel=2)
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    pieces = [processor.id_to_piece(i) for i in range(3, processor.get_piece_size())]
    tokens = sum(len(processor.encode(line)) for line in lines)
    out = {"vocabulary": VOCABULARY, "tokens": tokens, "pieces": pieces, "lines": lines}
    (ROOT / "tests/data/unigram.json").write_text(json.dumps(out, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")
    print(len(lines), "lines,", len(pieces), "pieces,", tokens, "tokens")


if __name__ == "__main__":
    main()
