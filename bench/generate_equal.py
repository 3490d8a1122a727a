#!/usr/bin/env python3
"""Whether attend decodes and scores as Transformers does: the same model and lines, greedy and beam.

    python3 bench/generate_equal.py MODEL [--source F] [--lines N] [--beam N]

A line counts as equal where the token ids are the same. Where they differ, it is a tie if Transformers' own score of
attend's output is within 1e-4 of that of its own. Then `attend score` of Transformers' outputs' texts against PyTorch's
log-probabilities. Exits with 1 where a line is neither equal nor a tie, or a score is 1e-3 or more away.
"""
import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile

import peers

FLICKR = os.path.join(peers.ROOT, "..", "shared", "data", "multi30k", "test_2016_flickr.de.gz")
TIE, SCORE = 1e-4, 1e-3


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("model")
    parser.add_argument("--source", default=FLICKR, help="plain or .gz (Multi30k's test_2016_flickr)")
    parser.add_argument("--lines", type=int, default=100)
    parser.add_argument("--beam", type=int, default=4)
    parser.add_argument("--max-length", type=int, default=60, help="tokens of a translation, end token in (60)")
    parser.add_argument("--attend", default=os.path.join(peers.ROOT, "build", "attend"))
    return parser.parse_args()


def read_lines(path, count):
    with (gzip.open if path.endswith(".gz") else open)(path, "rt", encoding="utf-8") as file:
        return [line.rstrip("\n") for line in file if line.strip()][:count]


def run_attend(options, verb, *rest, text=None):
    command = [options.attend, verb, options.model, "--json", *rest]
    result = subprocess.run(command, input=text, stdout=subprocess.PIPE, text=True)
    if result.returncode:
        sys.exit(f"{' '.join(command)} failed with status {result.returncode}")
    return [json.loads(line) for line in result.stdout.splitlines()]


class Peer:
    def __init__(self, options):
        import torch
        from tokenizers import Tokenizer
        from transformers import AutoModelForSeq2SeqLM
        self.torch, self.options = torch, options
        self.model = AutoModelForSeq2SeqLM.from_pretrained(options.model, dtype=torch.float32).eval()
        self.tokenizer = Tokenizer.from_file(os.path.join(options.model, "tokenizer.json"))
        self.eos, self.start = self.model.config.eos_token_id, self.model.config.decoder_start_token_id

    def generate(self, line, beam):
        """The ids after the start token, to the end token."""
        source = self.torch.tensor([self.tokenizer.encode(line).ids])
        with self.torch.no_grad():
            ids = self.model.generate(source, num_beams=beam, do_sample=False, length_penalty=1.0, early_stopping=False,
                                      max_length=self.options.max_length + 1)[0].tolist()[1:]
        return ids[:ids.index(self.eos) + 1] if self.eos in ids else ids

    def logprob(self, line, target):
        source = self.torch.tensor([self.tokenizer.encode(line).ids])
        with self.torch.no_grad():
            logits = self.model(input_ids=source, decoder_input_ids=self.torch.tensor([[self.start] + target[:-1]])).logits
        rows = self.torch.log_softmax(logits[0].double(), -1)
        return rows[range(len(target)), target].sum().item()


def compare_outputs(options, peer, lines, beam):
    """(equal, ties, differences); greedy's score is that of each token, so a tie there is judged by the sum."""
    found = run_attend(options, "translate", "--beam", str(beam), "--length-penalty", "1", "--max-length",
                       str(options.max_length), text="".join(line + "\n" for line in lines))
    equal, ties, outputs, worst = 0, 0, [], 0.0
    for line, got in zip(lines, found):
        want = peer.generate(line, beam)
        outputs.append(want)
        if got["ids"] == want:
            equal += 1
            worst = max(worst, abs(got["logprob"] - peer.logprob(line, want)))
            continue
        scores = [peer.logprob(line, ids) / len(ids) for ids in (got["ids"], want)]
        ties += abs(scores[0] - scores[1]) < TIE
        print(f"  beam {beam} differs, scores {scores[0]:.6f} and {scores[1]:.6f}: {line}")
    name = "greedy" if beam == 1 else f"beam {beam}"
    print(f"{name}: {equal} of {len(lines)} equal, {ties} ties; largest difference of a log-probability {worst:.2g}")
    return equal + ties == len(lines), outputs


def compare_scores(options, peer, lines, outputs):
    targets = [peer.tokenizer.decode(ids) for ids in outputs]
    with tempfile.TemporaryDirectory() as folder:
        paths = [os.path.join(folder, name) for name in ("source", "target")]
        for path, texts in zip(paths, (lines, targets)):
            with open(path, "w", encoding="utf-8") as file:
                file.write("".join(text.replace("\n", " ") + "\n" for text in texts))
        found = run_attend(options, "score", "--source", paths[0], "--target", paths[1])
    worst = 0.0
    for line, target, got in zip(lines, targets, found):
        ids = peer.tokenizer.encode(target.replace("\n", " ")).ids
        assert got["tokens"] == len(ids), (got, ids)
        worst = max(worst, abs(got["logprob"] - peer.logprob(line, ids)))
    print(f"attend score: largest difference {worst:.2g} over {len(found)} pairs")
    return worst < SCORE and len(found) == len(lines)


def main():
    options = arguments()
    peers.require()
    lines = read_lines(options.source, options.lines)
    peer = Peer(options)
    greedy, outputs = compare_outputs(options, peer, lines, 1)
    beam, _ = compare_outputs(options, peer, lines, options.beam)
    scores = compare_scores(options, peer, lines, outputs)
    sys.exit(0 if greedy and beam and scores else 1)


if __name__ == "__main__":
    main()
