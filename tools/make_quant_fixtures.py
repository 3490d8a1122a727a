#!/usr/bin/env python3
"""Makes tests/data/quants.json: blocks of each quantized type and the numbers that the `gguf` package says they are.

    python3 -m pip install gguf numpy
    python3 tools/make_quant_fixtures.py tests/data

    {type: {"blocks" (hexadecimal), "values", "error" (the root mean square, relative to that of the numbers, of the
        package's own blocks for `numbers`; null where it makes none)}}, "numbers": what blocks are made for
"""
import argparse
import json
import os

if __name__ == "__main__":  # before the imports that follow: --help needs none of them
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", help="tests/data")
    arguments = parser.parse_args()

import gguf
import numpy as np

TYPES = ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL"]
HALVES = {"Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208]}  # places of d and m


def random_blocks(name, count, size, random):
    raw = random.integers(0, 256, (count, size), dtype=np.uint8)
    for at in HALVES.get(name, [0, 2] if name in ("Q4_1", "Q5_1") else [0]):  # scales that are numbers
        raw[:, at:at + 2] = random.normal(0, 0.02, (count, 1)).astype(np.float16).view(np.uint8)
    return raw


def error_of(numbers, kind):
    try:
        back = gguf.quants.dequantize(gguf.quants.quantize(numbers, kind), kind)
    except NotImplementedError:
        return None
    return float(np.sqrt(np.mean((back - numbers) ** 2) / np.mean(numbers ** 2)))


def main(out):
    random = np.random.default_rng(7)
    numbers = np.round(random.standard_normal((4, 256)), 4).astype(np.float32)
    made = {"numbers": [float(f"{x:.4f}") for x in numbers.flatten()]}
    for name in TYPES:
        kind = getattr(gguf.GGMLQuantizationType, name)
        block, size = gguf.GGML_QUANT_SIZES[kind]
        raw = random_blocks(name, 2 if block == 256 else 3, size, random)
        values = gguf.quants.dequantize(raw, kind).flatten()
        made[name] = {"blocks": raw.tobytes().hex(), "values": [float(f"{x:.9g}") for x in values],
                      "error": error_of(numbers, kind)}
    with open(os.path.join(out, "quants.json"), "w") as file:
        json.dump(made, file, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main(arguments.out)
