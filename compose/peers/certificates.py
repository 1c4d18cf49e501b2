"""A throwaway certificate authority, with one certificate for brokers and one for clients."""

from pathlib import Path

from . import quietly

NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
LEAF = "basicConstraints=CA:FALSE\nsubjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1\nextendedKeyUsage=serverAuth,clientAuth\n"


def make(folder: Path) -> dict[str, str]:
    """Fills the folder; returns the variables that tell a client where its files are."""
    folder.mkdir()
    authority = ["-CA", folder / "ca.pem", "-CAkey", folder / "ca.key", "-CAcreateserial"]
    quietly([
        "openssl", "req", "-x509", *NEW_KEY, "-days", "30", "-subj", "/CN=throwaway",
        "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
        "-keyout", folder / "ca.key", "-out", folder / "ca.pem",
    ])
    (folder / "leaf.ext").write_text(LEAF)
    for who in ("broker", "client"):
        key, request, certificate = (folder / f"{who}.{kind}" for kind in ("key", "csr", "pem"))
        quietly(["openssl", "req", "-new", *NEW_KEY, "-subj", f"/CN={who}", "-keyout", key, "-out", request])
        quietly([
            "openssl", "x509", "-req", "-in", request, *authority, "-days", "30",
            "-extfile", folder / "leaf.ext", "-out", certificate,
        ])
        (folder / f"{who}.keystore.pem").write_text(key.read_text() + certificate.read_text())
    return {
        "CA_FILE": str(folder / "ca.pem"),
        "CLIENT_CERT": str(folder / "client.pem"),
        "CLIENT_KEY": str(folder / "client.key"),
    }
