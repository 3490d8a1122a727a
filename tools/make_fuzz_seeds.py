#!/usr/bin/env python3
"""Makes tests/data/fuzz/fuzz_*: small good files of each format, from which the fuzz targets start.

    python3 tools/make_fuzz_seeds.py

Only Python's own library is used; tokenizer.json of the small models comes from tests/data.
"""
import argparse
import base64
import json
import pathlib
import struct

DATA = pathlib.Path(__file__).resolve().parent.parent / "tests" / "data"


def write(target, name, data):
    folder = DATA / "fuzz" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def safetensors(tensors, data=b"", pad=0):
    header = json.dumps(tensors, separators=(",", ":")).encode() + b" " * pad
    return struct.pack("<Q", len(header)) + header + data


def tensor(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def make_safetensors():
    write("fuzz_safetensors", "empty", safetensors({}))
    write("fuzz_safetensors", "metadata", safetensors({"__metadata__": {"format": "pt"}}, pad=5))
    write("fuzz_safetensors", "one", safetensors({"a": tensor("F32", [2], 0, 8)}, bytes(8)))
    several = {
        "model.b": tensor("F16", [1, 3], 8, 14),
        "model.a": tensor("F32", [2, 1], 0, 8),
        "scalar": tensor("BF16", [], 14, 16),
        "none": tensor("I64", [0, 4], 16, 16),
        "bytes": tensor("U8", [3], 16, 19),
        "double": tensor("F64", [1], 19, 27),
    }
    write("fuzz_safetensors", "several", safetensors(several, bytes(range(27))))


def gguf(entries, tensors, data=b""):
    def text(value):
        return struct.pack("<Q", len(value)) + value

    out = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(entries))
    for key, kind, value in entries:
        out += text(key) + struct.pack("<I", kind) + value
    for name, shape, kind, offset in tensors:
        out += text(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}QIQ", *shape, kind, offset)
    return out + bytes(-len(out) % 32) + data


def make_gguf():
    write("fuzz_gguf", "empty", gguf([], []))
    strings = struct.pack("<IQ", 8, 2) + struct.pack("<Q", 1) + b"a" + struct.pack("<Q", 0)
    nested = struct.pack("<IQ", 9, 2) + 2 * struct.pack("<IQH", 2, 1, 7)
    entries = [(b"general.alignment", 4, struct.pack("<I", 64)), (b"b", 7, b"\1"), (b"strings", 9, strings),
               (b"nested", 9, nested), (b"split.count", 2, struct.pack("<H", 1)), (b"text", 8, struct.pack("<Q", 2) + b"ab")]
    write("fuzz_gguf", "metadata", gguf(entries, []))
    tensors = [(b"f32", [2, 3], 0, 0), (b"q4_0", [32, 2], 2, 32), (b"scalar", [], 1, 96), (b"later", [7], 99, 128)]
    write("fuzz_gguf", "tensors", gguf([], tensors, bytes(160)))


def make_gguf_models():
    def number(value):
        return 4, struct.pack("<I", value)

    def real(value):
        return 6, struct.pack("<f", value)

    def text(value):
        return 8, struct.pack("<Q", len(value)) + value

    sizes = {"context_length": 8, "embedding_length": 4, "block_count": 2, "feed_forward_length": 4, "attention.head_count": 1}
    windows = {"attention.sliding_window": number(3)}
    layers = {"attention.sliding_window_pattern": (9, struct.pack("<IQ2B", 7, 2, 1, 0)), "rope.freq_base_swa": real(100),
              "attention.scale": real(0.5), "final_logit_softcapping": real(30)}
    yarn = {"rope.scaling.type": text(b"yarn"), "rope.scaling.factor": real(2), "rope.scaling.original_context_length": number(4)}
    longrope = {"rope.dimension_count": number(2), "rope.scaling.attn_factor": real(1.1)}
    factors = [(b"rope_factors_long.weight", [1], 0, 0), (b"rope_factors_short.weight", [1], 0, 32)]
    models = {"llama": {**windows, **yarn}, "gemma3": {**windows, **layers}, "phi3": {**windows, **longrope}}
    for name, own in models.items():
        settings = {**{key: number(value) for key, value in sizes.items()}, "attention.layer_norm_rms_epsilon": real(1e-6), **own}
        entries = [(b"general.architecture", *text(name.encode()))]
        entries += [(f"{name}.{key}".encode(), *value) for key, value in settings.items()]
        tensors = [(b"token_embd.weight", [4, 3], 0, 64), (b"blk.0.attn_q.weight", [4, 4], 0, 128)]
        extra = factors if name == "phi3" else []
        write("fuzz_gguf", name, gguf(entries, extra + [(n, s, k, o - (0 if extra else 64)) for n, s, k, o in tensors],
                                      bytes(192 if extra else 128)))


