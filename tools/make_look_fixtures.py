#!/usr/bin/env python3
"""Makes tests/data/view_look.json: the attention that Hugging Face Transformers shows for the models of
tests/data/model_*, teacher-forced, in float64 on the float32 weights.

    python3 -m pip install torch transformers tokenizers
    python3 tools/make_look_fixtures.py tests/data

{model: {"text", "target", "encoder", "decoder", "cross": [layer][head][query][key]}}
"""
import json
import os
import sys

import torch
from tokenizers import Tokenizer
from transformers import AutoModelForSeq2SeqLM

PAIR = ("abc de fgh b", "ABC lM nop J")


def main():
    fixture = {}
    for name in ["model_m2m_100_relu", "model_marian_gelu"]:
        folder = os.path.join(sys.argv[1], name)
        tokenizer = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
        model = AutoModelForSeq2SeqLM.from_pretrained(folder, attn_implementation="eager").double().eval()
        source, target = (tokenizer.encode(text).ids for text in PAIR)
        inputs = [model.config.decoder_start_token_id] + target[:-1]
        with torch.no_grad():
            out = model(input_ids=torch.tensor([source]), decoder_input_ids=torch.tensor([inputs]), output_attentions=True)
        fixture[name] = {"text": PAIR[0], "target": PAIR[1]}
        for part, layers in [("encoder", out.encoder_attentions), ("decoder", out.decoder_attentions), ("cross", out.cross_attentions)]:
            fixture[name][part] = [[[[round(w, 7) for w in row] for row in head] for head in layer[0].tolist()] for layer in layers]
    with open(os.path.join(sys.argv[1], "view_look.json"), "w", encoding="utf-8") as file:
        json.dump(fixture, file, separators=(",", ":"))
        file.write("\n")


main()
