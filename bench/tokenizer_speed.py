#!/usr/bin/env python3
"""Times `attend tokenize --ids` (reading and writing with it) against Hugging Face `tokenizers` (encode_batch alone) on
one thread, in turn, and compares their ids. Needs `tokenizers`; MODEL is a folder, TEXT plain text.

    python3 bench/tokenizer_speed.py MODEL TEXT
"""
import argparse
import os
import pathlib
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("text")
    parser.add_argument("--attend", default=str(ROOT / "build" / "attend"))
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    from tokenizers import Tokenizer

    peer = Tokenizer.from_file(str(args.model / "tokenizer.json"))
    with open(args.text, encoding="utf-8", newline="\n") as file:
        lines = file.read().split("\n")[:-1]
    for _ in range(args.rounds):
        start = time.perf_counter()
        out = subprocess.run([args.attend, "tokenize", str(args.model), args.text, "--ids", "--threads", "1"], check=True, capture_output=True)
        ours = time.perf_counter() - start
        start = time.perf_counter()
        encodings = peer.encode_batch(lines, add_special_tokens=False)
        theirs = time.perf_counter() - start
        ids = [list(map(int, line.split())) for line in out.stdout.decode().split("\n")[:-1]]
        different = sum(a != b.ids for a, b in zip(ids, encodings, strict=True))
        print(f"attend {ours:.2f} s, tokenizers {theirs:.2f} s, ratio {theirs / ours:.2f}; {different} of {len(lines)} lines differ")


if __name__ == "__main__":
    main()
