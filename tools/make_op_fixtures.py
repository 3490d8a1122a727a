#!/usr/bin/env python3
"""Makes tests/data/ops.json: what PyTorch and Transformers give for ops that other code defines: activations, gated
units, root mean square norm, rotary positions and their frequencies, ALiBi's slopes, T5's buckets, losses, convolution,
copying; with gradients.

    python3 -m pip install torch transformers
    python3 tools/make_op_fixtures.py

An output's gradient is that of the sum of output * weight. Tensors are flat lists, in float64 where the library's own
function allows it.
"""
import argparse
import json
import os

if __name__ == "__main__":  # before the imports that follow: --help needs none of them
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()

import torch
from transformers.activations import ACT2FN
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
from transformers.models.bloom.modeling_bloom import build_alibi_tensor
from transformers.models.llama.configuration_llama import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaRMSNorm, LlamaRotaryEmbedding, apply_rotary_pos_emb
from transformers.models.phi3.configuration_phi3 import Phi3Config
from transformers.models.phi3.modeling_phi3 import Phi3RotaryEmbedding
from transformers.models.t5.modeling_t5 import T5Attention

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "data", "ops.json")
torch.manual_seed(11)


def draw(*shape, dtype=torch.float64):
    return torch.randn(*shape).to(dtype).requires_grad_()


def flat(x):
    return [float(f"{v:.9g}") for v in x.detach().flatten().tolist()]


def with_gradients(y, **inputs):
    weight = torch.randn_like(y)
    (y * weight).sum().backward()
    out = {"y": flat(y), "weight": flat(weight)}
    for name, x in inputs.items():
        out[name] = flat(x)
        out["d" + name] = flat(x.grad)
    return out


def activations():
    names = {"relu": "relu", "gelu": "gelu", "silu": "silu", "gelu_tanh": "gelu_new", "tanh": "tanh"}
    out = {}
    for name, theirs in names.items():
        x = (draw(21).detach() * 3).requires_grad_()
        out[name] = with_gradients(ACT2FN[theirs](x), x=x)
    return out


def gated():
    x = draw(3, 10)
    gate, up = x.chunk(2, dim=-1)
    return dict(rows=3, cols=5, **with_gradients(ACT2FN["silu"](gate) * up, x=x))


def rms_norm():
    x, norm = draw(4, 9, dtype=torch.float32), LlamaRMSNorm(9, eps=1e-5)
    with torch.no_grad():
        norm.weight.copy_(torch.randn(9))
    return dict(rows=4, cols=9, epsilon=1e-5, **with_gradients(norm(x), x=x, gamma=norm.weight))


def rotary():
    heads, size, positions = 2, 6, [0, 1, 5, 63, 2047, 100000]
    config = LlamaConfig(hidden_size=heads * size, num_attention_heads=heads, max_position_embeddings=131072,
                         rope_parameters={"rope_type": "default", "rope_theta": 10000.0})
    x, embedding = draw(1, heads, len(positions), size, dtype=torch.float32), LlamaRotaryEmbedding(config)
    cos, sin = embedding(x, torch.tensor([positions]))
    y, _ = apply_rotary_pos_emb(x, x, cos, sin)
    rows = with_gradients(y)
    rows["y"] = flat(y.transpose(1, 2))
    rows["weight"] = flat(torch.tensor(rows["weight"]).view(x.shape).transpose(1, 2))
    return dict(heads=heads, size=size, positions=positions, frequencies=flat(embedding.inv_freq),
                x=flat(x.transpose(1, 2)), dx=flat(x.grad.transpose(1, 2)), **rows)


