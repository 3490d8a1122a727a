#!/usr/bin/env python3
"""Writes tests/data/covariates: a table of two series with a trend, gaps, missing values and rows ahead, and what numpy makes
of it: regression of two scaled columns on three covariates (one twice another), on the matrix of seasonal and
quasi-differences written out (Cochrane and Orcutt 1949), ridge by numpy.linalg.solve. Install numpy.

    tools/make_covariate_fixtures.py [FOLDER]
"""
import argparse
import json
import pathlib

SEASON, ROUNDS, RIDGE = 7, 10, 1e-4
ROWS, LEARNED, AHEAD = (160, 110), (120, 80), 5


def make(numpy):
    random = numpy.random.default_rng(11)
    tables = []
    for rows, level in zip(ROWS, (40, 3)):
        t = numpy.arange(rows + AHEAD)
        heat = numpy.zeros(len(t))
        for i in t[1:]:
            heat[i] = 0.7 * heat[i - 1] + random.normal()
        holiday = (random.random(len(t)) < 0.15).astype(float)
        wander = numpy.cumsum(random.normal(0, 0.3, len(t)))
        sales = level * (1 + 0.3 * numpy.sin(t * 2 * numpy.pi / SEASON) + 0.1 * heat - 0.2 * holiday + 0.01 * t
                         + 0.05 * random.normal(size=len(t)))
        visits = level * (2 + 0.05 * heat + 0.1 * holiday + wander)
        table = numpy.stack([sales, visits, heat, holiday, 2 * heat + 1], 1).round(3).astype("float32")
        table[rows:, :2] = numpy.nan
        table[:rows][random.random((rows, 5)) < 0.02] = numpy.nan
        table[[50, 51, 90]] = numpy.nan  # rows that are not in the file
        table[rows - 1, 0] = level  # the last row with a target
        tables.append(table)
    return tables


def differences(numpy, y, x):
    """[rows, covariates + 1], NaN where something is missing"""
    both = numpy.concatenate([x, y[:, None]], 1)
    return both[SEASON:] - both[:-SEASON]


def pairs(numpy, parts):
    """later and earlier rows of all series, each less its mean in the series"""
    later, earlier = [], []
    for part in parts:
        good = ~numpy.isnan(part[1:]).any(1) & ~numpy.isnan(part[:-1]).any(1)
        later.append(part[1:][good] - part[1:][good].mean(0))
        earlier.append(part[:-1][good] - part[:-1][good].mean(0))
    return numpy.concatenate(later), numpy.concatenate(earlier)


def regress(numpy, parts):
    later, earlier = pairs(numpy, parts)
    rho = 1.0
    for i in range(ROUNDS + 1):
        z = later - rho * earlier
        x, y = z[:, :-1], z[:, -1]
        a = x.T @ x
        b = numpy.linalg.solve(a + RIDGE * numpy.diag(numpy.diag(a)), x.T @ y)
        if i < ROUNDS:
            now, before = later[:, -1] - later[:, :-1] @ b, earlier[:, -1] - earlier[:, :-1] @ b
            rho = min(max(now @ before / (before @ before), 0), 1)
    return b, 1 - ((y - x @ b) ** 2).sum() / (y ** 2).sum()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", default=pathlib.Path(__file__).parent.parent / "tests/data/covariates")
    folder = pathlib.Path(parser.parse_args().folder)
    import numpy

    folder.mkdir(parents=True, exist_ok=True)
    tables = make(numpy)
    lines = ["time,series,sales,visits,heat,holiday,twin"]
    for name, table in zip("ab", tables):
        lines += [",".join([str(i), name] + ["" if numpy.isnan(v) else f"{v:.3f}" for v in row])
                  for i, row in enumerate(table) if i not in (50, 51, 90)]
    (folder / "table.csv").write_text("\n".join(lines) + "\n")
    deep = [table.astype("float64") for table in tables]
    covariates = numpy.concatenate([table[:, 2:] for table in deep])
    mean, std = numpy.nanmean(covariates, 0), numpy.nanstd(covariates, 0)
    expected = {"rows": LEARNED, "season": SEASON, "mean": mean.tolist(), "std": std.tolist(), "coefficients": [], "explained": []}
    for c in range(2):
        parts = []
        for table, count in zip(deep, LEARNED):
            y = (table[:, c] - numpy.nanmean(table[:count, c])) / numpy.nanstd(table[:count, c])
            x = (table[:, 2:] - mean) / std
            parts.append(differences(numpy, y[:count].astype("float32").astype("float64"), x[:count]))
        b, explained = regress(numpy, parts)
        expected["coefficients"] += b.tolist()
        expected["explained"].append(float(explained))
    x = (deep[0][ROWS[0]:, 2:] - mean) / std  # of the first series' rows ahead
    expected["ahead"] = (x @ numpy.reshape(expected["coefficients"], (2, 3)).T).tolist()
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()
