#!/usr/bin/env python3
"""attend and llama.cpp in turn on the same .gguf: tokens a second read and written, perplexity, greedy continuations.

    python3 -m pip install llama-cpp-python numpy
    python3 bench/llama.py model.gguf --attend build/attend --threads 2
    python3 bench/llama.py model.gguf --text wiki.valid.raw --tokens 20000 --prompts 20

Speeds are the fastest of --times of each, one program after the other each time. Perplexity is of pieces of the text of
about 1,500 characters, each a text of its own with the model's start token; both programs must make the same tokens.
With --exact, the same weights in float32 (attend convert MODEL --type float32 -o F.gguf), it says how far each program's
log-probabilities are from those: the root of the mean square of a piece's difference over the root of its tokens.
A greedy continuation that parts says by how much the two best logits of llama.cpp differ there.
"""
import argparse
import json
import math
import pathlib
import subprocess
import sys
import tempfile
import time

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("model")
parser.add_argument("--attend", default="build/attend")
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--lengths", default="32,512")
parser.add_argument("--written", type=int, default=64, help="tokens written, of one text")
parser.add_argument("--times", type=int, default=5)
parser.add_argument("--text", help="plain text for perplexity and prompts")
parser.add_argument("--tokens", type=int, default=20000, help="of the text")
parser.add_argument("--exact", help="the model's weights in float32, with --text")
parser.add_argument("--prompts", type=int, default=0, help="continued by 48 tokens")
arguments = parser.parse_args()

import llama_cpp
import numpy as np


def attend(*words, model=arguments.model, **options):
    command = [arguments.attend, words[0], model, *words[1:], "--threads", str(arguments.threads), "-q"]
    return subprocess.run(command, check=True, capture_output=True, text=True, **options).stdout


def open_llama(context, all_logits=False):
    return llama_cpp.Llama(arguments.model, n_ctx=context, n_batch=max(512, context), n_ubatch=512, n_threads=arguments.threads,
                           n_threads_batch=arguments.threads, logits_all=all_logits, verbose=False)


def last_logits(llama):
    return np.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(llama.ctx, -1), shape=(llama.n_vocab(),))


# ---- speed ----

def attend_speeds():
    out = attend("bench", "--lengths", arguments.lengths, "--batches", "1", "--tokens", str(arguments.written), "--seconds", "1", "--json")
    works = [json.loads(line) for line in out.splitlines()[1:]]
    return {(w["work"], w["tokens"]): w["tokens_per_second"] for w in works}


def llama_speeds(llama, lengths):
    random, speeds = np.random.default_rng(1), {}
    half = llama.n_vocab() // 4
    for length in lengths:
        llama.reset()
        ids = random.integers(half, 3 * half, length).tolist()
        begin = time.perf_counter()
        llama.eval(ids)
        speeds["read", length] = length / (time.perf_counter() - begin)
    llama.reset()
    llama.eval(random.integers(half, 3 * half, 8).tolist())
    begin = time.perf_counter()
    for _ in range(arguments.written):
        llama.eval([int(np.argmax(last_logits(llama)))])
    speeds["write", arguments.written] = arguments.written / (time.perf_counter() - begin)
    return speeds


def compare_speeds():
    lengths = [int(n) for n in arguments.lengths.split(",")]
    llama = open_llama(max(lengths) + arguments.written + 16)
    best = [{}, {}]
    for _ in range(arguments.times):
        for all_of, some in zip(best, (attend_speeds(), llama_speeds(llama, lengths))):
            for work, speed in some.items():
                all_of[work] = max(all_of.get(work, 0), speed)
    print(f"{'work':6} {'tokens':>7} {'attend':>12} {'llama.cpp':>12} {'ratio':>7}   tokens a second")
    for work in best[1]:
        own, other = best[0].get(work, math.nan), best[1][work]
        print(f"{work[0]:6} {work[1]:7} {own:12.1f} {other:12.1f} {own / other:7.2f}")


# ---- what is said ----

def pieces_of(llama):
    pieces, piece, tokens = [], "", 0
    for line in pathlib.Path(arguments.text).read_text(encoding="utf-8").splitlines():
        piece += " " + line.strip() if piece else line.strip()
        if len(piece) < 1500:
            continue
        pieces.append(piece)
        tokens += len(llama.tokenize(piece.encode(), add_bos=True))
        piece = ""
        if tokens >= arguments.tokens:
            break
    return pieces


def llama_logprob(llama, ids):
    llama.reset()
    llama.eval(ids)
    logits = np.asarray(llama.scores[: len(ids) - 1], dtype=np.float64)
    highest = logits.max(axis=1)
    sums = highest + np.log(np.exp(logits - highest[:, None]).sum(axis=1))
    return float((logits[np.arange(len(ids) - 1), ids[1:]] - sums).sum())


def compare_perplexities(llama, pieces):
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        file.write("".join(piece + "\n" for piece in pieces))
        file.flush()
        models = [arguments.model] + ([arguments.exact] if arguments.exact else [])
        scores, *exact = [
            [json.loads(line) for line in attend("score", "--text", file.name, "--lines", "--json", model=m).splitlines()]
            for m in models
        ]
    own = other = tokens = differing = 0
    errors = []
    for i, (piece, score) in enumerate(zip(pieces, scores)):
        ids = llama.tokenize(piece.encode(), add_bos=True)
        if ids[0] != llama.token_bos():  # attend score has a text behind the start token, whatever prompts have
            ids = [llama.token_bos()] + ids
        if len(ids) - 1 != score["tokens"]:
            differing += 1
            continue
        theirs = llama_logprob(llama, ids)
        own, other, tokens = own + score["logprob"], other + theirs, tokens + len(ids) - 1
        if exact:
            true = exact[0][i]["logprob"]
            errors.append([(x - true) / math.sqrt(len(ids) - 1) for x in (score["logprob"], theirs)])
    if not tokens:
        sys.exit("the two programs make other tokens of every piece")
    own, other = math.exp(-own / tokens), math.exp(-other / tokens)
    print(f"perplexity of {tokens} tokens: attend {own:.4f}, llama.cpp {other:.4f} ({100 * (own / other - 1):+.3f} %)"
          + (f"; {differing} pieces with other tokens left out" if differing else ""))
    if errors:
        ours, theirs = np.sqrt(np.mean(np.square(errors), axis=0))
        print(f"off the exact log-probability of a token, over {len(errors)} pieces: attend {ours:.3f}, llama.cpp {theirs:.3f}")


def compare_greedy(llama, pieces):
    same = 0
    for piece in pieces[: arguments.prompts]:
        prompt = " ".join(piece.split()[:12])
        out = json.loads(attend("generate", prompt, "--max-tokens", "48", "--temperature", "0", "--ignore-end", "--json"))
        ids = llama.tokenize(prompt.encode(), add_bos=True)
        llama.reset()
        llama.eval(ids)
        for place, token in enumerate(out["ids"]):
            logits = last_logits(llama)
            best = int(np.argmax(logits))
            if best != token:
                print(f"parts at token {place}, where llama.cpp's logits of the two differ by {logits[best] - logits[token]:.4f}: {prompt!r}")
                break
            llama.eval([token])
        else:
            same += 1
    print(f"greedy continuations: {same} of {min(arguments.prompts, len(pieces))} the same")


if __name__ == "__main__":
    compare_speeds()
    if arguments.text:
        with_logits = open_llama(2048, all_logits=True)
        text = pieces_of(with_logits)
        compare_perplexities(with_logits, text)
        if arguments.prompts:
            compare_greedy(with_logits, text)
