#!/usr/bin/env python3
"""Makes tests/data/decode_*: four small translators, and what Hugging Face Transformers' generate() makes of 30 sources,
or 50 of the last two, which have forced tokens, n-grams that may not come again and least lengths.

    python3 -m pip install torch transformers tokenizers safetensors numpy
    python3 tools/make_decode_fixtures.py

The models learn, for a minute, a task that has many answers (each letter becomes one of two, or nothing, and the
end is often missing), so that beams compete and hypotheses of many lengths finish; random weights would say one word for ever. Marian's pad token gets a large logit, so that
only a search that bans it, as generate() does, agrees. expected.json:

    sources: [{"text", "ids"}]
    runs: [{"beam", "length_penalty", "early_stopping", "max_length" (tokens, end token in), "nbest",
            "outputs": of each source, best first, [{"tokens", "score", "logprob"}]}]
    pairs: [{"source", "target", "tokens", "logprob"}]
    alignment: of the first sources' greedy outputs, the source position that the last layer's cross-attention looks at
        most (mean of heads)

Computed in float64 on the float32 weights, so that no near tie is decided by rounding.
"""
import argparse
import json
import os
import random

if __name__ == "__main__":  # before the imports that follow: --help needs none of them
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()

import torch
from transformers import (BartConfig, BartForConditionalGeneration, M2M100Config, M2M100ForConditionalGeneration,
                          MarianConfig, MarianMTModel, T5Config, T5ForConditionalGeneration)

from make_model_fixtures import BART, M2M_100, MARIAN, OUT, T5, VOCABULARY, make_tokenizer

SIZES = dict(vocab_size=VOCABULARY, d_model=32, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4,
             decoder_attention_heads=4, encoder_ffn_dim=64, decoder_ffn_dim=64, max_position_embeddings=32, dropout=0.0,
             attention_dropout=0.0, activation_dropout=0.0, encoder_layerdrop=0.0, decoder_layerdrop=0.0,
             activation_function="relu", scale_embedding=True, init_std=0.2)
MODELS = {"decode_marian": (MarianConfig, MarianMTModel, MARIAN),
          "decode_m2m_100": (M2M100Config, M2M100ForConditionalGeneration, M2M_100),
          "decode_bart": (BartConfig, BartForConditionalGeneration, BART),
          "decode_t5": (T5Config, T5ForConditionalGeneration,
                        dict(T5, d_model=32, d_kv=8, d_ff=64, num_heads=4, dropout_rate=0.0, initializer_factor=1.0))}
FORCED = {"decode_bart": dict(forced_bos_token_id=0, forced_eos_token_id=2), "decode_t5": dict(forced_eos_token_id=1)}
STEPS, BATCH, SOURCES, LONGEST = 800, 64, 30, 19
PAD_BIAS = 8.0
RUNS = [dict(beam=1, length_penalty=1.0, early_stopping=False, max_length=LONGEST, nbest=1),
        dict(beam=4, length_penalty=1.0, early_stopping=False, max_length=LONGEST, nbest=4),
        dict(beam=4, length_penalty=0.6, early_stopping=False, max_length=LONGEST, nbest=2),
        dict(beam=4, length_penalty=2.0, early_stopping=False, max_length=LONGEST, nbest=4),
        dict(beam=4, length_penalty=2.0, early_stopping=True, max_length=LONGEST, nbest=4),
        dict(beam=2, length_penalty=3.0, early_stopping=False, max_length=LONGEST, nbest=2),
        dict(beam=4, length_penalty=1.0, early_stopping=True, max_length=LONGEST, nbest=4),
        dict(beam=4, length_penalty=1.0, early_stopping=False, max_length=5, nbest=4),
        dict(beam=1, length_penalty=1.0, early_stopping=False, max_length=4, nbest=1),
        dict(beam=9, length_penalty=0.0, early_stopping=False, max_length=LONGEST, nbest=3)]
PLAIN = dict(length_penalty=1.0, early_stopping=False, max_length=LONGEST)
FORCED_RUNS = [dict(PLAIN, beam=1, nbest=1), dict(PLAIN, beam=4, nbest=4),
               dict(PLAIN, beam=4, nbest=2, no_repeat_ngram=2), dict(PLAIN, beam=1, nbest=1, no_repeat_ngram=1),
               dict(PLAIN, beam=4, nbest=2, min_tokens=9), dict(PLAIN, beam=1, nbest=1, min_tokens=12),
               dict(PLAIN, beam=4, nbest=2, max_length=5), dict(PLAIN, beam=1, nbest=1, max_length=3),
               dict(PLAIN, beam=4, nbest=2, length_penalty=2.0, early_stopping=True, no_repeat_ngram=3, min_tokens=6)]


def draw_source(draw):
    words = ["".join(draw.choice("abcdefgh") for _ in range(draw.randint(1, 4))) for _ in range(draw.randint(1, 4))]
    return " ".join(words)


def draw_target(draw, source):
    def of(letter):
        if letter == " ":
            return letter
        return draw.choices([letter.upper(), chr(ord(letter) + 8), ""], [6, 3, 1])[0]
    letters = [of(letter) for letter in source]
    while draw.random() < 0.6 and len(letters) > 1:
        letters.pop()
    return "".join(letters).strip()


def pad(rows, value):
    width = max(map(len, rows))
    return torch.tensor([row + [value] * (width - len(row)) for row in rows])


