#!/usr/bin/env python3
"""Makes tests/data/family_*: small decoders and encoders with random weights, as Hugging Face Transformers saves them,
and what PyTorch computes with them. Packages and manner as in make_model_fixtures.py.

    python3 tools/make_family_fixtures.py

Each expected.safetensors holds, for four texts that stand one after another without padding:

    ids, starts [, types]       int64: what is read; row of each text's first token, and the end
    hidden [rows, width]        after the last norm
    logits                      [labels, vocabulary], or [texts, label count]
    labels [, label_rows]       int64: targets of a decoder's rows; of an encoder's rows label_rows; of the rows that
                                have a class, where tokens have
    classes | values            int64 [texts] | float32 [texts, label count]
    loss                        mean over targets, label smoothing 0.1 where they are tokens or classes; of classes of
                                tokens the loss that the model itself gives
    grad.NAME                   of the loss, for every parameter
    maps [layers, heads, n, n]  attention of the text `sample`

Where tokens have classes, spans.txt has what Transformers' pipeline makes of SENTENCE (aggregation "simple"), a span a
line, as `attend classify --json` spells label and text.
"""
import argparse
import json
import os

if __name__ == "__main__":  # before the imports that follow: --help needs none of them
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()

import numpy as np
import torch
from safetensors.numpy import save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import (BertConfig, BertForMaskedLM, BertForSequenceClassification, BertForTokenClassification,
                          BertModel, Gemma2Config, Gemma2ForCausalLM, Gemma2ForSequenceClassification, Gemma3ForCausalLM,
                          Gemma3TextConfig, GPT2Config, GPT2ForSequenceClassification, GPT2ForTokenClassification,
                          GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, LlamaForSequenceClassification,
                          LlamaForTokenClassification, MistralConfig, MistralForCausalLM, Phi3Config, Phi3ForCausalLM,
                          Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM, pipeline)

from make_model_fixtures import OUT, SAMPLE, SMOOTHING, TEXT, packed, pad, starts

VOCABULARY = 280
LENGTHS = [1, 17, 5, 9]
NAMES = {0: "bad", 1: "so \"so\"", 2: "good"}
ENTITIES = dict(id2label={0: "O", 1: "B-PER", 2: "I-PER", 3: "B-LOC", 4: "I-LOC"},
                label2id={"O": 0, "B-PER": 1, "I-PER": 2, "B-LOC": 3, "I-LOC": 4})
SENTENCE = "a man walks to a house"
UNLABELLED = -100  # Transformers' mark of a token whose class does not count
GPT2 = dict(vocab_size=VOCABULARY, n_positions=64, n_embd=16, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0)
LLAMA = dict(vocab_size=VOCABULARY, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4,
             num_key_value_heads=2, head_dim=6, max_position_embeddings=64, bos_token_id=0, eos_token_id=0)
BERT = dict(vocab_size=VOCABULARY, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
            max_position_embeddings=64, pad_token_id=0)
LLAMA3 = dict(rope_type="llama3", rope_theta=500.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=16)
YARN = dict(rope_type="yarn", rope_theta=500.0, factor=4.0, original_max_position_embeddings=16, beta_fast=4.0)
SMALL = dict(LLAMA, num_key_value_heads=2, head_dim=8, hidden_size=12)
QWEN = dict(SMALL, use_sliding_window=True, sliding_window=6, max_window_layers=1)
GEMMA = dict(SMALL, head_dim=6, pad_token_id=0, num_hidden_layers=3, query_pre_attn_scalar=10, sliding_window=5)
LONGROPE = dict(rope_type="longrope", rope_theta=500.0, partial_rotary_factor=0.75, short_factor=[1.0, 1.25, 1.5],
                long_factor=[1.5, 3.0, 7.0])
