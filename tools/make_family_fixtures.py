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
    spans                       int64 [texts, 2]: first and last row of each text's answer, counted in the text
    loss                        mean over targets, label smoothing 0.1 where they are tokens or classes; of classes of
                                tokens the loss that the model itself gives; of spans that of each text alone, for
                                its class counts the padding too
    grad.NAME                   of the loss, for every parameter
    maps [layers, heads, n, n]  attention of the text `sample`

Where tokens have classes, spans.txt has what Transformers' pipeline makes of SENTENCE (aggregation "simple"), a span a
line, as `attend classify --json` spells label and text.
"""
import argparse
import json
import os

if __name__ == "__main__":  # before the imports that follow: --help needs none of them
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="folders with this in their names")
    args = parser.parse_args()

import numpy as np
import torch
from safetensors.numpy import save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import (AlbertConfig, AlbertForMaskedLM, AlbertForQuestionAnswering, AlbertForSequenceClassification,
                          BartConfig, BartForQuestionAnswering, BartForSequenceClassification,
                          BertConfig, BertForMaskedLM, BertForQuestionAnswering, BertForSequenceClassification,
                          BertForTokenClassification, BertModel, DistilBertConfig, DistilBertForMaskedLM,
                          DistilBertForQuestionAnswering, DistilBertForSequenceClassification, ElectraConfig,
                          ElectraForMaskedLM, ElectraForPreTraining, ElectraForSequenceClassification,
                          ElectraForTokenClassification, Gemma2Config, Gemma2ForCausalLM, Gemma2ForSequenceClassification, Gemma3ForCausalLM,
                          Gemma3TextConfig, GPT2Config, GPT2ForQuestionAnswering, GPT2ForSequenceClassification, GPT2ForTokenClassification,
                          GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, LlamaForQuestionAnswering, LlamaForSequenceClassification,
                          LlamaForTokenClassification, MBartConfig, MBartForQuestionAnswering, MBartForSequenceClassification,
                          MistralConfig, MistralForCausalLM, MPNetConfig, MPNetForMaskedLM, MPNetForQuestionAnswering,
                          MPNetForSequenceClassification, MPNetModel, NomicBertConfig, NomicBertForMaskedLM,
                          NomicBertForSequenceClassification, NomicBertForTokenClassification, NomicBertModel, Phi3Config, Phi3ForCausalLM,
                          Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM,
                          RobertaConfig, RobertaForMaskedLM, RobertaForQuestionAnswering,
                          RobertaForSequenceClassification, RobertaForTokenClassification, XLMRobertaConfig,
                          XLMRobertaForSequenceClassification, XLMRobertaModel, pipeline, T5Config, T5ForQuestionAnswering,
                          T5ForSequenceClassification)
from transformers.core_model_loading import revert_weight_conversion

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
ENCODER = dict(vocab_size=VOCABULARY, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=24)
ROBERTA = dict(ENCODER, max_position_embeddings=34, type_vocab_size=1, pad_token_id=1, bos_token_id=0, eos_token_id=2)
DISTILBERT = dict(vocab_size=VOCABULARY, dim=16, n_layers=1, n_heads=2, hidden_dim=24, max_position_embeddings=32,
                  pad_token_id=0)
ELECTRA = dict(ENCODER, embedding_size=10, max_position_embeddings=32, pad_token_id=0)
ALBERT = dict(ENCODER, embedding_size=10, num_hidden_layers=5, num_hidden_groups=2, max_position_embeddings=32,
              pad_token_id=0)
MPNET = dict(ENCODER, max_position_embeddings=34, pad_token_id=1, bos_token_id=0, eos_token_id=2)
NOMIC = dict(ENCODER, max_position_embeddings=32, pad_token_id=0)
BART = dict(vocab_size=VOCABULARY, d_model=16, encoder_layers=1, decoder_layers=2, encoder_attention_heads=2, decoder_attention_heads=4,
            encoder_ffn_dim=24, decoder_ffn_dim=20, max_position_embeddings=32, pad_token_id=1, bos_token_id=0, eos_token_id=2,
            decoder_start_token_id=2)
MBART = {key: value for key, value in BART.items() if key != "decoder_start_token_id"}
T5 = dict(vocab_size=VOCABULARY, d_model=16, d_kv=6, d_ff=24, num_layers=1, num_decoder_layers=2, num_heads=2, pad_token_id=0, eos_token_id=3,
          decoder_start_token_id=0, relative_attention_num_buckets=8, relative_attention_max_distance=20)
ONE, SEVERAL, NUMBER = (dict(problem_type=name) for name in
                        ("single_label_classification", "multi_label_classification", "regression"))
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
    "family_bert_spans": (BertConfig, BertForQuestionAnswering, dict(BERT, num_hidden_layers=1)),
    "family_gpt2_spans": (GPT2Config, GPT2ForQuestionAnswering, dict(GPT2, n_layer=1)),
    "family_llama_spans": (LlamaConfig, LlamaForQuestionAnswering, dict(LLAMA, num_hidden_layers=1)),
    "family_roberta_masked": (RobertaConfig, RobertaForMaskedLM, dict(ROBERTA, num_hidden_layers=2)),
    "family_roberta_classes": (RobertaConfig, RobertaForSequenceClassification, dict(ROBERTA, type_vocab_size=2, **ONE)),
    "family_roberta_token_classes": (RobertaConfig, RobertaForTokenClassification, dict(ROBERTA, **ENTITIES)),
    "family_roberta_spans": (RobertaConfig, RobertaForQuestionAnswering, ROBERTA),
    "family_xlm_roberta": (XLMRobertaConfig, XLMRobertaModel, ROBERTA),
    "family_xlm_roberta_values": (XLMRobertaConfig, XLMRobertaForSequenceClassification, dict(ROBERTA, **NUMBER)),
    "family_distilbert_masked": (DistilBertConfig, DistilBertForMaskedLM, dict(DISTILBERT, activation="relu")),
    "family_distilbert_labels": (DistilBertConfig, DistilBertForSequenceClassification, dict(DISTILBERT, **SEVERAL)),
    "family_distilbert_spans": (DistilBertConfig, DistilBertForQuestionAnswering, dict(DISTILBERT, n_layers=2)),
    "family_electra": (ElectraConfig, ElectraForPreTraining, ELECTRA),
    "family_electra_masked": (ElectraConfig, ElectraForMaskedLM, dict(ELECTRA, hidden_act="relu")),
    "family_electra_values": (ElectraConfig, ElectraForSequenceClassification, dict(ELECTRA, embedding_size=16, **NUMBER)),
    "family_electra_token_classes": (ElectraConfig, ElectraForTokenClassification, dict(ELECTRA, **ENTITIES)),
    "family_albert_masked": (AlbertConfig, AlbertForMaskedLM, ALBERT),
    "family_albert_classes": (AlbertConfig, AlbertForSequenceClassification,
                              dict(ALBERT, num_hidden_layers=3, num_hidden_groups=1, embedding_size=16, **ONE)),
    "family_albert_spans": (AlbertConfig, AlbertForQuestionAnswering, dict(ALBERT, num_hidden_layers=3)),
    "family_mpnet": (MPNetConfig, MPNetModel, MPNET),
    "family_mpnet_masked": (MPNetConfig, MPNetForMaskedLM, dict(MPNET, num_hidden_layers=2)),
    "family_mpnet_classes": (MPNetConfig, MPNetForSequenceClassification, dict(MPNET, **ONE)),
    "family_mpnet_spans": (MPNetConfig, MPNetForQuestionAnswering, MPNET),
    "family_nomic_bert": (NomicBertConfig, NomicBertModel, dict(NOMIC, num_hidden_layers=2)),
    "family_nomic_bert_masked": (NomicBertConfig, NomicBertForMaskedLM,
                                 dict(NOMIC, rope_parameters=dict(rope_type="default", rope_theta=77.0))),
    "family_nomic_bert_classes": (NomicBertConfig, NomicBertForSequenceClassification,
                                  dict(NOMIC, head_dim=4, rope_parameters=dict(rope_type="linear", rope_theta=500.0, factor=2.0), **ONE)),
    "family_nomic_bert_token_classes": (NomicBertConfig, NomicBertForTokenClassification, dict(NOMIC, type_vocab_size=1, **ENTITIES)),
    "family_bart_classes": (BartConfig, BartForSequenceClassification, dict(BART, **ONE)),
    "family_bart_values": (BartConfig, BartForSequenceClassification, dict(BART, encoder_layers=2, decoder_layers=1, **NUMBER)),
    "family_bart_spans": (BartConfig, BartForQuestionAnswering, BART),
    "family_mbart_classes": (MBartConfig, MBartForSequenceClassification, dict(MBART, **ONE)),
    "family_mbart_spans": (MBartConfig, MBartForQuestionAnswering, MBART),
    "family_t5_labels": (T5Config, T5ForSequenceClassification, dict(T5, **SEVERAL)),
    "family_t5_spans": (T5Config, T5ForQuestionAnswering, dict(T5, feed_forward_proj="gated-gelu", tie_word_embeddings=False)),
    "family_llama_token_classes": (LlamaConfig, LlamaForTokenClassification,
                                   dict(LLAMA, num_hidden_layers=1, **ENTITIES)),
}


ENCODERS = (AlbertConfig, BertConfig, DistilBertConfig, ElectraConfig, MPNetConfig, NomicBertConfig, RobertaConfig,
            XLMRobertaConfig)
BOTH = (BartConfig, MBartConfig, T5Config)  # read by an encoder and a decoder
READERS = ENCODERS + BOTH  # whose tokenizers have BERT's special tokens
SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PAD_SECOND = ["[CLS]", "[PAD]", "[SEP]", "[UNK]", "[MASK]"]  # RoBERTa's order


def make_tokenizer(config):
    first = (["<|endoftext|>"] if not isinstance(config, READERS) else PAD_SECOND if config.pad_token_id == 1 else
             SPECIALS)
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
            sharp = parameter.dim() == 1 or any(part in name for part in ("q_proj", "k_proj", "query", "key", "c_attn", "qkv", "q_lin",
                                                                     "k_lin", "attn.q", "attn.k"))
            centre = 1.0 if norm and name.endswith("weight") and "Gemma" not in model_class.__name__ else 0.0
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * (0.5 if sharp else 0.3) + centre)
        if config_class in ENCODERS:
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


def spans_loss(logits, texts, draw, out):
    """The mean over texts; a text's softmax is over its own rows."""
    out["spans"] = np.array([np.sort(draw.integers(0, len(t), 2)) for t in texts], np.int64)
    loss, at = 0, 0
    for text, span in zip(texts, out["spans"]):
        own = logits[at:at + len(text)]
        loss = loss + torch.nn.functional.cross_entropy(own.T, torch.tensor(span)) / len(texts)
        at += len(text)
    return loss


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
    bert = isinstance(config, ENCODERS)
    texts = [list(draw.integers(5, VOCABULARY, n)) for n in LENGTHS]
    both = isinstance(config, BOTH)
    for text in texts:
        language = isinstance(config, MBartConfig) and len(text) > 1  # its token stands behind the end
        text[-2 if language else -1] = config.eos_token_id if both else text[-1]
    out = {"ids": np.concatenate(texts).astype(np.int64), "starts": starts(texts), "sample": np.array([SAMPLE])}
    ids = pad(texts, 0 if config.pad_token_id is None else config.pad_token_id)
    mask = torch.tensor([[int(j < len(t)) for j in range(ids.shape[1])] for t in texts])
    extra = {}
    if bert and getattr(config, "type_vocab_size", 0) > 1:
        types = [list(np.sort(draw.integers(0, 2, len(t)))) for t in texts]
        out["types"] = np.concatenate(types).astype(np.int64)
        extra["token_type_ids"] = pad(types, 0)
    by_token = "TokenClassification" in type(model).__name__
    if by_token:
        extra["labels"] = token_classes(texts, config.num_labels, draw, out)
    result = model(input_ids=ids, attention_mask=mask, output_attentions=True, output_hidden_states=True,
                   **({} if bert else {"use_cache": False}), **extra)
    if both:
        result["hidden_states"], result["attentions"] = result.decoder_hidden_states, result.encoder_attentions
    if "last_hidden_state" in result:
        result["hidden_states"] = [result.last_hidden_state]
    rows = torch.cat([torch.arange(len(t)) + i * ids.shape[1] for i, t in enumerate(texts)])
    if by_token:
        out["logits"] = result.logits.reshape(-1, config.num_labels)[rows].detach().numpy().astype(np.float32)
        loss = result.loss
    elif "QuestionAnswering" in type(model).__name__:
        logits = torch.stack([result.start_logits, result.end_logits], -1).reshape(-1, 2)[rows]
        out["logits"] = logits.detach().numpy().astype(np.float32)
        loss = spans_loss(logits, texts, draw, out)
    elif getattr(config, "problem_type", None):
        out["logits"] = result.logits.detach().numpy().astype(np.float32)
        loss = labels_loss(config.problem_type, result.logits, draw, out)
    elif "logits" in result and "PreTraining" not in type(model).__name__:
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
    gradients = {name: p.grad for name, p in model.named_parameters() if loss is not None and p.grad is not None}
    for name, gradient in revert_weight_conversion(model, gradients).items():  # as the folder's file has them
        out["grad." + name] = gradient.numpy().astype(np.float32)
    return out


def main():
    for name, (config_class, model_class, options) in FOLDERS.items():
        if args.only and args.only not in name:
            continue
        folder = os.path.join(OUT, name)
        model = make_model(config_class, model_class, options)
        bert = config_class in READERS
        model.save_pretrained(folder)
        make_tokenizer(model.config).save(os.path.join(folder, "tokenizer.json"), pretty=False)
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
