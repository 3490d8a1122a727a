#!/usr/bin/env python3
"""Makes tests/data/mel.json: log-mel features of a made-up recording, by Transformers' WhisperFeatureExtractor and by torch.stft.

    python3 -m pip install torch transformers
    python3 tools/make_mel_fixtures.py tests/data/mel.json
"""
import argparse
import json

if __name__ == "__main__":  # before the imports that follow: --help needs none of them
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", help="tests/data/mel.json")
    args = parser.parse_args()

import numpy as np
import torch
from transformers import WhisperFeatureExtractor
from transformers.audio_utils import mel_filter_bank


def recording(count):
    """Bursts of noise by a linear congruential generator in 32 bits, as test_audio.c makes them: int16 / 32768."""
    state, samples = 1, []
    for i in range(count):
        state = (state * 1664525 + 1013904223) % 2**32
        loud = 14 if (i // 1600) % 3 == 0 else 9 if (i // 1600) % 3 == 1 else 4
        samples.append((state >> 16) % 2**loud - 2 ** (loud - 1))
    return np.array(samples, np.float32) / 32768


def whisper(samples, bands):
    extractor = WhisperFeatureExtractor(feature_size=bands, chunk_length=1)
    return extractor(samples, sampling_rate=16000, return_tensors="np").input_features[0].T


def standard(samples, rate, window, hop, n_fft, bands):
    hann = torch.hann_window(window, dtype=torch.float64)
    wave = torch.from_numpy(samples).double()
    power = torch.stft(wave, n_fft, hop, window, hann, return_complex=True)[:, :-1].abs() ** 2
    filters = mel_filter_bank(n_fft // 2 + 1, bands, 0.0, rate / 2, rate, "slaney", "slaney")
    rows = np.log10(np.maximum(power.numpy().T @ filters, 1e-10))
    return (rows - rows.mean(0)) / np.sqrt(rows.var(0) + 1e-10)


def entry(settings, count, length, scaling, rows):
    some = rows[::7].round(5).tolist()
    return {**settings, "samples": count, "length": length, "scaling": scaling, "frames": len(rows), "every7th": some}


cases = []
for bands in (80, 128):
    settings = {"rate": 16000, "window": 400, "hop": 160, "n_fft": 400, "bands": bands}
    cases.append(entry(settings, 11000, 16000, "whisper", whisper(recording(11000), bands)))
settings = {"rate": 16000, "window": 400, "hop": 160, "n_fft": 400, "bands": 80}
cases.append(entry(settings, 16000, 16000, "whisper", whisper(recording(16000), 80)))
settings = {"rate": 8000, "window": 200, "hop": 80, "n_fft": 256, "bands": 23}
cases.append(entry(settings, 7777, 7777, "standard", standard(recording(7777), **settings)))
with open(args.file, "w", encoding="utf-8") as file:
    json.dump(cases, file, separators=(",", ":"))
    file.write("\n")
