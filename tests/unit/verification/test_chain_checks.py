"""Credentials whose header has a certificate chain: which key is meant, and whose word counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from tests.support.certificates import Authority, certify, key_usage, x5c
from tests.support.clauses import clause
from tests.support.reports import doubt, stop
from tests.support.world import CLAIMS, START, World, seeded
from tests.unit.verification.listed import DID, listed_verifier
from tests.unit.verification.listed import KEY as MUSEUM
from weid.credential.credential import TYP
from weid.credential.sd_jwt import issue_sd_jwt
from weid.crypto.certificates import Certificate, CertificateChain
from weid.crypto.jws import create_jws, parse_jws
from weid.crypto.keys import KeyKind, PrivateKey
from weid.crypto.signer import InMemorySigner
from weid.encoding import JsonObject, JsonValue
from weid.issuer import ASSERTION_KEY, Issuer
from weid.registry.operations import DeactivateDid, MarkKeyCompromised
from weid.verification.report import VerificationReport

DAY = 86_400
ROOT = Authority.root()


def authority(one: Authority) -> Certificate:
    return Certificate.parse(one.certificate.public_bytes(Encoding.DER))


@dataclass
class Chains:
    """A world whose issuer's key has a certificate of `ROOT`."""

    world: World

    @property
    def kid(self) -> str:
        return f"{self.world.issuer.did}#{ASSERTION_KEY}"

    @property
    def key(self) -> Any:
        return self.world.keys.assertion.public

    def leaf(self, *uris: str, **changes: Any) -> Any:
        return ROOT.leaf(changes.pop("key", self.key), *(uris or (self.kid,)), **changes)

    def text(
        self,
        chain: JsonValue = None,
        *,
        header: JsonObject | None = None,
        payload: JsonObject | None = None,
        signer: Any = None,
    ) -> str:
        """Return a credential with a chain and without `iss` and `kid`, unless said else."""
        members = {**self.world.payload, **(payload or {})}
        if "iss" not in (payload or {}):
            members.pop("iss")
        text = issue_sd_jwt(
            members,
            disclosable=self.world.template.withholdable,
            signer=signer or self.world.signer,
            typ=TYP,
        )
        header = {"x5c": x5c(self.leaf()) if chain is None else chain, **(header or {})}
        return self.world.sign_again(text, header=header, signer=signer)

    def verify(self, text: str, **policy: object) -> VerificationReport:
        verifier = self.world.verifier(**policy)
        request = verifier.request(self.world.template, "name", "degree")
        return verifier.verify(self.world.bind(text, request), request)


@pytest.fixture
def chains() -> Chains:
    return Chains(World.begin())


@pytest.fixture(scope="module")
def still() -> Chains:
    """Chains of a world that no test changes."""
    return Chains(World.begin())


# --- What is accepted ----------------------------------------------------------------------------


@clause("VF-40", "VF-41")
def test_the_key_that_a_certificate_names_is_looked_up_in_the_registry(still: Chains):
    report = still.verify(still.text())
    assert report.accepted, str(report)
    verified, plain = report.require(), still.world.verify().require()
    assert (verified.issuer, verified.issuer_name) == (plain.issuer, plain.issuer_name)
    assert report.check("issuer_key") == still.world.verify().check("issuer_key")


@clause("VF-41")
def test_a_key_of_p256_is_as_good(chains: Chains):
    world = chains.world
    key = PrivateKey.from_seed(bytes(31) + b"\x09", KeyKind.P256)
    world.add_key("assertion-2", key)
    leaf = chains.leaf(f"{world.issuer.did}#assertion-2", key=key.public)
    text = chains.text(x5c(leaf), signer=InMemorySigner(key))
    assert parse_jws(text.split("~")[0], what="it", max_bytes=10**5).header["alg"] == "ES256"
    report = chains.verify(text)
    assert report.accepted, str(report)
    assert report.require().issuer == world.issuer.did


