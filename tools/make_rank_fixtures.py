#!/usr/bin/env python3
"""Makes what ranking is held to: tests/data/rank.json, and tests/data/rank_bert, a small cross-encoder.

    python3 -m pip install torch transformers "sentence-transformers==6.2"
    python3 tools/make_rank_fixtures.py tests/data

Cases are folders as in make_sentence_fixtures.py. Of a cross-encoder there are the scores that CrossEncoder.predict of
sentence-transformers gives the pairs, and its logits; of a sentence encoder the similarities of encode_query and
encode_document. All in float64.
"""
import argparse
import json
import os
import shutil
import sys
import tempfile

if __name__ == "__main__":  # before the imports that follow: --help needs none of them
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", help="tests/data")
    arguments = parser.parse_args()

import torch
import transformers
from sentence_transformers import CrossEncoder, SentenceTransformer
from sentence_transformers.base.modules import Normalize
from sentence_transformers.sentence_transformer.modules import Pooling
from torch import nn

from make_sentence_fixtures import DOCUMENT, QUERY, build, new, numbers

QUERIES = ["a dog walks", "the man throws the ball"]
TEXTS = ["The man throws the ball.", "A dog walks, reading a book!", "", "box", "the dog " * 20, "A dog walks, reading a book!",
         "a woman walks. the dog walks"]
PAIRS = [[query, text] for query in QUERIES for text in TEXTS] + [["the man reads " * 12, "a dog " * 30], ["", "box"]]
MEMBERS = ["config.json", "model.safetensors", "tokenizer.json", "generation_config.json"]


def make_model(out):
    """look_bert's shape and tokenizer, with one label."""
    folder = os.path.join(out, "rank_bert")
    shutil.rmtree(folder, ignore_errors=True)
    config = transformers.AutoConfig.from_pretrained(os.path.join(out, "look_bert"), num_labels=1)
    model = transformers.BertForSequenceClassification(config)
    for weight in model.parameters():
        nn.init.normal_(weight, std=0.3)
    nn.init.normal_(model.classifier.weight, std=3)
    nn.init.constant_(model.classifier.bias, 9)  # where activations are not flat
    model.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(os.path.join(out, "look_bert", name), os.path.join(folder, name))


def config_with(out, **more):
    with open(os.path.join(out, "rank_bert", "config.json"), encoding="utf-8") as file:
        return {"config.json": {**json.load(file), **more}}


def saved(out, name, **how):
    """A folder as CrossEncoder saves it."""
    files = {}
    with tempfile.TemporaryDirectory() as folder:
        CrossEncoder(os.path.join(out, "rank_bert"), device="cpu", **how).save_pretrained(folder, create_model_card=False)
        for root, _, names in os.walk(folder):
            for file in names:
                path = os.path.relpath(os.path.join(root, file), folder)
                if path not in MEMBERS:
                    with open(os.path.join(root, file), encoding="utf-8") as source:
                        files[path] = json.load(source)
    return {"name": name, "base": "rank_bert", "files": files}


def cross_cases(out):
    identity = "torch.nn.modules.linear.Identity"
    yield {"name": "plain", "base": "rank_bert", "files": {}}
    yield {"name": "identity", "base": "rank_bert",
           "files": config_with(out, sentence_transformers={"activation_fn": identity, "version": "4.1.0"})}
    yield {"name": "old", "base": "rank_bert",
           "files": config_with(out, sbert_ce_default_activation_function=identity)}
    yield saved(out, "saved", activation_fn=nn.Tanh(), max_length=12)
    yield saved(out, "prompted", prompts={"read": QUERY}, default_prompt_name="read")


def vector_cases(out):
    prompts = {"query": QUERY, "document": DOCUMENT}
    for name in ("cosine", "dot", "euclidean", "manhattan"):
        case = new(out, name, Pooling(16, "mean"), prompts=prompts if name != "dot" else None,
                   default="query" if name == "manhattan" else None)
        case["files"]["config_sentence_transformers.json"]["similarity_fn_name"] = name
        yield case
    yield new(out, "normalised", Pooling(16, "cls"), Normalize())


def cross(folder):
    model = CrossEncoder(folder, device="cpu", model_kwargs={"dtype": torch.float64})
    predict = lambda **how: numbers(torch.as_tensor(model.predict(PAIRS, convert_to_tensor=True, **how)))
    return {"scores": predict(), "logits": predict(activation_fn=nn.Identity())}


def vectors(folder):
    model = SentenceTransformer(folder, device="cpu", model_kwargs={"dtype": torch.float64})
    query = model.encode_query([pair[0] for pair in PAIRS], convert_to_tensor=True)
    text = model.encode_document([pair[1] for pair in PAIRS], convert_to_tensor=True)
    return {"scores": numbers(torch.as_tensor(model.similarity_pairwise(query, text)))}


def make(out):
    torch.manual_seed(7)
    make_model(out)
    cases = []
    for make_cases, compute in ((cross_cases, cross), (vector_cases, vectors)):
        for case in make_cases(out):
            with tempfile.TemporaryDirectory() as folder:
                build(out, case, folder)
                cases.append({**case, **compute(folder)})
    with open(os.path.join(out, "rank.json"), "w", encoding="utf-8") as file:
        texts = ",\n  ".join(json.dumps(case) for case in cases)
        file.write(f'{{"pairs": {json.dumps(PAIRS)}, "cases": [\n  {texts}\n]}}\n')
    print(len(cases), "cases")


if __name__ == "__main__":
    transformers.logging.set_verbosity_error()
    sys.exit(make(arguments.out))
