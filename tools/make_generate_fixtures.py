#!/usr/bin/env python3
"""Makes tests/data/generate_*: a small gpt2 and a small llama with random weights, and what Hugging Face Transformers
makes of prompts and texts with them; and what its generate() with a repetition penalty makes of the translators in
tests/data/decode_*.

    python3 -m pip install torch transformers tokenizers numpy
    python3 tools/make_generate_fixtures.py

expected.json of a folder:
    greedy: [{"prompt", "penalty", "ids" (of the prompt), "tokens" (200, or up to the end token), "text" (its bytes,
        hexadecimal, as there are NULs in it), "logprob" (of the model's own distribution)}]
    windows: [{"text", "stride", "tokens", "logprob"}]: the sliding windows of Transformers' page on perplexity, with the
        start token before the text
generate_penalty.json: {folder: [{"beam", "penalty", "outputs": of each source, best first, [{"tokens", "score"}]}]}

Computed in float64 on the stored weights. The weights are large, so that the likeliest token is never a near tie.
"""
import argparse
import json
import os

if __name__ == "__main__":  # before the imports that follow: --help needs none of them
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (AutoModelForCausalLM, AutoModelForSeq2SeqLM, GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM)

from make_decode_fixtures import LONGEST, pad
from make_model_fixtures import OUT, TEXT

VOCABULARY, POSITIONS, NEW = 290, 256, 200
PROMPTS = ["A dog", "Zwei Männer stehen am Herd, und ", "x", "日本 🙂 \n", "A woman runs in the snow. " * 2, "Ein Hund läuft 🙂",
           "(", " two spaces  here", "Schnee", "0123456789"]
STRIDES = [1, 17, 128, 255]


def make_tokenizer(marks, before):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        TEXT, trainers.BpeTrainer(vocab_size=VOCABULARY, min_frequency=2, special_tokens=marks,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    if before:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=before + " $A", pair=before + " $A $B", special_tokens=[(before, tokenizer.token_to_id(before))])
    assert tokenizer.get_vocab_size() == VOCABULARY
    return tokenizer


def make_gpt2():
    config = GPT2Config(vocab_size=VOCABULARY, n_positions=POSITIONS, n_embd=32, n_layer=2, n_head=4,
                        bos_token_id=0, eos_token_id=0)
    return GPT2LMHeadModel(config), make_tokenizer(["<|endoftext|>"], None), {"bos_token": "<|endoftext|>",
                                                                            "eos_token": "<|endoftext|>"}


def make_llama():
    config = LlamaConfig(vocab_size=VOCABULARY, max_position_embeddings=POSITIONS, hidden_size=32, num_hidden_layers=2,
                         num_attention_heads=4, num_key_value_heads=2, intermediate_size=64, bos_token_id=1,
                         eos_token_id=2, tie_word_embeddings=False)
    return LlamaForCausalLM(config), make_tokenizer(["<unk>", "<s>", "</s>"], "<s>"), {
        "unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}


def spread_weights(model):
    generator = torch.Generator().manual_seed(11)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            centre = 1.0 if parameter.dim() == 1 and name.endswith("weight") else 0.0
            spread = 0.2 if parameter.dim() == 1 else 0.6
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * spread + centre)


def own_logprobs(model, ids):
    """log p of ids[1:], and each row's lead of the likeliest token over the next."""
    logits = model(input_ids=torch.tensor([ids])).logits[0, :-1]
    best = logits.topk(2, -1).values
    rows = torch.log_softmax(logits, -1)
    return rows[torch.arange(len(ids) - 1), torch.tensor(ids[1:])], best[:, 0] - best[:, 1]


def greedy(model, tokenizer, prompt, penalty):
    ids = tokenizer.encode(prompt).ids
    result = model.generate(input_ids=torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long),
                            max_new_tokens=NEW, do_sample=False, repetition_penalty=penalty,
                            pad_token_id=model.config.eos_token_id)[0].tolist()
    tokens = result[len(ids):]
    logprobs, lead = own_logprobs(model, result)
    before = tokenizer.decode(ids, skip_special_tokens=True)
    text = tokenizer.decode(result, skip_special_tokens=True)
    assert text.startswith(before)
    least = lead[len(ids) - 1:].min().item() if penalty == 1 else float("nan")
    return {"prompt": prompt, "penalty": penalty, "ids": ids, "tokens": tokens, "text": text[len(before):].encode().hex(),
            "logprob": logprobs[len(ids) - 1:].sum().item()}, least


