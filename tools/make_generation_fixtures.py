#!/usr/bin/env python3
"""Makes tests/data/generation.json: what generate() of Hugging Face Transformers makes of the small models in
tests/data/generate_* and decode_* under each setting of generation_config.json that attend applies, alone and some
together; and what is left of a distribution under each of those that draw.

    python3 -m pip install torch transformers tokenizers safetensors numpy
    python3 tools/make_generation_fixtures.py

    folders: {name: {"inputs" (ids), "entries": [{"settings" (a generation_config.json), "outputs" (of each input):
        [{"tokens" (what was generated), "score" (of a beam search)}]}]}}
    draws: {"logits", "tokens" (the sequence so far), "rows": [{"settings", "p" (of each token; 0: it is left out)}]}

Each input goes through generate() alone, so that no padding is among its tokens. A setting that changes nothing would
show nothing: each must change some output. Computed in float64; the scores are float32, as generate() makes them.
"""
import argparse
import copy
import json
import os

if __name__ == "__main__":  # before the imports that follow: --help needs none of them
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()

import torch
from transformers import (AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer, GenerationConfig,
                          GenerationMixin, LogitsProcessorList)

from make_model_fixtures import OUT

INPUTS, NEW, LONGEST = 7, 20, 19
DECODERS, TRANSLATORS = ("generate_gpt2", "generate_llama"), ("decode_marian", "decode_m2m_100")


def load(name):
    folder = os.path.join(OUT, name)
    cls = AutoModelForCausalLM if name in DECODERS else AutoModelForSeq2SeqLM
    model = cls.from_pretrained(folder, dtype=torch.float32).double().eval()
    with open(os.path.join(folder, "expected.json")) as file:
        expected = json.load(file)
    inputs = [run["ids"] for run in expected["greedy"]] if name in DECODERS else [s["ids"] for s in expected["sources"]]
    return model, AutoTokenizer.from_pretrained(folder), inputs[:INPUTS]


def base_of(model, name):
    config = model.config
    base = {"eos_token_id": config.eos_token_id, "bos_token_id": config.bos_token_id}
    if name in DECODERS:
        return {**base, "max_new_tokens": NEW, "pad_token_id": 0}
    base.update(decoder_start_token_id=config.decoder_start_token_id, pad_token_id=config.pad_token_id,
                max_length=LONGEST + 1)
    if name == "decode_marian":
        base["bad_words_ids"] = [[config.pad_token_id]]
    return {key: value for key, value in base.items() if value is not None}


@torch.no_grad()
def run(model, tokenizer, ids, settings):
    model.generation_config = GenerationConfig(**copy.deepcopy(settings))
    source = torch.tensor([ids])
    result = model.generate(input_ids=source, attention_mask=torch.ones_like(source), tokenizer=tokenizer,
                            return_dict_in_generate=True, output_scores=True)
    tokens = result.sequences[0].tolist()
    tokens = tokens[1:] if model.config.is_encoder_decoder else tokens[len(ids):]
    ends = settings.get("eos_token_id", [])
    ends = ends if isinstance(ends, list) else [ends]
    first = next((i for i, token in enumerate(tokens) if token in ends), len(tokens) - 1)
    scored = "sequences_scores" in result and result.sequences_scores is not None
    return {"tokens": tokens[:first + 1], "score": result.sequences_scores[0].item() if scored else None}


def settings_of(model, tokenizer, name, base, plain):
    """Chosen from what the model writes without them, so that each changes something."""
    words = base.get("bad_words_ids", [])
    end = model.config.eos_token_id
    out = [token for outputs in plain for token in outputs["tokens"][1:4] if token != end]
    first = [outputs["tokens"][0] for outputs in plain]
    pairs = [outputs["tokens"][1:3] for outputs in plain if len(outputs["tokens"]) > 4]
    inside = out[0]
    rows = [
        {"bad_words_ids": words + [[out[0]], [end]]},
        {"bad_words_ids": words + pairs[:2]},
        {"bad_words_ids": words + [outputs["tokens"][:3] for outputs in plain[:3]]},
        {"suppress_tokens": out[:3] + [-1, 100000]},
        {"begin_suppress_tokens": first[:4]},
        {"no_repeat_ngram_size": 1},
        {"no_repeat_ngram_size": 2},
        {"repetition_penalty": 1.4},
        {"encoder_repetition_penalty": 1.7},
        {"encoder_no_repeat_ngram_size": 1},
        {"encoder_no_repeat_ngram_size": 2},
        {"sequence_bias": [[[out[0]], -5.0], [pairs[1], 4.0], [[out[2]], 100.0], [[out[2]], 3.0]]},
        {"forced_bos_token_id": out[1]},
        {"forced_bos_token_id": out[1], "begin_suppress_tokens": [outputs["tokens"][0] for outputs in plain] + out[:2]},
        {"forced_eos_token_id": end},
        {"forced_eos_token_id": [end, out[0]]},
        {"exponential_decay_length_penalty": [2, 1.3]},
        {"remove_invalid_values": True, "suppress_tokens": out[:4]},
        {"renormalize_logits": True, "suppress_tokens": out[:4]},
        {"eos_token_id": [end, inside]},
        {"eos_token_id": inside},
        {"eos_token_id": [end, inside], "min_new_tokens": 6},
        {"eos_token_id": [end, inside], "min_length": 7},
        {"eos_token_id": [end, inside], "min_new_tokens": 5, "min_length": 12},
        {"max_new_tokens": 5},
        {"no_repeat_ngram_size": 2, "repetition_penalty": 1.2, "suppress_tokens": out[:1], "sequence_bias": [[[out[3]], 2.5]],
         "eos_token_id": [end, inside], "min_new_tokens": 4, "encoder_repetition_penalty": 0.8},
    ]
    texts = [tokenizer.decode(outputs["tokens"], skip_special_tokens=True) for outputs in plain]
    stops = [text[i:i + 2] for text in texts for i in range(1, len(text) - 2) if text[i:i + 2].isascii()]
    rows += [{"stop_strings": [stops[0], "never there"]}, {"stop_strings": stops[-1]}]
    if name in DECODERS:
        return rows + [{"max_new_tokens": None, "max_length": 30}]
    return rows + [{"max_length": 6, "forced_eos_token_id": end}]


