#!/usr/bin/env python3
"""Makes tests/data/squad_pairs.json, squad_v1.json, squad_v2.json and what the official scripts make of predictions.

    python3 tools/make_squad_fixtures.py

The functions below count as SQuAD's evaluate-v1.1.py and evaluate-v2.0.py do (Rajpurkar et al. 2016, 2018).
squad_pairs.json: a list of {"prediction", "answers", "v1": [exact, F1], "v2": [exact, F1]}.
squad_v1.json, squad_v2.json: {"data": a file of SQuAD, "predictions": ..., "odds": ..., "score": ..., "with_odds": ...}.
"""
import argparse
import collections
import json
import os
import random
import re
import string

if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "data")


def normalize(text):
    text = "".join(c for c in text.lower() if c not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def f1_of(prediction, truth, version2):
    got, want = normalize(prediction).split(), normalize(truth).split()
    common = sum((collections.Counter(got) & collections.Counter(want)).values())
    if version2 and (not got or not want):
        return float(got == want)
    if common == 0:
        return 0.0
    precision, recall = common / len(got), common / len(want)
    return 2 * precision * recall / (precision + recall)


def exact_of(prediction, truth):
    return float(normalize(prediction) == normalize(truth))


def score(prediction, answers, version2):
    if version2:
        answers = [a for a in answers if normalize(a)]
    answers = answers or [""]
    return [max(exact_of(prediction, a) for a in answers), max(f1_of(prediction, a, version2) for a in answers)]


def best(scores, predictions, odds, answerable):
    current = top = sum(not has for has in answerable.values())
    threshold = 0.0
    for key in sorted(odds, key=odds.get):
        if key not in scores:
            continue
        current += scores[key] if answerable[key] else (-1 if predictions[key] else 0)
        if current > top:
            top, threshold = current, odds[key]
    return 100.0 * top / len(scores), threshold


def evaluate(questions, predictions, odds, threshold, version2):
    answerable = {q["id"]: bool(q["answers"]) for q in questions}
    both = {q["id"]: score(predictions.get(q["id"], ""), [a["text"] for a in q["answers"]], version2)
            for q in questions if q["id"] in predictions or not version2}
    if not version2:
        for q in questions:
            if q["id"] not in predictions:
                both[q["id"]] = [0.0, 0.0]
    raw = dict(both)
    if odds is not None:
        both = {k: [float(not answerable[k])] * 2 if odds[k] > threshold else v for k, v in both.items()}
    mean = lambda keys, i: 100.0 * sum(both[k][i] for k in keys) / len(keys)
    out = {"exact": mean(list(both), 0), "f1": mean(list(both), 1), "total": len(both)}
    for name, has in (("has_answer", True), ("no_answer", False)):
        keys = [k for k in both if answerable[k] == has]
        if keys and version2:
            out[name], out[name + "_exact"], out[name + "_f1"] = len(keys), mean(keys, 0), mean(keys, 1)
    if odds is not None:
        for i, name in enumerate(("best_exact", "best_f1")):
            out[name], out[name + "_threshold"] = best({k: v[i] for k, v in raw.items()}, predictions, odds, answerable)
    return out


WORDS = ["the", "a", "An", "Mount", "Everest", "U.S.", "don't", "e-mail", "ΟΔΟΣ", "οδος", "İstanbul", "Straße", "STRASSE",
         "naïve", "naive", "1,234", "1234", "日本", "日本語", "$5", "—", "…", "the-end", "theend", "a\u0301b", "\u00a0", "\t",
         "x_y", "xy", "(the)", "...", "ﬁ", "½", "THE", "ǅ", "of", "in", "Σ", "a\u200bb", "٣", "Ⅷ", "ß", "\x1c", "an."]


def texts(draw, most):
    return "".join(draw.choice(WORDS) + draw.choice([" ", " ", "  ", "", "\n"]) for _ in range(draw.randint(0, most)))


def file_of(draw, version2):
    questions, predictions, odds = [], {}, {}
    for i in range(60):
        answers = [{"text": texts(draw, 4) or "x", "answer_start": 0} for _ in range(draw.randint(1, 3))]
        if version2 and draw.random() < 0.4:
            answers = []
        key = f"q{i}"
        question = {"id": key, "question": "?", "answers": answers}
        if version2:
            question["is_impossible"] = not answers
        questions.append(question)
        odds[key] = draw.choice([-3.5, -1.0, 0.0, 0.25, 2.0, 7.5])
        if i != 7:
            right = answers and draw.random() < 0.5
            predictions[key] = answers[0]["text"] + draw.choice(["", " more"]) if right else texts(draw, 4) if draw.random() < 0.7 else ""
    data = {"version": "v2.0" if version2 else "1.1",
            "data": [{"title": "t", "paragraphs": [{"context": "c", "qas": questions}]}]}
    out = {"data": data, "predictions": predictions, "score": evaluate(questions, predictions, None, 1, version2)}
    if version2:
        out["odds"], out["with_odds"] = odds, evaluate(questions, predictions, odds, 0.1, True)
    return out


def write(name, value):
    with open(os.path.join(OUT, name), "w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False, separators=(",", ":"))
        file.write("\n")


def main():
    draw = random.Random(5)
    pairs = []
    for _ in range(220):
        answers = [texts(draw, 4) for _ in range(draw.randint(1, 3))]
        prediction = draw.choice(answers) if draw.random() < 0.25 else texts(draw, 5)
        if draw.random() < 0.2:
            prediction = prediction.upper()
        pairs.append({"prediction": prediction, "answers": answers, "v1": score(prediction, answers, False),
                      "v2": score(prediction, answers, True)})
    write("squad_pairs.json", pairs)
    for version2 in (False, True):
        write(f"squad_v{1 + version2}.json", file_of(draw, version2))


if __name__ == "__main__":
    main()
