#!/usr/bin/env python3
"""Makes tests/data/cooccurrence.json: what NumPy's eigenvectors make of small texts, by the formula written out.

    python3 tools/make_cooccurrence_fixtures.py tests/data

Rows are known up to a rotation, so what is kept is their cosines.
"""
import argparse
import json
import os
import random

if __name__ == "__main__":  # before the imports that follow: --help needs none of them
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", help="tests/data")
    args = parser.parse_args()

import numpy as np

WINDOW = 10
draw = random.Random(3)


def topics(texts, size, length, mark):
    """Texts, each mostly of the words of one of three topics, with marks around them; one word is in none."""
    ids = []
    for _ in range(texts):
        topic = draw.randrange(3)
        ids.append(mark)
        for _ in range(length):
            from_topic = topic if draw.random() < 0.9 else draw.randrange(3)
            ids.append(1 + from_topic * size + draw.randrange(size))
    return ids


def cosines(ids, marks, vocab, width):
    near = np.zeros((vocab, vocab))
    for i, word in enumerate(ids):
        for side in (-1, 1):
            for away in range(1, WINDOW + 1):
                j = i + side * away
                if word in marks or not 0 <= j < len(ids) or ids[j] in marks:
                    break
                near[word, ids[j]] += (WINDOW + 1 - away) / WINDOW
    sums = near.sum(1)
    expected = np.outer(sums, sums) / near.sum()
    pmi = np.log(np.divide(near, expected, out=np.ones_like(near), where=near > 0))
    values, vectors = np.linalg.eigh(np.maximum(pmi, 0))
    order = np.argsort(-np.abs(values))
    print("eigenvalues", np.round(values[order][: width + 2], 3))
    rows = vectors[:, order[:width]]
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    rows = np.where(sums[:, None] > 0, rows / np.maximum(norms, 1e-12), 0)
    return rows @ rows.T


def case(name, ids, marks, vocab, width):
    return {"name": name, "ids": ids, "marks": marks, "vocab": vocab, "width": width,
            "cosines": [round(float(x), 6) for x in cosines(ids, marks, vocab, width).flat]}


CASES = [
    case("three topics", topics(60, 5, 12, 0), [0], 17, 3),
    case("one text, longer than the window", topics(1, 4, 40, 0), [0], 13, 2),
    case("short texts", topics(80, 4, 3, 0), [0], 14, 3),
]

with open(os.path.join(args.out, "cooccurrence.json"), "w") as out:
    json.dump(CASES, out, separators=(",", ":"))
    out.write("\n")