FOLDERS = {
    "family_gpt2": (GPT2Config, GPT2LMHeadModel, GPT2),
    "family_llama": (LlamaConfig, LlamaForCausalLM,
                     dict(LLAMA, rope_parameters=dict(rope_type="default", rope_theta=777.0))),
    "family_llama3": (LlamaConfig, LlamaForCausalLM,
                      dict(LLAMA, head_dim=8, num_attention_heads=2, num_key_value_heads=1, num_hidden_layers=1,
                           attention_bias=True, mlp_bias=True, tie_word_embeddings=True, rope_parameters=LLAMA3)),
    "family_llama_dynamic": (LlamaConfig, LlamaForCausalLM,
                             dict(LLAMA, num_hidden_layers=1, max_position_embeddings=12,
                                  rope_parameters=dict(rope_type="dynamic", rope_theta=500.0, factor=3.0))),
    "family_qwen2": (Qwen2Config, Qwen2ForCausalLM, dict(QWEN, rope_parameters=YARN)),
    "family_qwen3": (Qwen3Config, Qwen3ForCausalLM,
                     dict(SMALL, tie_word_embeddings=True, rope_parameters=dict(rope_type="default", rope_theta=1e6))),
    "family_mistral": (MistralConfig, MistralForCausalLM,
                       dict(SMALL, sliding_window=7,
                            rope_parameters=dict(rope_type="linear", rope_theta=500.0, factor=2.0))),
    "family_gemma2": (Gemma2Config, Gemma2ForCausalLM,
                      dict(GEMMA, attn_logit_softcapping=2.0, final_logit_softcapping=3.0)),
    "family_gemma3": (Gemma3TextConfig, Gemma3ForCausalLM,
                      dict(GEMMA, layer_types=["sliding_attention", "full_attention", "sliding_attention"],
                           rope_parameters=dict(full_attention=dict(rope_type="linear", rope_theta=1e4, factor=8.0),
                                                sliding_attention=dict(rope_type="default", rope_theta=100.0)))),
    "family_phi3": (Phi3Config, Phi3ForCausalLM,
                    dict(SMALL, hidden_size=32, head_dim=8, num_key_value_heads=2, pad_token_id=0, sliding_window=11,
                         original_max_position_embeddings=12, rope_parameters=LONGROPE)),
    "family_gemma2_classes": (Gemma2Config, Gemma2ForSequenceClassification,
                              dict(GEMMA, num_hidden_layers=1, sliding_window=32,
                                   problem_type="single_label_classification")),
    "family_bert": (BertConfig, BertModel, BERT),
    "family_bert_masked": (BertConfig, BertForMaskedLM, BERT),
    "family_bert_classes": (BertConfig, BertForSequenceClassification,
                            dict(BERT, num_hidden_layers=1, problem_type="single_label_classification")),
    "family_bert_labels": (BertConfig, BertForSequenceClassification,
                           dict(BERT, num_hidden_layers=1, problem_type="multi_label_classification")),
    "family_bert_values": (BertConfig, BertForSequenceClassification,
                           dict(BERT, num_hidden_layers=1, problem_type="regression")),
    "family_gpt2_classes": (GPT2Config, GPT2ForSequenceClassification,
                            dict(GPT2, n_layer=1, n_inner=20, pad_token_id=1, activation_function="relu",
                                 problem_type="single_label_classification")),
    "family_llama_values": (LlamaConfig, LlamaForSequenceClassification,
                            dict(LLAMA, num_hidden_layers=1, pad_token_id=1, problem_type="regression")),
    "family_bert_token_classes": (BertConfig, BertForTokenClassification, dict(BERT, num_hidden_layers=1, **ENTITIES)),
    "family_gpt2_token_classes": (GPT2Config, GPT2ForTokenClassification, dict(GPT2, n_layer=1, **ENTITIES)),
    "family_llama_token_classes": (LlamaConfig, LlamaForTokenClassification,
                                   dict(LLAMA, num_hidden_layers=1, **ENTITIES)),
}


def make_tokenizer(bert):
    first = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] if bert else ["<|endoftext|>"]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        TEXT, trainers.BpeTrainer(vocab_size=VOCABULARY, min_frequency=2, special_tokens=first,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    return tokenizer


def make_model(config_class, model_class, options):
    if "problem_type" in options:
        options = dict(options, id2label=NAMES, label2id={v: k for k, v in NAMES.items()})
    config = config_class(**options)
    config._attn_implementation = "eager"
    model = model_class(config)
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            norm = "norm" in name.lower() or ".ln_" in name
            sharp = parameter.dim() == 1 or any(part in name for part in ("q_proj", "k_proj", "query", "key", "c_attn", "qkv"))
            centre = 1.0 if norm and name.endswith("weight") and "Gemma" not in model_class.__name__ else 0.0
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * (0.5 if sharp else 0.3) + centre)
        if config_class is BertConfig:
            model.get_input_embeddings().weight[config.pad_token_id] = 0
    return model.eval()


def tokens_loss(logits, labels, out):
    out["labels"] = labels.numpy()
    return torch.nn.functional.cross_entropy(logits, labels, label_smoothing=SMOOTHING)


def labels_loss(kind, logits, draw, out):
    count, labels = logits.shape
    if kind == "single_label_classification":
        out["classes"] = draw.integers(0, labels, count)
        return torch.nn.functional.cross_entropy(logits, torch.tensor(out["classes"]), label_smoothing=SMOOTHING)
    multi = kind == "multi_label_classification"
    values = draw.integers(0, 2, (count, labels)) if multi else draw.normal(size=(count, labels))
    out["values"] = values.astype(np.float32)
    loss = torch.nn.BCEWithLogitsLoss() if multi else torch.nn.MSELoss()
    return loss(logits, torch.tensor(out["values"]).double())


def token_classes(texts, count, draw, out):
    """About two tokens of three have a class: what the model is given as labels, padded."""
    classes = [np.where(draw.random(len(t)) < 0.7, draw.integers(0, count, len(t)), UNLABELLED) for t in texts]
    flat = np.concatenate(classes)
    out["label_rows"] = np.flatnonzero(flat != UNLABELLED).astype(np.int64)
    out["labels"] = flat[out["label_rows"]].astype(np.int64)
    return pad([list(c) for c in classes], UNLABELLED)


