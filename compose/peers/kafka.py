"""KRaft clusters of one or three brokers on the loopback address, gone when their owner is."""

import atexit
import contextlib
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
from pathlib import Path

from . import certificates, jars, note

START_SECONDS = int(os.environ.get("PEERS_START_SECONDS", "90"))
CLUSTER_ID = "TidemillPeersDevelop00"
# Test credentials of throwaway brokers on the loopback address.
USERS = {"admin": "admin-secret", "alice": "alice-secret"}
PROTOCOLS = {"PLAINTEXT": "PLAINTEXT", "SASL": "SASL_PLAINTEXT", "TLS": "SSL", "SASLTLS": "SASL_SSL", "CONTROLLER": "PLAINTEXT"}
SERVER_FLAGS = [
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=info", "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dlog4j2.StatusLogger.level=OFF",
]


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, below those that the kernel gives to outgoing connections.

    All are held open together, so that no two are the same.
    """
    with contextlib.ExitStack() as held:
        ports = []
        while len(ports) < count:
            one = held.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                one.bind(("127.0.0.1", random.randrange(20_000, 32_000)))
                ports.append(one.getsockname()[1])
        return ports


class Cluster:
    """A cluster; use as a context manager.

    Every broker is a controller too. The plain listener is always there; `sasl` adds one with
    PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512, `tls` one with TLS (client certificates accepted, not
    required), both together a third with SASL over TLS.
    """

    def __init__(self, version=jars.DEFAULT, brokers=1, sasl=False, tls=False, heap="512m", settings=()):
        self.version, self.brokers, self.heap = version, brokers, heap
        self.settings = list(settings)
        names = ["PLAINTEXT"] + ["SASL"] * sasl + ["TLS"] * tls + ["SASLTLS"] * (sasl and tls)
        self.listeners = names
        ports = iter(free_ports(brokers * (len(names) + 1)))
        self.ports = {name: [next(ports) for _ in range(brokers)] for name in [*names, "CONTROLLER"]}
        self.folder = Path(tempfile.mkdtemp(prefix="tidemill-kafka-"))
        self.processes: list[subprocess.Popen | None] = [None] * brokers
        self.certificates = certificates.make(self.folder / "tls") if tls else None

    def __enter__(self):
        atexit.register(self.stop)
        formats = [self._format(broker) for broker in range(self.brokers)]
        for broker, process in enumerate(formats):
            output, _ = process.communicate(timeout=START_SECONDS)
            if process.returncode != 0:
                raise SystemExit(f"cannot format broker {broker + 1}:\n{output}")
        for broker in range(self.brokers):
            self.launch(broker)
        for broker in range(self.brokers):
            self.wait_ready(broker, self.brokers)
        return self

    def __exit__(self, *_):
        self.stop()

    def bootstrap(self, listener="PLAINTEXT") -> str:
        return ",".join(f"127.0.0.1:{port}" for port in self.ports[listener])

    def environment(self) -> dict[str, str]:
        """What a test needs to know, as variables."""
        said = {"BOOTSTRAP": self.bootstrap(), "KAFKA_VERSION": self.version, "KAFKA_LIBS": str(jars.libs(self.version))}
        for name, suffix in [("SASL", "SASL"), ("TLS", "TLS"), ("SASLTLS", "SASL_TLS")]:
            if name in self.listeners:
                said[f"BOOTSTRAP_{suffix}"] = self.bootstrap(name)
        if self.certificates:
            said.update(self.certificates)
        said["KAFKA_PIDS"] = ",".join(str(process.pid) for process in self.processes if process)
        return said

    def launch(self, broker: int) -> None:
        log = open(self._home(broker) / "log", "ab")
        command = [
            "java", f"-Xms{self.heap}", f"-Xmx{self.heap}", *SERVER_FLAGS, "-cp", f"{jars.libs(self.version)}/*",
            "kafka.Kafka", self._home(broker) / "server.properties",
        ]
        self.processes[broker] = subprocess.Popen(
            command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self._home(broker), start_new_session=True
        )

    def signal(self, broker: int, number: signal.Signals) -> None:
        """SIGKILL ends a broker; SIGSTOP keeps its connections and answers nothing."""
        self.processes[broker].send_signal(number)
        if number == signal.SIGKILL:
            self.processes[broker].wait()

    def wait_ready(self, broker: int, brokers: int) -> None:
        deadline = time.monotonic() + START_SECONDS
        while known_brokers(self.ports["PLAINTEXT"][broker]) < brokers:
            ended = self.processes[broker].poll() is not None
            if ended or time.monotonic() > deadline:
                note("\n".join(self.log(broker).splitlines()[-15:]))
                raise SystemExit(f"broker {broker + 1} {'ended' if ended else 'is not ready'} at its start")
            time.sleep(0.05)

    def log(self, broker=0) -> str:
        return (self._home(broker) / "log").read_text(errors="replace")

    def stop(self) -> None:
        """Ends the brokers at once: their data goes too, so there is nothing to save."""
        atexit.unregister(self.stop)
        for process in filter(None, self.processes):
            process.kill()
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _home(self, broker: int) -> Path:
        return self.folder / f"broker-{broker + 1}"

    def _format(self, broker: int) -> subprocess.Popen:
        home = self._home(broker)
        home.mkdir()
        (home / "server.properties").write_text("\n".join(self._properties(broker)) + "\n")
        arguments = ["format", "--cluster-id", CLUSTER_ID, "--config", home / "server.properties"]
        if "SASL" in self.listeners:
            for user, password in USERS.items():
                for bits in (256, 512):
                    arguments += ["--add-scram", f"SCRAM-SHA-{bits}=[name={user},password={password}]"]
        command = jars.command("storage", *arguments, version=self.version, heap="128m")
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def _properties(self, broker: int):
        at = lambda name: f"{name}://127.0.0.1:{self.ports[name][broker]}"
        listeners = ",".join(map(at, self.listeners))
        voters = ",".join(f"{i + 1}@127.0.0.1:{port}" for i, port in enumerate(self.ports["CONTROLLER"]))
        copies, enough = (self.brokers, 2) if self.brokers > 1 else (1, 1)
        yield from (
            "process.roles=broker,controller", f"node.id={broker + 1}", f"controller.quorum.voters={voters}",
            "controller.listener.names=CONTROLLER", f"listeners={listeners},{at('CONTROLLER')}",
            f"advertised.listeners={listeners}", "inter.broker.listener.name=PLAINTEXT",
            "listener.security.protocol.map=" + ",".join(f"{name}:{protocol}" for name, protocol in PROTOCOLS.items()),
            f"log.dirs={self._home(broker) / 'data'}", f"default.replication.factor={copies}",
            "group.initial.rebalance.delay.ms=0",
            # The default of 128 MB does not fit a small heap.
            "log.cleaner.dedupe.buffer.size=16777216",
        )
        for topic in ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic"):
            yield f"{topic}.num.partitions=8"
            yield f"{topic}.replication.factor={copies}"
            if topic != "offsets.topic":
                yield f"{topic}.min.isr={enough}"
        for name in self.listeners:
            yield from self._security(name)
        yield from self.settings

    def _security(self, name: str):
        entry = f"listener.name.{name.lower()}"
        if name.startswith("SASL"):
            users = " ".join(f'user_{user}="{password}"' for user, password in USERS.items())
            login = "org.apache.kafka.common.security"
            yield f"{entry}.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512"
            yield f"{entry}.plain.sasl.jaas.config={login}.plain.PlainLoginModule required {users};"
            for bits in (256, 512):
                yield f"{entry}.scram-sha-{bits}.sasl.jaas.config={login}.scram.ScramLoginModule required;"
        if name.endswith("TLS"):
            tls = self.folder / "tls"
            yield f"{entry}.ssl.keystore.type=PEM"
            yield f"{entry}.ssl.keystore.location={tls / 'broker.keystore.pem'}"
            yield f"{entry}.ssl.truststore.type=PEM"
            yield f"{entry}.ssl.truststore.location={tls / 'ca.pem'}"
            yield f"{entry}.ssl.client.auth=requested"


def known_brokers(port: int) -> int:
    """Asks one broker how many brokers it knows (Metadata version 1, no topics); 0 if it does not answer."""
    request = struct.pack(">hhihi", 3, 1, 1, -1, 0)
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=3) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            head = b""
            while len(head) < 12:
                piece = connection.recv(12 - len(head))
                if not piece:
                    return 0
                head += piece
            return struct.unpack(">iii", head)[2]
    except OSError:
        return 0
