#!/usr/bin/env python3
"""Holds answers of `attend serve` to the schemas of its /openapi.json: what is said is there, and nothing else.

    tests/check_answers.py openapi.json answers     # a line each: METHOD PATH ANSWER

Answers that are no JSON are not looked at.
"""
import json
import sys

TYPES = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "null": type(None), "array": list, "object": dict}


def wrong(schema, value, at):
    """What does not fit, or None."""
    if "anyOf" in schema:
        said = [wrong(one, value, at) for one in schema["anyOf"]]
        return None if None in said else " or ".join(said)
    kind = schema.get("type")
    if kind is None:
        return None
    if not isinstance(value, TYPES[kind]) or (isinstance(value, bool) and kind != "boolean"):
        return f"{at} is no {kind}"
    members = []
    if kind == "array":
        members = [(schema["items"], one, f"{at}[{i}]") for i, one in enumerate(value)]
    elif kind == "object" and "additionalProperties" in schema:
        members = [(schema["additionalProperties"], one, f"{at}.{name}") for name, one in value.items()]
    elif kind == "object":
        for name in schema["required"]:
            if name not in value:
                return f"{at}.{name} is missing"
        for name in value:
            if name not in schema["properties"]:
                return f"{at}.{name} is not described"
        members = [(schema["properties"][name], one, f"{at}.{name}") for name, one in value.items()]
    return next((said for said in (wrong(*one) for one in members) if said), None)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as file:
        paths = json.load(file)["paths"]
    seen, bad = set(), 0
    with open(sys.argv[2], encoding="utf-8") as file:
        for line in file:
            method, path, answer = line.split(" ", 2)
            path = "/v1/models/{model}" if path.startswith("/v1/models/") else path
            schema = paths[path][method]["responses"]["200"]["content"].get("application/json", {}).get("schema")
            try:
                value = json.loads(answer)
            except ValueError:
                continue
            said = wrong(schema, value, "answer") if schema else "there is no schema"
            seen.add(path)
            if said and bad < 20:
                print(f"{method} {path}: {said}: {answer[:300]}")
            bad += bool(said)
    never = []  # of those that need no library of sounds
    for path, of in paths.items():
        given = [one["responses"]["200"]["content"] for one in of.values()]
        if path not in seen and any("application/json" in one for one in given) and not any("text/plain" in one for one in given):
            never.append(path)
    if never:
        print("no answer was looked at of", *never)
    sys.exit(bool(bad or never))


if __name__ == "__main__":
    main()
