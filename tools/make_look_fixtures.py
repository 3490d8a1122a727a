#!/usr/bin/env python3
"""Makes what attention, gradients, embeddings and filled masks are held to: tests/data/view_look.json, and three small
models with random weights, tests/data/look_{bert,labels,gpt2}.

    python3 -m pip install torch transformers tokenizers
    python3 tools/make_look_fixtures.py tests/data

Everything is what Hugging Face Transformers computes, in float64 on the float32 weights. view_look.json is
{model: {...}} with, where the model has it:

    text, target                teacher-forced: the decoder is given the start token and the target
    encoder, decoder, cross     [layer][head][query][key]: attention
    gradient                    [output][position]: the norm of the gradient of the output's log-probability (of the
                                likeliest label's) by the position's embedding
    lines, embeddings           {"mean", "first", "last": [line][width]}: of the last layer's hidden states
    fill                        {"text", "masks": [[token, probability]]}: the five likeliest at each mask
"""
import argparse
import json
import os

if __name__ == "__main__":  # before the imports that follow: --help needs none of them
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", help="tests/data")
    args = parser.parse_args()

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import (AutoModelForCausalLM, AutoModelForMaskedLM, AutoModelForSeq2SeqLM,
                          AutoModelForSequenceClassification, BertConfig, BertForMaskedLM, BertForSequenceClassification,
                          GPT2Config, GPT2LMHeadModel)

PAIR = ("abc de fgh b", "ABC lM nop J")
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "man", "woman", "dog", "throws", "walk", "read", "ball",
         "book", "a", "läuft", "schnee", "##ing", "##s", "##ed", "##er", ".", ",", "!", "今", "天", "b", "##o", "##x", "x"]
LINES = ["The man throws the ball.", "A dog walks, reading a book!", "", "Läuft 今天 Schnee 👍", "box",
         "the " * 40]
MASKED = "The man [MASK] the [MASK]."
SIZES = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
             max_position_embeddings=24, initializer_range=0.4, vocab_size=len(WORDS), attn_implementation="eager")


def numbers(tensor, digits=7):
    return json.loads(json.dumps(tensor.tolist()), parse_float=lambda text: float(f"{float(text):.{digits}g}"))


def save(model, tokenizer, folder, marks):
    model.save_pretrained(folder)
    tokenizer.save(os.path.join(folder, "tokenizer.json"))
    with open(os.path.join(folder, "tokenizer_config.json"), "w", encoding="utf-8") as file:
        json.dump({"tokenizer_class": "PreTrainedTokenizerFast", **marks}, file)
        file.write("\n")


