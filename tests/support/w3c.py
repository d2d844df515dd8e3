"""W3C credentials of the small world: issued, presented, and changed as a forger would."""

from __future__ import annotations

import copy
import json

from tests.support.world import AUDIENCE, CLAIMS, World, seeded
from weid.crypto.keys import KeyKind, PrivateKey
from weid.crypto.signer import InMemorySigner
from weid.did.methods.jwk import jwk_did
from weid.did.methods.key import key_did
from weid.verification.policy import TrustPolicy
from weid.verifier import Verifier
from weid.w3c.create import JCS, SigningKey, present_credential
from weid.w3c.data_integrity import JCS as SUITE
from weid.w3c.data_integrity import sign_config
from weid.w3c.terms import Contexts
from weid.w3c.vocabulary import SUITE_CONTEXTS

OPEN_CLAIMS = {name: value for name, value in CLAIMS.items() if name != "born"}
"""What the template lets be shown always."""
CONTEXTS = Contexts()
SUITE_TABLE = Contexts(SUITE_CONTEXTS)


def key_of(number: int, kind: KeyKind = KeyKind.ED25519, *, method: str = "key") -> SigningKey:
    """Return a key with its own DID (did:key or did:jwk)."""
    private = PrivateKey.from_seed(number.to_bytes(32, "big"), kind)
    did = key_did(private.public) if method == "key" else jwk_did(private.public)
    fragment = did.removeprefix("did:key:") if method == "key" else "0"
    return SigningKey(did, f"{did}#{fragment}", InMemorySigner(private))


HOLDER = key_of(7)
STRANGER = key_of(66)


class Served:
    """A source of status list credentials by URI."""

    def __init__(self, **_nothing):
        self.texts: dict[str, str] = {}

    def status_credential(self, uri):
        return self.texts.get(uri)


def verifier(world: World, source: Served | None = None, **options) -> Verifier:
    """Return a verifier of the world's registry; without a source it asks for no status."""
    options.setdefault("accept_without_status", source is None)
    policy: TrustPolicy = world.policy(status_credentials=source, **options)
    return Verifier(AUDIENCE, policy=policy, clock=world.clock)


def issue(world: World, *, holder: SigningKey | None = HOLDER, claims=None, **options) -> str:
    """Return a W3C credential of the world's issuer."""
    return world.issuer.w3c.issue(
        world.template,
        OPEN_CLAIMS if claims is None else claims,
        holder=None if holder is None else holder.did,
        **options,
    )


def present(world: World, credential: str, request, *, key=HOLDER, securing=JCS) -> str:
    """Return the holder's presentation, without the wallet's own checks."""
    held = json.loads(credential) if credential.startswith("{") else credential
    return present_credential(
        held,
        key,
        nonce=request.nonce,
        audience=request.audience,
        created=world.clock.now(),
        securing=securing,
    )


def changed(document: dict, path: tuple, value: object) -> dict:
    """Return a copy of JSON with the value at a path replaced; None takes it away."""
    made = copy.deepcopy(document)
    place = made
    for step in path[:-1]:
        place = place[step]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return made


def sign_again(document: dict, key: SigningKey, **changes: object) -> dict:
    """Return a document with its proof made anew by a key, its members changed first."""
    unsecured = {name: value for name, value in document.items() if name != "proof"}
    old = {n: value for n, value in document["proof"].items() if n != "proofValue"}
    config = {**old, "@context": unsecured["@context"], "verificationMethod": key.key_id}
    config = {n: value for n, value in {**config, **changes}.items() if value is not None}
    assert config["cryptosuite"] == SUITE or "cryptosuite" in changes
    return {**unsecured, "proof": sign_config(unsecured, config, signer=key.signer)}


def issuer_key(world: World) -> SigningKey:
    """Return the key of the world's issuer."""
    return world.issuer.w3c.key


def raised_key(number: int) -> PrivateKey:
    """Return a private key of a number."""
    return seeded(number)
