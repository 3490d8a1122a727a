#!/usr/bin/env python3
"""Makes tests/data/tokenizer_settings.json: the ids that Hugging Face Transformers' AutoTokenizer gives for folders in
which tokenizer_config.json, special_tokens_map.json or added_tokens.json say something else than tokenizer.json, or that
have no tokenizer.json.

    python3 -m pip install transformers tokenizers
    python3 tools/make_tokenizer_settings_fixtures.py

    bases: {name: {file: content}}: files that cases share
    cases: [{"base", "files" ({file: content}, over the base's; null: the base's is left out), "texts": [{"text", "ids",
        "decoded" (special tokens left out)}], "pair": {"ids", "types"} of "a" and "b"}]
"""
import argparse
import json
import os
import tempfile

if __name__ == "__main__":  # before the imports that follow: --help needs none of them
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()

from transformers import AutoTokenizer

from make_model_fixtures import OUT

TEXTS = {
    "bert": ["hello World", "H\u00e9llo \u4e2d\u6587 [MASK] x", "don't stop . now ?", "a  [MASK]b [PAD] <new> [UNK]", "", "\u2603 oh"],
    "gpt2": ["a dog", " A Dog 123", "a   <|endoftext|> b <yy><p>", "", "\u00e9\u00e9 ok", "x <new>y"],
    "llama": ["abc ab", "ab</s>abc  d", "  ab", "", "\u00e9 [x] a", "<unk>ab"],
    "unigram": ["do not go , now . 'tis", "it 's"],
}


def token(content, number=None, **flags):
    entry = {"content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
             "special": True, **flags}
    return entry if number is None else {"id": number, **entry}


def bert():
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    pieces = specials + letters + ["##" + letter for letter in letters] + list("HW.,?'\u4e2d\u00e9[]<>") + ["##ello", "hell", "stop"]
    vocab = {piece: i for i, piece in enumerate(pieces)}
    return {"version": "1.0", "truncation": None, "padding": None,
            "added_tokens": [token(content, i) for i, content in enumerate(specials)],
            "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None,
                           "lowercase": True},
            "pre_tokenizer": {"type": "BertPreTokenizer"},
            "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]},
            "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
            "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                      "max_input_chars_per_word": 100, "vocab": vocab}}


