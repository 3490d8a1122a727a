#!/usr/bin/env python3
"""Makes tests/data/model_*: small encoder-decoders with random weights, as Hugging Face Transformers saves them, and
what PyTorch computes with them.

    python3 -m pip install torch transformers tokenizers safetensors numpy
    python3 tools/make_model_fixtures.py

Each folder is one that Transformers opens. Its expected.safetensors holds, for four pairs of different length that
stand one after another without padding (starts: row of each pair's first token, and the end):

    source_ids, source_starts, inputs, labels, target_starts    int64
    source_rows [frames, bands] in place of source_ids: random numbers, of whisper, which reads as many for all pairs
    memory [source rows, d_model], logits [target rows, vocabulary]
    loss: label smoothing 0.1, mean over the target tokens; nll: sum of -log p(label)
    grad.NAME: of the loss, for every parameter
    encoder, decoder, cross [layers, heads, queries, keys]: attention of the pair `sample`

The model is run in float64 on its float32 weights, padded and masked as a user of PyTorch would, and rounded at the
end: the values are PyTorch's, without the noise of one order of sums.
"""
import argparse
import json
import os

if __name__ == "__main__":  # before the imports that follow: --help needs none of them
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()

import numpy as np
import torch
from safetensors.numpy import save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (M2M100Config, M2M100ForConditionalGeneration, MarianConfig, MarianMTModel, WhisperConfig,
                          WhisperForConditionalGeneration)

VOCABULARY = 280
LENGTHS = [(1, 1), (17, 9), (5, 17), (8, 6)]  # tokens of source and target
SAMPLE = 3
SMOOTHING = 0.1
TEXT = ["Ein Hund läuft durch den Schnee.", "A dog runs through the snow.", "Zwei Männer stehen am Herd.",
        "Two men are at the stove.", "Eine Frau läuft im Schnee.", "A woman runs in the snow."] * 4
OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "data")

SIZES = dict(vocab_size=VOCABULARY, d_model=16, encoder_layers=2, decoder_layers=2, encoder_attention_heads=2,
             decoder_attention_heads=2, encoder_ffn_dim=32, decoder_ffn_dim=32, max_position_embeddings=64,
             dropout=0.1, attention_dropout=0.0, activation_dropout=0.0, encoder_layerdrop=0.0, decoder_layerdrop=0.0)
MARIAN = dict(pad_token_id=VOCABULARY - 1, decoder_start_token_id=VOCABULARY - 1, eos_token_id=0, bos_token_id=None,
              forced_eos_token_id=None, share_encoder_decoder_embeddings=True)
M2M_100 = dict(pad_token_id=1, bos_token_id=0, eos_token_id=2, decoder_start_token_id=2)
WHISPER = dict(pad_token_id=0, bos_token_id=0, eos_token_id=0, decoder_start_token_id=1, num_mel_bins=8, begin_suppress_tokens=None,
               max_source_positions=12, max_target_positions=32)
UNEVEN = dict(decoder_layers=1, decoder_attention_heads=4, encoder_ffn_dim=24, decoder_ffn_dim=40)
MODELS = {
    "model_marian_relu": (MarianConfig, MarianMTModel, dict(activation_function="relu", scale_embedding=False, **MARIAN)),
    "model_marian_gelu": (MarianConfig, MarianMTModel,
                          dict(activation_function="gelu", scale_embedding=True, **MARIAN, **UNEVEN)),
    "model_m2m_100_relu": (M2M100Config, M2M100ForConditionalGeneration,
                           dict(activation_function="relu", scale_embedding=True, **M2M_100)),
    "model_m2m_100_silu": (M2M100Config, M2M100ForConditionalGeneration,
                           dict(activation_function="silu", scale_embedding=True, **M2M_100, **UNEVEN)),
    "model_m2m_100_untied": (M2M100Config, M2M100ForConditionalGeneration,
                             dict(activation_function="gelu", scale_embedding=False, tie_word_embeddings=False,
                                  encoder_layers=1, decoder_layers=1, **M2M_100)),
    "model_whisper": (WhisperConfig, WhisperForConditionalGeneration,
                      dict(activation_function="gelu", **WHISPER, **UNEVEN)),
}


def make_tokenizer(marian, whisper):
    """Byte-level BPE whose marks have the ids that attend writes for the family."""
    first = ["<|endoftext|>", "<|startoftranscript|>"] if whisper else ["</s>", "<unk>"] if marian else ["<s>", "<pad>", "</s>", "<unk>"]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        TEXT, trainers.BpeTrainer(vocab_size=VOCABULARY - marian, min_frequency=2, special_tokens=first,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    if marian:
        tokenizer.add_special_tokens(["<pad>"])
    if whisper:
        return tokenizer
    end = tokenizer.token_to_id("</s>")
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", pair="$A </s> $B </s>",
                                                             special_tokens=[("</s>", end)])
    assert tokenizer.get_vocab_size() == VOCABULARY
    return tokenizer


