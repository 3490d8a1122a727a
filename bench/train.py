#!/usr/bin/env python3
"""How fast attend trains beside PyTorch: the same model, data, token ids and batch size, run in turn several times.

    script/build && python3 bench/train.py [--source F --target F] [--steps N] [--rounds N]

Prints real source and target tokens a second (padding not counted), the ratio and the peak resident memory. The data is
../shared/data/multi30k where no other is named. PyTorch (bench/train_reference.py) is taken from this Python where it
is there, else from an environment of its own beside the build, made once with pip. Where libtcmalloc is there (Debian:
libgoogle-perftools4), PyTorch runs with it as well, for its own allocator costs it a quarter of its speed.
"""
import argparse
import ctypes.util
import glob
import gzip
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
MULTI30K = os.path.join(ROOT, "..", "shared", "data", "multi30k")
TORCH = "torch==2.13.0"
SIZES = ["--layers", "3", "--width", "256", "--feedforward", "1024", "--heads", "4", "--vocab", "8000", "--batch-tokens",
         "4096", "--dropout", "0.3", "--label-smoothing", "0.1", "--beta1", "0.9", "--beta2", "0.98"]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--source", default=os.path.join(MULTI30K, "train.de.gz"))
    parser.add_argument("--target", default=os.path.join(MULTI30K, "train.en.gz"))
    parser.add_argument("--attend", default=os.path.join(ROOT, "build", "attend"))
    parser.add_argument("--steps", type=int, default=40, help="timed steps of a run (40)")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each, in turn (3)")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def python_with_torch():
    """A Python that has the peer: this one, or that of an environment made here."""
    if subprocess.run([sys.executable, "-c", "import torch"], capture_output=True).returncode == 0:
        return sys.executable
    folder = os.path.join(ROOT, "build", "bench-python")
    python = os.path.join(folder, "bin", "python3")
    if not os.path.exists(python) or subprocess.run([python, "-c", "import torch"], capture_output=True).returncode:
        print(f"installing {TORCH} into {folder}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", TORCH, "numpy"], check=True)
    return python


def find_tcmalloc():
    for pattern in ("/usr/lib/*/libtcmalloc.so.4", "/usr/lib/*/libtcmalloc_minimal.so.4", "/usr/lib*/libtcmalloc*.so.*"):
        if found := sorted(glob.glob(pattern)):
            return found[0]
    return ctypes.util.find_library("tcmalloc")


def run(command, **options):
    """Runs to the end; its output and the peak of its resident memory."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, **options)
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)} failed with status {process.returncode}")
    return out.decode(), usage.ru_maxrss * 1024


def attend(options, folder, steps):
    """Trains; the speed of its steps from train.jsonl: from the first line that is not the first step to the last."""
    shutil.rmtree(folder, ignore_errors=True)
    _, peak = run([options.attend, "train", "translation", "--quiet", "--source", options.source, "--target",
                   options.target, "--out", folder, "--steps", str(steps), "--valid-every", str(10 * steps), *SIZES])
    with open(os.path.join(folder, "train.jsonl")) as file:
        lines = [line for line in map(json.loads, file) if "tokens_per_second" in line]
    return {"tokens_per_second": speed(lines), "peak_bytes": peak}


def speed(lines):
    if len(lines) < 2:
        return lines[-1]["tokens_per_second"]
    first, last = lines[0], lines[-1]
    return (last["tokens"] - first["tokens"]) / (last["seconds"] - first["seconds"])


def tokenize(options, folder, name, path):
    """A line of ids a sentence, end token in."""
    opener = gzip.open if path.endswith(".gz") else open
    out = os.path.join(folder, name)
    with opener(path, "rb") as file, open(out, "wb") as ids:
        subprocess.run([options.attend, "tokenize", os.path.join(folder, "model"), "--ids"], input=file.read(),
                       stdout=ids, check=True)
    with open(out) as file:
        lines = [line.split() for line in file]
    if lines[0] and lines[0][-1] != "2":
        with open(out, "w") as file:
            file.writelines(" ".join(line + ["2"]) + "\n" for line in lines)
    return out


def report(results, as_json):
    if as_json:
        print(json.dumps(results))
        return
    print(f"{'':24}{'tokens/s':>10}{'lowest':>10}{'highest':>10}{'peak MB':>10}")
    for name, runs in results.items():
        speeds = [r["tokens_per_second"] for r in runs]
        print(f"{name:24}{statistics.median(speeds):10.0f}{min(speeds):10.0f}{max(speeds):10.0f}"
              f"{max(r['peak_bytes'] for r in runs) / 1e6:10.0f}")
    for name in list(results)[1:]:
        ratios = [a["tokens_per_second"] / b["tokens_per_second"] for a, b in zip(results["attend"], results[name])]
        memory = max(r["peak_bytes"] for r in results["attend"]) / max(r["peak_bytes"] for r in results[name])
        print(f"attend / {name}: {statistics.median(ratios):.2f} x as fast (rounds: "
              f"{', '.join(f'{r:.2f}' for r in ratios)}), {memory:.2f} of the memory")


def main():
    options = arguments()
    for path in (options.source, options.target, options.attend):
        if not os.path.exists(path):
            sys.exit(f"bench/train.py: {path} is not there (--source, --target, --attend; script/build)")
    python, tcmalloc = python_with_torch(), find_tcmalloc()
    with tempfile.TemporaryDirectory() as folder:
        attend(options, os.path.join(folder, "model"), 2)
        sides = [tokenize(options, folder, name, path)
                 for name, path in (("source", options.source), ("target", options.target))]
        peer = [python, os.path.join(HERE, "train_reference.py"), *sides, str(options.steps)]
        runs = {"attend": lambda: attend(options, os.path.join(folder, "run"), options.steps),
                "PyTorch": lambda: json.loads(run(peer)[0])}
        if tcmalloc:
            preload = {**os.environ, "LD_PRELOAD": tcmalloc}
            runs["PyTorch with tcmalloc"] = lambda: json.loads(run(peer, env=preload)[0])
        results = {name: [] for name in runs}
        for _ in range(options.rounds):
            for name, once in runs.items():
                results[name].append(once())
                print(f"{name}: {results[name][-1]['tokens_per_second']:.0f} tokens/s", file=sys.stderr)
    report(results, options.json)


if __name__ == "__main__":
    main()
