#!/usr/bin/env python3
"""Makes tests/data/schemas.json: which texts fit regular expressions, as Node.js says, and which JSON is valid by
schemas, as jsonschema says (draft 2020-12).

    python3 -m pip install "jsonschema==4.26"      # and node, of any version since 10
    python3 tools/make_schema_fixtures.py tests/data

Texts beside those that are given are these with a character taken out, put in, or made another. JSON is written without
spaces, members in the order of the schema, as attend writes it.
"""
import argparse
import json
import os
import random
import subprocess

PATTERNS = [  # and texts, of which most fit
    (r"a+", ["a", "xaay", "", "b"]),
    (r"^a+$", ["a", "aaaa"]),
    (r"^\d{3}-\d{4}$", ["555-1234", "555-123"]),
    (r"^(\([0-9]{3}\))?[0-9]{3}-[0-9]{4}$", ["(888)555-1212", "555-1212"]),
    (r"^[a-z][a-z0-9_]*$", ["a", "snake_case9", "9a"]),
    (r"^[^@\s]+@[^@\s]+\.[a-z]{2,}$", ["me@example.org", "a.b@c.d.info"]),
    (r"^(?:foo|bar|ba)+$", ["foo", "barba", "foobarfoo"]),
    (r"foo|^bar|baz$", ["xfoox", "bar", "barx", "xbaz", "bazx", "xbar"]),
    (r"^(a|b)*abb$", ["abb", "aababb", "babb", "abba"]),
    (r"^a{0}b{2}c{2,}d{1,3}$", ["bbccd", "bbccccddd", "abbccd", "bbcd"]),
    (r"^a??b*?c+?$", ["abbc", "c", "ab"]),
    (r"^\w+\W\S+\s\D$", ["ab-c! x", "a-b 7", "é-b x"]),
    (r"^[\w.-]+$", ["a.b-c", "é", "a b"]),
    (r"^[^\W\d]+$", ["abc_", "a1"]),
    (r"^[\S]$", ["x", " ", "\u00a0", "\u3000", "\ufeff"]),
    (r"^.$", ["x", "€", "😀", "\n", "\r", "\u2028"]),
    (r"^..$", ["ab", "😀é", "😀"]),
    (r"^[α-ω]+$", ["αβγ", "abc", "αΩ"]),
    (r"^[😀-😎]$", ["😃", "x"]),
    (r'^\u00e9\x41\u{1f600}\ud83d\ude00\t\n\\"/$', ["éA😀😀\t\n\\\"/"]),
    (r"^[\]\\\-^a]+$", ["]\\-^a", "b"]),
    (r"^[a-]+[^-a]$", ["a-a-b", "--"]),
    (r"^$", ["", "a"]),
    (r"", ["", "anything"]),
    (r"^", ["", "x"]),
    (r"^(|a)(b|)$", ["", "a", "b", "ab"]),
    (r"(^a|b)c", ["ac", "xac", "xbc"]),
    (r"a$|^b", ["xa", "bx", "ax", "xb"]),
    (r"x(a|$)", ["xa", "yx", "xb"]),
    (r"^((a{2}){2}|b){2}$", ["aaaaaaaa", "bb", "aaaab", "aaaa"]),
    (r"^(a*)*b$", ["aaab", "b", "aaa"]),
    (r"^\.\*\+\?\(\)\[\]\{\}\|\^\$\/$", [".*+?()[]{}|^$/"]),
    (r"^(?<year>[0-9]{4})-(?<month>0[1-9]|1[0-2])$", ["2024-12", "1999-01", "2024-13"]),
    (r"^[A-Z]{2}[0-9]{2}(?:[ ]?[0-9]{4}){4}(?:[ ]?[0-9]{1,2})?$", ["DE89 3704 0044 0532 0130 00"]),
    (r"\S", ["a", " a ", "  ", ""]),
    (r"^[\d\D]{2}$", ["ab", "\n\"", "a"]),
]
OTHERS = "ab-. 7\"\\é😀\n_"

WORDS = ["", "a", "ab", "abc", "abcd", "b", "ba", "x1", "x12", "a-b", " ", "\"", "\n", "é", "aaaaaaa"]
NUMBERS = [0, 1, 2, 3, 4, 5, 6, 7, 10, 12, 14, 15, 20, 21, 25, 28, 30, 42, 49, 50, 60, 63, 70, 75, 77, 100, 105, 140, 125, 700, 1000, 1001, 3500, 999999999999999,
           -1, -2, -7, -14, -25, -100, -105]