def windows(model, tokenizer, text, stride):
    """https://huggingface.co/docs/transformers/perplexity"""
    ids = tokenizer.encode(text).ids
    if ids[0] != model.config.bos_token_id:
        ids = [model.config.bos_token_id] + ids
    total, count, previous_end = 0.0, 0, 0
    for begin in range(0, len(ids), stride):
        end = min(begin + POSITIONS, len(ids))
        fresh = end - previous_end
        target = torch.tensor([ids[begin:end]])
        target[:, :-fresh] = -100
        predicted = int((target[:, 1:] != -100).sum())
        loss = model(input_ids=torch.tensor([ids[begin:end]]), labels=target).loss
        total -= loss.item() * predicted
        count += predicted
        previous_end = end
        if end == len(ids):
            break
    assert count == len(ids) - 1
    return {"text": text, "stride": stride, "tokens": count, "logprob": total}


@torch.no_grad()
def make_folder(name, make):
    folder = os.path.join(OUT, name)
    torch.manual_seed(3)
    model, tokenizer, names = make()
    spread_weights(model)
    model.half().save_pretrained(folder)
    tokenizer.save(os.path.join(folder, "tokenizer.json"), pretty=False)
    with open(os.path.join(folder, "tokenizer_config.json"), "w") as file:
        json.dump({"tokenizer_class": "PreTrainedTokenizerFast", **names}, file, indent=2)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).double().eval()
    runs = [greedy(model, tokenizer, prompt, penalty) for penalty in (1.0, 1.3) for prompt in PROMPTS]
    text = " ".join(TEXT) + " 🙂"
    scores = [windows(model, tokenizer, text, stride) for stride in STRIDES] + [windows(model, tokenizer, "A dog", 128)]
    with open(os.path.join(folder, "expected.json"), "w") as file:
        json.dump({"greedy": [run for run, _ in runs], "windows": scores}, file, separators=(",", ":"))
    print(name, "least lead of a likeliest token %.2g" % min(lead for _, lead in runs if lead == lead), "lengths",
          [len(run["tokens"]) for run, _ in runs], "different tokens", [len(set(run["tokens"])) for run, _ in runs],
          "tokens of the text", scores[0]["tokens"])


@torch.no_grad()
def penalised(name, beam, penalty):
    folder = os.path.join(OUT, name)
    model = AutoModelForSeq2SeqLM.from_pretrained(folder).double().eval()
    with open(os.path.join(folder, "expected.json")) as file:
        sources = [source["ids"] for source in json.load(file)["sources"]]
    source = pad(sources, model.config.pad_token_id)
    result = model.generate(input_ids=source, attention_mask=(source != model.config.pad_token_id).long(),
                            num_beams=beam, num_return_sequences=1, max_length=LONGEST + 1, do_sample=False,
                            repetition_penalty=penalty, return_dict_in_generate=True, output_scores=True,
                            **(dict(length_penalty=1.0, early_stopping=False) if beam > 1 else {}))
    outputs = []
    for i, tokens in enumerate(result.sequences.tolist()):
        tokens = tokens[1:]
        if model.config.eos_token_id in tokens:
            tokens = tokens[:tokens.index(model.config.eos_token_id) + 1]
        outputs.append({"tokens": tokens, "score": result.sequences_scores[i].item() if beam > 1 else None})
    return {"beam": beam, "penalty": penalty, "outputs": outputs}


def main():
    make_folder("generate_gpt2", make_gpt2)
    make_folder("generate_llama", make_llama)
    runs = {name: [penalised(name, beam, penalty) for beam in (1, 4) for penalty in (0.8, 1.5)]
            for name in ("decode_marian", "decode_m2m_100")}
    with open(os.path.join(OUT, "generate_penalty.json"), "w") as file:
        json.dump(runs, file, separators=(",", ":"))


if __name__ == "__main__":
    main()