def rope(kind, size, base, lengths, config_class=LlamaConfig, partial=1.0, **more):
    """Frequencies of heads of `size` columns, for sequences of several lengths."""
    parameters = dict(rope_type=kind, rope_theta=base, **({"partial_rotary_factor": partial} if partial != 1 else {}), **more)
    outside = {"original_max_position_embeddings": more["original_max_position_embeddings"]} if kind == "longrope" else {}
    config = config_class(hidden_size=2 * size, num_attention_heads=2, max_position_embeddings=96, rope_parameters=parameters,
                          **outside)
    make = ROPE_INIT_FUNCTIONS.get(kind, Phi3RotaryEmbedding.compute_default_rope_parameters)
    found = [make(config, seq_len=length) for length in lengths]
    return dict(kind=kind, size=size, base=base, partial=partial, parameters=more, positions=96, lengths=lengths,
                attention_factor=found[0][1], frequencies=[flat(frequencies) for frequencies, _ in found])


def ropes():
    original, half = dict(original_max_position_embeddings=24), [1.0, 1.5, 2.25, 3.0, 4.5, 6.0]
    longs = dict(short_factor=[1 + x / 8 for x in half[:3]], long_factor=[2 * x for x in half[:3]], **original)
    return [rope("linear", 6, 10000.0, [10], factor=2.5),
            rope("llama3", 12, 500.0, [10], factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, **original),
            rope("dynamic", 12, 10000.0, [10, 96, 97, 200], factor=3.0),
            rope("yarn", 32, 10000.0, [10], factor=4.0, original_max_position_embeddings=2048),
            rope("yarn", 32, 10000.0, [10], factor=4.0, original_max_position_embeddings=2048, truncate=False),
            rope("yarn", 12, 500.0, [10], factor=16.0, beta_fast=4.0, beta_slow=0.5, **original),
            rope("yarn", 12, 500.0, [10], factor=16.0, mscale=0.7, mscale_all_dim=1.2, **original),
            rope("yarn", 12, 500.0, [10], factor=16.0, attention_factor=1.25, **original),
            rope("longrope", 12, 10000.0, [10, 24, 25, 96], Phi3Config, partial=0.5, **longs),
            rope("default", 10, 777.0, [24], Phi3Config, partial=0.5),
            rope("longrope", 12, 10000.0, [24, 25], short_factor=half, long_factor=half[::-1], factor=3.0, **original)]


def slopes(heads):
    return flat(build_alibi_tensor(torch.ones(1, 2), heads, torch.float32).view(heads, 2)[:, 1])


def buckets(causal, count, most):
    reach = 300
    found = T5Attention._relative_position_bucket(torch.arange(-reach + 1, reach), bidirectional=not causal,
                                                  num_buckets=count, max_distance=most)
    return dict(causal=causal, buckets=count, max_distance=most, reach=reach, values=found.tolist())


def losses():
    x, classes = draw(5, 4), torch.tensor([0, 3, 1, 1, 2])
    labels, values = torch.randint(0, 2, (5, 4)).double(), torch.randn(5, 4).double()
    found = {"class": torch.nn.CrossEntropyLoss(label_smoothing=0.1)(x, classes),
             "label": torch.nn.BCEWithLogitsLoss()(x, labels), "value": torch.nn.MSELoss()(x, values)}
    out = dict(rows=5, cols=4, smoothing=0.1, x=flat(x), classes=classes.tolist(), labels=flat(labels),
               values=flat(values))
    for name, loss in found.items():
        out[name] = dict(loss=float(f"{loss.item():.12g}"), dx=flat(torch.autograd.grad(loss, x)[0]))
    return out


def convolution(kernel, stride, padding, activation):
    """Sequences of several lengths, one after another; those that the kernel does not fit into give nothing."""
    lengths, cols, outputs = [1, 7, 2, 4, 9], 3, 5
    x, w, bias = draw(sum(lengths), cols), draw(outputs, cols, kernel), draw(outputs)
    parts = [torch.nn.functional.conv1d(part.T[None], w, bias, stride, padding)[0].T
             for part in x.split(lengths) if len(part) + 2 * padding >= kernel]
    y = ACT2FN[activation](torch.cat(parts)) if activation else torch.cat(parts)
    out = dict(kernel=kernel, stride=stride, padding=padding, activation=activation or "", lengths=lengths, cols=cols,
               outputs=outputs, **with_gradients(y, x=x, w=w, bias=bias))
    out["w"], out["dw"] = flat(w.transpose(1, 2)), flat(w.grad.transpose(1, 2))
    return out


