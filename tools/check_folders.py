#!/usr/bin/env python3
"""Whether Hugging Face Transformers opens what attend writes, and computes the same with it.

    python3 tools/check_folders.py build/attend tests/data/family_* tests/data/model_*

Each folder is written anew by `attend convert`, from one file of weights and from several small ones that Transformers
makes of it; the class that its config.json names, found by AutoConfig and by architectures, must load both without
missing or unexpected weights and give the logits that it gives for the original; AutoTokenizer must open them with the
same ids.
"""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile

if __name__ == "__main__":  # before the imports that follow: --help needs none of them
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("attend", help="build/attend")
    parser.add_argument("folders", nargs="+")
    args = parser.parse_args()

import torch
import transformers


def load(folder):
    config = transformers.AutoConfig.from_pretrained(folder)
    model, said = getattr(transformers, config.architectures[0]).from_pretrained(folder, output_loading_info=True)
    return model.eval(), {key: value for key, value in said.items() if value and key in
                          ("missing_keys", "unexpected_keys", "mismatched_keys")}


def outputs(model):
    ids = torch.tensor([[5, 9, 20, 11, 5, 200]]) % model.config.vocab_size
    more = {}
    if model.config.is_encoder_decoder and model.get_output_embeddings() is None:  # both sides read it, up to its end
        ids[0, -1] = model.config.eos_token_id
    elif model.config.is_encoder_decoder:
        more = {"decoder_input_ids": ids[:, :4]}
    with torch.no_grad():
        result = model(input_ids=ids, **more)
    if "start_logits" in result:
        return torch.stack([result.start_logits, result.end_logits])
    return result.logits if "logits" in result else result.last_hidden_state


def shards(folder, scratch):
    """The folder with its weights in several files, and how many."""
    parts = os.path.join(scratch, "parts")
    shutil.copytree(folder, parts, ignore=shutil.ignore_patterns("model.safetensors"))
    load(folder)[0].save_pretrained(parts, max_shard_size="20KB")
    return parts, sum(name.startswith("model-") for name in os.listdir(parts))


def check(program, folder):
    with tempfile.TemporaryDirectory() as scratch:
        parts, count = shards(folder, scratch)
        copies = [os.path.join(scratch, name) for name in ("whole", "joined")]
        for source, copy in zip((folder, parts), copies):
            subprocess.run([program, "convert", source, "--type", "f32", "-o", copy, "--quiet"], check=True)
        before, good = load(folder)[0], count > 1
        ids = transformers.AutoTokenizer.from_pretrained(folder)("A dog runs.").input_ids
        for copy in copies:
            after, said = load(copy)
            kind = type(before) is type(after) and before.config.problem_type == after.config.problem_type
            apart = float((outputs(before) - outputs(after)).abs().max())
            same = transformers.AutoTokenizer.from_pretrained(copy)("A dog runs.").input_ids == ids
            good = good and kind and apart == 0 and not said and same
            print(f"{'ok' if good else 'NO':3} {os.path.basename(folder.rstrip('/')):24} {type(after).__name__:32} "
                  f"{os.path.basename(copy)}{f' from {count}' if copy == copies[1] else ''}: apart {apart:g} {said or ''}")
        return good


if __name__ == "__main__":
    transformers.logging.set_verbosity_error()
    results = [check(args.attend, folder) for folder in args.folders]
    sys.exit(0 if all(results) else 1)
