#!/usr/bin/env python3
"""Writes a Whisper folder of Hugging Face as a file of whisper.cpp (a reader's truth): what its
models/convert-h5-to-ggml.py writes, with mel filters of zeros, which attend does not read.

    python3 tools/whisper_to_ggml.py FOLDER FILE.bin [--type f32|f16|q8_0|q5_0]

Types but the first two need the package gguf, whose blocks are those of whisper.cpp's quantize.
"""
import argparse
import json
import os
import struct

TYPES = {"f32": 0, "f16": 1, "q5_0": 6, "q8_0": 8}
NAMES = {
    "self_attn.q_proj": "attn.query", "self_attn.k_proj": "attn.key", "self_attn.v_proj": "attn.value",
    "self_attn.out_proj": "attn.out", "self_attn_layer_norm": "attn_ln", "encoder_attn.q_proj": "cross_attn.query",
    "encoder_attn.k_proj": "cross_attn.key", "encoder_attn.v_proj": "cross_attn.value",
    "encoder_attn.out_proj": "cross_attn.out", "encoder_attn_layer_norm": "cross_attn_ln",
    "fc1": "mlp.0", "fc2": "mlp.2", "final_layer_norm": "mlp_ln",
}
OTHERS = {
    "encoder.embed_positions.weight": "encoder.positional_embedding", "encoder.layer_norm": "encoder.ln_post",
    "decoder.embed_positions.weight": "decoder.positional_embedding", "decoder.layer_norm": "decoder.ln",
    "decoder.embed_tokens": "decoder.token_embedding",
    "encoder.conv1": "encoder.conv1", "encoder.conv2": "encoder.conv2",
}


def name_of(name):
    name = name.removeprefix("model.")
    if name in OTHERS:
        return OTHERS[name]
    stem, ending = name.rsplit(".", 1)
    if stem in OTHERS:
        return f"{OTHERS[stem]}.{ending}"
    side, _, layer, part = stem.split(".", 3)
    return f"{side}.blocks.{layer}.{NAMES[part]}.{ending}"


def byte_of():
    """GPT-2's characters to bytes."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [b for b in range(256) if b not in plain]
    return {**{chr(b): b for b in plain}, **{chr(256 + i): b for i, b in enumerate(rest)}}


def tokens_of(folder, config):
    """The bytes of the text tokens, by id."""
    with open(os.path.join(folder, "tokenizer.json"), encoding="utf-8") as file:
        tokenizer = json.load(file)
    special = {token["content"] for token in tokenizer["added_tokens"]}
    vocabulary = {text: id for text, id in tokenizer["model"]["vocab"].items() if text not in special}
    byte = byte_of()
    return [bytes(byte[c] for c in text) for text, _ in sorted(vocabulary.items(), key=lambda item: item[1])]


def data_of(name, value, kind):
    """Type number and bytes, as whisper.cpp's converter and quantizer choose them."""
    conv_bias = name in ("encoder.conv1.bias", "encoder.conv2.bias")
    if conv_bias:
        value = value.reshape(-1, 1)
    if value.ndim < 2 or conv_bias or "positional" in name or kind == "f32":
        return value.shape, 0, value.astype("<f4").tobytes()
    if kind == "f16" or value.ndim != 2:
        return value.shape, 1, value.astype("<f2").tobytes()
    import gguf

    type_ = {"q8_0": gguf.GGMLQuantizationType.Q8_0, "q5_0": gguf.GGMLQuantizationType.Q5_0}[kind]
    return value.shape, TYPES[kind], gguf.quantize(value.astype("f4"), type_).tobytes()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("file")
    parser.add_argument("--type", choices=TYPES, default="f16")
    options = parser.parse_args()
    from safetensors.numpy import load_file

    with open(os.path.join(options.folder, "config.json"), encoding="utf-8") as file:
        config = json.load(file)
    tokens = tokens_of(options.folder, config)
    with open(options.file, "wb") as out:
        numbers = [config[key] for key in ("vocab_size", "max_source_positions", "d_model", "encoder_attention_heads",
                                           "encoder_layers", "max_target_positions", "d_model",
                                           "decoder_attention_heads", "decoder_layers", "num_mel_bins")]
        out.write(struct.pack("<I11i", 0x67676D6C, *numbers, TYPES[options.type]))
        out.write(struct.pack("<2i", config["num_mel_bins"], 201) + bytes(4 * config["num_mel_bins"] * 201))
        out.write(struct.pack("<i", len(tokens)))
        for token in tokens:
            out.write(struct.pack("<i", len(token)) + token)
        for name, value in load_file(os.path.join(options.folder, "model.safetensors")).items():
            if name == "proj_out.weight":
                continue
            name = name_of(name)
            shape, number, data = data_of(name, value, options.type)
            out.write(struct.pack("<3i", len(shape), len(name), number))
            out.write(struct.pack(f"<{len(shape)}i", *reversed(shape)) + name.encode() + data)


if __name__ == "__main__":
    main()
