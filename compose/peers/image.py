"""The image `apache/kafka:VERSION`, made of Kafka's jars and what this machine has.

It stands in for the official image where no registry of images can be reached. It holds a small
Java runtime, bash, a static busybox, the broker's jars, and one script that does what the official
image's does for a single node: `KAFKA_*` variables become settings, storage is formatted, the broker
starts. Its gaps: no SSL helpers, no JMX, no tools, no mounted settings.
"""

import hashlib
import re
import shutil
import subprocess
from pathlib import Path

from . import cache, jars, note, once, quietly

# java.desktop for java.beans, which log4j wants.
MODULES = (
    "java.base,java.compiler,java.desktop,java.logging,java.management,java.naming,java.net.http,java.rmi,"
    "java.security.jgss,java.security.sasl,java.sql,java.xml,jdk.crypto.ec,jdk.management,jdk.net,"
    "jdk.security.auth,jdk.unsupported,jdk.zipfs"
)

RUN = r"""#!/bin/bash
# Entry of the container. A variable KAFKA_X_Y is the setting x.y; `__` in it is `_`, `___` is `-`.
set -euo pipefail
file=/opt/kafka/config/server.properties
declare -A settings=(
    [process.roles]=broker,controller [node.id]=1 [controller.quorum.voters]=1@localhost:9093
    [listeners]=PLAINTEXT://:9092,CONTROLLER://:9093 [advertised.listeners]=PLAINTEXT://localhost:9092
    [controller.listener.names]=CONTROLLER [log.dirs]=/var/lib/kafka/data
    [listener.security.protocol.map]=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
    [offsets.topic.replication.factor]=1 [transaction.state.log.replication.factor]=1
    [transaction.state.log.min.isr]=1 [share.coordinator.state.topic.replication.factor]=1
    [share.coordinator.state.topic.min.isr]=1
)
for name in $(compgen -e KAFKA_ || true); do
    case $name in KAFKA_HEAP_OPTS | KAFKA_OPTS | KAFKA_VERSION | KAFKA_BROKER_ID) continue ;; esac
    key=${name#KAFKA_} key=${key,,} key=${key//___/-} key=${key//__/%} key=${key//_/.}
    settings[${key//%/_}]=${!name}
done
for key in "${!settings[@]}"; do printf '%s=%s\n' "$key" "${settings[$key]}"; done >"$file"
kafka() { local heap=$1; shift; java $heap ${KAFKA_OPTS:-} -Dlog4j2.StatusLogger.level=OFF \
    -Dorg.slf4j.simpleLogger.logFile=System.out -cp '/opt/kafka/libs/*' "$@"; }
kafka -Xmx128m @STORAGE@ format --ignore-formatted \
    --cluster-id "${CLUSTER_ID:-5L6g3nShT-eMCtK--X86sw}" --config "$file"
exec java ${KAFKA_HEAP_OPTS:--Xms512m -Xmx512m} ${KAFKA_OPTS:-} -Dlog4j2.StatusLogger.level=OFF \
    -Dorg.slf4j.simpleLogger.defaultLogLevel=info -Dorg.slf4j.simpleLogger.logFile=System.out \
    -cp '/opt/kafka/libs/*' kafka.Kafka "$file"
"""


def build(version: str = jars.DEFAULT) -> str:
    """Builds the image for the engine that answers, unless it has one; returns its name.

    An image of the official kind is used as it is; one that an older recipe made is made again.
    """
    name = f"apache/kafka:{version}"
    recipe = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:16]
    label = ["docker", "image", "inspect", name, "--format", '{{index .Config.Labels "tidemill.recipe"}}']
    present = subprocess.run(label, capture_output=True, text=True)
    if present.returncode == 0 and present.stdout.strip() in ("", "<no value>", recipe):
        return name
    root = cache() / "image" / f"rootfs-{version}"
    shutil.rmtree(root, ignore_errors=True)
    _lay_out(root, version)
    changes = [
        "ENV PATH=/opt/java/bin:/usr/sbin:/usr/bin:/sbin:/bin", "ENV LANG=C.UTF-8", "EXPOSE 9092",
        "USER appuser", f"LABEL tidemill.recipe={recipe}", 'VOLUME ["/var/lib/kafka/data"]', 'CMD ["/etc/kafka/docker/run"]',
    ]
    tar = subprocess.Popen(["tar", "-C", str(root), "-c", "."], stdout=subprocess.PIPE)
    options = [word for change in changes for word in ("--change", change)]
    subprocess.run(["docker", "import", *options, "-", name], stdin=tar.stdout, stdout=subprocess.DEVNULL, check=True)
    if tar.wait() != 0:
        raise SystemExit("tar failed while the image was imported")
    shutil.rmtree(root)
    note(f"built {name}")
    return name


