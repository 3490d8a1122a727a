#!/usr/bin/env python3
"""Whether Hugging Face Transformers opens what attend writes, and computes the same with it.

    python3 tools/check_folders.py build/attend tests/data/family_* tests/data/model_*

Each folder is written anew by `attend convert`; the class that its config.json names, found by AutoConfig and by
architectures, must load it without missing or unexpected weights and give the logits that it gives for the original;
AutoTokenizer must open it with the same ids.
"""
import os
import subprocess
import sys
import tempfile

import torch
import transformers


def load(folder):
    config = transformers.AutoConfig.from_pretrained(folder)
    model, said = getattr(transformers, config.architectures[0]).from_pretrained(folder, output_loading_info=True)
    return model.eval(), {key: value for key, value in said.items() if value and key in
                          ("missing_keys", "unexpected_keys", "mismatched_keys")}


def outputs(model):
    ids = torch.tensor([[5, 9, 20, 11, 5, 200]]) % model.config.vocab_size
    more = {"decoder_input_ids": ids[:, :4]} if model.config.is_encoder_decoder else {}
    with torch.no_grad():
        result = model(input_ids=ids, **more)
    return result.logits if "logits" in result else result.last_hidden_state


def check(program, folder):
    with tempfile.TemporaryDirectory() as scratch:
        copy = os.path.join(scratch, "copy")
        subprocess.run([program, "convert", folder, "--type", "f32", "-o", copy, "--quiet"], check=True)
        (before, _), (after, said) = load(folder), load(copy)
        kind = type(before) is type(after) and before.config.problem_type == after.config.problem_type
        apart = float((outputs(before) - outputs(after)).abs().max())
        tokens = [transformers.AutoTokenizer.from_pretrained(f)("A dog runs.").input_ids for f in (folder, copy)]
        good = kind and apart == 0 and not said and tokens[0] == tokens[1]
        print(f"{'ok' if good else 'NO':3} {os.path.basename(folder.rstrip('/')):24} {type(after).__name__:32} "
              f"apart {apart:g} {said or ''}")
        return good


if __name__ == "__main__":
    transformers.logging.set_verbosity_error()
    results = [check(sys.argv[1], folder) for folder in sys.argv[2:]]
    sys.exit(0 if all(results) else 1)
