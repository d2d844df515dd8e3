"""Credo's OpenID4VC issuer and verifier (`credo/`), installed with npm for one run.

The versions are exact and locked. Credo's own stores need a native library that npm does not
bring, so that its records are kept in memory here, and its keys in Node's own cryptography: that
favours it. `@credo-ts/node` is a pre-release, put beside `@credo-ts/core` 0.6.3: no later one of
0.6 could be had when the versions were locked.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.exchange_apps import QUERY, VCT, make_authority, make_identity
from demo.town import free_port
from weid.crypto.certificates import CertificateChain
from weid.crypto.key_file import load_key_file

HERE = Path(__file__).parent / "credo"
VERSION = json.loads((HERE / "package.json").read_text("utf-8"))["dependencies"]["@credo-ts/core"]
INSTALL_SECONDS = 240


class CredoAbsentError(Exception):
    """Credo cannot be measured here; the message says why."""


class Credo:
    """A running issuer and verifier; offers and requests are asked for at pages beside them."""

    def __init__(self, url: str, anchor: str) -> None:
        self.anchor = anchor
        self._url = url

    @property
    def verifier(self) -> Credo:
        """Itself."""
        return self

    def offers(self, count: int) -> list[str]:
        """Return so many offers."""
        return [str(self._call("/bench/offer", b"")["offer"]) for _ in range(count)]

    def ask(self) -> tuple[str, str]:
        """Begin a presentation; return its id and its link."""
        told = self._call("/bench/ask", b"")
        return str(told["id"]), str(told["request"])

    def is_accepted(self, name: str) -> bool:
        """Whether a presentation was answered and accepted."""
        return bool(self._call(f"/bench/state/{name}")["state"] == "ResponseVerified")

    def _call(self, path: str, body: bytes | None = None) -> Any:
        with urllib.request.urlopen(self._url + path, body, timeout=60) as reply:  # noqa: S310
            return json.loads(reply.read())


@contextmanager
def credo(folder: Path) -> Iterator[Credo]:
    """Install and run Credo in a folder that is not there yet.

    Raises:
        CredoAbsentError: npm is not here or cannot install it, or it does not start.
    """
    node = _install(folder)
    secret = make_authority(folder / "wallets")
    make_identity(folder / "wallets", secret, key_url="did:weid:bench:verifier#authentication-1")
    given = {
        "port": free_port(),
        "vct": VCT,
        "query": QUERY,
        "chain": _chain(folder / "wallets" / "chain.pem"),
        "key": load_key_file(
            folder / "wallets" / "verifier.key", secret.read_text("utf-8").strip()
        ).to_private_jwk(),
    }
    command = [node, "server.mjs", json.dumps(given)]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=log) as process,
    ):
        try:
            assert process.stdout is not None
            line = process.stdout.readline().decode()
            if "listening on " not in line:
                raise CredoAbsentError(f"it does not start: {_last_line(folder / 'log')}")
            anchor = (folder / "wallets" / "ca.pem").read_text("utf-8")
            yield Credo(line.split("listening on ", 1)[1].strip(), anchor)
        finally:
            process.kill()


def _install(folder: Path) -> str:
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        raise CredoAbsentError("there is no npm here")
    shutil.copytree(HERE, folder)
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise CredoAbsentError(f"it was not installed in {INSTALL_SECONDS} s") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason"])[-1]
        raise CredoAbsentError(f"it cannot be installed: {last}")
    return node


def _chain(file: Path) -> list[str]:
    chain = CertificateChain.from_pem(file.read_bytes(), what=str(file))
    return [str(certificate) for certificate in chain.to_x5c()]


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text("utf-8", "replace").splitlines() if "Error" in line]
    return lines[-1].strip() if lines else "it says nothing"