@clause("VF-40")
def test_other_names_in_the_certificate_mean_nothing(still: Chains):
    leaf = still.leaf(
        "https://elsewhere.example/", still.kid, still.world.issuer.did, dns=("another.example",)
    )
    assert still.verify(still.text(x5c(leaf))).accepted


@clause("VF-40")
def test_iss_may_stand_beside_a_certificate_that_names_it(still: Chains):
    report = still.verify(still.text(payload={"iss": still.world.issuer.did}))
    assert report.accepted, str(report)


@clause("VF-43")
def test_no_authority_is_asked_for_unless_the_policy_lists_some(still: Chains):
    unknown = Authority.root().below()
    leaf = unknown.leaf(still.key, still.kid)
    text = still.text(x5c(leaf, unknown.certificate))
    assert still.verify(text).accepted
    trusted = (authority(ROOT),)
    report = still.verify(text, certificate_authorities=trusted)
    assert stop(report) == ("issuer_key", "chain_not_trusted")
    assert still.verify(still.text(), certificate_authorities=trusted).accepted
    # What the DID signed has no chain to judge.
    verifier = still.world.verifier(certificate_authorities=trusted)
    request = verifier.request(still.world.template, "name")
    assert verifier.verify(still.world.present(request), request).accepted


@clause("VF-43")
def test_a_policy_trusts_no_leaf_as_an_authority(still: Chains):
    leaf = Certificate.parse(still.leaf().public_bytes(Encoding.DER))
    with pytest.raises(ValueError, match="authority"):
        still.world.policy(certificate_authorities=(leaf,))


# --- What is refused -----------------------------------------------------------------------------

OTHER_DID = "did:weid:test:2VbXfGpnTcQZqYjz9RkWm4sLhDtE"
P256 = PrivateKey.from_seed(bytes(31) + b"\x05", KeyKind.P256)


def self_signed(c: Chains) -> str:
    key = ec.derive_private_key(5, ec.SECP256R1())
    own = Authority(key, certify(key.public_key(), "Issuer", issuer=None, key_to_sign=key))
    leaf = certify(key.public_key(), "Issuer", issuer=own, uris=(c.kid,))
    return c.text(x5c(leaf), signer=InMemorySigner(P256))


def broken(c: Chains) -> str:
    below, impostor = ROOT.below("Authority"), ROOT.below("Authority")
    return c.text(x5c(impostor.leaf(c.key, c.kid), below.certificate))


def thief(c: Chains) -> str:
    """A certificate for the issuer's name and the thief's key, from a real authority."""
    return c.text(x5c(c.leaf(key=P256.public)), signer=InMemorySigner(P256))


def stranger(c: Chains) -> str:
    other = Issuer.register("Other", registry=c.world.registry, clock=c.world.clock)
    assert other.keys is not None
    key = other.keys.assertion
    leaf = c.leaf(f"{other.did}#{ASSERTION_KEY}", key=key.public)
    iss: JsonObject = {"iss": c.world.issuer.did}
    return c.text(x5c(leaf), payload=iss, signer=InMemorySigner(key))


