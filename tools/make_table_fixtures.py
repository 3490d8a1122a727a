#!/usr/bin/env python3
"""Writes tests/data/tables: small CSV and TSV files, and what Python's csv module makes of each (NAME.cells: a cell a
line with its length in bytes before it, an empty line after each row). Nothing is to be installed.

    tools/make_table_fixtures.py [FOLDER]
"""
import argparse
import csv
import io
import pathlib

QUOTED = [["id", "text", "label"], ["1", 'He said "no", twice', "neg"], ["2", "", "pos"], ["3", '"', "pos"],
          ["4", "ünïcode, too", "neg"], ["5", '""x""', "pos"]]
LINES = [["text", "label"], ["two\nlines", "a"], ["three\r\nlines,\nall", "b"], ["\n", "a"], ["plain", "b"]]
EXCEL = [["text", "stars"], ["so, so", "3"], ["ends with a blank ", "4"], [" begins with one", "5"], ["1;2", "1"]]
PLAIN = [["text", "label"], ["a, b", "x"], ["c d", "y"], ["e", "x"]]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", default=pathlib.Path(__file__).parent.parent / "tests/data/tables")
    folder = pathlib.Path(parser.parse_args().folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows, how in (("quotes.csv", QUOTED, {}), ("lines.csv", LINES, {"quoting": csv.QUOTE_ALL}),
                            ("excel.csv", EXCEL, {"lineterminator": "\n"}), ("plain.tsv", PLAIN, {"delimiter": "\t"})):
        out = io.StringIO(newline="")
        csv.writer(out, **how).writerows(rows)
        (folder / name).write_bytes(out.getvalue().encode())
        read = list(csv.reader(io.StringIO(out.getvalue(), newline=""), delimiter=how.get("delimiter", ",")))
        cells = "".join("".join(f"{len(cell.encode())} {cell}\n" for cell in row) + "\n" for row in read if row)
        (folder / (name + ".cells")).write_bytes(cells.encode())


if __name__ == "__main__":
    main()
