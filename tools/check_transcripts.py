#!/usr/bin/env python3
"""Compares attend's greedy transcripts with those of Transformers: token ids with and without timestamps, and the language.

    python3 -m pip install torch transformers soundfile
    python3 tools/check_transcripts.py --attend build/attend --model whisper-base RECORDING...

Recordings have 16,000 hertz, one channel and at most 30 seconds. Prints what differs and how many were equal; the exit
status is 1 where one differs.
"""
import argparse
import json
import subprocess
import sys

if __name__ == "__main__":  # before the imports that follow: --help needs none of them
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--attend", default="build/attend")
    parser.add_argument("--model", required=True)
    parser.add_argument("recordings", nargs="+")
    args = parser.parse_args()

import soundfile
import torch
from transformers import WhisperFeatureExtractor, WhisperForConditionalGeneration

extractor = WhisperFeatureExtractor.from_pretrained(args.model)
model = WhisperForConditionalGeneration.from_pretrained(args.model, dtype=torch.float32).eval()
multilingual = model.generation_config.is_multilingual
first_timestamp = model.generation_config.no_timestamps_token_id + 1
end = model.generation_config.eos_token_id


def theirs(path, timestamps):
    samples, rate = soundfile.read(path, dtype="float32")
    features = extractor(samples, sampling_rate=rate, return_tensors="pt").input_features
    language = {}
    if multilingual:
        found = int(model.detect_language(features)[0])
        names = {number: name for name, number in model.generation_config.lang_to_id.items()}
        language = {"language": names[found][2:-2]}
    with torch.no_grad():
        ids = model.generate(features, return_timestamps=timestamps, num_beams=1, do_sample=False, **language)[0].tolist()
    start = model.generation_config.decoder_start_token_id
    if ids[0] == start:
        ids = ids[1 + 2 * multilingual + (not timestamps):]
    return [i for i in ids if i != end], language.get("language", "en")


def ours(timestamps):
    command = [args.attend, "transcribe", args.model, *args.recordings, "--json", "--temperature-step", "0", "--no-context",
               "--no-speech", "1", *([] if timestamps else ["--no-timestamps"])]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    found = {path: ([], "en") for path in args.recordings}
    for line in map(json.loads, lines):
        found[line["file"]] = (found[line["file"]][0] + line["ids"], line["language"])
    return found


wrong = 0
for timestamps in (False, True):
    mine = ours(timestamps)
    for path in args.recordings:
        ids, language = theirs(path, timestamps)
        if mine[path] != (ids, language):
            wrong += 1
            print(path, "timestamps" if timestamps else "plain", "\n  attend      ", *mine[path], "\n  Transformers", ids, language)
print(f"{2 * len(args.recordings) - wrong} of {2 * len(args.recordings)} transcripts are equal")
sys.exit(wrong > 0)