def folder(name):
    model, tokenizer, inputs = load(name)
    base, entries = base_of(model, name), []
    for search in ({},) if name in DECODERS else ({}, {"num_beams": 4}, {"num_beams": 3, "early_stopping": "never",
                                                                       "length_penalty": 2.0}):
        plain = [run(model, tokenizer, ids, {**base, **search}) for ids in inputs]
        entries.append({"settings": {**base, **search}, "outputs": plain})
        extra = settings_of(model, tokenizer, name, base, plain)
        for one in extra if len(search) < 2 else extra[:4]:
            settings = {key: value for key, value in {**base, **search, **one}.items() if value is not None}
            outputs = [run(model, tokenizer, ids, settings) for ids in inputs]
            if outputs == plain:
                print(name, search, one, "changes nothing")
                continue
            entries.append({"settings": settings, "outputs": outputs})
    print(name, len(entries), "settings,", sum(len(o["tokens"]) for e in entries for o in e["outputs"]), "tokens", flush=True)
    return {"inputs": inputs, "entries": entries}


class Nothing(GenerationMixin):
    """What _get_logits_processor asks of a model."""
    class config:
        is_encoder_decoder = False


def draws():
    generator = torch.Generator().manual_seed(5)
    logits = (torch.randn(40, generator=generator) * 2).tolist()
    logits[7] = logits[8]
    tokens = [3, 9, 3, 30]
    rows = []
    for one in ({}, {"temperature": 0.6}, {"temperature": 2.5}, {"top_h": 0.4}, {"top_h": 0.9}, {"top_k": 5}, {"top_p": 0.7},
                {"min_p": 0.1}, {"typical_p": 0.3}, {"typical_p": 0.9}, {"epsilon_cutoff": 0.02}, {"epsilon_cutoff": 0.9},
                {"eta_cutoff": 0.05}, {"eta_cutoff": 0.9}, {"top_p": 0.0},
                {"temperature": 1.7, "top_h": 0.95, "top_k": 20, "top_p": 0.95, "min_p": 0.01, "typical_p": 0.9,
                 "epsilon_cutoff": 0.01, "eta_cutoff": 0.02},
                {"temperature": 1.5, "typical_p": 0.5, "epsilon_cutoff": 0.03},
                {"repetition_penalty": 1.5, "no_repeat_ngram_size": 2, "top_k": 10, "suppress_tokens": [1, 2]}):
        settings = {"do_sample": True, "top_k": 0, **one}
        config = GenerationConfig(**settings)
        config._eos_token_tensor = None
        defaults = GenerationConfig._get_default_generation_params()
        config.update(**defaults, defaults_only=True)
        processors = Nothing()._get_logits_processor(config, input_ids_seq_length=2,
                                                           encoder_input_ids=torch.tensor([tokens[:2]]), device="cpu",
                                                           logits_processor=LogitsProcessorList())
        scores = processors(torch.tensor([tokens]), torch.tensor([logits]))
        rows.append({"settings": settings, "p": torch.softmax(scores.double(), -1)[0].tolist()})
        print(one, sum(p > 0 for p in rows[-1]["p"]), "tokens left")
    return {"logits": logits, "tokens": tokens, "rows": rows}


def main():
    torch.set_num_threads(1)
    left = draws()
    folders = {name: folder(name) for name in DECODERS + TRANSLATORS}
    with open(os.path.join(OUT, "generation.json"), "w") as file:
        json.dump({"folders": folders, "draws": left}, file, separators=(",", ":"))


if __name__ == "__main__":
    main()