def bert_tokenizer():
    ids = {word: i for i, word in enumerate(WORDS)}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(strip_accents=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens(WORDS[:5])
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
                                                             special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    return tokenizer


def character_tokenizer():
    """The letters of ASCII as GPT-2 spells bytes, without a merge."""
    alphabet = sorted(pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False).pre_tokenize_str(
        "".join(map(chr, range(32, 127))) + "\n")[0][0])
    tokenizer = Tokenizer(models.BPE({letter: i for i, letter in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def make_models(out):
    marks = dict(pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]", mask_token="[MASK]",
                 model_input_names=["input_ids", "token_type_ids", "attention_mask"])
    tokenizer = bert_tokenizer()
    torch.manual_seed(7)
    save(BertForMaskedLM(BertConfig(**SIZES, pad_token_id=0)), tokenizer, os.path.join(out, "look_bert"), marks)
    labels = dict(enumerate(["bad", "middling", "good"]))
    config = BertConfig(**SIZES, pad_token_id=0, id2label=labels, label2id={v: k for k, v in labels.items()})
    save(BertForSequenceClassification(config), tokenizer, os.path.join(out, "look_labels"), marks)
    tokenizer = character_tokenizer()
    config = GPT2Config(vocab_size=tokenizer.get_vocab_size(), n_embd=16, n_layer=2, n_head=2, n_positions=24,
                        initializer_range=0.3, bos_token_id=None, eos_token_id=None, attn_implementation="eager")
    save(GPT2LMHeadModel(config), tokenizer, os.path.join(out, "look_gpt2"), {})


def open_model(out, name, auto):
    folder = os.path.join(out, name)
    model = auto.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).double().eval()
    return Tokenizer.from_file(os.path.join(folder, "tokenizer.json")), model


def norms(value, embedded):
    return torch.autograd.grad(value, embedded, retain_graph=True)[0][0].norm(dim=-1)


def look_at_translator(out, name):
    tokenizer, model = open_model(out, name, AutoModelForSeq2SeqLM)
    source, target = (tokenizer.encode(text).ids for text in PAIR)
    inputs = torch.tensor([[model.config.decoder_start_token_id] + target[:-1]])
    embedded = model.get_encoder().embed_tokens(torch.tensor([source])).detach()
    if not name.startswith("model_m2m"):  # m2m's embedding scales by itself
        embedded = embedded * (model.config.d_model**0.5 if model.config.scale_embedding else 1)
    embedded.requires_grad_()
    ids = torch.tensor([source])
    given = model(input_ids=ids, decoder_input_ids=inputs, output_attentions=True)
    # positions come from the ids in m2m_100: keep them while the embeddings are the variables
    handle = model.get_encoder().embed_tokens.register_forward_hook(
        lambda module, args, output: embedded / (model.config.d_model**0.5 if not name.startswith("model_m2m") and
                                                 model.config.scale_embedding else 1))
    again = model(encoder_outputs=model.get_encoder()(input_ids=ids), decoder_input_ids=inputs)
    handle.remove()
    assert torch.allclose(given.logits, again.logits, atol=1e-12)
    logs = again.logits[0].log_softmax(-1)
    result = {"text": PAIR[0], "target": PAIR[1],
              "gradient": numbers(torch.stack([norms(logs[i, token], embedded) for i, token in enumerate(target)]))}
    for part, layers in [("encoder", given.encoder_attentions), ("decoder", given.decoder_attentions), ("cross", given.cross_attentions)]:
        result[part] = numbers(torch.stack([layer[0] for layer in layers]))
    return result


def look_at_decoder(out, name, text):
    tokenizer, model = open_model(out, name, AutoModelForCausalLM)
    ids = torch.tensor([tokenizer.encode(text).ids])
    embedded = model.get_input_embeddings()(ids[:, :-1]).detach().requires_grad_()
    given = model(inputs_embeds=embedded, output_attentions=True)
    logs = given.logits[0].log_softmax(-1)
    rows = [norms(logs[i, token], embedded) for i, token in enumerate(ids[0, 1:])]
    return {"text": text, "decoder": numbers(torch.stack([layer[0] for layer in given.attentions])),
            "gradient": numbers(torch.stack(rows))}


def look_at_labels(out, name, text, other):
    tokenizer, model = open_model(out, name, AutoModelForSequenceClassification)
    encoded = tokenizer.encode(text, other)
    types = torch.tensor([encoded.type_ids])
    embedded = model.get_input_embeddings()(torch.tensor([encoded.ids])).detach().requires_grad_()
    given = model(inputs_embeds=embedded, token_type_ids=types, output_attentions=True)
    logs = given.logits[0].log_softmax(-1)
    best = int(logs.argmax())
    return {"text": text, "target": other, "encoder": numbers(torch.stack([layer[0] for layer in given.attentions])),
            "gradient": [numbers(norms(logs[best], embedded))], "label": model.config.id2label[best]}


def look_at_encoder(out, name):
    tokenizer, model = open_model(out, name, AutoModelForMaskedLM)
    vectors = {"mean": [], "first": [], "last": []}
    tokenizer.enable_truncation(model.config.max_position_embeddings)
    with torch.no_grad():
        for line in LINES:
            hidden = model.bert(torch.tensor([tokenizer.encode(line).ids])).last_hidden_state[0]
            for pooling, vector in [("mean", hidden.mean(0)), ("first", hidden[0]), ("last", hidden[-1])]:
                vectors[pooling].append(numbers(vector))
        ids = tokenizer.encode(MASKED).ids
        given = model(torch.tensor([ids]), output_attentions=True)
    masks = []
    for i, token in enumerate(ids):
        if token == WORDS.index("[MASK]"):
            top = given.logits[0, i].softmax(-1).topk(5)
            masks.append([[WORDS[t], numbers(p)] for p, t in zip(top.values, top.indices.tolist())])
    return {"text": MASKED, "encoder": numbers(torch.stack([layer[0] for layer in given.attentions])), "lines": LINES,
            "embeddings": vectors, "fill": {"text": MASKED, "masks": masks}}


def main(out):
    make_models(out)
    fixture = {name: look_at_translator(out, name) for name in ["model_m2m_100_relu", "model_marian_gelu"]}
    fixture["look_gpt2"] = look_at_decoder(out, "look_gpt2", "To be,\nor not to be")
    fixture["look_labels"] = look_at_labels(out, "look_labels", "The man throws", "a ball, walking!")
    fixture["look_bert"] = look_at_encoder(out, "look_bert")
    with open(os.path.join(out, "view_look.json"), "w", encoding="utf-8") as file:
        json.dump(fixture, file, separators=(",", ":"), ensure_ascii=False)
        file.write("\n")


if __name__ == "__main__":
    main(args.out)
