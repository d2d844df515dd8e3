"""The programs that wallets talk to: a node, an issuer and a verifier, served as operators do.

Set up by their own commands and pages, with the settings as they come. What `make demo` starts is
started here, and the verifier also asks wallets online.
"""

from __future__ import annotations

import csv
import io
import json
import secrets
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from demo.officer import Officer
from demo.processes import Server, plain_environment, run
from demo.teller import Teller
from demo.town import NETWORK, Town, free_port, write_secret

TEMPLATE = "university-diploma"
VCT = f"urn:weid:{NETWORK}:cpt:{TEMPLATE}:1"
QUERY = {
    "credentials": [
        {
            "id": "diploma",
            "format": "dc+sd-jwt",
            "meta": {"vct_values": [VCT]},
            "claims": [{"path": ["name"]}, {"path": ["degree"]}],
        }
    ]
}
COLUMNS = (
    "certificate_no", "name", "name_latin", "birthdate", "degree", "degree_foreign",
    "classification", "award_date",
)  # fmt: skip


class Quiet(Teller):
    """Tells nothing."""

    def did(self, text: str) -> None:
        """Say nothing."""


class Verifier:
    """A verifier at `url`, as a program with its token sees it; `anchor` is whom wallets trust."""

    def __init__(self, url: str, token: str, anchor: str) -> None:
        self.url = url
        self.anchor = anchor
        self._token = token

    def ask(self) -> tuple[str, str]:
        """Begin a presentation; return its id and its link."""
        told = self._api("/api/v1/presentations", {"dcql": QUERY})
        return str(told["id"]), str(told["request"])

    def is_accepted(self, name: str) -> bool:
        """Whether a presentation was answered and accepted."""
        told = self._api(f"/api/v1/presentations/{name}")
        return bool(told["state"] == "answered" and told["report"]["verdict"] == "accepted")

    def _api(self, path: str, body: object = None) -> Any:
        sent = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, sent, headers)  # noqa: S310 - our own
        with urllib.request.urlopen(request, timeout=60) as reply:  # noqa: S310
            return json.loads(reply.read())


class Apps:
    """A registry, an issuer that is recognized for a diploma, and a verifier of it."""

    def __init__(self, folder: Path) -> None:
        self._town = Town(folder, Quiet())
        self._batches = 0

    def start(self) -> None:
        """Found the registry, register and recognize the issuer, open its pages and the counter."""
        town = self._town
        town.found_registry()
        town.register_agency()
        town.approve(1, town.propose_recognition(0, TEMPLATE))
        town.approve(1, town.propose_role(0))
        town.open_issuer()
        self._officer = Officer(town.issuer)
        self._officer.sign_in("officer", town.officer_password)
        self.verifier = self._open_verifier()

    def stop(self) -> None:
        """Stop what was started."""
        self._town.stop()

    def offers(self, count: int) -> list[str]:
        """Have an officer issue certificates to so many people; return their offers."""
        self._batches += 1
        path = self._town.folder / f"people-{self._batches}.csv"
        path.write_text(_people(self._batches, count), encoding="utf-8")
        templates = self._officer.templates()
        template = next(id_ for name, id_ in templates.items() if "diploma" in name)
        batch = self._officer.issue(template, path)
        return [row["offer"] for row in self._officer.offers(batch)]

    def _open_verifier(self) -> Verifier:
        town = self._town
        url = f"http://127.0.0.1:{free_port()}"
        identity = town.folder / "wallets"
        secret = make_authority(identity)
        make_identity(identity, secret, key_url=f"{town.agency_did}#assertion-1")
        token = secrets.token_urlsafe(32)
        write_secret(town.folder / "api.token", token)
        settings = town.folder / "verifier.toml"
        settings.touch(0o600)
        settings.write_text(
            f"""public_url = "{url}"
secret_key = "{secrets.token_hex(32)}"
counter_name = "Counter 1"
port = {url.rsplit(":", 1)[1]}
head_folder = "{town.folder / "verifier-heads"}"
unsafe_loopback_http = true

[[networks]]
name = "{NETWORK}"
genesis_hash = "{town.genesis}"
nodes = ["{town.node}"]

[wallets]
identity = "x509_hash"
certificate_chain_file = "{identity / "chain.pem"}"
key_file = "{identity / "verifier.key"}"
passphrase_file = "{secret}"
api_token_file = "{town.folder / "api.token"}"
""",
            encoding="utf-8",
        )
        log = town.folder / "logs" / "verifier.log"
        command = ["verifier-app", str(settings)]
        town.servers.append(Server("verifier", command, log=log, env=town.environment()))
        return Verifier(url, token, (identity / "ca.pem").read_text(encoding="utf-8"))


def make_authority(folder: Path) -> Path:
    """Make a development authority in a new folder; return the file of its passphrase."""
    folder.mkdir(mode=0o700)
    secret = folder / "passphrase"
    write_secret(secret, secrets.token_urlsafe(24))
    files = (str(folder / "ca.key"), str(folder / "ca.pem"))
    _weid("key", "ca", *files, "--name", "Bench", "--passphrase-file", str(secret))
    return secret


def make_identity(folder: Path, secret: Path, *, key_url: str) -> None:
    """Make a verifier's key in an authority's folder, and have it certified."""
    key, chain = str(folder / "verifier.key"), str(folder / "chain.pem")
    opened = ("--passphrase-file", str(secret))
    _weid("key", "generate", key, "--kind", "P-256", *opened)
    _weid(
        "key", "certificate", key, chain, "--ca", str(folder / "ca.pem"),
        "--ca-key", str(folder / "ca.key"), "--ca-passphrase-file", str(secret),
        "--for", key_url, "--name", "Counter", "--dns", "127.0.0.1", *opened,
    )  # fmt: skip


def _weid(*command: str) -> None:
    with tempfile.TemporaryDirectory() as home:
        run(["weid", *command], env=plain_environment(HOME=home))


def _people(batch: int, count: int) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(COLUMNS)
    for number in range(count):
        writer.writerow(
            (
                f"DIP-{2000 + batch}-{number:05}", f"Person {number}", f"PERSON {number}",
                "2001-02-28", "Translation", "Tradução", "Pass", "2026-06-26",
            )
        )  # fmt: skip
    return stream.getvalue()


@contextmanager
def running(folder: Path) -> Iterator[Apps]:
    """Run the programs in a folder that is not there yet."""
    apps = Apps(folder)
    try:
        apps.start()
        yield apps
    finally:
        apps.stop()
