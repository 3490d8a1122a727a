#!/usr/bin/env python3
"""Compares the Unigram pieces that attend learns from a text with SentencePiece's of the same text.

    python3 -m pip install sentencepiece tokenizers
    python3 bench/unigram.py build/attend corpus.txt --vocab 8000

Prints the share of pieces in common, and how many tokens each makes of the text.
"""
import argparse
import os
import subprocess
import sys
import tempfile

if __name__ == "__main__":  # before the imports that follow: --help needs none of them
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("attend", help="the command")
    parser.add_argument("text", help="plain text, a sentence a line")
    parser.add_argument("--vocab", type=int, default=8000, help="pieces, special tokens included")
    arguments = parser.parse_args()

import sentencepiece
from tokenizers import Tokenizer

SPECIALS = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "<unk>", "<s>", "</s>"}


def learn(attend, text, vocab, folder):
    """A masked language model of no use, for its tokenizer."""
    small = ["--steps", "1", "--layers", "1", "--width", "16", "--heads", "1", "--no-lowercase", "--quiet"]
    subprocess.run([attend, "train", "mlm", "--text", text, "--tokenizer", "unigram", "--vocab", str(vocab),
                    *small, "--out", os.path.join(folder, "model")], check=True)
    return Tokenizer.from_file(os.path.join(folder, "model", "tokenizer.json"))


def main():
    with open(arguments.text, encoding="utf-8") as file:
        lines = [line for line in file.read().split("\n") if line.strip()]
    with tempfile.TemporaryDirectory() as folder:
        text, prefix = os.path.join(folder, "text"), os.path.join(folder, "pieces")
        with open(text, "w", encoding="utf-8") as file:
            file.writelines(line + "\n" for line in lines)
        sentencepiece.SentencePieceTrainer.train(input=text, model_prefix=prefix, vocab_size=arguments.vocab,
                                                 model_type="unigram", control_symbols=["[CLS]", "[SEP]"],
                                                 hard_vocab_limit=False, minloglevel=2)
        other = sentencepiece.SentencePieceProcessor(model_file=prefix + ".model")
        own = learn(arguments.attend, text, arguments.vocab, folder)
    pieces = set(own.get_vocab()) - SPECIALS
    wanted = {other.id_to_piece(i) for i in range(other.get_piece_size())} - SPECIALS
    print(f"pieces: {len(pieces)} and {len(wanted)}, in common {100 * len(pieces & wanted) / max(len(pieces), len(wanted)):.2f} %")
    count = sum(len(own.encode(line, add_special_tokens=False).ids) for line in lines)
    theirs = sum(len(other.encode(line)) for line in lines)
    print(f"tokens: {count} and {theirs}, {100 * (count - theirs) / theirs:+.3f} %")


if __name__ == "__main__":
    sys.exit(main())
