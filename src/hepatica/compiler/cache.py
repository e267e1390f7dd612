"""Object code on disk, so that a model is compiled once for a machine."""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

MAGIC = b"hepatica-kernel-1\n"


def cache_folder() -> Path:
    """Give ``$HEPATICA_CACHE``, or hepatica's folder in the user's cache."""
    chosen = os.environ.get("HEPATICA_CACHE")
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "hepatica"


def load(key: str) -> tuple[dict[str, Any], bytes] | None:
    """Give the description and object code stored under a key, or ``None`` when absent or damaged."""
    try:
        data = (cache_folder() / f"{key}.kernel").read_bytes()
    except OSError:
        return None
    if not data.startswith(MAGIC):
        return None
    check, header, code = data[len(MAGIC) :].split(b"\n", 2)
    if sha256(header + code).hexdigest().encode() != check:
        return None
    return json.loads(header), code


def store(key: str, description: Mapping[str, Any], code: bytes) -> None:
    """Write description and object code under a key; a folder that cannot be written leaves the cache as it is."""
    header = json.dumps(description).encode()
    check = sha256(header + code).hexdigest().encode()
    folder = cache_folder()
    # the cache only saves time: without it every start compiles again
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=folder, delete=False) as file:
            file.write(MAGIC + check + b"\n" + header + b"\n" + code)
        Path(file.name).replace(folder / f"{key}.kernel")
