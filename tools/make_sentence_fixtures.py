#!/usr/bin/env python3
"""Makes what sentence encoders are held to: tests/data/sentence.json, and in tests/data/sentence the weights of stages.

    python3 -m pip install torch transformers "sentence-transformers==6.2"
    python3 tools/make_sentence_fixtures.py tests/data
    python3 tools/make_sentence_fixtures.py tests/data --convert build/attend

Each case is a folder: the files of tests/data/{base} at `place`, over them `files` (JSON; a string:
the file as it is, "@NAME": the bytes of tests/data/sentence/NAME). The new layouts are as sentence-transformers saves them, the older ones are written by hand
after folders on the Hugging Face Hub. `vectors` are what sentence-transformers 6.2 computes of the lines (or of the
case's own), in float64, with `prompt` (by name, or else as text) where there is one.

--convert does not write: it makes each folder, lets `attend convert` write it anew, and has sentence-transformers open
both; their vectors must be equal.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile

if __name__ == "__main__":  # before the imports that follow: --help needs none of them
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", help="tests/data")
    parser.add_argument("--convert", metavar="ATTEND", help="check folders that this binary converts")
    arguments = parser.parse_args()

import torch
import transformers
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense, Normalize, Transformer
from sentence_transformers.sentence_transformer.modules import Dropout, LayerNorm, Pooling
from torch import nn

LINES = ["The man throws the ball.", "A dog walks, reading a book!", "", "box", "the dog " * 20]
LETTERS = ["A man throws the ball.", "Dog", "READING a Book, walking - and on, and on"]
QUERY, DOCUMENT = "read a book: ", "the "
MODES = ["cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"]
ACTIVATIONS = ["Identity", "Tanh", "ReLU", "GELU", "SiLU", "Sigmoid", "LeakyReLU", "ELU", "CELU", "SELU", "Softplus",
               "Softsign", "Mish", "ReLU6", "Hardtanh", "Hardsigmoid", "Hardswish", "LogSigmoid", "Tanhshrink"]
OLD = "sentence_transformers.models."


def numbers(tensor, digits=7):
    return json.loads(json.dumps(tensor.tolist()), parse_float=lambda text: float(f"{float(text):.{digits}g}"))


def new(out, name, *stages, base="look_bert", prompts=None, default=None, truncate=None, **more):
    """A case as sentence-transformers saves it."""
    config = more.pop("transformer", {})
    model = SentenceTransformer(modules=[Transformer(os.path.join(out, base), **config), *stages], prompts=prompts,
                                default_prompt_name=default, truncate_dim=truncate, device="cpu")
    files = {}
    with tempfile.TemporaryDirectory() as folder:
        model.save(folder, create_model_card=False)
        for root, _, names in os.walk(folder):
            for file in names:
                path = os.path.relpath(os.path.join(root, file), folder)
                if path in ("config.json", "model.safetensors", "tokenizer.json", "generation_config.json"):
                    continue  # the base's
                if file == "model.safetensors":
                    stored = f"{name}_{os.path.dirname(path)[0]}.safetensors"
                    shutil.copyfile(os.path.join(root, file), os.path.join(out, "sentence", stored))
                    files[path] = "@" + stored
                else:
                    with open(os.path.join(root, file), encoding="utf-8") as source:
                        files[path] = json.load(source)
    for key, value in more.pop("over", {}).items():
        files[key] = {**files[key], **value}
    return {"name": name, "base": base, "files": files, **more}


def modules(*stages):
    """modules.json of an older folder."""
    return [{"idx": i, "name": str(i), "path": path, "type": OLD + kind} for i, (kind, path) in enumerate(stages)]


def flags(*modes, **more):
    keys = {"cls": "cls_token", "max": "max_tokens", "mean": "mean_tokens", "mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
            "weightedmean": "weightedmean_tokens", "lasttoken": "lasttoken"}
    count = 4 if set(modes) <= set(MODES[:4]) else 6
    return {"word_embedding_dimension": 16, **{"pooling_mode_" + keys[mode]: mode in modes for mode in MODES[:count]},
            **more}


def old(name, pooling, *stages, base="look_bert", place="", bert=None, **more):
    files = {"modules.json": modules(("Transformer", place), ("Pooling", "1_Pooling"), *stages),
             "1_Pooling/config.json": pooling, **more.pop("files", {})}
    if bert is not None:
        files[os.path.join(place, "sentence_bert_config.json")] = bert
    return {"name": name, "base": base, "place": place, "files": files, **more}


def dense(outputs, activation, inputs=16, **more):
    layer = Dense(inputs, outputs, activation_function=activation, **more)
    for weight in layer.parameters():
        nn.init.normal_(weight, std=0.6)
    return layer


def new_cases(out):
    mean = lambda **more: Pooling(16, "mean", **more)
    for mode in MODES:
        yield new(out, mode, Pooling(16, mode))
    yield new(out, "joined", Pooling(16, ["max", "cls", "weightedmean"]), Normalize())
    yield new(out, "dense", mean(), dense(8, nn.Tanh()), Normalize())
    norm = LayerNorm(8)
    nn.init.normal_(norm.norm.weight)
    nn.init.normal_(norm.norm.bias)
    yield new(out, "chain", Pooling(16, "cls"), dense(8, nn.GELU(), bias=False), norm, Dropout(0.3),
              dense(8, nn.ReLU(), inputs=8, use_residual=True), dense(4, nn.Identity(), inputs=8, use_residual=True))
    tokens = dict(module_input_name="token_embeddings")
    yield new(out, "tokens", dense(12, nn.Tanh(), **tokens), Normalize("token_embeddings"), Pooling(12, ["mean", "max"]))
    prompts = {"query": QUERY, "document": DOCUMENT, "none": ""}
    yield new(out, "prompt", mean(), Normalize(), prompts=prompts, default="query")
    for name, prompt in [("prompt_named", "document"), ("prompt_none", "none"), ("prompt_text", "a woman walks. ")]:
        yield new(out, name, mean(), Normalize(), prompts=prompts, default="query", prompt=prompt)
    yield new(out, "prompt_left_out", Pooling(16, MODES, include_prompt=False), prompts=prompts, default="query")
    yield new(out, "truncated", mean(), Normalize(), truncate=6)
    yield new(out, "model_max_length", mean(), over={"tokenizer_config.json": {"model_max_length": 7}})
    endless = new(out, "endless_length", mean(), over={"tokenizer_config.json": {"model_max_length": int(1e30)}})
    endless["files"]["tokenizer_config.json"] = json.dumps(endless["files"]["tokenizer_config.json"])
    yield endless
    yield new(out, "processor_length", mean(),
              over={"sentence_bert_config.json": {"processor_kwargs": {"model_max_length": 8}, "max_seq_length": 5}})
    yield new(out, "processing_length", mean(), transformer={"processing_kwargs": {"text": {"max_length": 6}}})
    pad = {"tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "~"}}
    yield new(out, "decoder", Pooling(16, ["lasttoken", "weightedmean"]), base="look_gpt2", lines=LETTERS, over=pad)
    weights = dense(3, nn.Tanh())
    for activation in ACTIVATIONS:
        case = new(out, "activation", mean(), weights)
        case["files"]["2_Dense/config.json"]["activation_function"] = "torch.nn.modules.activation." + activation
        if activation == "Identity":
            case["files"]["2_Dense/config.json"]["activation_function"] = "torch.nn.modules.linear.Identity"
        yield {**case, "name": activation}


def old_cases():
    for mode in ("cls", "max", "mean_sqrt_len_tokens", "lasttoken"):
        yield old("old_" + mode, flags(mode))
    yield old("old_joined", flags("mean", "cls", "max"), ("Normalize", "2_Normalize"))
    yield old("old_all", flags(*MODES, include_prompt=False), prompt=QUERY)
    yield old("old_none", flags())
    yield old("old_length", flags("mean"), bert={"max_seq_length": 9, "do_lower_case": False})
    yield old("old_place", flags("mean"), ("Normalize", "2_Normalize"), place="0_Transformer", bert={"max_seq_length": 9})
    yield old("old_lower", flags("mean"), base="look_gpt2", place="0_Transformer", lines=LETTERS,
              bert={"max_seq_length": None, "do_lower_case": True},
              files={"0_Transformer/tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast",
                                                             "pad_token": "~", "max_len": 12}})
    yield old("old_names", flags("mean"), files={"sentence_distilbert_config.json": {"max_seq_length": 6}})
    yield old("old_dense", flags("mean"), ("Dense", "further/2_Dense"),
              files={"further/2_Dense/config.json": {"in_features": 16, "out_features": 8},
                     "further/2_Dense/model.safetensors": "@dense_2.safetensors"})
    yield old("old_prompts", flags("mean", include_prompt=False),
              files={"config_sentence_transformers.json": {"__version__": {"sentence_transformers": "2.4.0"},
                                                           "prompts": {"query": QUERY}, "default_prompt_name": None}},
              prompt="query")


def plain_cases():
    """Without modules.json: as sentence-transformers takes a folder of Transformers."""
    yield {"name": "plain", "base": "look_bert", "files": {}}
    yield {"name": "plain_length", "base": "look_bert",
           "files": {"tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]",
                                               "unk_token": "[UNK]", "model_max_length": 6}}}
    yield {"name": "plain_prompt", "base": "look_bert", "files": {}, "prompt": "a woman walks. "}


def build(out, case, folder):
    shutil.copytree(os.path.join(out, case["base"]), os.path.join(folder, case.get("place", "")), dirs_exist_ok=True)
    for path, content in case["files"].items():
        path = os.path.join(folder, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if isinstance(content, str) and content[0] == "@":
            shutil.copyfile(os.path.join(out, "sentence", content[1:]), path)
            continue
        with open(path, "w", encoding="utf-8") as file:
            file.write(content if isinstance(content, str) else json.dumps(content))


def encode(folder, case):
    model = SentenceTransformer(folder, device="cpu", model_kwargs={"dtype": torch.float64})
    prompt = case.get("prompt")
    how = {"prompt_name" if prompt in model.prompts else "prompt": prompt} if prompt is not None else {}
    return torch.as_tensor(model.encode(case.get("lines", LINES), convert_to_tensor=True, **how))


def make(out):
    shutil.rmtree(os.path.join(out, "sentence"), ignore_errors=True)
    os.makedirs(os.path.join(out, "sentence"))
    torch.manual_seed(3)
    cases = []
    for case in [*new_cases(out), *old_cases(), *plain_cases()]:
        with tempfile.TemporaryDirectory() as folder:
            build(out, case, folder)
            cases.append({**case, "vectors": numbers(encode(folder, case))})
    with open(os.path.join(out, "sentence.json"), "w", encoding="utf-8") as file:
        texts = ",\n  ".join(json.dumps(case) for case in cases)
        file.write(f'{{"lines": {json.dumps(LINES)}, "cases": [\n  {texts}\n]}}\n')
    print(len(cases), "cases")


def check(out, program):
    with open(os.path.join(out, "sentence.json"), encoding="utf-8") as file:
        cases = json.load(file)["cases"]
    bad = 0
    for case in cases:
        with tempfile.TemporaryDirectory() as scratch:
            before, after = os.path.join(scratch, "before"), os.path.join(scratch, "after")
            build(out, case, before)
            subprocess.run([program, "convert", before, "--type", "float32", "-o", after, "--quiet"], check=True)
            apart = float((encode(before, case) - encode(after, case)).abs().max())
            bad += not apart <= 1e-12
            print(f"{'ok' if apart <= 1e-12 else 'NO':3} {case['name']:24} apart {apart:g}")
    return 1 if bad else 0


if __name__ == "__main__":
    transformers.logging.set_verbosity_error()
    sys.exit(check(arguments.out, arguments.convert) if arguments.convert else make(arguments.out))
