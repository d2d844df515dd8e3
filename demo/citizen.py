"""The citizen and the verifier, each a process of its own with nothing of the other's."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from demo.processes import plain_environment, run
from demo.town import NETWORK, Town

VERDICTS = tuple(range(21))
"""Exit codes that carry a verdict: the story looks at each itself."""


class Citizen:
    """A wallet in a home folder of its own."""

    def __init__(self, town: Town) -> None:
        self.home = town.folder / "citizen"
        self.home.mkdir(mode=0o700)
        self._town = town

    def weid(self, *command: str) -> str:
        """Run a command of the wallet's owner and return what it printed."""
        environment = plain_environment(HOME=str(self.home))
        return run(["weid", "--home", str(self.home), *command], env=environment).stdout

    def wallet(self, *command: str) -> str:
        """Run a `weid wallet` command with the wallet's passphrase."""
        return self.weid("wallet", *command, "--passphrase-file", str(self._town.passphrase))

    def trust(self) -> None:
        """Trust the registry, so that the wallet can tell whose certificate it is offered."""
        self.weid("trust", "add", NETWORK, *self._town.registry_options)

    def accept(self, offer: str) -> str:
        """Take a certificate in and return its id in the wallet."""
        self.wallet("accept", offer, "--yes", "--unsafe-loopback-http")
        return str(json.loads(self.weid_json("list"))[-1]["id"])

    def weid_json(self, *command: str) -> str:
        """Run a `weid wallet` command for its JSON."""
        environment = plain_environment(HOME=str(self.home))
        secret = ["--passphrase-file", str(self._town.passphrase)]
        command_line = ["weid", "--home", str(self.home), "--json", "wallet", *command, *secret]
        return run(command_line, env=environment).stdout

    def answer(self, request: Path, picture: Path, text: Path) -> None:
        """Answer a request with a picture of a code, and keep its text as well."""
        self.wallet("present", str(request), "--yes", "--qr", str(picture), "--out", str(text))

    def answer_online(self, link: str) -> str:
        """Answer a request at the counter that sent it; return what the wallet told before."""
        environment = plain_environment(HOME=str(self.home))
        command = [
            "weid", "--home", str(self.home), "wallet", "answer", link, "--yes",
            "--authority", str(self._town.authority), "--unsafe-loopback-http",
            "--passphrase-file", str(self._town.passphrase),
        ]  # fmt: skip
        return run(command, env=environment).stderr

    def show(self, credential_id: str, fields: str, picture: Path) -> None:
        """Show fields without being asked, as a picture of a code."""
        self.wallet("show", credential_id, "--disclose", fields, "--yes", "--qr", str(picture))


class Employer:
    """A verifier that knows one node's address, the genesis hash and its own request."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self._folder = town.folder / "employer"
        self._folder.mkdir(mode=0o700)
        self._count = 0

    def ask(self, template: str, *fields: str) -> tuple[Path, Path]:
        """Make a request; return its file and its picture."""
        self._count += 1
        request = self._folder / f"request-{self._count}.json"
        picture = self._folder / f"request-{self._count}.png"
        run(
            [
                "weid", "verifier", "request", template, *fields,
                "--audience", "https://employer.example", "--name", "Sample Employer",
                "--out", str(request), "--qr", str(picture), *self._town.registry_options,
            ],
            env=plain_environment(HOME=str(self._folder)),
        )  # fmt: skip
        return request, picture

    def ask_online(self, vct: str, *fields: str) -> dict[str, str]:
        """Have the counter ask wallets by OpenID4VP; return its link, and the id for `outcome`."""
        self._count += 1
        query = self._folder / f"query-{self._count}.json"
        asked = {
            "id": "diploma",
            "format": "dc+sd-jwt",
            "meta": {"vct_values": [vct]},
            "claims": [{"path": [name]} for name in fields],
        }
        query.write_text(json.dumps({"credentials": [asked]}), encoding="utf-8")
        purpose = "To confirm a degree for an application."
        made = self._counter("request", "--dcql", str(query), "--purpose", purpose)
        return {"link": made["request"], "id": made["id"]}

    def outcome(self, session_id: str) -> dict[str, Any]:
        """Return what became of a request that `ask_online` made."""
        return self._counter("status", session_id)

    def _counter(self, *command: str) -> dict[str, Any]:
        environment = plain_environment(
            HOME=str(self._folder),
            WEID_VERIFIER_APP=self._town.verifier,
            WEID_VERIFIER_TOKEN_FILE=str(self._town.counter_token),
        )
        whole = ["weid", "--json", "verifier", *command, "--unsafe-loopback-http"]
        found: dict[str, Any] = json.loads(run(whole, env=environment).stdout)
        return found

    def verify(self, picture: Path, *how: str) -> subprocess.CompletedProcess[str]:
        """Verify a picture in a new process with an empty home and working folder."""
        self._count += 1
        empty = self._folder / f"empty-{self._count}"
        (empty / "home").mkdir(parents=True)
        (empty / "work").mkdir()
        return run(
            ["weid", "verify", str(picture), *how, *self._town.registry_options],
            env=plain_environment(HOME=str(empty / "home")),
            cwd=empty / "work",
            accepted=VERDICTS,
        )
