#!/usr/bin/env python3
"""Makes tests/data/gguf: small files that the `gguf` package wrote, and in expected.json what it reads in them. Those
named like folders of tests/data are these models, with the names that the package has for their tensors.

    python3 -m pip install gguf numpy safetensors
    python3 tools/make_gguf_fixtures.py tests/data/gguf
    python3 tools/make_gguf_fixtures.py --check FILE...

    expected.json: {file: {"metadata": [[key, type, whether an array, values]], "tensors": [[name, type, shape, bytes]]}}
        whole numbers are strings, bytes hexadecimal, shapes have the rows first; arrays of arrays and strings with NUL have no values

--check reads files that attend wrote (ATTEND_KEEP_GGUF=FILE build/test_gguf leaves one): each tensor `as.TYPE` must hold
the numbers of the tensor `numbers`, as closely as its type can.
"""
import argparse
import json
import math
import pathlib
import sys

if __name__ == "__main__":  # before the imports that follow: --help needs none of them
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="read files in place of making them")
    parser.add_argument("paths", nargs="+", help="tests/data/gguf, or the files to check")
    arguments = parser.parse_args()

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Tensor, GGUFValueType as Value
from safetensors.numpy import load_file

WHOLE = [Value.UINT8, Value.INT8, Value.UINT16, Value.INT16, Value.UINT32, Value.INT32, Value.UINT64, Value.INT64]
KNOWN = ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "BF16"]
UNKNOWN = ["IQ2_XXS", "IQ4_XS", "MXFP4", "TQ2_0"]  # of attend
ERROR = {"F32": 0, "F16": 0.0005, "BF16": 0.004, "Q8_0": 0.006, "Q6_K": 0.03, "Q5_K": 0.05, "Q5_0": 0.06, "Q5_1": 0.05,
         "Q4_K": 0.1, "Q4_0": 0.11, "Q4_1": 0.1, "IQ4_NL": 0.1, "Q3_K": 0.21, "Q2_K": 0.35}  # relative, root mean square


# ---- making ----

def limits(kind):
    bits = {Value.UINT8: 8, Value.INT8: 8, Value.UINT16: 16, Value.INT16: 16, Value.UINT32: 32, Value.INT32: 32}.get(kind, 64)
    return (0, 2 ** bits - 1) if kind.name.startswith("U") else (-2 ** (bits - 1), 2 ** (bits - 1) - 1)


def add_metadata(writer):
    for kind in WHOLE:
        for name, value in zip(("least", "most"), limits(kind)):
            writer.add_key_value(f"test.{kind.name.lower()}.{name}", value, kind)
        writer.add_key_value(f"test.{kind.name.lower()}.list", [*limits(kind), 7], Value.ARRAY, kind)
    for kind in (Value.FLOAT32, Value.FLOAT64):
        writer.add_key_value(f"test.{kind.name.lower()}", 0.1, kind)
        writer.add_key_value(f"test.{kind.name.lower()}.list", [-0.0, 1e-45, 3.0, -1e38], Value.ARRAY, kind)
    writer.add_bool("test.bool.true", True)
    writer.add_bool("test.bool.false", False)
    writer.add_key_value("test.bool.list", [True, False, True], Value.ARRAY, Value.BOOL)
    writer.add_string("test.string", "naïve \"Größe\"\n\t{{ bos }}")
    writer.add_key_value("test.string.empty", "", Value.STRING)
    writer.add_key_value("test.string.nul", b"a\0b", Value.STRING)
    writer.add_array("test.string.list", ["", "▁the", "<0x0A>", "a" * 300, "😀"])
    writer.add_key_value("test.arrays", [[1, 2], [3]], Value.ARRAY)
    writer.add_key_value("test.arrays.deeper", [[["a", "bc"]], [["d"], ["e", "f"]]], Value.ARRAY)


def block_bytes(kind, rows, blocks, random):
    size = gguf.GGML_QUANT_SIZES[kind][1]
    raw = random.integers(0, 256, (rows * blocks, size), dtype=np.uint8)
    raw[:, 1::2] &= 0x3f  # no half-precision number among them is infinite
    return raw.reshape(rows, blocks * size)


def add_types(writer, random):
    for name, dtype in (("f32", np.float32), ("f16", np.float16), ("f64", np.float64)):
        writer.add_tensor(name, random.standard_normal((2, 3)).astype(dtype))
    for name, dtype in (("i8", np.int8), ("i16", np.int16), ("i32", np.int32), ("i64", np.int64)):
        writer.add_tensor(name, random.integers(-100, 100, (3, 1, 5)).astype(dtype))
    writer.add_tensor("scalar", np.array(1.5, dtype=np.float32))
    writer.add_tensor("four.dimensions", random.standard_normal((2, 1, 3, 4)).astype(np.float32))
    for name in KNOWN + UNKNOWN:
        kind = getattr(Tensor, name)
        writer.add_tensor(name.lower() + ".weight", block_bytes(kind, 3, 2, random), raw_dtype=kind)


