#!/usr/bin/env python3
"""The peer of bench/train.py: the same encoder-decoder (norm before, sinusoids, ReLU, one matrix for source, target and
output) as a good user of PyTorch writes it: eager, float32, packed projections, F.scaled_dot_product_attention, padded
batches of sentences of like length, fused Adam. Prints one JSON object.

    python3 bench/train_reference.py SOURCE_IDS TARGET_IDS STEPS     (a line of token ids a sentence, end token in)
"""
import argparse
import json
import math
import os
import random
import resource
import time

if __name__ == "__main__":  # before the imports that follow: --help needs none of them
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source")
    parser.add_argument("target")
    parser.add_argument("steps", type=int)
    args = parser.parse_args()

import torch
from torch import nn
from torch.nn import functional as F

WIDTH, FEEDFORWARD, HEADS, LAYERS, VOCABULARY = 256, 1024, 4, 3, 8000
BATCH_TOKENS, DROPOUT, SMOOTHING, WARM_UP = 4096, 0.3, 0.1, 4
PAD, START = 1, 2


def sinusoids(length):
    half = WIDTH // 2
    rates = torch.exp(torch.arange(half) * -(math.log(10000) / (half - 1)))
    angles = torch.arange(length)[:, None] * rates[None]
    return torch.cat([angles.sin(), angles.cos()], 1)


class Attention(nn.Module):
    def __init__(self, across):
        super().__init__()
        self.query = nn.Linear(WIDTH, WIDTH) if across else None
        self.packed = nn.Linear(WIDTH, (2 if across else 3) * WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)

    def forward(self, x, memory=None, mask=None, causal=False):
        split = lambda t: t.view(t.shape[0], t.shape[1], HEADS, WIDTH // HEADS).transpose(1, 2)
        if memory is None:
            q, k, v = self.packed(x).chunk(3, -1)
        else:
            q, (k, v) = self.query(x), self.packed(memory).chunk(2, -1)
        y = F.scaled_dot_product_attention(split(q), split(k), split(v), attn_mask=mask, is_causal=causal)
        return self.out(y.transpose(1, 2).reshape(x.shape))


class Block(nn.Module):
    def __init__(self, decoder):
        super().__init__()
        self.attention, self.norm1 = Attention(False), nn.LayerNorm(WIDTH)
        self.across, self.norm2 = (Attention(True), nn.LayerNorm(WIDTH)) if decoder else (None, None)
        self.norm3 = nn.LayerNorm(WIDTH)
        self.feedforward = nn.Sequential(nn.Linear(WIDTH, FEEDFORWARD), nn.ReLU(), nn.Linear(FEEDFORWARD, WIDTH))
        self.drop = nn.Dropout(DROPOUT)

    def forward(self, x, mask, memory=None):
        if self.across is None:
            x = x + self.drop(self.attention(self.norm1(x), mask=mask))
        else:
            x = x + self.drop(self.attention(self.norm1(x), causal=True))
            x = x + self.drop(self.across(self.norm2(x), memory, mask))
        return x + self.drop(self.feedforward(self.norm3(x)))


class Translator(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(VOCABULARY, WIDTH, padding_idx=PAD)
        nn.init.normal_(self.table.weight, std=WIDTH**-0.5)
        self.register_buffer("positions", sinusoids(1024))
        self.encoder = nn.ModuleList(Block(False) for _ in range(LAYERS))
        self.decoder = nn.ModuleList(Block(True) for _ in range(LAYERS))
        self.encoder_norm, self.decoder_norm = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.drop = nn.Dropout(DROPOUT)

    def embed(self, ids):
        return self.drop(self.table(ids) * math.sqrt(WIDTH) + self.positions[: ids.shape[1]])

    def forward(self, source, inputs):
        mask = (source != PAD)[:, None, None, :]
        x = self.embed(source)
        for block in self.encoder:
            x = block(x, mask)
        memory, y = self.encoder_norm(x), self.embed(inputs)
        for block in self.decoder:
            y = block(y, mask, memory)
        return self.decoder_norm(y) @ self.table.weight.T


def read(path):
    with open(path) as file:
        return [[int(i) for i in line.split()] for line in file]


def make_batches(pairs, draw):
    """Pairs of like length together; rows times the longest side is at most BATCH_TOKENS."""
    order = sorted(range(len(pairs)), key=lambda i: (max(map(len, pairs[i])), draw.random()))
    batches, batch, longest = [], [], 0
    for i in order:
        longest = max(longest, *map(len, pairs[i]))
        if batch and (len(batch) + 1) * longest > BATCH_TOKENS:
            batches.append(batch)
            batch, longest = [], max(map(len, pairs[i]))
        batch.append(pairs[i])
    batches.append(batch)
    draw.shuffle(batches)
    return batches


def pad(rows):
    width = max(map(len, rows))
    return torch.tensor([row + [PAD] * (width - len(row)) for row in rows])


def main(source, target, steps):
    torch.manual_seed(1)
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    batches = make_batches([p for p in zip(source, target) if all(p)], random.Random(1))
    model = Translator()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, betas=(0.9, 0.98), fused=True)
    tokens, begin, losses = 0, 0.0, []
    for step in range(WARM_UP + steps):
        if step == WARM_UP:
            tokens, begin = 0, time.perf_counter()
        batch = batches[step % len(batches)]
        x, y = pad([s for s, _ in batch]), pad([t for _, t in batch])
        inputs = torch.cat([torch.full((len(batch), 1), START), y[:, :-1]], 1)
        loss = F.cross_entropy(model(x, inputs).flatten(0, 1), y.flatten(), ignore_index=PAD, label_smoothing=SMOOTHING)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
        tokens += sum(len(s) + len(t) for s, t in batch)
    seconds = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"tokens_per_second": tokens / seconds, "peak_bytes": peak, "first_loss": losses[0],
                      "last_loss": losses[-1], "torch": torch.__version__,
                      "parameters": sum(p.numel() for p in model.parameters())}))


if __name__ == "__main__":
    main(read(args.source), read(args.target), args.steps)
