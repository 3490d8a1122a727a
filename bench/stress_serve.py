#!/usr/bin/env python3
"""Clients of every kind at once on `attend serve`: what they get, and what becomes of the server.

    python3 bench/stress_serve.py MODEL [--seconds 300] [--clients 64] [--attend build/attend]

MODEL is a decoder. Half of the clients are normal: they ask for one of some prompts, as a stream or whole, and each
answer must be the one that the prompt had alone. The others read slowly, write slowly, close a half, go away in the
middle, send garbage, bodies of 100 MB, deep JSON and wrong lengths, and open connections and leave them. At the end: how
many answers of each kind, the median and the 99th percentile of the time to the first token (which must not be more than
3 times the median), the server's memory over time (which must not grow in the second half by more than a tenth), and its
exit status after SIGTERM. Exit status 1 where something of that is wrong. AddressSanitizer keeps what was freed, 256 MB
of it: ASAN_OPTIONS=quarantine_size_mb=1 shows what grows. This program's own delays are part of the times; they are told.
"""
import argparse
import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import time

PROMPTS = ["Once upon a time", "A dog", "The sun", "In the morning she", "a", "One day, a girl named Lily"]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("model", help="a decoder: a folder or a .gguf file")
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--tokens", type=int, default=24, help="new ones of a request (24)")
    parser.add_argument("--attend", default="build/attend")
    parser.add_argument("--late", type=float, default=3, help="the 99th percentile of the first token, in medians (3)")
    parser.add_argument("--growth", type=float, default=1.1, help="the most that memory may grow by in the second half")
    return parser.parse_args()


class Server:
    def __init__(self, args):
        self.process = subprocess.Popen([args.attend, "serve", "model=" + args.model, "--port", "0", "--queue", "256"],
                                        stdout=subprocess.PIPE, text=True)
        address = self.process.stdout.readline().strip()
        if not address:
            sys.exit("the server does not start")
        self.host, port = address.split("//")[1].rsplit(":", 1)
        self.port = int(port)

    def memory(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def body_of(args, number, stream):
    return json.dumps({"model": "model", "prompt": PROMPTS[number], "max_tokens": args.tokens, "temperature": 0.7,
                       "seed": number, "ignore_eos": True, "stream": stream}).encode()


def request(body, path="/v1/completions", length=None):
    return (f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body) if length is None else length}\r\n"
            "Connection: close\r\n\r\n").encode() + body


async def read_chunks(reader, slowly=0):
    """The body of an answer, and when its first byte came."""
    first = None
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head.split()[1])
    if b"chunked" not in head.lower():
        return status, await reader.read(), time.monotonic()
    body = b""
    while True:
        size = int(await reader.readline(), 16)
        first = first or time.monotonic()
        body += await reader.readexactly(size)
        await reader.readexactly(2)
        if size == 0:
            return status, body, first
        if slowly:
            await asyncio.sleep(slowly)


def text_of(body, stream):
    if not stream:
        return json.loads(body)["choices"][0]["text"]
    events = [json.loads(line[6:]) for line in body.decode().split("\n\n") if line.startswith("data: {")]
    if not body.endswith(b"data: [DONE]\n\n") or any("error" in event for event in events):
        raise ValueError("a stream without its end")
    return "".join(event["choices"][0]["text"] for event in events)