Make = Callable[[Chains], str]
REFUSED: dict[str, tuple[Make, str]] = {
    "no array": (lambda c: c.text("MIIB"), "chain_malformed"),
    "an empty array": (lambda c: c.text([]), "chain_malformed"),
    "null": (lambda c: c.text(header={"x5c": None}), "chain_malformed"),
    "no certificate": (lambda c: c.text(["MIIB"]), "chain_malformed"),
    "too long": (lambda c: c.text(x5c(*[c.leaf()] * 6)), "chain_malformed"),
    "an authority's leaf": (lambda c: c.text(x5c(c.leaf(ca=True))), "chain_malformed"),
    "a leaf that may not sign": (
        lambda c: c.text(x5c(c.leaf(usage=key_usage(signatures=False)))),
        "chain_malformed",
    ),
    "a self-signed leaf": (self_signed, "chain_self_signed"),
    "a broken chain": (broken, "chain_broken"),
    "kid beside it": (lambda c: c.text(header={"kid": c.kid}), "chain_beside_key_id"),
    "kid and iss beside it": (
        lambda c: c.text(header={"kid": c.kid}, payload={"iss": c.world.issuer.did}),
        "chain_beside_key_id",
    ),
    "an empty kid beside it": (lambda c: c.text(header={"kid": ""}), "chain_beside_key_id"),
    "no name at all": (lambda c: c.text(x5c(ROOT.leaf(c.key))), "chain_names_no_key"),
    "another kind of URI": (
        lambda c: c.text(x5c(c.leaf("https://issuer.example/#assertion-1"))),
        "chain_names_no_key",
    ),
    "the DID without a key": (
        lambda c: c.text(x5c(c.leaf(c.world.issuer.did))),
        "chain_names_no_key",
    ),
    "a DID in other letters": (
        lambda c: c.text(x5c(c.leaf(c.kid, c.kid.replace("did:", "DID:")))),
        "chain_names_no_key",
    ),
    "a query in the name": (
        lambda c: c.text(x5c(c.leaf(c.kid.replace("#", "?versionId=1#")))),
        "chain_names_no_key",
    ),
    "two DIDs": (
        lambda c: c.text(x5c(c.leaf(c.kid, f"{OTHER_DID}#{ASSERTION_KEY}"))),
        "chain_names_several",
    ),
    "two DIDs, one without a key": (
        lambda c: c.text(x5c(c.leaf(c.kid, OTHER_DID))),
        "chain_names_several",
    ),
    "two keys of the DID": (
        lambda c: c.text(x5c(c.leaf(c.kid, f"{c.world.issuer.did}#assertion-2"))),
        "chain_names_several",
    ),
    "another iss": (lambda c: c.text(payload={"iss": OTHER_DID}), "chain_of_another"),
    "an iss that is a web address": (
        lambda c: c.text(payload={"iss": "https://issuer.example"}),
        "chain_of_another",
    ),
    "another issuer's iss": (stranger, "chain_of_another"),
    "a key that the DID does not have": (
        lambda c: c.text(x5c(c.leaf(f"{c.world.issuer.did}#assertion-9"))),
        "key_unknown",
    ),
    "the key that controls the DID": (
        lambda c: c.text(x5c(c.leaf(f"{c.world.issuer.did}#control-1"))),
        "key_purpose_wrong",
    ),
    "a key that is not the registry's": (thief, "chain_key_other"),
    "a DID that the registry does not have": (
        lambda c: c.text(x5c(c.leaf(f"{World.begin().issuer.did}#{ASSERTION_KEY}"))),
        "issuer_unknown",
    ),
    "a network that nobody trusts": (
        lambda c: c.text(x5c(c.leaf("did:weid:other:5Q8mFRUmBJ1Nkv6xwyTJyRSGsZ2V#a-1"))),
        "network_not_trusted",
    ),
    "a DID that brings its own key": (
        lambda c: c.text(
            x5c(c.leaf("did:key:z6MkigjnFK3pgYLdERx3po9zWJnxzm1baNgR6hknPyPxxUwF#z6Mkigj"))
        ),
        "did_method_not_trusted",
    ),
}


@clause("VF-40", "VF-41", "CP-54", "C3")
@pytest.mark.parametrize(("make", "code"), REFUSED.values(), ids=REFUSED)
def test_a_chain_is_refused_with(still: Chains, make: Make, code: str):
    assert stop(still.verify(make(still))) == ("issuer_key", code)


@clause("VF-40")
def test_without_chain_there_is_no_credential_without_iss(still: Chains):
    text = still.world.forge(without=("iss",))
    assert stop(still.world.verify(text)) == ("format", "malformed")
    assert stop(still.verify(still.text(payload={"iss": None}))) == ("format", "malformed")


@clause("VF-41")
def test_a_chain_that_is_copied_onto_another_signature_helps_nobody(still: Chains):
    text = still.text(signer=InMemorySigner(seeded(66)))
    assert stop(still.verify(text)) == ("issuer_signature", "signature_wrong")


