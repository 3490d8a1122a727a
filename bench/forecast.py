#!/usr/bin/env python3
"""A training step of PatchTST, attend's and Transformers' (PyTorch) in turns: the columns of numbers of one table,
float32, the shape and the dropout that attend takes by itself, the mean alone (no quantiles). attend is timed as the
command runs: the time of many steps less that of few.

    python3 -m pip install torch transformers
    python3 bench/forecast.py BUILD/attend TABLE.csv [--horizon 96] [--batch 128] [--threads 1] [--turns 3]
"""
import argparse
import csv
import pathlib
import subprocess
import tempfile
import time

if __name__ == "__main__":  # before the imports that follow: --help needs none of them
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("attend")
    parser.add_argument("table", help="a .csv: times in the first column, numbers in the others")
    parser.add_argument("--horizon", type=int, default=96)
    parser.add_argument("--batch", type=int, default=128, help="windows, of all columns each")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--turns", type=int, default=3)
    args = parser.parse_args()

import torch
from transformers import PatchTSTConfig, PatchTSTForPrediction

LOOKBACK, FEW, MANY = 336, 4, 24


def attend_step():
    seconds = {}
    for steps in (FEW, MANY):
        with tempfile.TemporaryDirectory() as folder:
            begin = time.perf_counter()
            subprocess.run([args.attend, "train", "forecast", "--data", args.table, "--horizon", str(args.horizon), "--lookback",
                            str(LOOKBACK), "--batch", str(args.batch), "--steps", str(steps), "--valid-every", str(10 * steps),
                            "--quantiles", "none", "--average", "1", "--threads", str(args.threads), "-q", "-o", pathlib.Path(folder) / "m"],
                           check=True)
            seconds[steps] = time.perf_counter() - begin
    return (seconds[MANY] - seconds[FEW]) / (MANY - FEW)


class Torch:
    def __init__(self):
        rows = [[float(x) for x in row[1:]] for row in list(csv.reader(open(args.table)))[1:]]
        x = torch.tensor(rows)
        self.x = (x - x.mean(0)) / x.std(0)
        self.model = PatchTSTForPrediction(PatchTSTConfig(
            num_input_channels=x.shape[1], context_length=LOOKBACK, prediction_length=args.horizon, patch_length=16, patch_stride=8,
            d_model=16, num_attention_heads=4, num_hidden_layers=3, ffn_dim=128, norm_type="batchnorm", positional_dropout=0.3,
            path_dropout=0.3, ff_dropout=0.3, attention_dropout=0.0, scaling="std", loss="mse", positional_encoding_type="random"))
        self.adam = torch.optim.AdamW(self.model.parameters(), lr=5e-4)

    def one(self):
        first = torch.randint(len(self.x) - LOOKBACK - args.horizon, (args.batch,))
        past = torch.stack([self.x[i:i + LOOKBACK] for i in first])
        future = torch.stack([self.x[i + LOOKBACK:i + LOOKBACK + args.horizon] for i in first])
        self.adam.zero_grad()
        self.model(past_values=past, future_values=future).loss.backward()
        self.adam.step()

    def step(self):
        for _ in range(FEW):
            self.one()
        begin = time.perf_counter()
        for _ in range(MANY - FEW):
            self.one()
        return (time.perf_counter() - begin) / (MANY - FEW)


if __name__ == "__main__":
    torch.set_num_threads(args.threads)
    theirs = Torch()
    for turn in range(args.turns):
        ours, other = attend_step(), theirs.step()
        print("turn %d: a step of %d windows: attend %.0f ms, Transformers %.0f ms: %.2f x as fast" %
              (turn + 1, args.batch, 1e3 * ours, 1e3 * other, other / ours), flush=True)