def write(path, architecture, fill, **options):
    writer = gguf.GGUFWriter(str(path), architecture, **options)
    fill(writer)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def make_aligned(writer, random):
    writer.add_custom_alignment(64)
    for rows in (1, 33, 2):
        writer.add_tensor(f"rows.{rows}", random.standard_normal((rows, 3)).astype(np.float16))


def make_split(writer, random):
    writer.add_array("tokenizer.ggml.tokens", ["a", "b"])
    for i in range(5):
        writer.add_tensor(f"blk.{i}.weight", random.standard_normal((2, i + 1)).astype(np.float32))


# ---- models ----

FAMILIES = {"family_llama": gguf.MODEL_ARCH.LLAMA, "family_llama3": gguf.MODEL_ARCH.LLAMA,
            "family_gpt2": gguf.MODEL_ARCH.GPT2, "family_bert": gguf.MODEL_ARCH.BERT,
            "family_mistral": gguf.MODEL_ARCH.LLAMA, "family_gemma2": gguf.MODEL_ARCH.GEMMA2,
            "family_gemma3": gguf.MODEL_ARCH.GEMMA3, "family_phi3": gguf.MODEL_ARCH.PHI3,
            "family_nomic_bert": gguf.MODEL_ARCH.NOMIC_BERT,
            "model_t5": gguf.MODEL_ARCH.T5}
ROTARY = ("llama", "mistral", "gemma2", "gemma3_text", "phi3")