@clause("VF-41")
def test_the_algorithm_is_the_registered_keys(still: Chains):
    text = still.text(signer=InMemorySigner(P256))
    assert stop(still.verify(text)) == ("issuer_signature", "algorithm_wrong")


# --- In time -------------------------------------------------------------------------------------


@clause("VF-42")
@pytest.mark.parametrize(
    ("start", "end", "accepted"),
    [
        (0, 0, True),
        (60, 100, True),
        (61, 100, False),
        (-100, -60, True),
        (-100, -61, False),
    ],
)
def test_the_certificate_is_in_force_when_the_credential_is_signed(
    still: Chains, start: int, end: int, *, accepted: bool
):
    leaf = still.leaf(not_before=START + start, not_after=START + end + (start == end))
    report = still.verify(still.text(x5c(leaf)))
    if accepted:
        assert report.accepted, str(report)
    else:
        assert stop(report) == ("issuer_key", "chain_not_in_force")


@clause("VF-42")
def test_an_authority_out_of_force_makes_the_chain_so(still: Chains):
    below = ROOT.below(not_after=START - DAY)
    text = still.text(x5c(below.leaf(still.key, still.kid), below.certificate))
    assert stop(still.verify(text)) == ("issuer_key", "chain_not_in_force")


@clause("VF-42", "VF-43")
def test_what_ends_later_matters_only_to_who_lists_authorities(chains: Chains):
    text = chains.text(x5c(chains.leaf(not_after=START + DAY)))
    chains.world.wait(2 * DAY)
    assert chains.verify(text).accepted
    report = chains.verify(text, certificate_authorities=(authority(ROOT),))
    assert stop(report) == ("issuer_key", "chain_not_trusted")


@clause("VF-41")
def test_a_key_that_is_retired_or_compromised_is_so_with_a_certificate_too(chains: Chains):
    world, text = chains.world, chains.text()
    world.wait(DAY)
    old = world.signer
    world.add_key("assertion-2", seeded(44), retire=ASSERTION_KEY)
    assert chains.verify(text).accepted
    late = chains.text(payload={"iat": START + 2 * DAY}, signer=old)
    world.clock.advance(3 * DAY)
    world.issuer.publish_status()
    assert stop(chains.verify(late)) == ("issuer_key", "key_retired")
    world.issuer.author.submit(MarkKeyCompromised(world.issuer.did, ASSERTION_KEY, START - 1))
    assert stop(chains.verify(text)) == ("issuer_key", "key_compromised")


@clause("VF-41")
def test_a_deactivated_issuer_is_so_with_a_certificate_too(chains: Chains):
    text = chains.text()
    record = chains.world.registry.did(chains.world.issuer.did)
    assert record is not None
    chains.world.issuer.author.submit(DeactivateDid(chains.world.issuer.did, record.version.number))
    assert stop(chains.verify(text)) == ("issuer_key", "issuer_deactivated")


# --- What an issuer of ours makes ----------------------------------------------------------------


def certified(world: World, **changes: Any) -> Issuer:
    """Return the world's issuer, opened with a chain of its key."""
    kid = f"{world.issuer.did}#{ASSERTION_KEY}"
    leaf = ROOT.leaf(world.keys.assertion.public, kid, **changes)
    return Issuer.open(
        world.issuer.did,
        control=InMemorySigner(world.keys.control),
        assertion=world.signer,
        registry=world.registry,
        status_store=world.store,
        chain=CertificateChain.parse(x5c(leaf)),
        clock=world.clock,
    )


