#!/usr/bin/env python3
"""Makes tests/data/patchtst_*: small PatchTST folders with random weights, as Hugging Face Transformers saves them, and
what PyTorch computes with them; and tests/data/forecast_ops. Install torch, transformers, safetensors.

    python3 tools/make_patchtst_fixtures.py

Each expected.safetensors holds: past [windows, lookback, channels]; patches [windows * channels * patches, length] and
scales [windows * channels, 2], as the model makes them; outputs [windows * channels, horizon], or [windows, classes];
values (as outputs), or labels; loss; grad.NAME of every parameter that is trained. All in evaluation: batch norms go by
the file's statistics.
"""
import argparse
import pathlib

if __name__ == "__main__":  # before the imports that follow: --help needs none of them
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()

import torch
from safetensors.torch import save_file
from transformers import PatchTSTConfig, PatchTSTForClassification, PatchTSTForPrediction

OUT = pathlib.Path(__file__).resolve().parent.parent / "tests/data"
SIZES = dict(d_model=8, num_hidden_layers=2, num_attention_heads=2, ffn_dim=12)
FOLDERS = {
    "patchtst_forecast": (PatchTSTForPrediction, dict(
        SIZES, num_input_channels=3, context_length=21, patch_length=5, patch_stride=3, prediction_length=4, pooling_type=None)),
    "patchtst_layernorm": (PatchTSTForPrediction, dict(
        SIZES, num_input_channels=2, context_length=12, patch_length=4, patch_stride=4, prediction_length=3, norm_type="layernorm",
        pre_norm=False, positional_encoding_type="random", scaling=None, bias=False, activation_function="relu")),
    "patchtst_classes": (PatchTSTForClassification, dict(
        SIZES, num_input_channels=2, context_length=15, patch_length=4, patch_stride=2, num_targets=3)),
}


def folder(name, kind, settings):
    torch.manual_seed(len(name))
    model = kind(PatchTSTConfig(**settings)).eval()
    with torch.no_grad():
        for key, value in model.state_dict().items():
            if key.endswith("running_var"):
                value.uniform_(0.5, 2)
            elif value.is_floating_point() and "position_enc" not in key:
                value.add_(torch.randn_like(value) * 0.3)
    model.save_pretrained(OUT / name)
    c, windows = model.config, 4
    past = torch.randn(windows, c.context_length, c.num_input_channels) * torch.tensor([1.0, 20.0, 0.1])[:c.num_input_channels] + 3
    inner = model.model(past)
    truth = {"past": past, "patches": inner.patch_input.reshape(-1, c.patch_length),
             "scales": torch.stack([inner.loc.reshape(-1), inner.scale.reshape(-1)], 1)}
    if kind is PatchTSTForPrediction:
        future = torch.randn(windows, c.prediction_length, c.num_input_channels)
        out = model(past_values=past, future_values=future)
        truth["outputs"] = out.prediction_outputs.transpose(1, 2).reshape(-1, c.prediction_length)
        truth["values"] = future.transpose(1, 2).reshape(-1, c.prediction_length)
    else:
        truth["labels"] = torch.tensor([0, 2, 1, 2])
        out = model(past_values=past, target_values=truth["labels"])
        truth["outputs"] = out.prediction_logits
    out.loss.backward()
    truth["loss"] = out.loss.reshape(1)
    truth.update({"grad." + key: p.grad for key, p in model.named_parameters() if p.grad is not None})
    save_file({key: value.detach().contiguous() for key, value in truth.items()}, OUT / name / "expected.safetensors")


def ops():
    torch.manual_seed(5)
    rows, horizon, quantiles = 7, 5, [0.1, 0.5, 0.8]
    x = torch.randn(rows, horizon * 4, requires_grad=True)
    scales = torch.stack([torch.randn(rows), torch.rand(rows) + 0.5], 1)
    targets = torch.randn(rows, horizon)
    y = x * scales[:, 1:] + scales[:, :1]
    error = targets.repeat(1, 3) - y[:, horizon:]
    q = torch.tensor(quantiles).repeat_interleave(horizon)
    squared = ((y[:, :horizon] - targets) ** 2).mean(1).sum()
    loss = squared + torch.maximum(q * error, (q - 1) * error).mean(1).sum()
    (loss / rows).backward()
    z, norm = torch.randn(9, 6, requires_grad=True), torch.nn.BatchNorm1d(6, eps=1e-4).eval()
    with torch.no_grad():
        for value in (norm.weight, norm.bias, norm.running_mean):
            value.copy_(torch.randn(6))
        norm.running_var.copy_(torch.rand(6) + 0.3)
    weights = torch.randn(9, 6)
    out = norm(z)
    (out * weights).sum().backward()
    kept = [value.clone() for value in (z.grad, norm.weight.grad, norm.bias.grad, norm.running_mean, norm.running_var)]
    norm.train().zero_grad()
    learnt, z.grad = norm(z), None
    (learnt * weights).sum().backward()
    (OUT / "forecast_ops").mkdir(exist_ok=True)
    truth = dict(x=x, scales=scales, targets=targets, quantiles=torch.tensor(quantiles), loss=loss.reshape(1), squared=squared.reshape(1),
                 dx=x.grad, z=z, gamma=norm.weight, beta=norm.bias, mean=kept[3], variance=kept[4], out=out,
                 weights=weights, dz=kept[0], dgamma=kept[1], dbeta=kept[2], learnt_out=learnt, learnt_dz=z.grad,
                 learnt_dgamma=norm.weight.grad, learnt_dbeta=norm.bias.grad, learnt_mean=norm.running_mean, learnt_variance=norm.running_var)
    save_file({key: value.detach().contiguous() for key, value in truth.items()}, OUT / "forecast_ops/expected.safetensors")


if __name__ == "__main__":
    for name, (kind, settings) in FOLDERS.items():
        folder(name, kind, settings)
    ops()