def permute(weights, heads):  # llama.cpp's convert_hf_to_gguf.py
    return weights.reshape(heads, 2, weights.shape[0] // heads // 2, *weights.shape[1:]).swapaxes(1, 2).reshape(weights.shape)


def divisors(rope, size):  # the same
    low, high = (rope["original_max_position_embeddings"] / rope[key] for key in ("low_freq_factor", "high_freq_factor"))
    out = []
    for length in 2 * np.pi * rope["rope_theta"] ** (np.arange(0, size, 2) / size):
        smooth = (low / length - 1) / (rope["high_freq_factor"] / rope["low_freq_factor"] - 1)
        out.append(1 if length < high else rope["factor"] if length > low else 1 / ((1 - smooth) / rope["factor"] + smooth))
    return np.array(out, dtype=np.float32)


def add_rotary(writer, config, rope):
    if rope["rope_type"] == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(rope["factor"])
    if rope["rope_type"] == "longrope":
        original = rope["original_max_position_embeddings"]
        scale = config["max_position_embeddings"] / original
        writer.add_rope_scaling_orig_ctx_len(original)
        writer.add_rope_scaling_attn_factors(math.sqrt(1 + math.log(scale) / math.log(original)))
        for name in ("long", "short"):
            writer.add_tensor(f"rope_factors_{name}.weight", np.array(rope[name + "_factor"], dtype=np.float32))
    if config.get("sliding_window"):
        writer.add_sliding_window(config["sliding_window"])
    if "layer_types" in config:
        local, period = [kind == "sliding_attention" for kind in config["layer_types"]], 2 if config["model_type"] == "gemma2" else 6
        if local != [(i + 1) % period != 0 for i in range(len(local))]:
            writer.add_sliding_window_pattern(local)
    if "sliding_attention" in config["rope_parameters"]:
        writer.add_rope_freq_base_swa(config["rope_parameters"]["sliding_attention"]["rope_theta"])
    if "query_pre_attn_scalar" in config:  # llama.cpp has no key for it
        writer.add_attention_scale(config["query_pre_attn_scalar"] ** -0.5)
        writer.add_attn_logit_softcapping(config["attn_logit_softcapping"] or 0)
        writer.add_final_logit_softcapping(config["final_logit_softcapping"] or 0)


def add_t5(writer, config):  # llama.cpp's conversion/t5.py
    writer.add_context_length(512)
    writer.add_embedding_length(config["d_model"])
    writer.add_feed_forward_length(config["d_ff"])
    writer.add_block_count(config["num_layers"])
    writer.add_decoder_block_count(config["num_decoder_layers"])
    writer.add_head_count(config["num_heads"])
    writer.add_key_length(config["d_kv"])
    writer.add_value_length(config["d_kv"])
    writer.add_layer_norm_eps(config["layer_norm_epsilon"])
    writer.add_relative_attn_buckets_count(config["relative_attention_num_buckets"])
    writer.add_layer_norm_rms_eps(config["layer_norm_epsilon"])
    writer.add_decoder_start_token_id(config["decoder_start_token_id"])


def add_settings(writer, config):
    def of(*names):
        return next((config[name] for name in names if config.get(name) is not None), None)

    width, heads = of("hidden_size", "n_embd"), of("num_attention_heads", "n_head")
    writer.add_context_length(of("max_position_embeddings", "n_positions"))
    writer.add_embedding_length(width)
    writer.add_block_count(of("num_hidden_layers", "n_layer"))
    writer.add_feed_forward_length(of("intermediate_size", "n_inner") or 4 * width)
    writer.add_head_count(heads)
    if config["model_type"] in ROTARY:
        rope = config["rope_parameters"].get("full_attention", config["rope_parameters"])
        writer.add_head_count_kv(config["num_key_value_heads"])
        writer.add_key_length(config["head_dim"])
        writer.add_value_length(config["head_dim"])
        writer.add_rope_dimension_count(int(config["head_dim"] * rope.get("partial_rotary_factor", 1)))
        writer.add_rope_freq_base(rope["rope_theta"])
        writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
        add_rotary(writer, config, rope)
    else:
        writer.add_layer_norm_eps(of("layer_norm_eps", "layer_norm_epsilon"))
    if "bert" in config["model_type"]:
        writer.add_causal_attention(False)
        writer.add_pooling_type(gguf.PoolingType.CLS if config["model_type"] == "bert" else gguf.PoolingType.MEAN)
    if config["model_type"] == "nomic_bert":
        writer.add_rope_freq_base(config["rope_parameters"]["rope_theta"])


def make_family(folder, name, architecture):
    source = folder.parent / name
    config = json.loads((source / "config.json").read_text())
    writer = gguf.GGUFWriter(str(folder / f"{name}.gguf"), gguf.MODEL_ARCH_NAMES[architecture])
    (add_t5 if architecture == gguf.MODEL_ARCH.T5 else add_settings)(writer, config)
    for token in ("bos", "eos", "pad"):
        if config.get(token + "_token_id") is not None:
            getattr(writer, f"add_{token}_token_id")(config[token + "_token_id"])
    layers = max(config.get(key, 0) for key in ("num_hidden_layers", "n_layer", "num_layers", "num_decoder_layers"))
    names = gguf.get_tensor_name_map(architecture, layers)
    for key, values in load_file(source / "model.safetensors").items():
        if "pooler" in key:
            continue
        if config["model_type"] == "gpt2" and any(part in key for part in ("c_attn.weight", "c_proj.weight", "c_fc.weight")):
            values = values.T
        if config["model_type"] in ("gemma2", "gemma3_text") and key.endswith("norm.weight"):
            values = values + 1
        if architecture == gguf.MODEL_ARCH.LLAMA and "q_proj" in key:
            values = permute(values, config["num_attention_heads"])
        if architecture == gguf.MODEL_ARCH.LLAMA and "k_proj" in key:
            values = permute(values, config["num_key_value_heads"])
        writer.add_tensor(names.get_name(key, try_suffixes=(".weight", ".bias")), np.ascontiguousarray(values))
    if config.get("rope_parameters", {}).get("rope_type") == "llama3":
        writer.add_tensor("rope_freqs.weight", divisors(config["rope_parameters"], config["head_dim"]))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


# ---- what the package reads ----

def whole_or_real(value):
    if isinstance(value, str) and "\0" in value:  # not every reader of JSON takes it
        return None
    return value if isinstance(value, (bool, float, str)) else str(int(value))


def read_field(field):
    array, kind = field.types[0] == Value.ARRAY, field.types[-1]
    if array and field.types[1] == Value.ARRAY:
        return [field.name, "array", True, None]
    values = field.contents()
    if kind == Value.BOOL:
        values = [bool(value) for value in values] if array else bool(values)
    return [field.name, kind.name.lower(), array, [whole_or_real(v) for v in values] if array else whole_or_real(values)]


def read(path):
    reader = gguf.GGUFReader(path)
    fields = [read_field(f) for name, f in reader.fields.items() if not name.startswith("GGUF.")]
    tensors = [[t.name, t.tensor_type.name, [int(n) for n in reversed(t.shape)], t.data.tobytes().hex()] for t in reader.tensors]
    return {"metadata": fields, "tensors": tensors}


def make(folder):
    random = np.random.default_rng(11)
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.gguf"):
        old.unlink()
    write(folder / "metadata.gguf", "test", add_metadata)
    write(folder / "types.gguf", "test", lambda writer: add_types(writer, random))
    write(folder / "aligned.gguf", "test", lambda writer: make_aligned(writer, random))
    write(folder / "split.gguf", "test", lambda writer: make_split(writer, random), split_max_tensors=2)
    expected = {path.name: read(path) for path in sorted(folder.glob("*.gguf"))}
    for name, architecture in FAMILIES.items():
        make_family(folder, name, architecture)
    with open(folder / "expected.json", "w") as file:
        json.dump(expected, file, indent=None, separators=(",", ":"))
        file.write("\n")


# ---- what attend wrote ----

def check(path):
    reader = gguf.GGUFReader(path)
    tensors = {t.name: t for t in reader.tensors}
    numbers = tensors["numbers"].data.astype(np.float64)
    seen = 0
    for name, tensor in tensors.items():
        if not name.startswith("as."):
            continue
        kind = tensor.tensor_type.name
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float64)
        error = np.sqrt(np.mean((values - numbers) ** 2) / np.mean(numbers ** 2))
        good = name == "as." + kind and values.shape == numbers.shape and error <= ERROR[kind]
        print(f"{path}: {name}: relative error {error:.5f}{'' if good else ': BAD'}")
        if not good:
            sys.exit(1)
        seen += 1
    if seen != len(ERROR):
        sys.exit(f"{path}: {seen} types where {len(ERROR)} were expected")


if __name__ == "__main__":
    for path in arguments.paths:
        check(path) if arguments.check else make(pathlib.Path(path))