class Crowd:
    def __init__(self, args, server):
        self.args, self.server = args, server
        self.counts, self.first, self.wrong, self.alone, self.lags = {}, [], [], {}, []

    def count(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1

    async def connect(self):
        return await asyncio.open_connection(self.server.host, self.server.port, limit=1 << 22)

    async def ask(self, number, stream, slowly=0):
        reader, writer = await self.connect()
        begin = time.monotonic()
        try:
            data = request(body_of(self.args, number, stream))
            if slowly:  # also written slowly
                for byte in range(0, len(data), 16):
                    writer.write(data[byte:byte + 16])
                    await writer.drain()
                    await asyncio.sleep(slowly / 10)
            writer.write(data if not slowly else b"")
            await writer.drain()
            status, body, first = await read_chunks(reader, slowly)
            return status, body, first - begin
        finally:
            writer.close()

    async def normal(self):
        number, stream = random.randrange(len(PROMPTS)), random.random() < 0.7
        status, body, seconds = await self.ask(number, stream)
        self.count(f"normal {status}")
        if status == 429:
            return await asyncio.sleep(0.2)
        if status != 200 or text_of(body, stream) != self.alone[number]:
            self.wrong.append(f"a normal client got {status}: {body[:200]!r}")
        elif stream:
            self.first.append(seconds)

    async def slow(self):
        number = random.randrange(len(PROMPTS))
        status, body, _ = await self.ask(number, True, 0.05)
        self.count(f"slow {status}")
        if status == 200 and text_of(body, True) != self.alone[number]:
            self.wrong.append("a slow client got something else")

    async def send(self, what, data, then="read"):
        reader, writer = await self.connect()
        try:
            writer.write(data)
            await asyncio.wait_for(writer.drain(), 20)
            if then == "half":
                writer.write_eof()
            if then == "leave":
                await asyncio.sleep(random.random() / 5)
            elif then == "idle":
                await asyncio.sleep(2)
            else:
                await asyncio.wait_for(reader.read(1 << 16), 20)
        finally:
            self.count(what)
            writer.transport.abort() if then == "leave" else writer.close()

    async def bad(self):
        kind = random.randrange(9)
        body = body_of(self.args, 0, True)
        if kind == 0:
            await self.send("half-closed", request(body), "half")
        elif kind == 1:
            await self.send("gone", request(body), "leave")
        elif kind == 2:
            await self.send("garbage", os.urandom(random.randrange(1, 5000)))
        elif kind == 3:
            await self.send("deep", request(b"[" * 500000))
        elif kind == 4:
            await self.send("short", request(body, length=len(body) + 50), "idle")
        elif kind == 5:
            await self.send("negative", request(body, length=-5))
        elif kind == 6:
            await self.send("idle", b"", "idle")
        elif kind == 7:
            await self.send("large", request(b" " * 4096, length=10 ** 8) + b" " * 10 ** 6)
        else:
            await self.send("garbled", request(bytes(random.choices(body, k=len(body)))))

    async def client(self, work, until):
        while time.monotonic() < until:
            try:
                await asyncio.wait_for(work(), 120)
            except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError, ValueError) as error:
                self.count(f"{work.__name__}: {type(error).__name__}")
                if work.__name__ == "normal":
                    self.wrong.append(f"a normal client: {error!r}")

    async def open_and_leave(self, until):
        """10,000 connections, most of which the server has to close by itself."""
        held = []
        while time.monotonic() < until and len(held) < 10000:
            try:
                held.append(await self.connect())
            except OSError:
                await asyncio.sleep(0.5)
            if len(held) % 100 == 0:
                await asyncio.sleep(0.2)
        self.counts["left open"] = len(held)
        for _, writer in held:
            writer.close()

    async def watch_itself(self, until):
        while time.monotonic() < until:
            begin = time.monotonic()
            await asyncio.sleep(0.01)
            self.lags.append(time.monotonic() - begin - 0.01)

    async def run(self):
        for number in range(len(PROMPTS)):
            status, body, _ = await self.ask(number, False)
            if status != 200:
                sys.exit(f"alone: {status} {body[:300]!r}")
            self.alone[number] = text_of(body, False)
        begin = time.monotonic()
        until, memory = begin + self.args.seconds, []
        half = self.args.clients // 2
        tasks = [asyncio.create_task(self.client(self.normal, until)) for _ in range(half)]
        tasks += [asyncio.create_task(self.client(self.slow, until)) for _ in range(half // 4)]
        tasks += [asyncio.create_task(self.client(self.bad, until)) for _ in range(self.args.clients - half - half // 4)]
        tasks.append(asyncio.create_task(self.open_and_leave(until)))
        tasks.append(asyncio.create_task(self.watch_itself(until)))
        while time.monotonic() < until:
            await asyncio.sleep(self.args.seconds / 40)
            memory.append(self.server.memory())
        await asyncio.gather(*tasks)
        return memory


def main():
    args = arguments()
    import resource
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    server = Server(args)
    crowd = Crowd(args, server)
    memory = asyncio.run(crowd.run())
    server.process.terminate()
    status = server.process.wait(60)
    for what in sorted(crowd.counts):
        print(f"{crowd.counts[what]:8d} {what}")
    first = sorted(crowd.first)

    def late(times):
        return sorted(times)[int(0.99 * (len(times) - 1))] if times else 0

    median = statistics.median(first) if first else 0
    print(f"first token: median {1000 * median:.1f} ms, 99th percentile {1000 * late(first):.1f} ms; "
          f"this program's delays: 99th percentile {1000 * late(crowd.lags):.1f} ms")
    middle, end = memory[len(memory) // 2], memory[-1]
    print(f"memory: {memory[0]} kB at first, {middle} kB in the middle, {end} kB at the end; exit status {status}")
    print("memory, kB: " + " ".join(map(str, memory)))
    for what in crowd.wrong[:10]:
        print("WRONG: " + what)
    slow = not first or late(first) > args.late * median
    sys.exit(1 if crowd.wrong or status != 0 or end > args.growth * middle or slow else 0)


if __name__ == "__main__":
    main()
