#!/usr/bin/env python3
"""Makes tests/data/recurrent_*: small recurrent and padded networks with random weights in attend's own folders, and what
PyTorch computes with them.

    python3 -m pip install torch safetensors numpy
    python3 tools/make_recurrent_fixtures.py

The recurrences are torch.nn.RNN, LSTM and GRU over packed sequences, and in the additive decoder torch's cells; what
stands around them is written here from the papers. Each folder has config.json and model.safetensors as attend writes
them (no tokenizer), and expected.safetensors with, for texts that stand one after another without padding:

    source_ids, source_starts, inputs, labels, target_starts    int64, of the sides that there are; classes of a classifier
    logits   [target rows, vocabulary] or [texts, labels]
    cross    [queries, keys]: the attention of pair SAMPLE
    loss: label smoothing 0.1 (classes: none), mean over the targets
    grad.NAME: of the loss, for every parameter

Computed in float64 on float32 weights and rounded at the end.
"""
import argparse
import json
import os

if __name__ == "__main__":  # before the imports that follow: --help needs none of them
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()

import numpy as np
import torch
from safetensors.numpy import save_file
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

VOCABULARY, EMBEDDING, WIDTH, POSITIONS = 23, 6, 7, 9
LENGTHS = [(2, 1), (9, 6), (4, 8), (6, 5), (3, 7), (8, 9)]  # tokens of source and target
SAMPLE = 3
START, END = 0, 1
OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "data")
RNN = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
STEP = {"rnn": torch.rnn_tanh_cell, "lstm": torch.lstm_cell, "gru": torch.gru_cell}

MODELS = {
    "recurrent_gru_additive": dict(cell="gru", attention="additive", bidirectional=True, encoder_layers=2, decoder_layers=2),
    "recurrent_lstm_additive": dict(cell="lstm", attention="additive", bidirectional=False, tie_word_embeddings=False),
    "recurrent_lstm_multiplicative": dict(cell="lstm", attention="multiplicative", bidirectional=True, decoder_layers=2,
                                          tie_word_embeddings=False),
    "recurrent_rnn_none": dict(cell="rnn", bidirectional=True, encoder_layers=2, decoder_layers=2,
                               tie_word_embeddings=False),
    "recurrent_lstm_decoder": dict(cell="lstm", kind="decoder", decoder_layers=2),
    "recurrent_gru_classifier": dict(cell="gru", kind="encoder", bidirectional=True, encoder_layers=2, labels=3),
    "recurrent_ffn": dict(model_type="attend-ffn", encoder_layers=2, decoder_layers=2, tie_word_embeddings=False),
    "recurrent_ffn_decoder": dict(model_type="attend-ffn", kind="decoder", activation_function="relu"),
    "recurrent_ffn_classifier": dict(model_type="attend-ffn", kind="encoder", labels=3),
}


def settings(options):
    options = dict(options)
    labels = options.pop("labels", 0)
    config = {"model_type": "attend-rnn", "kind": "encoder-decoder", "attend_head": "classes" if labels else "tokens",
              "vocab_size": VOCABULARY, "d_model": WIDTH, "embedding_size": EMBEDDING,
              "max_position_embeddings": POSITIONS, "encoder_layers": 1, "decoder_layers": 1,
              "tie_word_embeddings": True, "scale_embedding": True, "dropout": 0.1, "eos_token_id": END}
    config.update(options)
    if config["model_type"] == "attend-rnn":
        config.setdefault("bidirectional", False)
        config.setdefault("attention", "none")
    else:
        config.setdefault("activation_function", "tanh")
    kind = config["kind"]
    if kind == "encoder-decoder":
        config["decoder_start_token_id"] = START
    if kind != "encoder-decoder":
        config.pop("attention", None)
        config.pop("encoder_layers" if kind == "decoder" else "decoder_layers")
    if labels:
        config["problem_type"] = "single_label_classification"
        config["id2label"] = {str(i): "label %d" % i for i in range(labels)}
        config["label2id"] = {"label %d" % i: i for i in range(labels)}
    return config


class Side(nn.Module):
    pass