def make_config():
    small = {"vocab_size": 50, "d_model": 8, "encoder_layers": 1, "decoder_layers": 2, "encoder_attention_heads": 2,
             "decoder_attention_heads": 4, "encoder_ffn_dim": 9, "decoder_ffn_dim": 5, "max_position_embeddings": 64,
             "activation_function": "silu", "dropout": 0.1, "dtype": "float16", "tie_word_embeddings": False}
    marks = {"pad_token_id": 49, "eos_token_id": 0, "decoder_start_token_id": 49, "bos_token_id": None}
    generation = {"num_beams": 4, "max_length": 60, "length_penalty": 0.6, "early_stopping": True,
                  "eos_token_id": [0], "bad_words_ids": [[49]]}
    marian = json.dumps({"model_type": "marian", **small, **marks}).encode()
    write("fuzz_config", "marian", marian)
    write("fuzz_config", "marian_generation", marian + b"\0" + json.dumps(generation).encode())
    lists = {"eos_token_id": [0, 3], "suppress_tokens": [1], "begin_suppress_tokens": [2, -1], "stop_strings": ["a"],
             "sequence_bias": [[[4, 5], 1.5]], "exponential_decay_length_penalty": [3, 1.1], "forced_eos_token_id": 0,
             "bad_words_ids": [[49], [1, 2]], "early_stopping": "never", "guidance_scale": 1.5, "typical_p": 0.9}
    write("fuzz_config", "gpt2_generation", b'{"model_type": "gpt2", "vocab_size": 50}\0' + json.dumps(lists).encode())
    write("fuzz_config", "m2m_100", json.dumps({"model_type": "m2m_100", **small, "normalize_before": True,
                                                "forced_bos_token_id": 7, "num_beams": 5}).encode())
    write("fuzz_config", "attend", json.dumps({"model_type": "attend", "normalize_before": False,
                                               "position_embedding_type": "learned", **small, **marks}).encode())
    rotary = {"vocab_size": 50, "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "head_dim": 4,
              "num_key_value_heads": 1, "intermediate_size": 9, "max_position_embeddings": 64, "sliding_window": 5}
    yarn = {"rope_type": "yarn", "factor": 4.0, "beta_fast": 8, "mscale": 0.7, "mscale_all_dim": 1.2, "truncate": False}
    longrope = {"rope_type": "longrope", "short_factor": [1.0, 1.5], "long_factor": [2, 4.0], "factor": 3.0}
    write("fuzz_config", "qwen2", json.dumps({"model_type": "qwen2", **rotary, "use_sliding_window": True,
                                              "max_window_layers": 1, "rope_scaling": yarn}).encode())
    write("fuzz_config", "gemma2", json.dumps({"model_type": "gemma2", **rotary, "query_pre_attn_scalar": 7,
                                               "attn_logit_softcapping": 50.0, "final_logit_softcapping": None,
                                               "layer_types": ["sliding_attention", "full_attention"]}).encode())
    write("fuzz_config", "gemma3", json.dumps({
        "model_type": "gemma3", "eos_token_id": [1, 6], "text_config": {
            **rotary, "sliding_window_pattern": 2, "rope_local_base_freq": 10000.0, "rope_parameters": {
                "full_attention": {"rope_type": "linear", "factor": 8.0}, "sliding_attention": {"rope_type": "dynamic",
                                                                                               "factor": 2.0}}}}).encode())
    write("fuzz_config", "phi3", json.dumps({"model_type": "phi3", **rotary, "original_max_position_embeddings": 16,
                                             "rope_parameters": longrope}).encode())
    names = {"0": "stand", "1": "walk", "2": "run"}
    write("fuzz_config", "rows", json.dumps({
        "model_type": "attend", "attend_family": "bert", "attend_head": "classes", "input_width": 3, "hidden_size": 8,
        "num_attention_heads": 2, "num_hidden_layers": 1, "intermediate_size": 9, "max_position_embeddings": 64,
        "position_embedding_type": "learned", "norm_order": "after", "id2label": names}).encode())
    write("fuzz_config", "rows_rnn", json.dumps({
        "model_type": "attend-rnn", "kind": "encoder", "attend_head": "token-classes", "input_width": 2, "cell": "gru",
        "bidirectional": True, "d_model": 8, "embedding_size": 4, "max_position_embeddings": 64, "encoder_layers": 1,
        "id2label": names}).encode())


