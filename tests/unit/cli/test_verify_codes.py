"""Every exit code of `weid verify`, each by a real report on a real credential, offline."""

from __future__ import annotations

import pytest

from tests.support.certificates import Authority, pem, x5c
from tests.support.clauses import clause
from tests.support.world import World, seeded
from weid.clock import SystemClock
from weid.credential.credential import TYP
from weid.credential.sd_jwt import issue_sd_jwt
from weid.crypto.signer import InMemorySigner
from weid.encoding import json_dumps
from weid.issuer import ASSERTION_KEY
from weid.registry.bundle_export import BundleScope, export_from
from weid.registry.operations import MarkKeyCompromised

DAY = 86_400
BOUND = ("cnf",)


class Counter:
    """A world up to now, and what its verifier is handed."""

    def __init__(self, shell):
        self.shell = shell
        self.now = SystemClock().now()
        self.world = World.begin(at=self.now - 3 * DAY)
        self.world.wait(3 * DAY)

    def bundle(self, *, tokens=True, batches=()):
        """Export what the registry says now."""
        registry = self.world.registry
        registry.head()
        data = export_from(
            [registry.committed],
            genesis_hash=registry.genesis_hash,
            status_tokens=registry if tokens else None,
            scope=BundleScope(templates=("diploma",), batches=batches),
            clock=self.world.clock,
        )
        (self.shell.folder / "test.bundle").write_bytes(data)

    def verify(self, text, *more):
        (self.shell.folder / "certificate.txt").write_text(text)
        genesis = self.world.registry.genesis_hash.hex()
        trust = ("--bundle", "test.bundle", "--genesis", genesis)
        return self.shell.run("verify", "certificate.txt", "--unbound", *trust, *more)


@pytest.fixture
def counter(shell):
    return Counter(shell)


def unbound(counter, **changes):
    """Return a good credential on paper, with members changed by the issuer itself."""
    return counter.world.forge({"iat": counter.now - 10, **changes}, without=BOUND)


def another_key(counter):
    signer = InMemorySigner(seeded(99))
    return counter.world.forge({"iat": counter.now - 10}, without=BOUND, signer=signer)


def revoked(counter):
    counter.world.issuer.revoke(counter.world.credential)
    return unbound(counter)


def suspended(counter):
    counter.world.issuer.suspend(counter.world.credential)
    return unbound(counter)


def expired(counter):
    return unbound(counter, iat=counter.now - 2 * DAY, exp=counter.now - DAY)


def not_yet_valid(counter):
    return unbound(counter, nbf=counter.now + DAY)


def derecognized(counter):
    text = unbound(counter)
    counter.world.registry.governor.derecognize(
        counter.world.issuer.did, "diploma", compromised_since=counter.now - DAY
    )
    return text


def with_a_claim_nobody_signed(counter):
    text = unbound(counter)
    jws, *disclosures = text.split("~")
    return "~".join([jws, "WyJzYWx0c2FsdHNhbHRzYWx0c2FsdCIsIm5hbWUiLCJFdmUiXQ", *disclosures])


CASES = {
    "a good certificate": (unbound, 0, "valid, but check"),
    "signed with another key": (another_key, 10, "not valid"),
    "a disclosure that was never signed": (with_a_claim_nobody_signed, 10, "not valid"),
    "revoked": (revoked, 11, "not valid"),
    "suspended": (suspended, 11, "not valid"),
    "expired": (expired, 12, "not valid"),
    "not valid yet": (not_yet_valid, 12, "not valid"),
    "issued after its issuer had been compromised": (derecognized, 13, "not valid"),
    "bound to a key that is not shown": (lambda c: c.world.credential.text, 14, "not valid"),
    "something else": (lambda _: "no certificate at all", 1, "not valid"),
}


@clause("VF-08")
@pytest.mark.parametrize("name", CASES)
def test_the_code_says_what_decided(counter, name):
    make, code, word = CASES[name]
    text = make(counter)
    counter.bundle()
    found, out, err = counter.verify(text)
    assert (found, out.splitlines()[0]) == (code, word), out + err
    assert ("Ada Lovelace" in out) == (code == 0)


@clause("VF-08")
def test_what_cannot_be_known_is_20_and_never_called_invalid(counter):
    text = unbound(counter)
    counter.bundle(tokens=False)
    code, out, _ = counter.verify(text)
    assert (code, out.splitlines()[0]) == (20, "could not check")


@clause("VF-34")
def test_an_anchor_saves_what_was_issued_before_its_key_fell_into_other_hands(counter):
    world = counter.world = World.begin(at=counter.now - 3 * DAY)
    world.wait(DAY)
    claims = {"name": "Ada Lovelace", "degree": "Mathematics", "number": "D-1"}
    paper = world.issuer.issue(world.template, claims, holder_key=None)
    world.wait(DAY)
    world.add_key("assertion-2", seeded(5))
    marked = MarkKeyCompromised(world.issuer.did, "assertion-1", world.clock.now())
    world.issuer.author.submit(marked)
    world.wait(DAY)
    counter.bundle(batches=((world.issuer.did, paper.anchor.root),))
    (counter.shell.folder / "anchor.json").write_bytes(json_dumps(paper.anchor.to_json()))
    assert counter.verify(paper.text)[0] == 13
    code, out, err = counter.verify(paper.text, "--anchor", "anchor.json")
    assert code == 0, out + err
    (counter.shell.folder / "anchor.json").write_text("{}")
    code, _, err = counter.verify(paper.text, "--anchor", "anchor.json")
    assert code == 1
    assert "issuance anchor" in err


@clause("VF-43", "VF-08")
def test_an_authority_that_was_named_is_demanded_of_who_signs_with_a_chain(counter):
    world, folder = counter.world, counter.shell.folder
    times = {"not_before": counter.now - 9 * DAY, "not_after": counter.now + 9 * DAY}
    root, other = Authority.root(**times), Authority.root("Other", **times)
    for name, one in (("root", root), ("other", other)):
        (folder / f"{name}.pem").write_bytes(pem(one.certificate))
    leaf = root.leaf(world.keys.assertion.public, f"{world.issuer.did}#{ASSERTION_KEY}", **times)
    (folder / "leaf.pem").write_bytes(pem(leaf))
    members = {name: one for name, one in world.payload.items() if name not in ("iss", "cnf")}
    members["iat"] = counter.now - 10
    text = issue_sd_jwt(
        members, disclosable=world.template.withholdable, signer=world.signer, typ=TYP
    )
    text = world.sign_again(text, header={"x5c": x5c(leaf)})
    counter.bundle()
    assert counter.verify(text)[0] == 0
    assert counter.verify(text, "--certificate-authority", "root.pem")[0] == 0
    code, out, _ = counter.verify(text, "--certificate-authority", "other.pem")
    assert (code, "Ada Lovelace" in out) == (13, False)
    code, _, err = counter.verify(text, "--certificate-authority", "leaf.pem")
    assert (code, "no authority's" in err) == (1, True)
