#!/usr/bin/env python3
"""How fast `attend serve` is with several clients, and that each gets what it gets alone.

    speed DECODER [TRANSLATOR LINES.txt]   tokens a second, 8 requests at once beside one at a time
    shared DECODER                         the first token of a prompt whose beginning was read before
    mixed MODEL...                         200 requests of every kind at random: the same as alone
    schemas CHAT                           500 answers by JSON schemas (pip install jsonschema)

--attend build/attend, --repeats 3. LINES.txt: what is translated, a line each. Exit status 1 where a bar is missed.
"""

import argparse
import concurrent.futures
import http.client
import json
import random
import statistics
import subprocess
import sys
import time


class Server:
    def __init__(self, args, models):
        words = [args.attend, "serve", *models, "--port", "0", "--queue", "512"]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        address = self.process.stdout.readline().strip()
        if not address:
            sys.exit("the server does not start")
        self.host, port = address.split("//")[1].rsplit(":", 1)
        self.port = int(port)

    def ask(self, path, body, timeout=300):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        connection.request("POST", path, json.dumps(body).encode(), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        said = json.loads(answer.read())
        connection.close()
        return answer.status, said

    def first(self, body):
        """Seconds until the first event."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=300)
        begin = time.monotonic()
        connection.request("POST", "/v1/completions", json.dumps({**body, "stream": True}).encode())
        answer = connection.getresponse()
        answer.read(6)
        seconds = time.monotonic() - begin
        answer.read()
        connection.close()
        return seconds

    def stop(self):
        self.process.terminate()
        return self.process.wait(60)


def tokens_a_second(server, path, bodies, at_once):
    begin = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        answers = list(pool.map(lambda body: server.ask(path, body), bodies))
    seconds = time.monotonic() - begin
    if any(status != 200 for status, _ in answers):
        sys.exit(f"{path}: {next(said for status, said in answers if status != 200)}")
    return sum(said["usage"]["completion_tokens"] for _, said in answers) / seconds


def ids(server, model, count):
    connection = http.client.HTTPConnection(server.host, server.port, timeout=60)
    connection.request("GET", f"/v1/models/{model}")
    said = json.loads(connection.getresponse().read())
    return [random.randrange(10, said["vocabulary"] - 10) for _ in range(count)]


def measure_speed(args):
    models = ["decoder=" + args.models[0]] + (["translator=" + args.models[1]] if len(args.models) > 1 else [])
    server = Server(args, models)
    good = True

    def compare(what, path, make):
        nonlocal good
        for body in make(2):
            server.ask(path, body)
        rates = []
        for _ in range(args.repeats):
            rates.append([tokens_a_second(server, path, make(8), 1), tokens_a_second(server, path, make(16), 8)])
        one, eight = (statistics.median(column) for column in zip(*rates))
        print(
            f"{what}: {one:.1f} tokens a second one at a time, {eight:.1f} eight at once, {eight / one:.2f} x (bar: 3)"
        )
        good = good and eight >= 3 * one

    compare(
        "decoder",
        "/v1/completions",
        lambda count: [
            {
                "model": "decoder",
                "prompt": ids(server, "decoder", 64),
                "max_tokens": 64,
                "temperature": 0,
                "ignore_eos": True,
            }
            for _ in range(count)
        ],
    )
    if len(args.models) > 2:
        with open(args.models[2], encoding="utf-8") as file:
            lines = [line.rstrip("\n") for line in file][:2000]
        compare(
            "translator",
            "/v1/translate",
            lambda count: [{"model": "translator", "text": random.choice(lines)} for _ in range(4 * count)],
        )
    return server.stop() == 0 and good


def measure_shared(args):
    server = Server(args, ["decoder=" + args.models[0]])
    ratios = []
    for _ in range(args.repeats):
        begin = ids(server, "decoder", 512)
        first, second = (
            server.first(
                {"model": "decoder", "prompt": begin + ids(server, "decoder", 4), "max_tokens": 2, "temperature": 0}
            )
            for _ in range(2)
        )
        ratios.append(second / first)
        print(f"first {1000 * first:.1f} ms, then {1000 * second:.1f} ms: {second / first:.3f}")
    print(f"median {statistics.median(ratios):.3f} (bar: 0.1)")
    return server.stop() == 0 and statistics.median(ratios) <= 0.1


WORDS = "a dog house the man walks in snow on an old street with two small children and says that it is warm".split()


def some_text(most=12):
    return " ".join(random.choice(WORDS) for _ in range(random.randrange(1, most)))


def mixed_request(models):
    """A path and a body, with a seed where something is drawn."""
    model, verbs = random.choice(models)
    kinds = {
        "generate": lambda: (
            "/v1/completions",
            {
                "prompt": some_text(),
                "max_tokens": random.randrange(1, 30),
                "temperature": random.choice([0, 1]),
                "seed": random.randrange(1000),
                "n": random.choice([1, 1, 3]),
                "logprobs": random.choice([0, 3]),
            },
        ),
        "chat": lambda: (
            "/v1/chat/completions",
            {
                "messages": [{"role": "user", "content": some_text()}],
                "max_tokens": 20,
                "temperature": 0.8,
                "seed": random.randrange(1000),
                "logprobs": True,
            },
        ),
        "score": lambda: ("/v1/score", {"text": [some_text() for _ in range(3)]}),
        "translate": lambda: (
            "/v1/translate",
            {
                "text": [some_text() for _ in range(random.randrange(1, 6))],
                "beam": random.choice([1, 4]),
                "nbest": 1,
                "alignment": True,
            },
        ),
        "embed": lambda: (
            "/v1/embeddings",
            {"input": [some_text() for _ in range(random.randrange(1, 20))], "encoding_format": "base64"},
        ),
        "rank": lambda: (
            "/v1/rerank",
            {"query": some_text(), "documents": [some_text() for _ in range(random.randrange(1, 20))]},
        ),
        "classify": lambda: ("/v1/classify", {"text": [some_text() for _ in range(5)]}),
        "answer": lambda: (
            "/v1/answer",
            {"question": [some_text(), some_text()], "context": some_text(200), "nbest": 3},
        ),
        "summarize": lambda: ("/v1/summarize", {"text": [some_text(60)], "long": True}),
    }
    path, body = kinds[random.choice([verb for verb in verbs if verb in kinds])]()
    return path, {**body, "model": model}


def bare(said):
    """What must not depend on when it was asked."""
    said = {key: value for key, value in said.items() if key not in ("id", "created")}
    said.get("usage", {}).pop("prompt_tokens_details", None)
    return said


def measure_mixed(args):
    server = Server(args, [f"m{i}={path}" for i, path in enumerate(args.models)])
    connection = http.client.HTTPConnection(server.host, server.port)
    connection.request("GET", "/v1/models")
    models = [(m["id"], m["verbs"]) for m in json.loads(connection.getresponse().read())["data"]]
    requests = [mixed_request(models) for _ in range(200)]
    alone = [server.ask(*request) for request in requests]
    wrong = 0
    for at_once in (8, 32):
        order = random.sample(range(len(requests)), len(requests))
        with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
            got = dict(zip(order, pool.map(lambda i: server.ask(*requests[i]), order)))
        for i, (status, said) in enumerate(alone):
            if got[i][0] != status or bare(got[i][1]) != bare(said):
                wrong += 1
                print(f"WRONG: {requests[i]}: {str(got[i])[:300]}, not {str((status, said))[:300]}")
    failed = sum(status != 200 for status, _ in alone)
    print(f"{len(requests)} requests, {failed} of them refused alone too; {wrong} of 400 otherwise among others")
    return server.stop() == 0 and wrong == 0 and failed == 0


SCHEMAS = [
    {
        "type": "object",
        "properties": {
            "name": {"type": "string", "maxLength": 20},
            "age": {"type": "integer", "minimum": 0, "maximum": 150},
        },
        "required": ["name", "age"],
        "additionalProperties": False,
    },
    {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 5},
    {"enum": ["red", "green", "blue", 7, None, {"a": [1]}]},
    {
        "type": "object",
        "properties": {"kind": {"const": "circle"}, "radius": {"type": "number"}},
        "required": ["kind", "radius"],
        "additionalProperties": False,
    },
    {
        "anyOf": [
            {"type": "integer"},
            {"type": "boolean"},
            {"type": "array", "items": {"type": "boolean"}, "maxItems": 3},
        ]
    },
    {"type": "string", "minLength": 3, "maxLength": 12},
    {
        "type": "object",
        "properties": {
            "items": {
                "type": "array",
                "maxItems": 3,
                "items": {
                    "type": "object",
                    "properties": {
                        "id": {"type": "integer", "minimum": 1, "maximum": 9999},
                        "tags": {"type": "array", "maxItems": 2, "items": {"type": "string", "maxLength": 8}},
                    },
                    "required": ["id", "tags"],
                    "additionalProperties": False,
                },
            }
        },
        "required": ["items"],
        "additionalProperties": False,
    },
    {
        "$defs": {
            "tree": {
                "type": "object",
                "properties": {
                    "v": {"type": "integer", "minimum": 0, "maximum": 99},
                    "next": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/tree"}]},
                },
                "required": ["v", "next"],
                "additionalProperties": False,
            }
        },
        "$ref": "#/$defs/tree",
    },
    {"type": "string", "format": "date"},
    {
        "type": "object",
        "properties": {"ok": {"type": "boolean"}, "note": {"type": ["string", "null"], "maxLength": 30}},
        "required": ["ok"],
        "additionalProperties": False,
    },
]


def explosive():
    deep = doubling = {"type": "integer"}
    for _ in range(400):
        deep = {"type": "array", "items": deep}
    for _ in range(12):
        doubling = {"anyOf": [{"type": "array", "items": doubling}, {"type": "object", "properties": {"a": doubling}}]}
    wide = {"type": "object", "properties": {f"k{i}": {"type": "string"} for i in range(3000)}}
    return {
        "a loop": {"$ref": "#"},
        "a loop of two": {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
        "a contradiction": {"type": "integer", "minimum": 5, "maximum": 3},
        "an empty choice": {"enum": []},
        "a contradiction of all": {"allOf": [{"type": "integer"}, {"type": "string"}]},
        "many items": {
            "type": "array",
            "items": {"type": "array", "items": {"type": "integer"}, "minItems": 100000},
            "minItems": 100000,
        },
        "a deep one": deep,
        "one that doubles": doubling,
        "a wide one": wide,
        "a pattern": {"type": "string", "pattern": "^((((a{1,100}){1,100}){1,100}){1,100})$"},
        "another pattern": {"type": "string", "pattern": "^(a|a|a|aa)*(b|bb)*$"},
        "a long enum": {"enum": ["x" * 50 + str(i) for i in range(20000)]},
        "a large number": {"type": "integer", "minimum": -(10**18), "maximum": 10**18},
        "a long text": {"type": "string", "minLength": 10**6},
        "never": {"not": {}},
    }


def measure_schemas(args):
    import jsonschema

    server = Server(args, ["chat=" + args.models[0]])
    good, wrong, cut = True, 0, 0

    def chat(seed, **more):
        return server.ask(
            "/v1/chat/completions",
            {
                "model": "chat",
                "messages": [{"role": "user", "content": "Give me an example."}],
                "temperature": 1,
                "seed": seed,
                "max_tokens": 400,
                **more,
            },
        )

    def one(i):
        schema = SCHEMAS[i % len(SCHEMAS)]
        return (
            i,
            schema,
            chat(i, response_format={"type": "json_schema", "json_schema": {"name": "s", "schema": schema}}),
        )

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for i, schema, (status, said) in pool.map(one, range(args.answers)):
            choice = said["choices"][0] if status == 200 else {}
            try:
                jsonschema.validate(json.loads(choice["message"]["content"]), schema)
            except (KeyError, ValueError, jsonschema.ValidationError) as error:
                cut += choice.get("finish_reason") == "length"
                wrong += choice.get("finish_reason") != "length"
                print(f"{i}: {status} {str(choice or said)[:300]}: {str(error)[:100]}")
    print(f"{args.answers} answers: {wrong} wrong, {cut} cut off at 400 tokens")
    rates = {"free": [], "schema": []}
    shape = {"type": "array", "items": {"type": "string"}, "minItems": 200}  # does not end before 128 tokens
    for seed in range(3 * args.repeats):
        for what, more in (
            ("free", {"ignore_eos": True}),
            ("schema", {"response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": shape}}}),
        ):
            begin = time.monotonic()
            status, said = chat(seed, **more, max_tokens=128)
            rates[what].append(said["usage"]["completion_tokens"] / (time.monotonic() - begin))
    free, schema = statistics.median(rates["free"]), statistics.median(rates["schema"])
    print(f"{free:.1f} tokens a second freely, {schema:.1f} by a schema: {schema / free:.3f} (bar: 0.9)")
    for what, schema_ in explosive().items():
        begin = time.monotonic()
        status, said = server.ask(
            "/v1/chat/completions",
            {
                "model": "chat",
                "messages": [{"role": "user", "content": "Hi"}],
                "max_tokens": 4,
                "response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": schema_}},
            },
        )
        seconds = time.monotonic() - begin
        print(f"{what}: {status} after {seconds:.3f} s {said.get('error', {}).get('message', '')[:100]}")
        good = good and seconds < 1
    return server.stop() == 0 and good and wrong == 0 and schema >= 0.9 * free


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0],
        epilog=__doc__.split("\n\n", 1)[1],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", choices=["speed", "shared", "mixed", "schemas"])
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--attend", default="build/attend")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--answers", type=int, default=500, help="of schemas")
    args = parser.parse_args()
    random.seed(1)
    measure = {"speed": measure_speed, "shared": measure_shared, "mixed": measure_mixed, "schemas": measure_schemas}
    sys.exit(0 if measure[args.what](args) else 1)


if __name__ == "__main__":
    main()