OTHER = [None, True, False, 0.5, 2.5, [], [1], {}]
MAPS = [{}, {"a": 1}, {"ab": 2}, {"x1": "y"}, {"a": "z"}, {"x1": 3}, {"b": None}, {"a": 1, "x1": "y"}]
SCHEMAS = [
    ({"type": "string", "pattern": "^[a-z]+$", "maxLength": 3}, WORDS),
    ({"type": "string", "pattern": "b", "minLength": 2}, WORDS),
    ({"pattern": "a", "minLength": 2, "maxLength": 3}, WORDS),
    ({"pattern": "^(ab|x1)?", "minLength": 3, "maxLength": 3}, WORDS),
    ({"type": "string", "not": {"pattern": "a"}}, WORDS),
    ({"type": "string", "not": {"pattern": "^a"}, "pattern": "b$"}, WORDS),
    ({"type": "string", "not": {"const": ""}}, WORDS),
    ({"type": "string", "not": {"enum": ["a", "ab", 7, "\""]}, "maxLength": 3}, WORDS),
    ({"type": "string", "not": {"type": "string", "pattern": "[0-9]"}}, WORDS),
    ({"type": ["string", "null"], "not": {"const": None}}, WORDS + OTHER),
    ({"type": ["string", "integer", "boolean"], "not": {"type": ["string", "null"]}}, WORDS[:3] + NUMBERS[:5] + OTHER),
    ({"not": {"type": ["object", "array", "number", "null"]}}, WORDS[:3] + NUMBERS[:5] + OTHER),
    ({"type": ["string", "null"], "not": {"pattern": "a"}}, WORDS + OTHER),
    ({"enum": ["a", "b", 1, None], "type": "string"}, WORDS + OTHER + [1]),
    ({"enum": ["a", "b", 1, None, 2.5], "type": ["number", "null"]}, WORDS[:6] + OTHER + [1]),
    ({"enum": ["a", "b", 1, None], "not": {"const": "b"}}, WORDS + OTHER + [1]),
    ({"enum": ["a", "b", 1, None], "not": {"type": "string", "enum": ["b", 1]}}, WORDS + OTHER + [1]),
    ({"enum": ["a", "b"], "const": "b"}, WORDS),
    ({"type": "integer", "multipleOf": 7}, NUMBERS + OTHER),
    ({"type": "integer", "multipleOf": 5}, NUMBERS),
    ({"type": "integer", "multipleOf": 25, "minimum": 1, "maximum": 1000}, NUMBERS),
    ({"type": "integer", "multipleOf": 1000}, NUMBERS),
    ({"type": "integer", "multipleOf": 21, "minimum": -100, "exclusiveMaximum": 105}, NUMBERS),
    ({"type": "number", "multipleOf": 35.0}, NUMBERS + OTHER),
    ({"type": "integer", "multipleOf": 1}, NUMBERS + OTHER),
    ({"exclusiveMinimum": 3}, [n for n in NUMBERS if n > 3] + [3, 2, -1]),
    ({"allOf": [{"type": "integer", "minimum": 2}, {"maximum": 10}, {"multipleOf": 5}]}, NUMBERS),
    ({"allOf": [{"pattern": "^a"}, {"minLength": 2}, {"maxLength": 3}, {"maxLength": 5}, True]}, WORDS),
    ({"type": "string", "anyOf": [{"pattern": "^a+$"}, {"maxLength": 1}]}, WORDS),
    ({"$defs": {"small": {"type": "integer", "maximum": 10}}, "$ref": "#/$defs/small", "minimum": 2}, NUMBERS),
    ({"oneOf": [{"type": "string", "maxLength": 1}, {"type": "integer"}], "title": "T"}, WORDS + [1]),
    ({"allOf": [{"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
                {"properties": {"a": {"minimum": 2}, "b": {"type": "null"}}, "required": ["b"]}]},
     [{"a": 2, "b": None}, {"a": 1, "b": None}, {"a": 2}, {"b": None}, {"a": 2, "b": 1}]),
    ({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]},
     [{}, {"a": 1}, {"b": 1}, {"a": 1, "b": 1}, {"a": "x"}]),
    ({"type": "object", "propertyNames": {"pattern": "^[a-z]+$", "maxLength": 2}}, MAPS),
    ({"patternProperties": {"^x": {"type": "string"}}, "additionalProperties": {"type": "integer"}}, MAPS[:6] + MAPS[7:]),
    ({"patternProperties": {"^x": {"type": "string"}}, "additionalProperties": False}, MAPS),
    ({"patternProperties": {"^x": False}}, MAPS),
    ({"type": "array", "items": {"type": "string", "pattern": "^[ab]$"}, "minItems": 1}, [[], ["a"], ["a", "b"], ["c"], ["ab"], "a"]),
]


def changed(text, rng):
    at = rng.randrange(len(text) + 1)
    return text[:at] + rng.choice(["", rng.choice(OTHERS)]) + text[at + rng.randrange(2):]


def by_node(cases):
    """Whether each text fits, asked of one Node.js for all."""
    program = ("const c = JSON.parse(require('fs').readFileSync(0, 'utf8'));"
               "const of = p => { try { return new RegExp(p, 'u') } catch (e) { return new RegExp(p) } };"
               "console.log(JSON.stringify(c.map(([p, t]) => t.map(x => of(p).test(x)))))")
    return json.loads(subprocess.run(["node", "-e", program], input=json.dumps(cases), capture_output=True, text=True, check=True).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", help="tests/data")
    out = parser.parse_args().out
    import jsonschema

    rng = random.Random(7)
    cases = []
    for pattern, texts in PATTERNS:
        more = [changed(rng.choice(texts), rng) for _ in range(10)]
        cases.append((pattern, list(dict.fromkeys(texts + more))))
    patterns = [{"pattern": p, "texts": list(zip(t, fits))} for (p, t), fits in zip(cases, by_node(cases))]
    schemas = []
    for schema, values in SCHEMAS:
        check = jsonschema.Draft202012Validator(schema)
        check.check_schema(schema)
        texts = [json.dumps(v, ensure_ascii=False, separators=(",", ":")) for v in values]
        schemas.append({"schema": schema, "texts": [[t, check.is_valid(v)] for t, v in zip(texts, values)]})
    lines = {"patterns": patterns, "schemas": schemas}
    with open(os.path.join(out, "schemas.json"), "w", encoding="utf-8") as file:
        file.write("{" + ",\n".join(f'"{key}": [\n' + ",\n".join(json.dumps(one, ensure_ascii=False) for one in part) + "]"
                                    for key, part in lines.items()) + "}\n")


if __name__ == "__main__":
    main()