def make_pattern():
    """The patterns of well-known tokenizers, and one of each thing that patterns may have."""
    known = {"gpt2": r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"}
    for name in ("o200k", "deepseek", "behaviors", "clip"):
        parts = json.loads((DATA / "tokenizer" / f"{name}.json").read_text())["pre_tokenizer"]["pretokenizers"]
        known |= {f"{name}_{i}": part["pattern"]["Regex"] for i, part in enumerate(parts) if "pattern" in part}
    known["all"] = r"(?i:ab|\x41)?(a(b|)c)?(?<=\w)\p{^Lu}{1,3}+[^[xy]\u0042c-e\d]*+$|\A.\S\z|^\P{N}?\Z"
    for name, pattern in known.items():
        write("fuzz_pattern", name, pattern.encode())
    write("fuzz_pattern", "text", rb"\s*\S+(?=\s)|x" + b"\0" + "a b\u3000c dd\u0301 x\n".encode())


def make_schema():
    """The schemas that tests try, and their patterns in one."""
    tried = json.loads((DATA / "schemas.json").read_text())
    for i, of in enumerate(tried["schemas"]):
        write("fuzz_schema", f"schema_{i}", json.dumps(of["schema"]).encode())
    patterns = {str(i): {"pattern": of["pattern"]} for i, of in enumerate(tried["patterns"])}
    write("fuzz_schema", "patterns", json.dumps({"type": "object", "properties": patterns}).encode())


def make_sentencepiece():
    for folder in ("spm_llama", "spm_bpe", "spm_t5", "spm_unigram"):
        for path in (DATA / "tokenizer" / folder).glob("*.model"):
            write("fuzz_sentencepiece", folder, path.read_bytes())


def make_tokenizer():
    for model in ("marian", "m2m_100"):
        tokenizer = json.loads((DATA / f"model_{model}_relu" / "tokenizer.json").read_text())
        compact = json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":")).encode()
        write("fuzz_tokenizer", model, compact)
        write("fuzz_tokenizer", model + "_text", compact + b"\0 A dog's\r\n\tlife, 42 times.\xff\xc3\xa9</s><unk>")