def llama():
    vocab = {"<unk>": 0, "<s>": 1, "</s>": 2}
    for byte in range(256):
        vocab["<0x%02X>" % byte] = len(vocab)
    for letter in "\u2581abcdefghij":
        vocab[letter] = len(vocab)
    merges = ["\u2581 a", "b c", "\u2581a b"]
    for merge in merges:
        vocab[merge.replace(" ", "")] = len(vocab)
    start = {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}
    return {"version": "1.0", "truncation": None, "padding": None,
            "added_tokens": [token(content, i) for i, content in enumerate(["<unk>", "<s>", "</s>"])],
            "normalizer": {"type": "Sequence", "normalizers": [
                {"type": "Prepend", "prepend": "\u2581"}, {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]},
            "pre_tokenizer": None,
            "post_processor": {"type": "TemplateProcessing",
                               "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
                               "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
                               "special_tokens": start},
            "decoder": {"type": "Sequence", "decoders": [
                {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
                {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
            "model": {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None,
                      "end_of_word_suffix": None, "fuse_unk": True, "byte_fallback": True, "vocab": vocab, "merges": merges}}


def unigram():
    pieces = [["<pad>", 0.0], ["</s>", 0.0], ["<unk>", 0.0]] + [["\u2581" + word, -2.0] for word in ("do", "not", "go", "now", "it")]
    pieces += [["\u2581", -4.0]] + [[letter, -5.0] for letter in "abcdefghijklmnopqrstuvwxyz.,'"]
    return {"version": "1.0", "truncation": None, "padding": None,
            "added_tokens": [token(content, i) for i, content in enumerate(["<pad>", "</s>", "<unk>"])],
            "normalizer": None, "pre_tokenizer": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True},
            "post_processor": None,
            "decoder": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True},
            "model": {"type": "Unigram", "unk_id": 2, "vocab": pieces, "byte_fallback": False}}


def changed(tree, **changes):
    return {**tree, **changes}


def cases(bases):
    plain = {"tokenizer_class": "PreTrainedTokenizerFast"}
    tree = bases["bert"]["tokenizer.json"]
    cased = changed(tree, normalizer=changed(tree["normalizer"], lowercase=False))
    unmarked = changed(tree, added_tokens=[])
    named = {"tokenizer_config.json": changed(plain, mask_token="[MASK]")}

    def with_config(base, config, **files):
        return {"base": base, "files": {"tokenizer_config.json": config, **{key.replace("__", "."): value for key, value in files.items()}}}
    yield {"base": "bert", "files": {}}
    yield {"base": "bert", "files": {"tokenizer.json": cased}}
    yield with_config("bert", plain, tokenizer__json=cased)
    yield with_config("bert", {"tokenizer_class": "BertTokenizer", "do_lower_case": False})
    yield with_config("bert", {"tokenizer_class": "BertTokenizerFast", "do_lower_case": False, "strip_accents": True})
    yield with_config("bert", {"do_lower_case": True, "strip_accents": False, "tokenize_chinese_chars": False})
    yield with_config("bert", changed(plain, do_lower_case=False))
    yield with_config("bert", {"tokenizer_class": "SomethingElse", "do_lower_case": False})
    yield with_config("bert", {"tokenizer_class": "BertTokenizer", "unk_token": "x"})
    yield with_config("bert", {"tokenizer_class": "BertTokenizer"}, tokenizer__json=changed(tree, post_processor=None, decoder=None,
                                                                                        pre_tokenizer={"type": "Whitespace"} and None))
    yield with_config("bert", plain, tokenizer__json=unmarked)
    yield {"base": "bert", "files": {**named, "tokenizer.json": unmarked}}
    yield with_config("bert", {"tokenizer_class": "BertTokenizer"}, tokenizer__json=unmarked)
    yield with_config("bert", changed(plain, split_special_tokens=True))
    yield with_config("bert", changed(plain, model_input_names=["input_ids", "token_type_ids", "attention_mask"]))
    yield with_config("bert", {"tokenizer_class": "BertTokenizer", "model_input_names": ["input_ids", "attention_mask"]})
    yield with_config("bert", changed(plain, additional_special_tokens=["<new>"]))
    yield with_config("bert", changed(plain, extra_special_tokens=["<new>"], additional_special_tokens=["oh"]))
    yield with_config("bert", changed(plain, clean_up_tokenization_spaces=True),
                      tokenizer__json=changed(tree, decoder=changed(tree["decoder"], cleanup=False)))
    yield with_config("bert", plain, tokenizer__json=changed(tree, decoder=changed(tree["decoder"], cleanup=False)))
    yield {"base": "bert", "files": {"config.json": {"model_type": "bert", "tokenizer_class": "PreTrainedTokenizerFast"},
                                     "tokenizer_config.json": {"do_lower_case": False}}}
    vocabulary = "\n".join(tree["model"]["vocab"]) + "\n"
    yield {"base": "bert", "files": {"tokenizer.json": None, "vocab.txt": vocabulary}}
    yield {"base": "bert", "files": {"tokenizer.json": None, "vocab.txt": vocabulary,
                                     "tokenizer_config.json": {"do_lower_case": False, "tokenizer_class": "BertTokenizer"}}}
    yield {"base": "bert", "files": {"tokenizer.json": None, "vocab.txt": vocabulary,
                                     "added_tokens.json": {"<new>": 73}, "special_tokens_map.json": {"unk_token": "x"}}}

    yield {"base": "gpt2", "files": {}}
    yield with_config("gpt2", {"add_prefix_space": True})
    yield with_config("gpt2", changed(plain, add_prefix_space=True))
    yield with_config("gpt2", {"add_bos_token": True, "add_eos_token": True})
    for flags in ({"lstrip": True}, {"rstrip": True}, {"special": False}):
        yield with_config("gpt2", changed(plain, added_tokens_decoder={"0": token("<|endoftext|>", **flags)}))
    yield with_config("gpt2", changed(plain, eos_token=token("<|endoftext|>", lstrip=True, __type="AddedToken")))
    yield with_config("gpt2", changed(plain, added_tokens_decoder={"291": token("<yy>", special=False, normalized=True)}))
    yield with_config("gpt2", plain, special_tokens_map__json={"pad_token": "<p>", "eos_token": token("<yy>")})
    yield with_config("gpt2", changed(plain, added_tokens_decoder={}), special_tokens_map__json={"pad_token": "<p>"})
    yield with_config("gpt2", plain, added_tokens__json={"<yy>": 290})
    yield with_config("gpt2", changed(plain, clean_up_tokenization_spaces=True, model_max_length=int(1e30)))
    tree = bases["gpt2"]["tokenizer.json"]
    other = changed(tree, normalizer={"type": "Lowercase"}, pre_tokenizer={"type": "Sequence", "pretokenizers": [
        {"type": "Digits", "individual_digits": True}, tree["pre_tokenizer"]]})
    yield {"base": "gpt2", "files": {"tokenizer.json": other}}
    yield with_config("gpt2", plain, tokenizer__json=other)
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in tree["model"]["merges"]]
    older = {"tokenizer.json": None, "vocab.json": tree["model"]["vocab"], "merges.txt": "#version: 0.2\n" + "\n".join(merges) + "\n"}
    yield {"base": "gpt2", "files": older}
    yield {"base": "gpt2", "files": {**older, "tokenizer_config.json": {"add_bos_token": True, "add_eos_token": True}}}
    yield {"base": "gpt2", "files": {**older, "tokenizer_config.json": {"add_bos_token": True, "add_prefix_space": True}}}
    yield {"base": "gpt2", "files": {**older, "added_tokens.json": {"<yy>": 290}, "tokenizer_config.json": {"pad_token": "<p>"},
                                     "special_tokens_map.json": {"pad_token": "<yy>"}}}

    yield {"base": "llama", "files": {}}
    for config in ({}, {"legacy": True}, {"legacy": None}, {"legacy": False, "add_prefix_space": False}, {"add_eos_token": True},
                   {"unk_token": "[x]"}):
        yield with_config("llama", {"tokenizer_class": "LlamaTokenizerFast", **config})
    yield with_config("llama", changed(plain, legacy=True, add_prefix_space=False))
    yield {"base": "gpt2", "files": {"config.json": {"model_type": "llama"}, "tokenizer_config.json": {"tokenizer_class": "LlamaTokenizer"}}}
    yield with_config("unigram", changed(plain, clean_up_tokenization_spaces=True))
    yield with_config("unigram", plain)


def write(folder, name, content):
    with open(os.path.join(folder, name), "w") as file:
        file.write(content if isinstance(content, str) else json.dumps(content))


def expect(bases, case):
    files = {**bases[case["base"]], **case["files"]}
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            if content is not None:
                write(folder, name, content)
        tokenizer = AutoTokenizer.from_pretrained(folder)
        rows = []
        for text in TEXTS[case["base"]]:
            ids = tokenizer(text)["input_ids"]
            rows.append({"text": text, "ids": ids, "decoded": tokenizer.decode(ids, skip_special_tokens=True)})
        pair = tokenizer("a", "b")
        pair = {"ids": pair["input_ids"], "types": pair.get("token_type_ids", [0] * len(pair["input_ids"]))}
    print(case["base"], type(tokenizer).__name__, len(tokenizer), json.dumps(case["files"])[:90])
    return {**case, "texts": rows, "pair": pair}


def main():
    with open(os.path.join(OUT, "generate_gpt2", "tokenizer.json")) as file:
        pairs = json.load(file)
    bases = {"bert": {"config.json": {"model_type": "bert"}, "tokenizer.json": bert()},
             "gpt2": {"config.json": {"model_type": "gpt2"}, "tokenizer.json": pairs},
             "llama": {"config.json": {"model_type": "llama"}, "tokenizer.json": llama()},
             "unigram": {"config.json": {"model_type": "t5"}, "tokenizer.json": unigram()}}
    rows = [expect(bases, case) for case in cases(bases)]
    with open(os.path.join(OUT, "tokenizer_settings.json"), "w") as file:
        json.dump({"bases": bases, "cases": rows}, file, separators=(",", ":"))


if __name__ == "__main__":
    main()
