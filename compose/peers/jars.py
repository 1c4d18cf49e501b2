"""Apache Kafka's jars, brought by Maven, and its command-line tools run from them."""

import subprocess
from pathlib import Path

from . import cache, once, quietly

DEFAULT = "4.3.1"
# The oldest line that still has brokers of its own in service; read by the same tests.
PREVIOUS = "3.9.2"

AVRO = "1.12.0"

ARTIFACTS = ["kafka_2.13", "kafka-tools", "kafka-streams"]

# Where each tool is: Kafka moved some between packages, so the newest place stands first.
TOOLS = {
    "topics": ["org.apache.kafka.tools.TopicCommand"],
    "configs": ["org.apache.kafka.tools.ConfigCommand", "kafka.admin.ConfigCommand"],
    "console-producer": ["org.apache.kafka.tools.ConsoleProducer", "kafka.tools.ConsoleProducer"],
    "console-consumer": ["org.apache.kafka.tools.consumer.ConsoleConsumer", "kafka.tools.ConsoleConsumer"],
    "consumer-groups": ["org.apache.kafka.tools.consumer.group.ConsumerGroupCommand", "kafka.admin.ConsumerGroupCommand"],
    "consumer-perf-test": ["org.apache.kafka.tools.ConsumerPerformance"],
    "producer-perf-test": ["org.apache.kafka.tools.ProducerPerformance"],
    "delete-records": ["org.apache.kafka.tools.DeleteRecordsCommand"],
    "dump-log": ["org.apache.kafka.tools.DumpLogSegments", "kafka.tools.DumpLogSegments"],
    "get-offsets": ["org.apache.kafka.tools.GetOffsetShell"],
    "storage": ["org.apache.kafka.tools.StorageTool", "kafka.tools.StorageTool"],
    "transactions": ["org.apache.kafka.tools.TransactionsCommand"],
}

# A short-lived command: quick start, warnings only.
QUICK = [
    "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Dlog4j2.StatusLogger.level=OFF",
]


def libs(version: str = DEFAULT) -> Path:
    """The folder with the jars of one version."""
    return once(cache() / "kafka" / version, lambda folder: _bring(_kafka(version), folder)) / "libs"


def avro() -> Path:
    """The folder with Apache Avro's jars."""
    return once(cache() / "avro" / AVRO, lambda folder: _bring([("org.apache.avro", "avro", AVRO)], folder)) / "libs"


def _kafka(version: str) -> list:
    wanted = [("org.apache.kafka", name, version) for name in ARTIFACTS]
    return [*wanted, ("org.slf4j", "slf4j-simple", "1.7.36")]


def _bring(wanted: list, folder: Path) -> None:
    rows = "".join(
        f"<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId><version>{v}</version></dependency>"
        for group, name, v in wanted
    )
    pom = folder / "pom.xml"
    pom.write_text(
        "<project><modelVersion>4.0.0</modelVersion><groupId>tidemill</groupId>"
        f"<artifactId>peers</artifactId><version>1</version><dependencies>{rows}</dependencies></project>"
    )
    # Kafka 3.x brings a second binding of slf4j; two of them only make noise.
    quietly([
        "mvn", "-q", "-B", "-f", pom, "dependency:copy-dependencies", f"-DoutputDirectory={folder / 'libs'}",
        "-DincludeScope=runtime", "-DexcludeArtifactIds=slf4j-reload4j,slf4j-log4j12,log4j-slf4j-impl",
    ])


def class_of(tool: str, version: str = DEFAULT) -> str:
    """The class behind a tool's name. A jar keeps its file names plain, so no JVM is needed to look."""
    import zipfile

    names = set()
    for jar in libs(version).glob("kafka*.jar"):
        names.update(zipfile.ZipFile(jar).namelist())
    for candidate in TOOLS.get(tool, [tool]):
        if candidate.replace(".", "/") + ".class" in names:
            return candidate
    raise SystemExit(f"Kafka {version} has no tool `{tool}`; known: {', '.join(TOOLS)}")


def command(tool: str, *arguments, version: str = DEFAULT, heap: str = "256m", flags=QUICK) -> list:
    """The command line that runs a tool."""
    return [
        "java", f"-Xmx{heap}", *flags, "-cp", f"{libs(version)}/*", class_of(tool, version),
        *map(str, arguments),
    ]


def run(tool: str, *arguments, version: str = DEFAULT, **options) -> subprocess.CompletedProcess:
    """Runs a tool to its end and returns what it said."""
    options = {"capture_output": True, "text": True, "timeout": 120, **options}
    return subprocess.run(command(tool, *arguments, version=version), **options)
