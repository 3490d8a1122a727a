#!/usr/bin/env python3
"""Makes tests/data/whisper: a tiny multilingual Whisper with random weights that hears one second at a time, as Hugging Face
Transformers saves it, and what Transformers writes for a made-up recording.

    python3 -m pip install torch transformers tokenizers
    python3 tools/make_whisper_fixtures.py tests/data/whisper

expected.json: the likeliest language, the probability of <|nospeech|>, and greedy token ids, with timestamps and without.
"""
import argparse
import json
import os

if __name__ == "__main__":  # before the imports that follow: --help needs none of them
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="tests/data/whisper")
    args = parser.parse_args()

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (GenerationMixin, WhisperConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration,
                          WhisperTimeStampLogitsProcessor)

LANGUAGES = ["<|en|>", "<|de|>", "<|haw|>"]
SPECIAL = ["<|endoftext|>", "<|startoftranscript|>", *LANGUAGES, "<|translate|>", "<|transcribe|>", "<|startoflm|>",
           "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>"]
TIMES = [f"<|{hundredths / 100:.2f}|>" for hundredths in range(0, 102, 2)]
ALPHABET = sorted(pre_tokenizers.ByteLevel.alphabet())


def make_tokenizer():
    """Bytes, special tokens, timestamps: no merges but that of a space and a letter."""
    vocabulary = {token: i for i, token in enumerate([*ALPHABET, "Ġa", "Ġb"])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[("Ġ", "a"), ("Ġ", "b")]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(SPECIAL)
    tokenizer.add_tokens(TIMES)
    return tokenizer


def make_model(tokenizer):
    ids = {token: tokenizer.token_to_id(token) for token in [*SPECIAL, *TIMES]}
    end = ids["<|endoftext|>"]
    config = WhisperConfig(vocab_size=tokenizer.get_vocab_size(), num_mel_bins=80, d_model=8, encoder_layers=1,
                           decoder_layers=2, encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=16,
                           decoder_ffn_dim=16, max_source_positions=50, max_target_positions=40, pad_token_id=end,
                           bos_token_id=end, eos_token_id=end, decoder_start_token_id=ids["<|startoftranscript|>"],
                           begin_suppress_tokens=None)
    model = WhisperForConditionalGeneration(config)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                centre = 1.0 if "norm" in name and name.endswith("weight") else 0.0
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.4 + centre)
        model.model.decoder.embed_tokens.weight[:-len(TIMES)] += 0.1  # text among the timestamps
    settings = model.generation_config
    own = dict(
        suppress_tokens=[ids[token] for token in SPECIAL[1:]], begin_suppress_tokens=[end], is_multilingual=True,
        lang_to_id={language: ids[language] for language in LANGUAGES},
        task_to_id={"transcribe": ids["<|transcribe|>"], "translate": ids["<|translate|>"]}, task="transcribe",
        no_timestamps_token_id=ids["<|notimestamps|>"], prev_sot_token_id=ids["<|startofprev|>"],
        max_initial_timestamp_index=25, alignment_heads=[[1, 0], [1, 1]], max_length=40, return_timestamps=False)
    for key, value in own.items():
        setattr(settings, key, value)
    return model.eval(), ids


def recording(count):
    """As tools/make_mel_fixtures.py and test_transcribe.c make it."""
    state, samples = 1, []
    for i in range(count):
        state = (state * 1664525 + 1013904223) % 2**32
        loud = 14 if (i // 1600) % 3 == 0 else 9 if (i // 1600) % 3 == 1 else 4
        samples.append((state >> 16) % 2**loud - 2 ** (loud - 1))
    return np.array(samples, np.float32) / 32768


def hear(model, features, prompt, timestamps):
    settings = model.generation_config
    rules = []
    if timestamps:
        rules = [WhisperTimeStampLogitsProcessor(settings, begin_index=len(prompt))]
    ids = GenerationMixin.generate(model, input_features=features, decoder_input_ids=torch.tensor([prompt]), do_sample=False,
                                   num_beams=1, logits_processor=rules)[0].tolist()[len(prompt):]
    return [i for i in ids if i != settings.eos_token_id]


def main():
    tokenizer = make_tokenizer()
    model, ids = make_model(tokenizer)
    extractor = WhisperFeatureExtractor(chunk_length=1)
    model.save_pretrained(args.folder)
    extractor.save_pretrained(args.folder)
    tokenizer.save(os.path.join(args.folder, "tokenizer.json"), pretty=False)
    with open(os.path.join(args.folder, "tokenizer_config.json"), "w", encoding="utf-8") as file:
        json.dump({"tokenizer_class": "WhisperTokenizer", "eos_token": "<|endoftext|>", "bos_token": "<|endoftext|>"}, file)
    features = extractor(recording(16000), sampling_rate=16000, return_tensors="pt").input_features
    start, task = ids["<|startoftranscript|>"], ids["<|transcribe|>"]
    with torch.no_grad():
        first = model(input_features=features, decoder_input_ids=torch.tensor([[start]])).logits[0, 0]
        language = max((ids[name] for name in LANGUAGES), key=lambda i: first[i].item())
        expected = {
            "language": language,
            "no_speech": torch.softmax(first.double(), 0)[ids["<|nospeech|>"]].item(),
            "timestamps": hear(model, features, [start, language, task], True),
            "plain": hear(model, features, [start, language, task, ids["<|notimestamps|>"]], False),
        }
    with open(os.path.join(args.folder, "expected.json"), "w", encoding="utf-8") as file:
        json.dump(expected, file)
        file.write("\n")
    print(expected)


if __name__ == "__main__":
    main()