def make_state():
    def score(step, loss):
        return {"step": step, "valid_loss": loss, "quality": 0.5, "also": [0.25, None]}

    plan = {"steps": 40, "epochs": 0, "minutes": 0, "seed": 11, "from": 0, "parameters": None, "family": 0, "encoder-layers": 1,
            "decoder-layers": 1, "width": 16, "heads": 2, "kv-heads": 2, "feedforward": 16, "context": 16, "labels": None,
            "max-length": 16, "batch-tokens": 2048, "batch": 0, "lr": 0.001, "min-lr": 0, "warmup": 5, "schedule": 1,
            "weight-decay": 0, "beta1": 0.9, "beta2": 0.98, "epsilon": 1e-9, "clip": 1, "dropout": None, "label-smoothing": 0.1,
            "bpe-dropout": 0, "token-dropout": 0, "average": 3, "valid-every": 4, "save-every": 0, "patience": 12}
    state = {"version": 2, "task": "translation", "complete": False, "train_fingerprint": -5, "valid_fingerprint": 7,
             "from_fingerprint": 0, "step": 10, "epoch": 1, "index": 3, "tokens": 400, "seconds": 0.25, "loss_sum": 30.5,
             "loss_weight": 12, "validated": 8, "stale": 1, "lowest_loss": 2.5, "highest_quality": 0.5,
             "best": score(4, 2.5), "snapshots": [score(4, 2.5), score(8, 2.75)], "plan": plan}
    write("fuzz_state", "running", json.dumps(state).encode())
    begun = {**state, "step": 0, "index": 0, "validated": -1, "lowest_loss": None, "best": score(-1, None), "snapshots": [],
             "plan": {**plan, "steps": 0, "minutes": 5, "warmup": None, "valid-every": None, "labels": 1}}
    write("fuzz_state", "begun", json.dumps(begun).encode())


def tokenizer_json(name, **parts):
    write("fuzz_tokenizer", name, json.dumps(parts, ensure_ascii=False, separators=(",", ":")).encode()
          + "\0 A dog's\r\n\tlife, 42 times.é</s>你好 a ab ▁ <0x41>".encode() + b"\xff")


