#!/usr/bin/env python3
"""Writes tests/data/series: times as Python's datetime reads them, months later by the calendar, and what numpy makes of
missing values (interp), means and deviations. Install numpy.

    tools/make_series_fixtures.py [FOLDER]
"""
import argparse
import calendar
import datetime
import json
import pathlib

TIMES = ["1969-12-31", "1970-01-01 00:00:00", "2016-07-01 13:05:09", "2016/02/29 23:59", "2000-02-29T12:00:00Z", "2100-03-01",
         "1900-01-01", "2024-12", "1588-02-03 04:05", "2016-07-01 00:00:00+02:00", "2024-01-01 00:06:39.500", "2024-01-01 00:00:00.020",
         "1999-12-31T23:59:59.999999Z", "2024-02-29 12:00:00.1"]
WRONG = ["2015-02-29", "2016-13-01", "13/13/2016", "31/02/2016", "1/7/16", "2016-07-01 24:00", "12:30", "", "2016-07-01 1", "abc", "1e400"]
# The day of the month that times go by, or 0: the first one's.
MONTHS = [("2016-01-31", 31, 1), ("2016-01-31", 0, 13), ("2015-12-15", 0, 2), ("2016-03-31", 31, -1), ("2016-02-29", 31, 12),
          ("2017-02-28", 31, 1), ("2017-02-28", 30, 1), ("2017-01-30", 30, 1), ("2017-04-30", 0, 1), ("2017-04-30", 31, 1)]


def seconds(text):
    bare = text.replace("/", "-").replace("T", " ").removesuffix("Z").split("+")[0]
    for form in ("%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d", "%Y-%m"):
        try:
            return (datetime.datetime.strptime(bare, form) - datetime.datetime(1970, 1, 1)).total_seconds()
        except ValueError:
            pass
    raise ValueError(text)


def later(text, wanted, months):
    day = datetime.date.fromisoformat(text)
    number = day.year * 12 + day.month - 1 + months
    most = calendar.monthrange(number // 12, number % 12 + 1)[1]
    return datetime.date(number // 12, number % 12 + 1, min(wanted or day.day, most)).isoformat()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", default=pathlib.Path(__file__).parent.parent / "tests/data/series")
    folder = pathlib.Path(parser.parse_args().folder)
    import numpy

    folder.mkdir(parents=True, exist_ok=True)
    random = numpy.random.default_rng(7)
    values = random.normal(3, 2, (40, 3)).astype("float32")
    holes = random.random(values.shape) < 0.3
    holes[:3, 0] = holes[-2:, 0] = True
    holes[:, 2] = False
    gapped = numpy.where(holes, numpy.nan, values)
    rows = numpy.arange(len(values))
    filled = numpy.stack([numpy.interp(rows, rows[~holes[:, c]], gapped[~holes[:, c], c].astype("float64")) for c in range(3)], 1)
    (folder / "expected.json").write_text(json.dumps({
        "times": [[text, seconds(text)] for text in TIMES], "wrong": WRONG,
        "months": [[text, day, months, later(text, day, months)] for text, day, months in MONTHS],
        "values": [[None if numpy.isnan(v) else float(v) for v in row] for row in gapped],
        "mean": numpy.nanmean(gapped.astype("float64"), 0).tolist(),
        "std": numpy.nanstd(gapped.astype("float64"), 0).tolist(), "filled": filled.tolist()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
