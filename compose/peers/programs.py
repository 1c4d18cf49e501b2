"""Programs of other languages, brought by their own package managers into the cache."""

import json
import sys
from pathlib import Path

from . import cache, once, quietly


def python(name: str, *packages: str) -> Path:
    """The interpreter of a virtual environment that has these packages from PyPI."""

    def make(folder: Path) -> None:
        quietly([sys.executable, "-m", "venv", folder])
        quietly([folder / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", *packages])

    return once(cache() / "python" / name, make) / "bin" / "python"


def node(name: str, *packages: str) -> Path:
    """A `node_modules` folder with these packages from npm, for NODE_PATH."""

    def make(folder: Path) -> None:
        (folder / "package.json").write_text(json.dumps({"name": name, "private": True}))
        quietly(["npm", "install", "--no-audit", "--no-fund", *packages], cwd=folder)

    return once(cache() / "node" / name, make) / "node_modules"