def expect_alone(model):
    """Of a causal language model, each text by itself: padding would be NaN in windows, and frequencies go by the longest
    text of a batch."""
    draw = np.random.default_rng(11)
    texts = [list(draw.integers(5, VOCABULARY, n)) for n in LENGTHS]
    results = [model(input_ids=torch.tensor([t]), output_attentions=True, output_hidden_states=True, use_cache=False)
               for t in texts]
    logits = torch.cat([r.logits[0] for r in results])
    out = {"ids": np.concatenate(texts).astype(np.int64), "starts": starts(texts), "sample": np.array([SAMPLE]),
           "logits": logits.detach().numpy().astype(np.float32),
           "hidden": torch.cat([r.hidden_states[-1][0] for r in results]).detach().numpy().astype(np.float32),
           "maps": np.stack([a[0].detach().numpy() for a in results[SAMPLE].attentions]).astype(np.float32)}
    loss = tokens_loss(logits, torch.tensor(draw.integers(0, VOCABULARY, len(logits))), out)
    loss.backward()
    out["loss"] = np.array([loss.item()], np.float32)
    out.update({"grad." + name: p.grad.numpy().astype(np.float32) for name, p in model.named_parameters()})
    return out


def expect(model):
    config, draw = model.config, np.random.default_rng(11)
    bert = isinstance(config, BertConfig)
    texts = [list(draw.integers(5, VOCABULARY, n)) for n in LENGTHS]
    out = {"ids": np.concatenate(texts).astype(np.int64), "starts": starts(texts), "sample": np.array([SAMPLE])}
    ids = pad(texts, 0 if config.pad_token_id is None else config.pad_token_id)
    mask = torch.tensor([[int(j < len(t)) for j in range(ids.shape[1])] for t in texts])
    extra = {}
    if bert:
        types = [list(np.sort(draw.integers(0, 2, len(t)))) for t in texts]
        out["types"] = np.concatenate(types).astype(np.int64)
        extra["token_type_ids"] = pad(types, 0)
    by_token = "TokenClassification" in type(model).__name__
    if by_token:
        extra["labels"] = token_classes(texts, config.num_labels, draw, out)
    result = model(input_ids=ids, attention_mask=mask, output_attentions=True, output_hidden_states=True,
                   **({} if bert else {"use_cache": False}), **extra)
    if "last_hidden_state" in result:
        result["hidden_states"] = [result.last_hidden_state]
    rows = torch.cat([torch.arange(len(t)) + i * ids.shape[1] for i, t in enumerate(texts)])
    if by_token:
        out["logits"] = result.logits.reshape(-1, config.num_labels)[rows].detach().numpy().astype(np.float32)
        loss = result.loss
    elif getattr(config, "problem_type", None):
        out["logits"] = result.logits.detach().numpy().astype(np.float32)
        loss = labels_loss(config.problem_type, result.logits, draw, out)
    elif "logits" in result:
        logits = result.logits.reshape(-1, VOCABULARY)[rows]
        if bert:
            out["label_rows"] = np.array([0, 3, 4, 17, 20, 20, 31], np.int64)
            logits = logits[out["label_rows"]]
        out["logits"] = logits.detach().numpy().astype(np.float32)
        loss = tokens_loss(logits, torch.tensor(draw.integers(0, VOCABULARY, len(logits))), out)
    else:
        loss = None
    n = LENGTHS[SAMPLE]
    out["hidden"] = packed(result.hidden_states[-1], texts)
    out["maps"] = np.stack([a[SAMPLE, :, :n, :n].detach().numpy() for a in result.attentions]).astype(np.float32)
    if loss is not None:
        loss.backward()
        out["loss"] = np.array([loss.item()], np.float32)
    for name, parameter in model.named_parameters():
        if loss is not None and parameter.grad is not None:
            out["grad." + name] = parameter.grad.numpy().astype(np.float32)
    return out


def main():
    for name, (config_class, model_class, options) in FOLDERS.items():
        folder = os.path.join(OUT, name)
        model = make_model(config_class, model_class, options)
        bert = config_class is BertConfig
        model.save_pretrained(folder)
        make_tokenizer(bert).save(os.path.join(folder, "tokenizer.json"), pretty=False)
        names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]",
                 "mask_token": "[MASK]"} if bert else {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>"}
        with open(os.path.join(folder, "tokenizer_config.json"), "w") as file:
            json.dump({"tokenizer_class": "PreTrainedTokenizerFast", **names}, file, indent=2)
        if "TokenClassification" in model_class.__name__:
            spans = pipeline("token-classification", model=folder, aggregation_strategy="simple")(SENTENCE)
            with open(os.path.join(folder, "spans.txt"), "w") as file:
                file.writelines(f'"label": "{s["entity_group"]}", "text": "{s["word"]}"\n' for s in spans)
        alone = "ForCausalLM" in model_class.__name__
        expected = (expect_alone if alone else expect)(model.double())
        save_file({key: np.ascontiguousarray(value) for key, value in expected.items()},
                  os.path.join(folder, "expected.safetensors"))
        print(name, "loss", expected.get("loss"), "gradients", sum(k.startswith("grad.") for k in expected))


if __name__ == "__main__":
    main()
