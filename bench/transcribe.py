#!/usr/bin/env python3
"""Compares the time in which attend and CTranslate2 (through faster-whisper) transcribe one window of sound, in turn:
features, encoder, and greedy decoding with timestamps, without the text before, once (temperature 0). A window is what
the recording holds, up to 30 seconds. attend's time is what another window more adds to a whole run of the command, so
that neither side's holds loading a model.

    python3 -m pip install faster-whisper
    python3 bench/transcribe.py build/attend path/to/whisper path/to/its/CTranslate2/folder recording.wav
        [--int8 path/to/what/attend/quantize/--type/q8_0/made/of/it]
"""
import argparse
import json
import statistics
import subprocess
import time


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", help="build/attend")
    parser.add_argument("folder", help="of a Whisper model, as Transformers has it")
    parser.add_argument("peer", help="the same model, as CTranslate2 has it")
    parser.add_argument("recording", help="a wav file of at most 30 seconds")
    parser.add_argument("--int8", metavar="FOLDER", help="of attend quantize --type q8_0: against CTranslate2's int8")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--windows", type=int, default=3, help="of each, in a round")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def run_attend(options, count):
    """Seconds of the command over so many copies of the recording, and the text of the last."""
    command = [options.command, "transcribe", options.int8 or options.folder, *[options.recording] * count,
               "--language", "en", "--no-context", "--temperature-step", "0", "--threads", str(options.threads),
               "--quiet"]
    begin = time.perf_counter()
    lines = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split("\n")[:-1]
    return time.perf_counter() - begin, " ".join(lines[-(len(lines) // count):])


def attend(options):
    few, _ = run_attend(options, 1)
    many, text = run_attend(options, 1 + options.windows)
    return (many - few) / options.windows, text


def peer(options, model):
    begin = time.perf_counter()
    for _ in range(options.windows):
        segments, _ = model.transcribe(options.recording, language="en", beam_size=1, temperature=0,
                                       condition_on_previous_text=False)
        text = " ".join(segment.text.strip() for segment in segments)
    return (time.perf_counter() - begin) / options.windows, text


def main():
    options = arguments()
    from faster_whisper import WhisperModel

    model = WhisperModel(options.peer, device="cpu", compute_type="int8" if options.int8 else "float32",
                         cpu_threads=options.threads)
    peer(options, model)  # the first call is slower
    rounds = [(attend(options), peer(options, model)) for _ in range(options.rounds)]
    ratios = sorted(theirs[0] / own[0] for own, theirs in rounds)
    result = {"attend": statistics.median(own[0] for own, _ in rounds),
              "ctranslate2": statistics.median(theirs[0] for _, theirs in rounds), "ratio": statistics.median(ratios),
              "low": ratios[0], "high": ratios[-1]}
    (_, own), (_, theirs) = rounds[-1]
    if options.json:
        print(json.dumps({**result, "texts": [own, theirs]}))
        return
    print(f"a window: attend {1000 * result['attend']:.0f} ms, CTranslate2 {1000 * result['ctranslate2']:.0f} ms, "
          f"ratio {result['ratio']:.2f} ({result['low']:.2f} to {result['high']:.2f} in {options.rounds} rounds)")
    print(f"attend wrote:      {own}\nCTranslate2 wrote: {theirs}")


if __name__ == "__main__":
    main()
