#!/usr/bin/env python3
"""Whether `attend answer --data` finds what Transformers computes on the same windows.

    python3 tools/check_answers.py build/attend MODEL squad.json [--limit N] [--null]

AutoModelForQuestionAnswering reads the windows that the fast tokenizer makes of each question (384 tokens, the next one
128 tokens of the context later); the answer is chosen as run_squad does (compute_predictions_logits), with the
tokenizer's offsets for words. Compared are the answers, the probabilities of the n-best lists and, with --null, the odds
of no answer.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

if __name__ == "__main__":  # before the imports that follow: --help needs none of them
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("attend")
    parser.add_argument("model")
    parser.add_argument("data")
    parser.add_argument("--limit", type=int, default=200)
    parser.add_argument("--null", action="store_true")
    args = parser.parse_args()

import numpy as np
import torch
from transformers import AutoModelForQuestionAnswering, AutoTokenizer

WINDOW, STRIDE, BEST, LONGEST = 384, 128, 20, 30


def windows(tokenizer, question, context, most):
    """Ids, types, first row of the context, first token of it, offsets. A question of more than half a window is cut, as
    attend cuts it."""
    whole = tokenizer(question, context, return_offsets_mapping=True)
    texts, specials = whole.sequence_ids(0), tokenizer.num_special_tokens_to_add(pair=True)
    asked, part = ([i for i, s in enumerate(texts) if s == which] for which in (0, 1))
    kept = asked[:most // 2 - specials // 2]
    head = [i for i in range(part[0]) if texts[i] is None or i in kept]
    tail = list(range(part[-1] + 1, len(texts)))
    room = most - len(kept) - specials
    step, start, out = min(STRIDE, room), 0, []
    while True:
        size = min(room, len(part) - start)
        rows = head + part[start:start + size] + tail
        out.append(({k: [whole[k][i] for i in rows] for k in whole.keys() if k != "offset_mapping"}, len(head), start, size))
        if start + size == len(part):
            return out, [whole["offset_mapping"][i] for i in part]
        start += step


def best_window(spans, token):
    scores = [(min(token - start, start + size - 1 - token) + 0.01 * size, -i) if start <= token < start + size else (-1, 0)
              for i, (_, _, start, size) in enumerate(spans)]
    return int(np.argmax([s[0] for s in scores]))


def answer(model, tokenizer, question, context, most):
    spans, offsets = windows(tokenizer, question, context, most)
    found, null = [], None
    for index, (inputs, first, start, size) in enumerate(spans):
        with torch.no_grad():
            result = model(**{k: torch.tensor([v]) for k, v in inputs.items()})
        begins, ends = result.start_logits[0].numpy(), result.end_logits[0].numpy()
        if null is None or begins[0] + ends[0] < null[0] + null[1]:
            null = (begins[0], ends[0])
        order = lambda x: sorted(range(len(x)), key=lambda i: x[i], reverse=True)[:BEST]
        for b in order(begins):
            for e in order(ends):
                if not (first <= b <= e < first + size) or e - b + 1 > LONGEST:
                    continue
                token = start + b - first
                if best_window(spans, token) != index:
                    continue
                text = context[offsets[token][0]:offsets[start + e - first][1]].strip()
                if text:
                    found.append((float(begins[b]) + float(ends[e]), text))
    found.sort(key=lambda f: -f[0])
    chosen = []
    for score, text in found:
        if len(chosen) < BEST and text not in [c[1] for c in chosen]:
            chosen.append((score, text))
    odds = float(null[0]) + float(null[1]) - chosen[0][0] if chosen else 0.0
    best = chosen[0][1] if chosen else None
    if args.null:
        best = "" if odds > 0 else best
        chosen.append((float(null[0]) + float(null[1]), ""))
    total = np.exp(np.array([c[0] for c in chosen]) - max([c[0] for c in chosen], default=0))
    return best, odds, {c[1]: p for c, p in zip(chosen, total / total.sum())}


def main():
    with open(args.data, encoding="utf-8") as file:
        data = json.load(file)
    questions = [(q["id"], q["question"], p["context"]) for a in data["data"] for p in a["paragraphs"] for q in p["qas"]]
    kept = {q[0] for q in questions[:args.limit]}
    for article in data["data"]:
        for paragraph in article["paragraphs"]:
            paragraph["qas"] = [q for q in paragraph["qas"] if q["id"] in kept]
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    model = AutoModelForQuestionAnswering.from_pretrained(args.model, dtype=torch.float32).eval()
    config = model.config
    most = config.max_position_embeddings - (2 if config.model_type in ("roberta", "xlm-roberta", "mpnet") else 0)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "data.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(data, file)
        subprocess.run([args.attend, "answer", args.model, "--data", path, "-o", folder] +
                       (["--null-threshold", "0"] if args.null else ["--no-null"]), check=True)
        load = lambda name: json.load(open(os.path.join(folder, name), encoding="utf-8"))
        got, nbest, odds = load("predictions.json"), load("nbest_predictions.json"), load("null_odds.json") if args.null else {}
    same, apart, odds_apart = 0, 0.0, 0.0
    for key, question, context in questions[:args.limit]:
        best, null, probabilities = answer(model, tokenizer, question, context, min(WINDOW, most))
        same += best == got[key] or best is None
        if best is None:
            continue
        if best != got[key]:
            print(f"{key}: {got[key]!r}, not {best!r}")
        mine = {n["text"]: n["probability"] for n in nbest[key]}
        apart = max([apart] + [abs(mine.get(t, 0) - p) for t, p in probabilities.items()])
        odds_apart = max(odds_apart, abs(odds.get(key, null) - null))
    count = min(args.limit, len(questions))
    print(f"{same} of {count} answers are the same; probabilities are apart by {apart:.2g}, odds by {odds_apart:.2g}")
    return 0 if same == count and apart < 1e-3 and odds_apart < 1e-2 else 1


if __name__ == "__main__":
    sys.exit(main())