def learn(model, tokenizer):
    draw = random.Random(5)
    config = model.config
    adam = torch.optim.Adam(model.parameters(), lr=3e-3)
    for step in range(STEPS):
        for group in adam.param_groups:
            group["lr"] = 3e-3 * min(1, (step + 1) / 50, (STEPS - step) / 200)
        texts = [draw_source(draw) for _ in range(BATCH)]
        sources = [tokenizer.encode(text).ids for text in texts]
        targets = [tokenizer.encode(draw_target(draw, text)).ids for text in texts]
        inputs = [[config.decoder_start_token_id] + target[:-1] for target in targets]
        source = pad(sources, config.pad_token_id)
        loss = model(input_ids=source, attention_mask=(source != config.pad_token_id).long(),
                     decoder_input_ids=pad(inputs, config.pad_token_id), labels=pad(targets, -100)).loss
        adam.zero_grad()
        loss.backward()
        adam.step()
    return loss.item()


def hypothesis(config, sequence, score, length_penalty):
    tokens = sequence[1:]
    if config.eos_token_id in tokens:
        tokens = tokens[:tokens.index(config.eos_token_id) + 1]
    return {"tokens": tokens, "score": score, "logprob": score * len(tokens) ** length_penalty}


def logprobs(model, source, target):
    """log p of each target token, end token in; and of each, the source position looked at most."""
    inputs = torch.tensor([[model.config.decoder_start_token_id] + target[:-1]])
    result = model(input_ids=torch.tensor([source]), decoder_input_ids=inputs, use_cache=False, output_attentions=True)
    rows = torch.log_softmax(result.logits[0], -1)
    look = result.cross_attentions[-1][0].mean(0).argmax(-1)
    return rows[torch.arange(len(target)), torch.tensor(target)].tolist(), look.tolist()


def run_generate(model, sources, beam, length_penalty, early_stopping, max_length, nbest, no_repeat_ngram=0,
                 min_tokens=0):
    config = model.config
    source = pad(sources, config.pad_token_id)
    search = dict(length_penalty=length_penalty, early_stopping=early_stopping) if beam > 1 else {}
    search.update(no_repeat_ngram_size=no_repeat_ngram, min_new_tokens=min_tokens or None)
    result = model.generate(input_ids=source, attention_mask=(source != config.pad_token_id).long(), num_beams=beam,
                            num_return_sequences=nbest, max_length=max_length + 1, do_sample=False,
                            return_dict_in_generate=True, output_scores=True, **search)
    sequences = result.sequences.tolist()
    rows = []
    for i, ids in enumerate(sources):
        best = sequences[i * nbest:(i + 1) * nbest]
        if beam > 1:
            scores = result.sequences_scores[i * nbest:(i + 1) * nbest].tolist()
            rows.append([hypothesis(config, s, x, length_penalty) for s, x in zip(best, scores)])
        else:
            tokens = hypothesis(config, best[0], 0.0, 0.0)["tokens"]
            logprob = sum(logprobs(model, ids, tokens)[0])
            rows.append([{"tokens": tokens, "score": logprob / len(tokens) ** length_penalty, "logprob": logprob}])
    return rows


@torch.no_grad()
def expect(model, tokenizer, forced):
    draw = random.Random(6)
    texts = [draw_source(draw) for _ in range(50 if forced else SOURCES)]
    sources = [tokenizer.encode(text).ids for text in texts]
    runs = [{**run, "outputs": run_generate(model, sources, **run)} for run in (FORCED_RUNS if forced else RUNS)]
    pairs = []
    for text, ids in zip(texts[:10], sources):
        target = draw_target(draw, text)
        target_ids = tokenizer.encode(target).ids
        pairs.append({"source": text, "target": target, "tokens": len(target_ids),
                      "logprob": sum(logprobs(model, ids, target_ids)[0])})
    alignment = [logprobs(model, sources[i], runs[0]["outputs"][i][0]["tokens"])[1] for i in range(10)]
    return {"sources": [{"text": text, "ids": ids} for text, ids in zip(texts, sources)], "runs": runs, "pairs": pairs,
            "alignment": alignment}


def main():
    for name, (config_class, model_class, options) in MODELS.items():
        folder = os.path.join(OUT, name)
        torch.manual_seed(3)
        config = config_class(**(options if config_class is T5Config else {**SIZES, **options}))
        config._attn_implementation = "eager"
        model, marian = model_class(config), config_class is MarianConfig
        tokenizer = make_tokenizer(config_class)
        loss = learn(model, tokenizer)
        model.eval()
        if marian:
            model.final_logits_bias.copy_(torch.randn(model.final_logits_bias.shape) * 0.3)
            model.final_logits_bias[0, config.pad_token_id] = PAD_BIAS
            model.generation_config.bad_words_ids = [[config.pad_token_id]]
        model.generation_config.max_length = LONGEST + 1
        model.generation_config.num_beams = 4
        for key, token in FORCED.get(name, {}).items():
            setattr(model.generation_config, key, token)
        model.save_pretrained(folder)
        tokenizer.save(os.path.join(folder, "tokenizer.json"), pretty=False)
        names = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>", "bos_token": "<s>" if tokenizer.token_to_id("<s>") is not None else "</s>"}
        with open(os.path.join(folder, "tokenizer_config.json"), "w") as file:
            json.dump({"tokenizer_class": "PreTrainedTokenizerFast", **names}, file, indent=2)
        expected = expect(model.double(), tokenizer, name in FORCED)
        with open(os.path.join(folder, "expected.json"), "w") as file:
            json.dump(expected, file, separators=(",", ":"))
        outputs = [run["outputs"] for run in expected["runs"]]
        print(name, "loss %.3f" % loss, "different first outputs between greedy and beam:",
              sum(a[0]["tokens"] != b[0]["tokens"] for a, b in zip(outputs[0], outputs[1])), "of", len(outputs[0]),
              "lengths", sorted({len(h[0]["tokens"]) for h in outputs[1]}))


if __name__ == "__main__":
    main()
