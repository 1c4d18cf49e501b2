"""The clients of the matrix: how each is told to produce, to read alone, and to read in a group."""

import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "compose"))
from peers import jars, programs  # noqa: E402

DEADLINE_SECONDS = 90


class Failed(Exception):
    """A client did not do what was asked of it; the text says what it printed."""


def expected(topic: str, count: int) -> dict[str, str]:
    return {f"{topic}/{i}": f"value {i} {'x' * (i % 100)}" for i in range(count)}


def finish(command, text=None) -> str:
    try:
        done = subprocess.run(
            list(map(str, command)), input=text, capture_output=True, text=True, timeout=DEADLINE_SECONDS
        )
    except subprocess.TimeoutExpired as late:
        said = (late.stderr or b"")[-400:]
        raise Failed(f"no end after {DEADLINE_SECONDS} s; it said {said!r}") from None
    if done.returncode != 0:
        raise Failed(f"exit {done.returncode}: {(done.stderr or done.stdout)[-600:]}")
    return done.stdout


class Member:
    """A member of a consumer group: a process whose records are gathered as they come."""

    def __init__(self, command, parse):
        self.records = []
        self.process = subprocess.Popen(
            list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.said = []
        for stream, take in ((self.process.stdout, self._line(parse)), (self.process.stderr, self.said.append)):
            threading.Thread(target=self._drain, args=(stream, take), daemon=True).start()

    def _line(self, parse):
        return lambda line: self.records.append(parse(line))

    @staticmethod
    def _drain(stream, take):
        for line in stream:
            if line.strip():
                take(line)

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Scripted:
    """A client behind clients.py or clients.js."""

    def __init__(self, name: str, *start):
        self.name, self.start = name, [*start, name]

    def produce(self, bootstrap, topic, codec, count):
        finish([*self.start, "produce", bootstrap, topic, codec, count])

    def consume(self, bootstrap, topics, count):
        lines = finish([*self.start, "consume", bootstrap, count, *topics]).split("\n")
        try:
            return [json.loads(line) for line in lines if line]
        except ValueError as broken:
            raise Failed(f"{broken}: {broken.doc[:200]!r}") from None

    def member(self, bootstrap, group, topic):
        return Member([*self.start, "group", bootstrap, group, topic], json.loads)


class Kcat:
    name = "kcat"

    def produce(self, bootstrap, topic, codec, count):
        lines = "".join(f"{key}\t{value}\n" for key, value in expected(topic, count).items())
        finish(["kcat", "-P", "-b", bootstrap, "-t", topic, "-z", codec, "-K", "\\t", "-H", "from=kcat"], lines)

    def consume(self, bootstrap, topics, count):
        said = "".join(finish(["kcat", "-C", "-b", bootstrap, "-t", topic, "-e", "-q", "-J"]) for topic in topics)
        return list(map(self._parse, said.splitlines()))

    def member(self, bootstrap, group, topic):
        command = ["kcat", "-b", bootstrap, "-G", group, "-u", "-q", "-J", "-X", "auto.offset.reset=earliest", topic]
        return Member(command, self._parse)

    @staticmethod
    def _parse(line):
        said = json.loads(line)
        pairs = iter(said.get("headers", []))
        headers = [list(pair) for pair in zip(pairs, pairs)]
        return {"topic": said["topic"], "partition": said["partition"], "key": said["key"], "value": said["payload"], "headers": headers}


class Console:
    """Java's kafka-console-producer and kafka-console-consumer."""

    name = "java-console"
    READ = ["--formatter-property", "print.key=true", "--formatter-property", "print.headers=true", "--formatter-property", "print.partition=true"]

    def produce(self, bootstrap, topic, codec, count):
        lines = "".join(f"from:{self.name}\t{key}\t{value}\n" for key, value in expected(topic, count).items())
        properties = [word for name in ("parse.key", "parse.headers") for word in ("--reader-property", f"{name}=true")]
        finish(jars.command("console-producer", "--bootstrap-server", bootstrap, "--topic", topic, "--compression-codec", codec, *properties), lines)

    def consume(self, bootstrap, topics, count):
        anyone = "|".join(map(re.escape, topics))
        said = finish(jars.command(
            "console-consumer", "--bootstrap-server", bootstrap, "--include", anyone, "--from-beginning",
            "--max-messages", count, "--timeout-ms", DEADLINE_SECONDS * 1000, *self.READ,
        ))
        return list(map(self._parse, said.splitlines()))

    def member(self, bootstrap, group, topic):
        return Member(jars.command("console-consumer", "--bootstrap-server", bootstrap, "--topic", topic, "--group", group, "--from-beginning", *self.READ), self._parse)

    @staticmethod
    def _parse(line):
        partition, header, key, value = line.rstrip("\n").split("\t")
        return {
            "topic": key.rsplit("/", 1)[0], "partition": int(partition.removeprefix("Partition:")), "key": key, "value": value,
            "headers": [] if header == "NO_HEADERS" else [header.split(":", 1)],
        }


def all_clients() -> list:
    python = python_of_clients()
    modules = programs.node("foreign", "kafkajs", "kafkajs-snappy", "@platformatic/kafka", "@bokuweb/zstd-wasm")
    os.environ["NODE_PATH"] = str(modules)
    scripted = [Scripted(name, python, HERE / "clients.py") for name in ("confluent-kafka", "kafka-python", "aiokafka")]
    scripted += [Scripted(name, "node", HERE / "clients.js") for name in ("kafkajs", "platformatic")]
    return [Kcat(), *scripted, Console()]


def python_of_clients() -> Path:
    return programs.python(
        "foreign", "confluent-kafka[avro,schemaregistry]", "kafka-python", "aiokafka", "lz4", "python-snappy", "zstandard", "cramjam"
    )