class Network(nn.Module):
    """Parameters under attend's names."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        kind, tied = config["kind"], config["tie_word_embeddings"]
        self.labels = len(config.get("id2label", {}))
        self.encoder, self.decoder = Side(), Side()
        if tied:
            self.shared = nn.Embedding(VOCABULARY, EMBEDDING)
        for side, there in (self.encoder, kind != "decoder"), (self.decoder, kind != "encoder"):
            if there and not tied:
                side.embed_tokens = nn.Embedding(VOCABULARY, EMBEDDING)
        if not self.labels:
            self.reads_out = tied or config.get("attention", "none") != "none"
            self.lm_head = nn.Linear(EMBEDDING if self.reads_out else WIDTH, VOCABULARY)
            if tied:
                del self.lm_head.weight
        self.build()

    def embed(self, side, ids):
        table = self.shared if hasattr(self, "shared") else side.embed_tokens
        return table(ids) * EMBEDDING ** 0.5

    def output(self, hidden):
        weight = self.shared.weight if hasattr(self, "shared") else self.lm_head.weight
        return hidden @ weight.T + self.lm_head.bias


class Recurrent(Network):
    def build(self):
        c = self.config
        self.cell, self.attention, kind = c["cell"], c.get("attention", "none"), c["kind"]
        states, memory = 2 if self.cell == "lstm" else 1, WIDTH * (2 if c["bidirectional"] else 1)
        if kind != "decoder":
            self.encoder.rnn = RNN[self.cell](EMBEDDING, WIDTH, c["encoder_layers"], batch_first=True,
                                              bidirectional=c["bidirectional"])
        if kind != "encoder":
            self.decoder.rnn = RNN[self.cell](EMBEDDING, WIDTH, c["decoder_layers"], batch_first=True)
        if kind == "encoder-decoder":
            self.decoder.initial = nn.ModuleList(nn.Linear(memory, states * WIDTH) for _ in range(c["decoder_layers"]))
        if self.attention != "none":
            additive, at = self.attention == "additive", Side()
            at.key = nn.Linear(memory, WIDTH, bias=additive)
            if additive:
                at.query, at.vector = nn.Linear(WIDTH, WIDTH, bias=False), nn.Linear(WIDTH, 1, bias=False)
                at.context = nn.Linear(memory, self.decoder.rnn.weight_ih_l0.shape[0], bias=False)
            self.decoder.attention = at
        if self.labels:
            self.classifier = nn.Linear(memory, self.labels)
        elif self.reads_out:
            width = {"additive": WIDTH + memory + EMBEDDING, "multiplicative": memory + WIDTH, "none": WIDTH}
            self.readout = nn.Linear(width[self.attention], EMBEDDING)

    def encode(self, ids, lengths):
        packed = pack_padded_sequence(self.embed(self.encoder, ids), lengths, batch_first=True, enforce_sorted=False)
        out, last = self.encoder.rnn(packed)
        memory, _ = pad_packed_sequence(out, batch_first=True)
        last = last[0] if self.cell == "lstm" else last
        last = last.view(self.config["encoder_layers"], -1, len(lengths), WIDTH)[-1]
        return memory, last.transpose(0, 1).reshape(len(lengths), -1)

    def initial(self, state):
        return [torch.tanh(layer(state)) for layer in self.decoder.initial]

    def decode_additive(self, x, memory, mask, before):
        at, rnn = self.decoder.attention, self.decoder.rnn
        keys, weights, outs = at.key(memory), [], []
        states = [tuple(s.split(WIDTH, 1)) if self.cell == "lstm" else s for s in before]
        for t in range(x.shape[1]):
            h = states[0][0] if self.cell == "lstm" else states[0]
            score = at.vector(torch.tanh(at.query(h)[:, None] + keys)).squeeze(-1).masked_fill(~mask, -torch.inf)
            weight = score.softmax(-1)
            context = (weight[:, None] @ memory)[:, 0]
            weights.append(weight)
            below = torch.cat([x[:, t], context], 1)
            for layer in range(len(states)):
                w_ih = getattr(rnn, "weight_ih_l%d" % layer)
                if layer == 0:
                    w_ih = torch.cat([w_ih, at.context.weight], 1)
                states[layer] = STEP[self.cell](below, states[layer], w_ih, getattr(rnn, "weight_hh_l%d" % layer),
                                                getattr(rnn, "bias_ih_l%d" % layer), getattr(rnn, "bias_hh_l%d" % layer))
                below = states[layer][0] if self.cell == "lstm" else states[layer]
            outs.append(torch.cat([below, context, x[:, t]], 1))
        return torch.tanh(self.readout(torch.stack(outs, 1))), torch.stack(weights, 1)

    def decode(self, ids, memory=None, state=None, mask=None):
        x, first, weights = self.embed(self.decoder, ids), None, None
        if memory is not None:
            before = self.initial(state)
            if self.attention == "additive":
                return self.decode_additive(x, memory, mask, before)
            if self.cell == "lstm":
                first = tuple(torch.stack(part).contiguous() for part in zip(*(s.split(WIDTH, 1) for s in before)))
            else:
                first = torch.stack(before)
        out, _ = self.decoder.rnn(x, first)
        if self.attention == "multiplicative":
            score = out @ self.decoder.attention.key(memory).transpose(1, 2)
            weights = score.masked_fill(~mask[:, None], -torch.inf).softmax(-1)
            out = torch.cat([weights @ memory, out], 2)
        return torch.tanh(self.readout(out)) if self.reads_out else out, weights

    def classify(self, ids, lengths):
        return self.classifier(self.encode(ids, lengths)[1])


class Padded(Network):
    def build(self):
        c, window = self.config, POSITIONS * EMBEDDING
        self.f = {"tanh": torch.tanh, "relu": torch.relu}[c["activation_function"]]
        stack = lambda first, n: nn.ModuleList(nn.Linear(WIDTH if i else first, WIDTH) for i in range(n))
        if c["kind"] != "decoder":
            self.encoder.layers = stack(window, c["encoder_layers"])
        if c["kind"] != "encoder":
            self.decoder.layers = stack(window + (WIDTH if c["kind"] == "encoder-decoder" else 0), c["decoder_layers"])
        if self.labels:
            self.classifier = nn.Linear(WIDTH, self.labels)
        elif self.reads_out:
            self.readout = nn.Linear(WIDTH, EMBEDDING)

    def run(self, layers, x):
        for layer in layers:
            x = self.f(layer(x))
        return x

    def encode(self, ids, lengths):
        x = self.embed(self.encoder, ids)
        x = x * (torch.arange(x.shape[1])[None] < lengths[:, None])[..., None]
        x = nn.functional.pad(x, (0, 0, 0, POSITIONS - x.shape[1]))
        return None, self.run(self.encoder.layers, x.flatten(1))

    def decode(self, ids, memory=None, state=None, mask=None):
        x = nn.functional.pad(self.embed(self.decoder, ids), (0, 0, POSITIONS - 1, 0))
        x = torch.stack([x[:, t:t + POSITIONS].flatten(1) for t in range(ids.shape[1])], 1)
        if state is not None:
            x = torch.cat([state[:, None].expand(-1, x.shape[1], -1), x], 2)
        x = self.run(self.decoder.layers, x)
        return self.readout(x) if self.reads_out else x, None

    def classify(self, ids, lengths):
        return self.classifier(self.encode(ids, lengths)[1])


def starts(rows):
    return np.cumsum([0] + [len(row) for row in rows]).astype(np.int64)


def pad(rows):
    width = max(map(len, rows))
    return torch.tensor([row + [2] * (width - len(row)) for row in rows])


def packed(x, rows):
    return torch.cat([x[i, : len(row)] for i, row in enumerate(rows)])


def expect(model):
    draw = np.random.default_rng(5)
    sentence = lambda n: [int(i) for i in draw.integers(2, VOCABULARY, n - 1)] + [END]
    sources, targets = [sentence(s) for s, _ in LENGTHS], [sentence(t) for _, t in LENGTHS]
    lengths, kind, out = torch.tensor([s for s, _ in LENGTHS]), model.config["kind"], {}
    if kind != "decoder":
        out["source_ids"], out["source_starts"] = np.concatenate(sources).astype(np.int64), starts(sources)
    if model.labels:
        classes = torch.tensor(draw.integers(0, model.labels, len(sources)))
        logits = model.classify(pad(sources), lengths)
        loss = nn.functional.cross_entropy(logits, classes)
        out["classes"] = classes.numpy()
    else:
        memory, mask, state = None, None, None
        if kind == "encoder-decoder":
            memory, state = model.encode(pad(sources), lengths)
            mask = torch.arange(max(lengths))[None] < lengths[:, None]
            if memory is None:  # the padded network has only the state
                memory = state
        inputs = [[START] + t[:-1] for t in targets]
        hidden, weights = model.decode(pad(inputs), memory, state, mask)
        logits, labels = packed(model.output(hidden), targets), torch.tensor([i for t in targets for i in t])
        loss = nn.functional.cross_entropy(logits, labels, label_smoothing=0.1)
        out.update({"inputs": np.concatenate(inputs).astype(np.int64), "labels": labels.numpy().astype(np.int64),
                    "target_starts": starts(targets)})
        if weights is not None:
            queries, keys = LENGTHS[SAMPLE][1], LENGTHS[SAMPLE][0]
            out["cross"] = weights[SAMPLE, :queries, :keys].detach().numpy().astype(np.float32)
    loss.backward()
    out["logits"] = logits.detach().numpy().astype(np.float32)
    out["loss"] = np.array([loss.item()], np.float32)
    for name, parameter in model.named_parameters():
        out["grad." + name] = parameter.grad.numpy().astype(np.float32)
    return out


def main():
    for name, options in MODELS.items():
        folder, config = os.path.join(OUT, name), settings(options)
        os.makedirs(folder, exist_ok=True)
        model = (Padded if config["model_type"] == "attend-ffn" else Recurrent)(config)
        generator = torch.Generator().manual_seed(3)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.4)
        save = lambda values, file: save_file({k: np.ascontiguousarray(v) for k, v in values.items()},
                                              os.path.join(folder, file))
        save({k: v.numpy() for k, v in model.state_dict().items()}, "model.safetensors")
        with open(os.path.join(folder, "config.json"), "w") as file:
            json.dump(config, file, indent=2)
        expected = expect(model.double())
        save(expected, "expected.safetensors")
        print(name, "loss", float(expected["loss"][0]), "gradients", sum(k.startswith("grad.") for k in expected))


if __name__ == "__main__":
    main()
