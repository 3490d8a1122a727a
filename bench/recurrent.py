#!/usr/bin/env python3
"""A training step of recurrent layers, attend's and PyTorch's in turns: forward and backward of two layers of width 512
over 64 sequences of 30 rows, float32, the inputs' gradient too. Each turn times each cell several times and the best
counts, so that what else the machine does matters less.

    python3 -m pip install torch
    python3 bench/recurrent.py BUILD/bench_recurrent [THREADS [TURNS]]
"""
import argparse
import json
import subprocess
import time

if __name__ == "__main__":  # before the imports that follow: --help needs none of them
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="BUILD/bench_recurrent")
    parser.add_argument("threads", type=int, nargs="?", help="(as PyTorch has it)")
    parser.add_argument("turns", type=int, nargs="?", default=3)
    args = parser.parse_args()

import torch

SEQUENCES, LENGTH, WIDTH, LAYERS, ROUNDS = 64, 30, 512, 2, 7
CELLS = {"rnn": (torch.nn.RNN, 1), "lstm": (torch.nn.LSTM, 4), "gru": (torch.nn.GRU, 3)}


def step(net, x, gradient):
    net.zero_grad()
    x.grad = None
    begin = time.perf_counter()
    out, _ = net(x)
    out.backward(gradient)
    return time.perf_counter() - begin


def main(program, threads, turns):
    threads = threads or torch.get_num_threads()
    torch.set_num_threads(threads)
    ours, theirs = {c: 1e9 for c in CELLS}, {c: 1e9 for c in CELLS}
    for _ in range(turns):
        for cell, (kind, _) in CELLS.items():
            got = json.loads(subprocess.run([program, str(threads), cell], capture_output=True, check=True).stdout)
            ours[cell] = min(ours[cell], got[cell])
            net = kind(WIDTH, WIDTH, LAYERS, batch_first=True)
            x = torch.randn(SEQUENCES, LENGTH, WIDTH, requires_grad=True)
            gradient = torch.randn(SEQUENCES, LENGTH, WIDTH)
            theirs[cell] = min([theirs[cell]] + [step(net, x, gradient) for _ in range(ROUNDS)])
    for cell, (_, gates) in CELLS.items():
        work = 3 * 2 * LAYERS * SEQUENCES * LENGTH * 2 * WIDTH * gates * WIDTH
        print("%-4s attend %.1f ms (%.0f GFLOP/s)  PyTorch %.1f ms (%.0f GFLOP/s)  ratio %.2f" %
              (cell, 1e3 * ours[cell], work / ours[cell] / 1e9, 1e3 * theirs[cell], work / theirs[cell] / 1e9,
               ours[cell] / theirs[cell]))


if __name__ == "__main__":
    main(args.program, args.threads, args.turns)
