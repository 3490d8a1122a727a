#!/usr/bin/env python3
"""How fast attend translates beside CTranslate2: the same model in float32 (with --int8 FOLDER: in eight bits), the same
lines, in turn several times.

    cmake -S . -B build -DATTEND_BENCH=ON && cmake --build build && python3 bench/translate.py MODEL [--source F]

Beam 4, batches of 32 lines sorted by length, then one line at a time. Both stop a sentence at as many finished
hypotheses as the beam has (CTranslate2's patience 1, attend's early_stopping) and at the same length; the tokens that
each gave are printed, for they must be about as many. attend's times hold tokenizing and joining the text again;
CTranslate2 gets and gives tokens. Where CTranslate2 and oneDNN share a machine with others, only the ratio of runs that
stand side by side means something: it is printed for each round, with their median and range.
"""
import argparse
import gzip
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import peers

FLICKR = os.path.join(peers.ROOT, "..", "shared", "data", "multi30k", "test_2016_flickr.de.gz")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("model", help="a Hugging Face folder that both open")
    parser.add_argument("--int8", metavar="FOLDER", help="what `attend quantize MODEL --type q8_0` made of the model; CTranslate2 "
                        "then computes in int8")
    parser.add_argument("--source", default=FLICKR, help="lines to translate, plain or .gz (Multi30k's test_2016_flickr)")
    parser.add_argument("--lines", type=int, default=320, help="how many of them (320; one at a time: a quarter)")
    parser.add_argument("--program", default=os.path.join(peers.ROOT, "build", "bench_translate"))
    parser.add_argument("--beam", type=int, default=4)
    parser.add_argument("--max-length", type=int, default=60, help="tokens of a translation (60)")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=5, help="runs of each, in turn (5)")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def read_lines(path, count):
    with (gzip.open if path.endswith(".gz") else open)(path, "rt", encoding="utf-8") as file:
        return [line.rstrip("\n") for line in file if line.strip()][:count]


def convert(model, folder, quantization):
    """The folder as CTranslate2's converter makes it."""
    from ctranslate2.converters import TransformersConverter
    TransformersConverter(model).convert(folder, quantization=quantization, force=True)


class Peer:
    def __init__(self, options, folder):
        import ctranslate2
        from tokenizers import Tokenizer
        self.options = options
        self.tokenizer = Tokenizer.from_file(os.path.join(options.model, "tokenizer.json"))
        self.translator = ctranslate2.Translator(folder, device="cpu", inter_threads=1,
                                                 compute_type="int8" if options.int8 else "float32",
                                                 intra_threads=options.threads)

    def translate(self, sources, batch):
        return self.translator.translate_batch(sources, beam_size=self.options.beam, length_penalty=1,
                                               max_batch_size=batch, batch_type="examples",
                                               max_decoding_length=self.options.max_length)

    def run(self, lines, batch):
        sources = [self.tokenizer.encode(line).tokens for line in lines]
        calls = [sources] if batch > 1 else [[source] for source in sources]
        self.translate(sources[:2 * batch], batch)
        start = time.perf_counter()
        results = [result for call in calls for result in self.translate(call, batch)]
        seconds = time.perf_counter() - start
        return {"seconds": seconds, "lines": len(results),
                "tokens": sum(min(len(r.hypotheses[0]) + 1, self.options.max_length) for r in results)}


def attend(options, path, batch):
    command = [options.program, options.int8 or options.model, path, str(batch), str(options.beam), str(options.max_length),
               str(options.threads)]
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if result.returncode:
        sys.exit(f"{' '.join(command)} failed with status {result.returncode}")
    return json.loads(result.stdout)


def compare(options, peer, lines, batch):
    """Sentences a second of each, round by round."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        file.write("".join(line + "\n" for line in lines))
        file.flush()
        rounds = [(attend(options, file.name, batch), peer.run(lines, batch)) for _ in range(options.rounds)]
    speeds = [[run["lines"] / run["seconds"] for run in pair] for pair in rounds]
    ratios = sorted(own / other for own, other in speeds)
    return {"batch": batch, "lines": len(lines), "attend": statistics.median(own for own, _ in speeds),
            "ctranslate2": statistics.median(other for _, other in speeds), "ratio": statistics.median(ratios),
            "ratio_low": ratios[0], "ratio_high": ratios[-1],
            "attend_tokens": rounds[0][0]["tokens"], "ctranslate2_tokens": rounds[0][1]["tokens"]}


def main():
    options = arguments()
    peers.require()
    if not os.path.exists(options.program):
        sys.exit(f"{options.program} is not there: cmake -S . -B build -DATTEND_BENCH=ON && cmake --build build")
    lines = read_lines(options.source, options.lines)
    with tempfile.TemporaryDirectory() as folder:
        convert(options.model, os.path.join(folder, "model"), "int8" if options.int8 else "float32")
        peer = Peer(options, os.path.join(folder, "model"))
        results = [compare(options, peer, lines, 32), compare(options, peer, lines[:max(1, len(lines) // 4)], 1)]
    for r in results:
        if options.json:
            print(json.dumps(r))
            continue
        print(f"batches of {r['batch']:2}: attend {r['attend']:.1f} sentences/s, CTranslate2 {r['ctranslate2']:.1f}, "
              f"ratio {r['ratio']:.2f} ({r['ratio_low']:.2f} to {r['ratio_high']:.2f} in {options.rounds} rounds); "
              f"{r['lines']} lines, tokens {r['attend_tokens']} and {r['ctranslate2_tokens']}")


if __name__ == "__main__":
    main()
