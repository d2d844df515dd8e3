"""What somebody hostile hands in, and what time does: pictures that must be refused."""

from __future__ import annotations

import json
import time
from pathlib import Path

from demo.town import Town
from weid import limits
from weid.clock import SystemClock
from weid.credential.credential import TYP, Credential
from weid.credential.sd_jwt import SdJwt, issue_sd_jwt, reconstruct
from weid.crypto.key_file import load_key_file
from weid.crypto.keys import PrivateKey
from weid.crypto.signer import InMemorySigner, Signer
from weid.encoding import JsonObject, base64url_decode, base64url_encode
from weid.issuer import IssuerKeys
from weid.qr.envelope import encode_envelope
from weid.qr.image import draw_png
from weid.registry.author import Author, KeyToAdd, create_did
from weid.registry.http_client import HttpRegistry
from weid.transport import GuardedTransport
from weid.wallet.wallet import Wallet

EXPIRED_SINCE = limits.LEEWAY + 3
"""Seconds: past what clocks are forgiven, so that the certificate has really expired."""


def open_registry(town: Town) -> HttpRegistry:
    """Return the registry behind the node, every answer proved."""
    return HttpRegistry(
        town.node,
        genesis_hash=bytes.fromhex(town.genesis),
        transport=GuardedTransport(allow_loopback_http=True),
        clock=SystemClock(),
    )


def draw(text: str, picture: Path) -> None:
    """Draw a presentation as a picture of its code."""
    picture.write_bytes(draw_png(encode_envelope(text)))


def tamper(presentation: Path, picture: Path) -> None:
    """Change a disclosed name in a presentation, keeping everything else."""
    issuer_jws, *disclosures, binding = presentation.read_text(encoding="utf-8").strip().split("~")
    changed = []
    for disclosure in disclosures:
        salt, claim, value = json.loads(base64url_decode(disclosure, what="the disclosure"))
        value = "Somebody Else" if claim == "name" else value
        body = json.dumps([salt, claim, value], ensure_ascii=False, separators=(",", ":"))
        changed.append(base64url_encode(body.encode()))
    draw("~".join([issuer_jws, *changed, binding]), picture)


class Workshop:
    """Makes certificates that look like a real one and are not, for keys of the wallet."""

    def __init__(self, town: Town, wallet_file: Path, real_id: str) -> None:
        self._town = town
        self._passphrase = town.passphrase.read_text(encoding="utf-8").strip()
        self._file = wallet_file
        self._real_id = real_id

    def expired(self) -> str:
        """Add one that the agency's own key signed for two seconds, a minute ago; return its id."""
        keys = IssuerKeys.load(self._town.folder / "issuer" / "keys", passphrase=self._secret())
        # It must not be dated before its issuer existed: block times may lag by `MAX_TIME_LAG`.
        record = open_registry(self._town).did(self._town.agency_did)
        created = record.created if record is not None else 0
        while int(time.time()) - EXPIRED_SINCE - 2 < created - limits.MAX_TIME_LAG:
            time.sleep(0.5)
        now = int(time.time())
        dates: JsonObject = {"iat": now - EXPIRED_SINCE - 2, "exp": now - EXPIRED_SINCE}
        return self._add(dates, InMemorySigner(keys.assertion), None)

    def unrecognized(self) -> str:
        """Add one by somebody with a DID in the registry whom governance does not list."""
        registry = open_registry(self._town)
        governor = self._town.governors[0]
        signer = InMemorySigner(load_key_file(Path(governor["key_file"]), self._passphrase))
        endorser = Author(governor["did"], {"control-1": signer}, registry, SystemClock())
        own = InMemorySigner(PrivateKey.generate())
        did, _ = create_did(
            registry,
            [InMemorySigner(PrivateKey.generate())],
            clock=SystemClock(),
            keys=[KeyToAdd("assertion-1", own)],
            endorser=endorser,
        )
        return self._add({"iss": did, "iat": int(time.time())}, own, did)

    def _secret(self) -> str:
        return (self._town.folder / "issuer" / "passphrase").read_text(encoding="utf-8").strip()

    def _add(self, changes: JsonObject, signer: Signer, did: str | None) -> str:
        with Wallet.open(self._file, passphrase=self._passphrase) as wallet:
            real = wallet.credential(self._real_id).credential
            opened = SdJwt.parse(real.text)
            claims = {**reconstruct(opened).claims, **changes}
            claims["cnf"] = {"jwk": wallet.new_key().to_jwk()}
            header = opened.issuer_jws.header
            kid = str(header["kid"]) if did is None else f"{did}#assertion-1"
            withheld = [path for path in reconstruct(opened).paths if len(path) == 1]
            text = issue_sd_jwt(claims, disclosable=withheld, signer=signer, typ=TYP, kid=kid)
            return wallet.add(Credential.parse(text)).id


def is_recognized(town: Town, template: str) -> bool:
    """Return whether the registry proves that the agency is recognized for a template."""
    found = open_registry(town).recognition(town.agency_did, template)
    return found is not None