def make_small_tokenizers():
    """A little of every part."""
    bytes_too = {f"<0x{byte:02X}>": 4 + byte for byte in range(256)}
    letters = {"▁": 260, "a": 261, "b": 262, "ab": 263, "▁ab": 264}
    bpe = {"type": "BPE", "unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True,
           "vocab": {"<unk>": 0, "<s>": 1, "</s>": 2, **bytes_too, **letters}, "merges": [["a", "b"], ["▁", "ab"]]}
    added = [{"id": 1, "content": "<s>", "special": True}, {"id": 2, "content": "</s>", "lstrip": True, "rstrip": True}]
    replace = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
    back = {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}
    item = {"A": {"Sequence": {"id": "A", "type_id": 0}}, "B": {"Sequence": {"id": "B", "type_id": 1}},
            "<s>": {"SpecialToken": {"id": "<s>", "type_id": 0}}}
    template = {"type": "TemplateProcessing", "single": [item["<s>"], item["A"]], "pair": [item["<s>"], item["A"], item["B"]],
                "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}}
    tokenizer_json("llama", added_tokens=added, model=bpe, post_processor=template,
                   normalizer={"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, replace]},
                   decoder={"type": "Sequence", "decoders": [back, {"type": "ByteFallback"}, {"type": "Fuse"},
                                                             {"type": "Strip", "content": " ", "start": 1, "stop": 0}]})
    cuts = [{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first"}, {"type": "Digits", "individual_digits": True},
            {"type": "Split", "pattern": {"String": "b"}, "behavior": "MergedWithPrevious"}, {"type": "WhitespaceSplit"}]
    tokenizer_json("metaspace", added_tokens=added, model=bpe, pre_tokenizer={"type": "Sequence", "pretokenizers": cuts},
                   normalizer={"type": "Sequence", "normalizers": [{"type": "NFKC"}, {"type": "Strip"}, {"type": "NFD"}, {"type": "Lowercase"}]},
                   decoder={"type": "Metaspace", "replacement": "▁"})
    pieces = ["[UNK]", "[CLS]", "[SEP]", "a", "##s", "dog", "'", "life", ",", "42", "##e", "e", "你", "."]
    tokenizer_json("wordpiece", normalizer={"type": "BertNormalizer"}, pre_tokenizer={"type": "BertPreTokenizer"},
                   post_processor={"type": "BertProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 1]}, decoder={"type": "WordPiece"},
                   model={"type": "WordPiece", "vocab": {piece: id for id, piece in enumerate(pieces)}, "max_input_chars_per_word": 9})
    units = (0x40 << 10, 0x41 | 1 << 8 | 3 << 10, 1 << 31, 0x43 | 1 << 8 | 0x300 << 10)  # A becomes b; C points out of the table
    charsmap = base64.b64encode(struct.pack("<I4I", 16, *units) + b"b\0cd").decode()
    tokenizer_json("unigram", added_tokens=added, model={"type": "Unigram", "unk_id": 0, "byte_fallback": True, "vocab": [
        ["<unk>", 0], ["<s>", 0], ["</s>", 0], ["▁", -2.5], ["a", -1], ["ab", -1.5], ["▁a", -3], *[[f"<0x{byte:02X}>", -9] for byte in range(256)]]},
        pre_tokenizer={"type": "Metaspace", "replacement": "▁"}, decoder={"type": "Metaspace", "replacement": "▁"}, normalizer={
            "type": "Sequence", "normalizers": [{"type": "Precompiled", "precompiled_charsmap": charsmap}, {"type": "StripAccents"},
                                                {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "▁"}]})


def make_templates():
    """Some of the chat templates of tests/data/template.json with a chat, and one of much else."""
    data = json.loads((DATA / "template.json").read_text(encoding="utf-8"))
    for name, chat in (("llama 3.1", "tools"), ("qwen 3", "called"), ("mistral 3", "call"), ("command-r", "documents")):
        write("fuzz_template", name.replace(" ", "_"), (data["models"][name]["text"] + "\0" + json.dumps(data["chats"][chat])).encode())
    much = """{% macro m(a, b=2) %}{{ a ~ b }}{{ caller() }}{% endmacro %}{% call m(*[1], **d) %}{% raw %}{{ x }}{% endraw %}
{% endcall %}{%- for x, y in d.items() if y is odd recursive -%}{{ loop.index }}{{ x | title | indent(2) }}{% break %}
{%+ else %}{{ l[::-1] | sort | map('string') | join(', ') }}{% endfor +%}{% set s | upper %}{{ 1.5e3 // 2 ** -1 }}
{% endset %}{% filter trim %}{{ "\\x41\\u00e9" "b" if s is defined else none }}{% endfilter %}{# c #}
{% with a = [1, (2,), {'k': l}] %}{{ a | tojson(indent=1) }}{{ s.split('x', 1)[0].replace('', '-') }}{% endwith %}"""
    write("fuzz_template", "much", (much + "\0" + json.dumps({"d": {"b": 1, "ü": 3}, "l": ["b", "a", "🙂"]})).encode())


def make_tables():
    """The first byte says what the table is called: even .csv, odd .tsv."""
    for path in sorted((DATA / "tables").iterdir()):
        if path.suffix in (".csv", ".tsv"):
            write("fuzz_table", path.name, (b"\x01" if path.suffix == ".tsv" else b"\x00") + path.read_bytes()[:2000])
    write("fuzz_table", "quoted.csv", b'\x00id;"a ""b""";\r\n1;"x\ny";\r\n\r\n2;;"z"\r\n')
    write("fuzz_table", "loose.tsv", b'\x01text\tlabel\n"Yes," he said\tgood\n"a\tb"\tc\n"open\tbad\n\xff\x00\t\n')
    write("fuzz_table", "empty.csv", b"\x00\n\n")


argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
make_safetensors()
make_gguf()
make_gguf_models()
make_config()
make_state()
make_small_tokenizers()
make_tokenizer()
make_pattern()
make_schema()
make_sentencepiece()
make_templates()
make_tables()
