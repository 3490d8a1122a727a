#!/usr/bin/env python3
"""Makes tests/data/view_look_series.json: where the small PatchTST folders of tests/data/patchtst_* look in a window, by
Hugging Face Transformers, and how much each patch moves what they say, by PyTorch's autograd. Install torch, transformers.

    python3 tools/make_look_series_fixtures.py

A list of objects: "folder", "channel", "values" [rows][channels], the last of which are the window; "attention"
[layer][head][query][key] of that channel; "gradient" [patch]: the norm of the gradient, by what the encoder begins with, of
the mean of the channel's forecast, or of the log-probability of the likeliest class.
"""
import argparse
import json
import pathlib

if __name__ == "__main__":  # before the imports that follow: --help needs none of them
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()

import torch
from transformers import PatchTSTForClassification, PatchTSTForPrediction

DATA = pathlib.Path(__file__).resolve().parent.parent / "tests/data"


def look(name, kind, channel):
    model = kind.from_pretrained(DATA / name, attn_implementation="eager").eval()
    c = model.config
    rows = torch.arange(c.context_length + 5, dtype=torch.float32)[:, None]
    channels = torch.arange(c.num_input_channels, dtype=torch.float32)[None]
    values = (torch.sin(rows * (0.4 + 0.2 * channels)) + 0.05 * rows * channels).mul(64).round() / 64
    seen = []
    hook = model.model.encoder.positional_encoder.register_forward_hook(lambda *a: (a[-1].retain_grad(), seen.append(a[-1]))[1])
    out = model(past_values=values[None, 5:], output_attentions=True)
    hook.remove()
    if kind is PatchTSTForPrediction:
        said = out.prediction_outputs[0, :, channel].mean()
    else:
        said = out.prediction_logits[0].log_softmax(-1).max()
    said.backward()
    patches = seen[0].shape[-2]
    attention = [a.reshape(c.num_input_channels, c.num_attention_heads, patches, patches)[channel].tolist() for a in out.attentions]
    gradient = seen[0].grad.reshape(c.num_input_channels, patches, -1)[channel].norm(dim=-1).tolist()
    return {"folder": name, "channel": channel, "values": values.tolist(), "attention": attention, "gradient": gradient}


if __name__ == "__main__":
    made = [look("patchtst_forecast", PatchTSTForPrediction, 1), look("patchtst_layernorm", PatchTSTForPrediction, 0),
            look("patchtst_classes", PatchTSTForClassification, 1)]
    numbers = json.dumps(made, separators=(",", ":"))
    (DATA / "view_look_series.json").write_text(numbers + "\n")
