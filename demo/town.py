"""Setting up: the registry with its governors, the issuing agency, the verifier's counter."""

from __future__ import annotations

import json
import os
import secrets
import socket
from dataclasses import dataclass, field
from pathlib import Path

from demo.processes import Server, plain_environment, run
from demo.teller import Teller

EXAMPLES = Path(__file__).parent.parent / "examples"
NETWORK = "demo"
AGENCY = "Sample University and Professions Office"
TEMPLATES = ("university-diploma", "professional-certificate")


@dataclass
class Town:
    """Everything that runs, and where; `folder` holds all of it."""

    folder: Path
    teller: Teller
    servers: list[Server] = field(default_factory=list)
    node: str = ""
    genesis: str = ""
    governors: list[dict[str, str]] = field(default_factory=list)
    agency_did: str = ""
    issuer: str = ""
    verifier: str = ""
    officer_password: str = ""

    @property
    def passphrase(self) -> Path:
        """The file with the passphrase of every key of the demonstration, random for each run."""
        return self.folder / "passphrase.txt"

    @property
    def registry_options(self) -> list[str]:
        """What a command needs to know about the registry."""
        return ["--node", self.node, "--genesis", self.genesis, "--unsafe-loopback-http"]

    def environment(self) -> dict[str, str]:
        """Return the environment of the servers: nothing of this user's."""
        return plain_environment(HOME=str(self.folder))

    def stop(self) -> None:
        """Stop what was started, last first."""
        for server in reversed(self.servers):
            server.stop()

    # --- the registry ----------------------------------------------------------------------------

    def found_registry(self) -> None:
        """Found a registry with three governors of whom two decide, and start its node."""
        self.folder.mkdir(parents=True, mode=0o700)
        (self.folder / "logs").mkdir()
        write_secret(self.passphrase, secrets.token_urlsafe(24))
        made = run(
            [
                "registry-chain", "--json", "init", str(self.folder / "node"),
                "--network", NETWORK, "--governors", "3", "--threshold", "2",
                "--keys-out", str(self.folder / "governors"),
                "--passphrase-file", str(self.passphrase), "--allow-loopback-http",
            ],
            env=self.environment(),
        )  # fmt: skip
        founded = json.loads(made.stdout)
        self.genesis = founded["genesis_hash"]
        self.governors = founded["governors"]
        node = self._start(
            "node", "registry-chain", "start", str(self.folder / "node"), "--port", "0"
        )
        self.node = node.url
        self.teller.did(f"node at {self.node}, three governors, two must agree")
        self.teller.did(f"genesis hash {self.genesis}")

    def propose_recognition(self, governor: int, template: str) -> str:
        """Let a governor propose to recognize the agency; return the proposal's id."""
        done = self._governance(governor, "propose", "recognize", self.agency_did, template)
        return str(json.loads(done)["id"])

    def propose_role(self, governor: int) -> str:
        """Let a governor propose that the agency may write without an endorser."""
        done = self._governance(governor, "propose", "grant", self.agency_did, "issuer")
        return str(json.loads(done)["id"])

    def approve(self, governor: int, proposal: str) -> None:
        """Let a governor approve a proposal."""
        self._governance(governor, "approve", proposal)

    def _governance(self, governor: int, *command: str) -> str:
        one = self.governors[governor]
        done = run(
            [
                "registry-chain", "governance", *command, *self.registry_options,
                "--as", one["did"], "--key", one["key_file"],
                "--passphrase-file", str(self.passphrase),
            ],
            env=self.environment(),
        )  # fmt: skip
        return done.stdout

    # --- the agency ------------------------------------------------------------------------------

    def register_agency(self) -> None:
        """Register the agency with a governor's endorsement and publish its templates."""
        self.issuer = f"http://127.0.0.1:{free_port()}"
        settings = self._issuer_settings()
        templates = [
            part for name in TEMPLATES for part in ("--template", str(EXAMPLES / f"{name}.json"))
        ]
        made = run(
            [
                "issuer-app", "--settings", str(settings), "init", "--name", AGENCY,
                "--endorser-did", self.governors[0]["did"],
                "--endorser-key", self.governors[0]["key_file"],
                "--endorser-passphrase-file", str(self.passphrase), *templates, "--json",
            ],
            env=self.environment(),
        )  # fmt: skip
        self.agency_did = json.loads(made.stdout)["did"]
        roles = [part for role in ("officer", "auditor", "admin") for part in ("--role", role)]
        added = run(
            ["issuer-app", "--settings", str(settings), "create-user", "officer", *roles],
            env=self.environment(),
        )
        self.officer_password = added.stdout.strip()

    def open_issuer(self) -> None:
        """Start the agency's pages."""
        self._start("issuer", "issuer-app", "--settings", str(self._issuer_settings()), "serve")
        self.teller.did(f"issuer's pages at {self.issuer}")

    def _issuer_settings(self) -> Path:
        path = self.folder / "issuer.toml"
        path.write_text(
            "\n".join(
                [
                    f'public_url = "{self.issuer}"',
                    f'data_dir = "{self.folder / "issuer"}"',
                    f'listen = "{self.issuer.removeprefix("http://")}"',
                    f'node_url = "{self.node}"',
                    f'genesis_hash = "{self.genesis}"',
                    "status_list_size = 131072",
                    "anchor_seconds = 5",
                ]
            )
            + "\n",
            encoding="utf-8",
        )
        return path

    # --- the counter -----------------------------------------------------------------------------

    @property
    def authority(self) -> Path:
        """The certificate of the authority that vouches for the counter."""
        return self.folder / "authority.pem"

    @property
    def counter_token(self) -> Path:
        """The file with the token of programs at the counter."""
        return self.folder / "counter.token"

    def certify_counter(self) -> None:
        """Have an authority of the demonstration certify the counter's key."""
        secret = ["--passphrase-file", str(self.passphrase)]
        key, authority_key = self.folder / "counter.key", self.folder / "authority.key"
        write_secret(self.counter_token, secrets.token_hex(24))
        commands = (
            ["generate", str(key), "--kind", "P-256"],
            ["ca", str(authority_key), str(self.authority), "--name", "Demonstration"],
            [
                "certificate", str(key), str(self.folder / "counter-chain.pem"),
                "--ca", str(self.authority), "--ca-key", str(authority_key),
                "--ca-passphrase-file", str(self.passphrase),
                "--for", "did:web:counter.example#counter", "--name", "Counter 1",
            ],
        )  # fmt: skip
        for command in commands:
            run(["weid", "key", *command, *secret], env=self.environment())

    def open_counter(self) -> None:
        """Start the verifier's pages, with two saved requests; it asks wallets online as well."""
        self.certify_counter()
        self.verifier = f"http://127.0.0.1:{free_port()}"
        path = self.folder / "verifier.toml"
        path.write_text(
            f"""public_url = "{self.verifier}"
secret_key = "{secrets.token_hex(32)}"
counter_name = "Counter 1"
port = {self.verifier.rsplit(":", 1)[1]}
head_folder = "{self.folder / "verifier-heads"}"
allow_shown = true
allow_unbound = true
unsafe_loopback_http = true

[wallets]
identity = "x509_hash"
certificate_chain_file = "{self.folder / "counter-chain.pem"}"
key_file = "{self.folder / "counter.key"}"
passphrase_file = "{self.passphrase}"
api_token_file = "{self.counter_token}"

[[networks]]
name = "{NETWORK}"
genesis_hash = "{self.genesis}"
nodes = ["{self.node}"]

[[wishes]]
id = "degree"
title = {{ en = "Name, degree and class", "zh-Hant" = "姓名、學位及成績等級" }}
purpose = {{ en = "To confirm a degree for an application.", "zh-Hant" = "核實申請人的學位。" }}
network = "{NETWORK}"
cpt_id = "university-diploma"
fields = ["name", "degree", "classification"]

[[wishes]]
id = "profession"
title = {{ en = "Name and profession", "zh-Hant" = "姓名及專業" }}
purpose = {{ en = "To confirm a registration.", "zh-Hant" = "核實執業登記。" }}
network = "{NETWORK}"
cpt_id = "professional-certificate"
fields = ["name", "profession"]
""",
            encoding="utf-8",
        )
        path.chmod(0o600)
        self._start("verifier", "verifier-app", str(path))
        self.teller.did(f"verifier's pages at {self.verifier}")

    def _start(self, name: str, *command: str) -> Server:
        log = self.folder / "logs" / f"{name}.log"
        server = Server(name, list(command), log=log, env=self.environment())
        self.servers.append(server)
        return server


def write_secret(path: Path, text: str) -> None:
    """Write a secret that only this user can read."""
    with os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w") as file:
        file.write(text + "\n")


def free_port() -> int:
    """Return a port of this machine that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