def make_model(config_class, model_class, options):
    config = config_class(**{**SIZES, **options})
    config._attn_implementation = "eager"
    model = model_class(config)
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "embed_positions" in name and not parameter.requires_grad:
                continue
            sharp = parameter.dim() == 1 or "q_proj" in name or "k_proj" in name  # attention that is not flat
            spread = 0.5 if sharp else 0.3
            centre = 1.0 if "norm" in name and name.endswith("weight") else 0.0
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * spread + centre)
        if config_class is WhisperConfig:
            return model.eval()
        for table in {id(m.weight): m.weight for m in model.modules() if isinstance(m, torch.nn.Embedding)
                      and m.padding_idx is not None}.values():
            if table.shape[0] == VOCABULARY:
                table[config.pad_token_id] = 0
        if hasattr(model, "final_logits_bias"):
            model.final_logits_bias.copy_(torch.randn(model.final_logits_bias.shape, generator=generator) * 0.5)
    return model.eval()


def make_pairs(config):
    """Random sentences that end in the end token; no other mark stands in them."""
    draw = np.random.default_rng(11)
    marks = {config.pad_token_id, config.eos_token_id, config.bos_token_id, config.decoder_start_token_id}
    plain = [i for i in range(config.vocab_size) if i not in marks]
    sentence = lambda n: list(draw.choice(plain, n - 1)) + [config.eos_token_id]
    return [(sentence(source), sentence(target)) for source, target in LENGTHS]


def pad(rows, value):
    width = max(map(len, rows))
    return torch.tensor([list(map(int, row)) + [value] * (width - len(row)) for row in rows])


def starts(rows):
    return np.cumsum([0] + [len(row) for row in rows]).astype(np.int64)


def packed(x, rows):
    return np.concatenate([x[i, : len(row)].detach().numpy() for i, row in enumerate(rows)]).astype(np.float32)


def expect(model):
    config = model.config
    pairs = make_pairs(config)
    sources, targets = [s for s, _ in pairs], [t for _, t in pairs]
    inputs = [[config.decoder_start_token_id] + t[:-1] for t in targets]
    source, labels = pad(sources, config.pad_token_id), pad(targets, -100)
    mask = torch.tensor([[int(j < len(s)) for j in range(source.shape[1])] for s in sources])
    whisper = hasattr(config, "num_mel_bins")
    frames = 2 * config.max_source_positions if whisper else 0
    features = np.random.default_rng(5).standard_normal((len(pairs), frames, 8)).astype(np.float32)
    if whisper:
        sources = [[0] * config.max_source_positions] * len(pairs)
        read = dict(input_features=torch.from_numpy(features).double().transpose(1, 2))
    else:
        read = dict(input_ids=source, attention_mask=mask)
    result = model(**read, decoder_input_ids=pad(inputs, config.pad_token_id), output_attentions=True, use_cache=False)
    flat, wanted = result.logits.reshape(-1, config.vocab_size), labels.reshape(-1)
    loss = torch.nn.functional.cross_entropy(flat, wanted, label_smoothing=SMOOTHING, ignore_index=-100)
    nll = torch.nn.functional.cross_entropy(flat, wanted, ignore_index=-100, reduction="sum")
    loss.backward()
    source_count, target_count = len(sources[SAMPLE]), len(targets[SAMPLE])
    maps = {"encoder": (result.encoder_attentions, source_count, source_count),
            "decoder": (result.decoder_attentions, target_count, target_count),
            "cross": (result.cross_attentions, target_count, source_count)}
    out = {name: np.stack([layer[SAMPLE, :, :q, :k].detach().numpy() for layer in layers]).astype(np.float32)
           for name, (layers, q, k) in maps.items()}
    out.update({"source_ids": np.concatenate(sources).astype(np.int64), "source_starts": starts(sources),
                "inputs": np.concatenate(inputs).astype(np.int64), "labels": np.concatenate(targets).astype(np.int64),
                "target_starts": starts(targets), "sample": np.array([SAMPLE], np.int64),
                "memory": packed(result.encoder_last_hidden_state, sources), "logits": packed(result.logits, targets),
                "loss": np.array([loss.item()], np.float32), "nll": np.array([nll.item()], np.float32)})
    if whisper:
        del out["source_ids"]
        out["source_rows"] = features.reshape(-1, config.num_mel_bins)
        out["source_starts"] = np.arange(len(pairs) + 1) * frames
    for name, parameter in model.named_parameters():
        if parameter.grad is not None:
            out["grad." + name] = parameter.grad.numpy().astype(np.float32)
    return out


def main():
    for name, (config_class, model_class, options) in MODELS.items():
        folder = os.path.join(OUT, name)
        model = make_model(config_class, model_class, options)
        model.generation_config.max_length = 40
        model.generation_config.num_beams = 2
        model.save_pretrained(folder)
        marian = config_class is MarianConfig
        whisper = config_class is WhisperConfig
        make_tokenizer(marian, whisper).save(os.path.join(folder, "tokenizer.json"), pretty=False)
        names = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>", "bos_token": "</s>" if marian else "<s>"}
        if whisper:
            names = dict.fromkeys(("pad_token", "eos_token", "bos_token", "unk_token"), "<|endoftext|>")
        with open(os.path.join(folder, "tokenizer_config.json"), "w") as file:
            json.dump({"tokenizer_class": "PreTrainedTokenizerFast", **names}, file, indent=2)
        expected = expect(model.double())
        save_file({key: np.ascontiguousarray(value) for key, value in expected.items()},
                  os.path.join(folder, "expected.safetensors"))
        print(name, "loss", float(expected["loss"][0]), "gradients", sum(k.startswith("grad.") for k in expected))


if __name__ == "__main__":
    main()
