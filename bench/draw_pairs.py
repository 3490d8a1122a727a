#!/usr/bin/env python3
"""Draws pairs to test and to validate with from a table, a pair a line; the rest, in its order, is to learn from. The
Bible of docs/WHY_ATTENTION.md (columns: place, English, Spanish):

    python3 bench/draw_pairs.py ../shared/data/bible-en-es/en-es.tsv en=1 es=2 --out bible
"""
import argparse
import pathlib
import random


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", help="fields with tabs between")
    parser.add_argument("columns", nargs="+", help="NAME=COLUMN, from 0: writes test.NAME, valid.NAME, train.NAME")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="the folder")
    parser.add_argument("--count", type=int, default=1000, help="of pairs to test, and to validate with")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    with open(args.table, encoding="utf-8") as file:
        rows = [line.split("\t") for line in file.read().split("\n")[:-1]]
    drawn = list(range(len(rows)))
    random.Random(args.seed).shuffle(drawn)
    parts = {"test": drawn[: args.count], "valid": drawn[args.count : 2 * args.count], "train": sorted(drawn[2 * args.count :])}
    args.out.mkdir(parents=True, exist_ok=True)
    for part, chosen in parts.items():
        for column in args.columns:
            name, _, place = column.rpartition("=")
            (args.out / f"{part}.{name}").write_text("".join(rows[i][int(place)] + "\n" for i in chosen), encoding="utf-8")


if __name__ == "__main__":
    main()
