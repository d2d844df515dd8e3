"""What commands are tried against: a registry behind a real node, an office behind a real server.

Both are WSGI applications in threads on 127.0.0.1, over one registry in this process, with the
machine's own clock: the commands under test have no other.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import sys
import threading
from pathlib import Path
from unittest import mock

from werkzeug.serving import make_server

from issuer_app.app import create_app
from issuer_app.services.agency import Agency
from issuer_app.services.people import server_person
from issuer_app.settings import Settings
from issuer_app.store.database import Database
from issuer_app.wiring import KEY
from registry_chain.events import EventFeed
from registry_chain.node.app import create_app as create_node
from registry_chain.node.chain_view import ChainView
from registry_chain.node.explorer.register import Register
from registry_chain.node.parts import NodeParts
from registry_chain.node.settings import NodeSettings
from registry_chain.reader import RecordReader
from tests.apps.issuer.support import PASSWORD, TEMPLATE, add_organisation
from weid.cli.main import main
from weid.clock import SystemClock
from weid.crypto.signer import InMemorySigner
from weid.issuer import Issuer, IssuerKeys
from weid.issuing.status_lists import StatusListSettings
from weid.registry.pinned_genesis import parse_genesis

PASSPHRASE = "correct horse battery staple"


class Server:
    """An application behind a real server on a free port of 127.0.0.1, until `close`."""

    def __init__(self, make):
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        late = {}
        self._server = make_server(
            "127.0.0.1", 0, lambda environ, start: late["app"](environ, start), threaded=True
        )
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        late["app"] = make(self.url)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class NodeServer(Server):
    """A node over a registry in this process."""

    def __init__(self, registry):
        parts = NodeParts(
            engine=registry.engine,
            genesis=parse_genesis(
                registry.committed.genesis(), expected_genesis_hash=registry.genesis_hash
            ),
            source=registry.committed,
            chain=ChainView(registry.committed),
            feed=EventFeed(registry.engine.application.store),
            clock=SystemClock(),
            settings=NodeSettings(operator="Test operator"),
        )
        records = RecordReader(registry.engine.application.store)
        super().__init__(
            lambda _: create_node(parts, lambda: Register(records, registry.committed, parts.chain))
        )
        self.genesis = registry.genesis_hash.hex()


class OfficeServer(Server):
    """An issuing office over a registry in this process, with its background job at work."""

    def __init__(self, folder: Path, registry, *, policy="one_person"):
        self.folder, self.registry, self.policy = folder, registry, policy
        super().__init__(self._make)

    def _make(self, url):
        folder, registry = self.folder, self.registry
        folder.mkdir(mode=0o700)
        secret = folder / "secret.key"
        secret.touch(0o600)
        secret.write_bytes(b"a session secret of enough bytes")
        clock = SystemClock()
        self.settings = Settings(
            public_url=url, data_dir=folder, status_list_size=2**17, anchor_seconds=1
        )
        keys = IssuerKeys.generate()
        self.issuer = Issuer.register(
            "Housing Institute",
            registry=registry,
            keys=keys,
            clock=clock,
            status_settings=StatusListSettings(base_uri=f"{url}/status-lists"),
        )
        self.database = Database(self.settings.database_path)
        self.organisation = add_organisation(self.database, "Housing Institute", policy=self.policy)
        agency = Agency(
            self.organisation,
            "Housing Institute",
            issuer=self.issuer,
            signer=InMemorySigner(keys.assertion),
            registry=registry,
            clock=clock,
            status_ttl=self.settings.status_ttl_seconds,
            status_valid=self.settings.status_valid_seconds,
        )
        app = create_app(self.settings, agency=agency, database=self.database, clock=clock)
        self.services = app.extensions[KEY]
        self.job = app.extensions[f"{KEY}.job"]
        self.person = server_person(self.organisation)
        self.template_id = self.services.templates.publish(self.person, TEMPLATE)
        registry.governor.recognize(self.issuer.did, "residence-test")
        return app

    def token(self, login, *roles):
        """Add a user with roles and return the text of a token for it."""
        self.services.accounts.add_user(
            self.person, login=login, name=login.title(), password=PASSWORD, roles=roles
        )
        return self.services.api_tokens.create(self.person, login, name="tests", days=1).text

    def close(self):
        self.job.stop()
        super().close()
        self.database.close()


class Shell:
    """Runs `weid` in this process, in a folder and home of its own."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.home = folder / "home"
        self.environ = {
            "WEID_HOME": str(self.home),
            "HOME": str(folder),
            "PATH": os.environ["PATH"],
        }

    def run(self, *arguments, stdin=b""):
        """Return exit code, stdout and stderr of a command."""
        out, err = io.StringIO(), io.StringIO()
        given = io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8")
        with (
            contextlib.chdir(self.folder),
            mock.patch.dict(os.environ, self.environ, clear=True),
            mock.patch.object(sys, "stdin", given),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            try:
                main(list(arguments))
            except SystemExit as end:
                code = end.code
        return code, out.getvalue(), err.getvalue()

    def json(self, *arguments, code=0):
        """Return what a command prints with --json."""
        found, out, err = self.run(*arguments, "--json")
        assert found == code, err
        return json.loads(out)

    def secret(self, name, text=PASSPHRASE):
        """Write a file that only its owner may read, and return its name."""
        path = self.folder / name
        path.touch(0o600)
        path.write_text(text + "\n")
        return name


def governor_key(shell, registry, name="governor.key"):
    """Write the key file of a registry's governor, who may endorse; return his DID."""
    from weid.crypto.key_file import KeyFileCost, save_key_file

    signer = registry.endorser.signers["control-1"]
    save_key_file(shell.folder / name, signer._key, PASSPHRASE, cost=KeyFileCost(1, 8))
    return registry.governor.did
