#!/usr/bin/env python3
"""BLEU of translations by the length of their source, in words: how far each kind of network gets. Needs sacrebleu.

    python3 bench/bleu_by_length.py test.es test.en gru.out transformer.out
"""
import argparse

BOUNDS = [8, 12, 16, 24, 32, 48]


def lines(path):
    with open(path, encoding="utf-8") as file:
        return file.read().split("\n")[:-1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source")
    parser.add_argument("reference")
    parser.add_argument("output", nargs="+")
    args = parser.parse_args()
    import sacrebleu

    source, reference = lines(args.source), lines(args.reference)
    lengths = [len(line.split()) for line in source]
    ends = [*BOUNDS, max(lengths)]
    columns = [("all", 0, max(lengths))] + [(f"{low + 1}-{high}", low, high) for low, high in zip([0, *BOUNDS], ends)]
    columns = [(name, chosen) for name, low, high in columns if (chosen := [i for i, n in enumerate(lengths) if low < n <= high])]
    print("\t".join(["", *(f"{name} ({len(chosen)})" for name, chosen in columns)]))
    for path in args.output:
        output = lines(path)
        if not len(output) == len(source) == len(reference):
            raise SystemExit(f"{path}: {len(output)} lines, {args.source} has {len(source)}, {args.reference} {len(reference)}")
        scores = [sacrebleu.corpus_bleu([output[i] for i in chosen], [[reference[i] for i in chosen]]).score for _, chosen in columns]
        print("\t".join([path, *(f"{score:.1f}" for score in scores)]))


if __name__ == "__main__":
    main()
