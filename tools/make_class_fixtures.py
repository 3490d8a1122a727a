#!/usr/bin/env python3
"""Makes tests/data/class_metrics.json: what scikit-learn and SciPy say of small predictions.

    python3 tools/make_class_fixtures.py tests/data
"""
import argparse
import json
import math
import os
import random
import warnings

if __name__ == "__main__":  # before the imports that follow: --help needs none of them
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", help="tests/data")
    args = parser.parse_args()

import scipy
import sklearn
from scipy import stats
from sklearn import metrics

warnings.simplefilter("ignore")
draw = random.Random(7)


def noisy(classes, count, right):
    truth = [draw.choice(classes) for _ in range(count)]
    return truth, [t if draw.random() < right else draw.choice(classes) for t in truth]


CLASSES = {
    "two": (2, *noisy([0, 1], 40, 0.5)),
    "five, one never there": (5, *noisy([0, 1, 3, 4], 60, 0.6)),
    "rare": (4, [0] * 30 + [1, 2], [0] * 29 + [1, 1, 3]),
    "all right": (3, [0, 1, 2, 1], [0, 1, 2, 1]),
    "all wrong": (2, [0, 1, 0, 1], [1, 0, 1, 0]),
    "always the same answer": (2, [0, 1, 1, 1], [1, 1, 1, 1]),
    "one class only": (2, [1, 1, 1], [1, 1, 1]),
    "one": (3, [2], [0]),
    "many": (150, *noisy(list(range(150)), 400, 0.7)),
}


def labels(count, width, right):
    truth = [[int(draw.random() < 0.3) for _ in range(width)] for _ in range(count)]
    for row in truth:
        row[width - 1] = 0  # a label that is never there
    return truth, [[t if draw.random() < right else 1 - t for t in row] for row in truth]


LABELS = {
    "four": labels(30, 4, 0.8),
    "one right": ([[1, 0]], [[1, 0]]),
    "nothing there": ([[0, 0], [0, 0]], [[0, 0], [0, 0]]),
    "nothing found": ([[1, 0], [0, 1]], [[0, 0], [0, 0]]),
}


def values(count, noise):
    truth = [round(draw.uniform(0, 5), 1) for _ in range(count)]
    return truth, [t + draw.gauss(0, noise) for t in truth]


VALUES = {
    "close": values(30, 0.5),
    "far": values(30, 5.0),
    "ties": ([1, 2, 2, 3, 3, 3, 4, 5], [1, 1, 2, 2, 2, 4, 3, 3]),
    "backwards": ([1, 2, 3, 4], [9, 7, 3, -1]),
    "constant": ([1, 2, 3], [2, 2, 2]),
    "far from zero": ([1e9 + i for i in range(8)], [1e9 + i * i for i in range(8)]),
    "two": ([1, 2], [5, 4]),
}


def number(x):
    return None if math.isnan(x) else float(x)


def main(folder):
    out = {"scikit-learn": sklearn.__version__, "scipy": scipy.__version__, "classes": [], "labels": [], "values": []}
    for name, (classes, truth, predicted) in CLASSES.items():
        matrix = metrics.confusion_matrix(truth, predicted, labels=range(classes))
        out["classes"].append({
            "name": name, "classes": classes, "truth": truth, "predicted": predicted,
            "accuracy": number(metrics.accuracy_score(truth, predicted)),
            "macro_f1": number(metrics.f1_score(truth, predicted, average="macro")),
            "matthews": number(metrics.matthews_corrcoef(truth, predicted)),
            # [truth, predicted, count] of the cells that are not 0
            "confusion": [[i, j, int(matrix[i][j])] for i in range(classes) for j in range(classes) if matrix[i][j]],
        })
    for name, (truth, predicted) in LABELS.items():
        out["labels"].append({
            "name": name, "truth": truth, "predicted": predicted,
            "accuracy": number(metrics.accuracy_score(truth, predicted)),
            "macro_f1": number(metrics.f1_score(truth, predicted, average="macro")),
            "micro_f1": number(metrics.f1_score(truth, predicted, average="micro")),
        })
    for name, (truth, predicted) in VALUES.items():
        out["values"].append({
            "name": name, "truth": truth, "predicted": predicted,
            "pearson": number(stats.pearsonr(truth, predicted).statistic),
            "spearman": number(stats.spearmanr(truth, predicted).statistic),
            "mean_squared_error": number(metrics.mean_squared_error(truth, predicted)),
        })
    with open(os.path.join(folder, "class_metrics.json"), "w") as file:
        json.dump(out, file, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main(args.out)