@clause("VF-44", "VF-46", "CP-55")
def test_both_copies_are_accepted_and_share_nothing(chains: Chains):
    world = chains.world
    world.issuer = certified(world)
    plain = world.issue()
    copy = world.issuer.issue(
        world.template, CLAIMS, holder_key=world.holder.public, with_chain=True
    )
    assert set(copy.sd_jwt.issuer_jws.header) == {"alg", "typ", "x5c"}
    assert "iss" not in copy.sd_jwt.payload()
    assert set(plain.sd_jwt.issuer_jws.header) == {"alg", "typ", "kid"}
    assert copy.issuer == plain.issuer == world.issuer.did
    assert copy.key_url == plain.key_url
    assert copy.status_reference != plain.status_reference
    assert not set(copy.sd_jwt.disclosures) & set(plain.sd_jwt.disclosures)
    assert chains.verify(copy.text).accepted
    assert chains.verify(plain.text).accepted
    world.issuer.revoke(copy)
    assert stop(chains.verify(copy.text)) == ("status", "revoked")
    assert chains.verify(plain.text).accepted


@clause("VF-45", "VF-46")
def test_status_tokens_carry_the_chain_while_it_is_in_force(chains: Chains):
    world = chains.world
    world.issuer = certified(world, not_after=START + DAY)
    credential = world.issue()
    reference = credential.status_reference
    assert reference is not None

    def header() -> JsonObject:
        token = world.registry.status_token(reference.uri)
        assert token is not None
        return parse_jws(token, what="the token", max_bytes=10**6).header

    assert set(header()) == {"alg", "typ", "x5c"}
    assert chains.verify(credential.text).accepted
    world.wait(2 * DAY)
    assert set(header()) == {"alg", "typ", "kid"}
    assert chains.verify(credential.text).accepted


TOKENS: dict[str, Callable[[Chains], JsonObject]] = {
    "another issuer's certificate": lambda c: {"x5c": x5c(c.leaf(f"{OTHER_DID}#{ASSERTION_KEY}"))},
    "a key that is not registered": lambda c: {
        "x5c": x5c(c.leaf(f"{c.world.issuer.did}#assertion-9"))
    },
    "a certificate of another key": lambda c: {"x5c": x5c(c.leaf(key=P256.public))},
    "kid beside it": lambda c: {"x5c": x5c(c.leaf()), "kid": c.kid},
    "a certificate out of force": lambda c: {
        "x5c": x5c(c.leaf(not_before=START - 2 * DAY, not_after=START - DAY))
    },
    "no chain": lambda _: {"x5c": []},
}


@clause("VF-45")
@pytest.mark.parametrize("make", TOKENS.values(), ids=TOKENS)
def test_a_status_token_is_not_believed_with(chains: Chains, make: Callable[[Chains], JsonObject]):
    world = chains.world
    reference = world.credential.status_reference
    assert reference is not None
    good = world.registry.status_token(reference.uri)
    assert good is not None
    parsed = parse_jws(good, what="the token", max_bytes=10**6)
    header: JsonObject = {"typ": parsed.header["typ"], **make(chains)}
    world.registry.put_status_token(reference.uri, create_jws(header, parsed.payload, world.signer))
    assert doubt(chains.verify(world.credential.text)) == (
        "status",
        "status_list_wrong",
    )


# --- Listed issuers ------------------------------------------------------------------------------


@clause("VF-38", "VF-41")
@pytest.mark.parametrize(
    ("key", "fragment", "code"),
    [
        (MUSEUM, "0", None),
        (MUSEUM, "1", "key_unknown"),
        (P256, "0", "chain_key_other"),
    ],
    ids=["the key of its DID", "no key of its DID", "another key"],
)
def test_a_listed_issuers_certificate_is_held_against_its_did(
    still: Chains, key: PrivateKey, fragment: str, code: str | None
):
    leaf = still.leaf(f"{DID}#{fragment}", key=key.public)
    members = {name: v for name, v in still.world.payload.items() if name not in {"iss", "status"}}
    text = issue_sd_jwt(
        members,
        disclosable=still.world.template.withholdable,
        signer=InMemorySigner(key),
        typ=TYP,
        x5c=x5c(leaf),
    )
    verifier = listed_verifier(still.world, without_status=True)
    request = verifier.request(still.world.template, "name")
    report = verifier.verify(still.world.bind(text, request), request)
    if code is None:
        assert report.require().issuer == DID
    else:
        assert stop(report) == ("issuer_key", code)