def ctc():
    """Sequences and labels of several lengths: repeats, none, one that has just room enough, one that has not."""
    lengths, cols, blank = [7, 5, 3, 1, 6, 4], 5, 2
    labels = [[0, 1, 1, 4], [3, 3, 3], [], [4], [1, 0, 3], [0, 0, 0]]
    x = draw(sum(lengths), cols)
    losses = [torch.nn.functional.ctc_loss(part.log_softmax(1)[:, None], torch.tensor([label], dtype=torch.long), [len(part)],
                                           [len(label)], blank=blank, reduction="sum", zero_infinity=True)
              for part, label in zip(x.split(lengths), labels)]
    sum(losses).backward()
    return dict(lengths=lengths, cols=cols, blank=blank, labels=labels, x=flat(x), losses=[float(f"{l.item():.12g}") for l in losses],
                dx=flat(x.grad))


def pointer(smoothing):
    """The mixture of writing and copying (See et al. 2017, section 2.2); sequences and sources without rows among them."""
    rows, sources, cols, width, vocab = [3, 1, 0, 2], [4, 2, 3, 0], 3, 2, 7
    ids = [[2, 5, 2, 6], [1, 1], [0, 3, 4], []]
    targets = [5, 0, 2, 1, 4, 6]
    x, w, bias = draw(sum(rows), cols), draw(vocab, cols), draw(vocab)
    queries, keys = draw(sum(rows), width + 1), draw(sum(sources), width + 1)
    parts = []
    for n, (p, q, k) in enumerate(zip((x @ w.T + bias).split(rows), queries.split(rows), keys.split(sources))):
        written = p.softmax(1)
        if k.shape[0]:
            weights = (q[:, :width] @ k[:, :width].T / width ** 0.5).softmax(1)
            gate = (q[:, width] + weights @ k[:, width]).sigmoid()[:, None]
            copied = torch.zeros_like(written).index_add(1, torch.tensor(ids[n]), weights)
            written = gate * written + (1 - gate) * copied
        parts.append(written.log())
    logs = torch.cat(parts)
    nll = -logs.gather(1, torch.tensor(targets)[:, None]).sum()
    loss = (1 - smoothing) * nll - smoothing * logs.mean(1).sum()
    loss.backward()
    out = dict(smoothing=smoothing, rows=rows, sources=sources, cols=cols, width=width, vocab=vocab, ids=sum(ids, []),
               targets=targets, logs=flat(logs), loss=float(f"{loss.item():.12g}"), nll=float(f"{nll.item():.12g}"))
    for name, value in dict(x=x, w=w, bias=bias, queries=queries, keys=keys).items():
        out[name], out["d" + name] = flat(value), flat(value.grad)
    return out


def main():
    out = {"torch": torch.__version__, "activations": activations(), "gated": gated(), "rms_norm": rms_norm(),
           "rotary": rotary(), "alibi": [slopes(heads) for heads in (1, 2, 3, 4, 6, 8, 12, 16, 20)],
           "buckets": [buckets(*case) for case in ((False, 32, 128), (True, 32, 128), (True, 32, 256), (False, 8, 20),
                                                   (True, 7, 50))],
           "losses": losses(), "rope": ropes(),
           "convolution": [convolution(*case) for case in ((3, 1, 1, None), (3, 2, 1, "gelu"), (3, 1, 0, None),
                                                           (4, 3, 2, "relu"), (1, 1, 0, None), (5, 5, 0, None))],
           "ctc": ctc(), "pointer": [pointer(smoothing) for smoothing in (0, 0.1)]}
    with open(OUT, "w", encoding="utf-8") as file:
        file.write(json.dumps(out).replace('], "', '],\n"') + "\n")


if __name__ == "__main__":
    main()
