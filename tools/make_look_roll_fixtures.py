#!/usr/bin/env python3
"""Makes what looking at piano rolls is held to: tests/data/view_look_roll.json, and two small models of them with random
weights in attend's own folders, tests/data/look_rolls (GPT-2's blocks) and look_rolls_gru. Install torch, transformers,
safetensors, numpy.

    python3 tools/make_look_roll_fixtures.py

A list of objects: "folder", "frames" [frame][key that sounds, by its MIDI number]; "attention" [layer][head][query][key] of
Hugging Face Transformers' GPT2Model over the projected frames, absent of the GRU (torch.nn.GRU); "gradient" [frame][position]:
the norm of the gradient of the frame's log-probability (88 sigmoids) by what the network begins with there, by PyTorch's
autograd; "nats": of all frames. Position 0 is an empty frame, position i frame i. Computed in float64 on float32 weights.
"""
import argparse
import json
import pathlib

if __name__ == "__main__":  # before the imports that follow: --help needs none of them
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()

import torch
from safetensors.torch import save_file
from torch import nn
from transformers import GPT2Config, GPT2Model

DATA = pathlib.Path(__file__).resolve().parent.parent / "tests/data"
KEYS, FIRST, WIDTH, POSITIONS = 88, 21, 8, 12
FRAMES = [[60, 64, 67], [60, 65, 69], [], [59, 62, 67], [59, 62], [108], [60, 64, 67, 72], [21, 60], [60, 64, 67]]
LABELS = {str(i): f"key_{FIRST + i}" for i in range(KEYS)}
SHARED = {"attend_head": "frames", "input_width": KEYS, "dtype": "float32", "torch_dtype": "float32", "tie_word_embeddings": False,
          "pad_token_id": None, "bos_token_id": None, "eos_token_id": None, "id2label": LABELS,
          "label2id": {name: int(i) for i, name in LABELS.items()}}


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        config = GPT2Config(vocab_size=1, n_embd=WIDTH, n_layer=2, n_head=2, n_positions=POSITIONS, initializer_range=0.4,
                            bos_token_id=None, eos_token_id=None, attn_implementation="eager")
        self.transformer = GPT2Model(config)
        self.transformer.input_projection = nn.Linear(KEYS, WIDTH)
        self.classifier = nn.Linear(WIDTH, KEYS)

    config = {"model_type": "attend", "attend_family": "gpt2", "position_embedding_type": "learned", "norm": "layer",
              "norm_order": "before", "gated_feedforward": False, "n_positions": POSITIONS, "n_embd": WIDTH, "n_layer": 2,
              "n_head": 2, "n_inner": None, "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5}

    def embed(self, rows):
        x = self.transformer.input_projection(rows)
        return x + self.transformer.wpe.weight[:len(rows)]

    def run(self, embedded):
        given = self.transformer(inputs_embeds=(embedded - self.transformer.wpe.weight[:len(embedded)])[None], output_attentions=True)
        return self.classifier(given.last_hidden_state[0]), [layer[0] for layer in given.attentions]


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.decoder = nn.Module()
        self.decoder.input_projection = nn.Linear(KEYS, 6)
        self.decoder.rnn = nn.GRU(6, WIDTH, 1, batch_first=True)
        self.classifier = nn.Linear(WIDTH, KEYS)

    config = {"model_type": "attend-rnn", "kind": "decoder", "d_model": WIDTH, "embedding_size": 6, "decoder_layers": 1,
              "max_position_embeddings": POSITIONS, "scale_embedding": True, "cell": "gru"}

    def embed(self, rows):
        return self.decoder.input_projection(rows)

    def run(self, embedded):
        return self.classifier(self.decoder.rnn(embedded[None])[0][0]), None


def save(model, name):
    folder = DATA / name
    folder.mkdir(exist_ok=True)
    save_file({key: value.contiguous() for key, value in model.state_dict().items() if ".wte." not in key},
              folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps({**model.config, **SHARED}, indent=2) + "\n")


def numbers(tensor):
    return json.loads(json.dumps(tensor.tolist()), parse_float=lambda text: float(f"{float(text):.7g}"))


def look(model, name):
    truth = torch.zeros(len(FRAMES), KEYS, dtype=torch.float64)
    for row, keys in zip(truth, FRAMES):
        row[[key - FIRST for key in keys]] = 1
    model.double().eval()
    embedded = model.embed(torch.cat([torch.zeros(1, KEYS, dtype=torch.float64), truth[:-1]])).detach().requires_grad_()
    logits, attention = model.run(embedded)
    logs = -nn.functional.binary_cross_entropy_with_logits(logits, truth, reduction="none").sum(-1)
    rows = [torch.autograd.grad(log, embedded, retain_graph=True)[0].norm(dim=-1) for log in logs]
    made = {"folder": name, "frames": FRAMES, "gradient": numbers(torch.stack(rows)), "nats": -logs.sum().item()}
    if attention:
        made["attention"] = numbers(torch.stack(attention))
    return made


if __name__ == "__main__":
    made = []
    for kind, name in (Transformer, "look_rolls"), (Recurrent, "look_rolls_gru"):
        torch.manual_seed(11)
        model = kind()
        for parameter in model.parameters():  # of one size, or most frames would move nothing
            nn.init.normal_(parameter, std=0.5)
        save(model, name)
        made.append(look(model, name))
    (DATA / "view_look_roll.json").write_text(json.dumps(made, separators=(",", ":")) + "\n")
