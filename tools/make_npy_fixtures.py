#!/usr/bin/env python3
"""Makes tests/data/npy: small tables as numpy.save writes them (numpy 2.4).

    python3 -m pip install numpy
    python3 tools/make_npy_fixtures.py tests/data/npy
"""
import argparse
import os

if __name__ == "__main__":  # before the imports that follow: --help needs none of them
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="tests/data/npy")
    args = parser.parse_args()

import numpy as np

folder = args.folder
os.makedirs(folder, exist_ok=True)
values = np.array([0, -1.5, 3.1415927, 1e-30, 65504, -0.0], dtype="<f4")
np.save(os.path.join(folder, "two_by_three.npy"), values.reshape(2, 3))
np.save(os.path.join(folder, "six_by_one.npy"), values.reshape(6, 1))
np.save(os.path.join(folder, "none_by_384.npy"), np.zeros((0, 384), dtype="<f4"))