def _lay_out(root: Path, version: str) -> None:
    for folder in ("bin", "usr/bin", "etc/kafka/docker", "opt/kafka/config", "opt/kafka/libs", "var/lib/kafka/data", "home/appuser", "proc", "sys", "dev", "tmp"):
        (root / folder).mkdir(parents=True)
    (root / "tmp").chmod(0o1777)
    busybox = _busybox()
    shutil.copy(busybox, root / "bin/busybox")
    applets = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split()
    for applet in applets:
        if applet not in ("busybox", "sh", "bash"):
            (root / "bin" / applet).symlink_to("/bin/busybox")
    (root / "usr/bin/env").symlink_to("/bin/busybox")
    shutil.copy(shutil.which("bash"), root / "bin/bash")
    # busybox's own shell runs its applets before anything in PATH.
    (root / "bin/sh").symlink_to("/bin/bash")
    shutil.copytree(_java(), root / "opt/java", symlinks=True)
    programs = [root / "bin/bash", root / "opt/java/bin/java", *(root / "opt/java/lib").glob("**/*.so")]
    _copy_libraries(root, programs)
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/bash\nappuser:x:1000:1000::/home/appuser:/bin/bash\n")
    (root / "etc/group").write_text("root:x:0:\nappuser:x:1000:\n")
    (root / "etc/nsswitch.conf").write_text("hosts: files dns\n")
    for jar in jars.libs(version).glob("*.jar"):
        # Streams and its RocksDB (70 MB) have no part in a broker.
        if not jar.name.startswith(("rocksdbjni", "kafka-streams")):
            shutil.copy(jar, root / "opt/kafka/libs")
    run = root / "etc/kafka/docker/run"
    run.write_text(RUN.replace("@STORAGE@", jars.class_of("storage", version)))
    run.chmod(0o755)
    for folder in ("opt/kafka", "etc/kafka", "var/lib/kafka", "home/appuser"):
        quietly(["chown", "-R", "1000:1000", root / folder])


def _java() -> Path:
    def make(folder: Path) -> None:
        quietly(["jlink", "--add-modules", MODULES, "--strip-debug", "--no-header-files", "--no-man-pages", "--output", folder / "java"])
        for library in (folder / "java/lib").glob("*.so"):
            # What draws on a screen wants libraries that a server does not have.
            if re.match(r"lib(awt|font|free|harf|java?jpeg|jawt|jsound|lcms|mlib|splash)", library.name):
                library.unlink()

    return once(cache() / "image" / "java", make) / "java"


def _busybox() -> Path:
    def make(folder: Path) -> None:
        folder.chmod(0o777)  # apt-get drops its rights for a download.
        quietly(["apt-get", "update"])
        quietly(["apt-get", "download", "busybox-static"], cwd=folder)
        quietly(["dpkg-deb", "-x", *folder.glob("*.deb"), folder])

    folder = once(cache() / "image" / "busybox", make)
    return next(path for path in folder.glob("**/bin/busybox") if path.is_file())


def _copy_libraries(root: Path, programs: list[Path]) -> None:
    """Copies the shared libraries that the programs need to where the loader looks for them."""
    said = subprocess.run(["ldd", *map(str, programs)], capture_output=True, text=True).stdout
    found = set(re.findall(r"(/\S+) \(0x", said))
    libc = next(Path(path) for path in found if path.endswith("/libc.so.6"))
    # What the codecs' own libraries want: they lie in jars, where ldd does not look.
    found.update(str(libc.with_name(name)) for name in ("libpthread.so.0", "libm.so.6", "libdl.so.2", "librt.so.1"))
    for library in found:
        if not library.startswith(str(root)):
            (root / library.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(library, root / library.lstrip("/"))
