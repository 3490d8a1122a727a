#!/usr/bin/env python3
"""How fast attend trains a language model beside PyTorch eager in float32, in turn several times.

    script/build && python3 bench/lm.py [char|gpt2] [--steps N] [--rounds N] [--threads N]

char: 4 layers, 4 heads, width 128, windows of 64 characters, batches of 12 (nanoGPT's configuration for a CPU).
gpt2: the shape of GPT-2 124M, windows of 64 tokens, batches of 4.
Prints seconds a step, their ratio, and the peak resident memory. The text is ../shared/data/tinyshakespeare where no
other is named; gpt2 takes the vocabulary in ../shared/data/tokenizers. PyTorch's model is GPT2LMHeadModel of
Transformers, with fused AdamW.
"""
import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

import peers

SHARED = os.path.join(peers.ROOT, "..", "shared", "data")
SHAPES = {"char": dict(n_layer=4, n_head=4, n_embd=128, vocab_size=66, n_positions=64, batch=12),
          "gpt2": dict(n_layer=12, n_head=12, n_embd=768, vocab_size=50257, n_positions=1024, batch=4)}
WINDOW = 64


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("shape", nargs="?", choices=SHAPES, default="char")
    parser.add_argument("--text", default=os.path.join(SHARED, "tinyshakespeare", "input.txt"))
    parser.add_argument("--tokenizers", default=os.path.join(SHARED, "tokenizers"))
    parser.add_argument("--attend", default=os.path.join(peers.ROOT, "build", "attend"))
    parser.add_argument("--steps", type=int, default=0, help="timed steps of a run (char 200, gpt2 20)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--peer", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def config_of(shape):
    from transformers import GPT2Config
    sizes = {key: value for key, value in SHAPES[shape].items() if key != "batch"}
    return GPT2Config(**sizes, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, bos_token_id=0, eos_token_id=0)


def peer(options):
    """PyTorch's steps, in a process of its own so that its memory can be told."""
    import torch
    from transformers import GPT2LMHeadModel
    torch.manual_seed(0)
    torch.set_num_threads(options.threads)
    model = GPT2LMHeadModel(config_of(options.shape))
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
    rows, vocabulary = SHAPES[options.shape]["batch"], SHAPES[options.shape]["vocab_size"]
    begin = None
    for step in range(options.steps + 10):
        if step == 10:
            begin = time.perf_counter()
        ids = torch.randint(vocabulary, (rows, WINDOW + 1))
        logits = model(ids[:, :-1], use_cache=False).logits
        loss = torch.nn.functional.cross_entropy(logits.reshape(-1, vocabulary), ids[:, 1:].reshape(-1))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    seconds = (time.perf_counter() - begin) / options.steps
    print(json.dumps({"seconds": seconds, "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


def make_gpt2(options, folder):
    """A folder of that shape with GPT-2's own vocabulary, untrained."""
    from tokenizers import ByteLevelBPETokenizer
    from transformers import GPT2LMHeadModel
    GPT2LMHeadModel(config_of("gpt2")).save_pretrained(folder)
    names = [os.path.join(options.tokenizers, name) for name in ("gpt2_encoder.json", "gpt2_vocab.bpe")]
    ByteLevelBPETokenizer(*names).save(os.path.join(folder, "tokenizer.json"))


def attend(options, folder):
    out = tempfile.mkdtemp(dir=folder)
    small = os.path.join(folder, "valid.txt")
    with open(options.text, encoding="utf-8") as text, open(small, "w", encoding="utf-8") as valid:
        valid.write(text.read(2000))
    last = 10 * (1 + (options.steps + 9) // 10)
    command = [options.attend, "train", "lm", "--text", options.text, "--valid", small, "--out", out, "--threads",
               str(options.threads), "--steps", str(last), "--batch", str(SHAPES[options.shape]["batch"]), "--dropout",
               "0", "--valid-every", "1000000", "--save-every", "1000000", "--quiet"]
    if options.shape == "gpt2":
        command += ["--from", os.path.join(folder, "gpt2"), "--max-length", str(WINDOW)]
    else:
        command += ["--tokenizer", "char", "--layers", "4", "--heads", "4", "--width", "128", "--context", str(WINDOW)]
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit("attend failed")
    with open(os.path.join(out, "train.jsonl"), encoding="utf-8") as lines:
        steps = [line for line in map(json.loads, lines) if "loss" in line and line["step"] >= 10]
    seconds = (steps[-1]["seconds"] - steps[0]["seconds"]) / (steps[-1]["step"] - steps[0]["step"])
    return {"seconds": seconds, "memory": usage.ru_maxrss / 1024}


def main():
    options = arguments()
    peers.require()
    options.steps = options.steps or {"char": 200, "gpt2": 20}[options.shape]
    if options.peer:
        peer(options)
        return
    command = [sys.executable, __file__, options.shape, "--peer", "--steps", str(options.steps), "--threads",
               str(options.threads)]
    ours, theirs, ratios = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        if options.shape == "gpt2":
            make_gpt2(options, os.path.join(folder, "gpt2"))
        for _ in range(options.rounds):
            theirs.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
            ours.append(attend(options, folder))
            ratios.append(theirs[-1]["seconds"] / ours[-1]["seconds"])
            print(f"PyTorch {theirs[-1]['seconds'] * 1e3:8.1f} ms a step, attend {ours[-1]['seconds'] * 1e3:8.1f}: "
                  f"{ratios[-1]:.2f} x", flush=True)
    print(f"{options.shape}: attend is {statistics.median(ratios):.2f} x as fast ({min(ratios):.2f} to {max(ratios):.2f});"
          f" peak memory {max(o['memory'] for o in ours):.0f} MB, PyTorch {max(t['memory'] for t in theirs):.0f} MB")


if __name__ == "__main__":
    main()
