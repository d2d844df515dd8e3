"""The check `status`: every way in which a list or a status cannot be relied on."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.support.clauses import clause
from tests.support.reports import doubt, stop, warnings
from tests.support.world import AUDIENCE, START, World, draft, seeded
from tests.unit.verification.listed import listed_verifier, museum_text, museum_token
from weid.credential.credential import Credential
from weid.credential.status_list import StatusList, StatusReference, create_status_token
from weid.crypto.jws import create_jws
from weid.crypto.keys import PrivateKey
from weid.crypto.signer import InMemorySigner
from weid.encoding import JsonObject, JsonValue, base64url_encode, json_dumps
from weid.errors import RegistryUnavailableError, TransportError
from weid.issuer import ASSERTION_KEY, Issuer
from weid.issuing.status_lists import TOKEN_TTL
from weid.registry.operations import MarkKeyCompromised, PublishStatusList
from weid.registry.records import StatusListRecord
from weid.transport import HttpReply
from weid.verification.policy import StatusTokens, TrustedNetwork, TrustPolicy
from weid.verification.report import Conclusion, VerificationReport
from weid.verification.status_sources import MEDIA_TYPE, HttpStatusTokens
from weid.verifier import Verifier


@pytest.fixture
def world() -> World:
    return World.begin()


@pytest.fixture(scope="module")
def still() -> World:
    """A world that no test changes."""
    return World.begin()


def reference(world: World) -> StatusReference:
    found = world.credential.status_reference
    assert found is not None
    return found


class Served:
    """A host of status lists that serves what it is given; None is out of reach."""

    def __init__(self, token: str | None) -> None:
        self.token = token
        self.asked: list[str] = []

    def status_token(self, uri: str) -> str | None:
        self.asked.append(uri)
        return self.token


class Broken:
    def status_token(self, uri: str) -> str | None:
        raise RegistryUnavailableError(uri)


def verifier_with(world: World, source: StatusTokens, **network: object) -> Verifier:
    trusted = TrustedNetwork(
        reader=world.registry,
        genesis_hash=world.registry.genesis_hash,
        status_tokens=source,
        **network,  # type: ignore[arg-type]
    )
    return Verifier(AUDIENCE, policy=TrustPolicy(networks={"test": trusted}), clock=world.clock)


def check(world: World, verifier: Verifier, text: str | None = None) -> VerificationReport:
    request = verifier.request(world.template, "name")
    presented = world.present(request) if text is None else world.bind(text, request)
    return verifier.verify(presented, request)


def served(world: World, token: str | None) -> VerificationReport:
    return check(world, verifier_with(world, Served(token)))


def current(world: World) -> str:
    token = world.registry.status_token(reference(world).uri)
    assert token is not None
    return token


# --- Statuses ---------------------------------------------------------------------------------------


@clause("VF-27", "S1", "S17")
def test_revoked_is_final_and_suspended_is_not(world: World):
    world.issuer.suspend(world.credential)
    assert stop(world.verify()) == ("status", "suspended")
    world.issuer.reinstate(world.credential)
    assert world.verify().accepted
    world.issuer.revoke(world.credential)
    report = world.verify()
    assert stop(report) == ("status", "revoked")
    assert report.exit_code == 11


@clause("VF-27", "S1")
def test_an_application_specific_status_is_not_valid(world: World):
    uri, index = reference(world).uri, reference(world).index
    stored = world.store.status_list(uri)
    assert stored is not None
    odd = StatusList(stored.bits, stored.size, stored.raw).set(index, 3)
    world.store.replace_statuses(uri, expected=stored.raw, new=odd.raw)
    world.issuer.publish_status()
    assert stop(world.verify()) == ("status", "status_not_valid")


@clause("S18")
def test_a_revocation_is_seen_by_the_next_verification(world: World):
    verifier = world.verifier()
    for _ in range(2):
        request = verifier.request(world.template, "name")
        assert verifier.verify(world.present(request), request).accepted
    world.issuer.revoke(world.credential)
    request = verifier.request(world.template, "name")
    assert stop(verifier.verify(world.present(request), request)) == ("status", "revoked")


# --- References ---------------------------------------------------------------------------------------

URI = "https://status.invalid/x/diploma/1"
REFERENCES: dict[str, tuple[JsonValue, str]] = {
    "{}": ({}, "status_malformed"),
    "null": (None, "status_malformed"),
    "text": ("valid", "status_malformed"),
    "another mechanism": ({"identifier_list": {}}, "status_malformed"),
    "status_list a text": ({"status_list": "x"}, "status_malformed"),
    "no index": ({"status_list": {"uri": URI}}, "status_malformed"),
    **{
        f"index {index!r}": ({"status_list": {"idx": index, "uri": URI}}, "status_malformed")
        for index in (-1, "0", 0.5, True, None)
    },
    "a list that the registry does not have": (
        {"status_list": {"idx": 0, "uri": URI}},
        "status_list_unknown",
    ),
    **{
        uri: ({"status_list": {"idx": 0, "uri": uri}}, "status_list_unknown")
        for uri in (
            "http://status.example/1",
            "file:///etc/passwd",
            "data:,x",
            "https://169.254.169.254/latest",
            "https://127.0.0.1/1",
        )
    },
}


@clause("VF-27", "VF-37", "S2", "S10", "S11")
@pytest.mark.parametrize(("status", "code"), REFERENCES.values(), ids=REFERENCES)
def test_a_reference_is_refused_and_nothing_fetched(still: World, status: JsonValue, code: str):
    source = Served(None)
    report = check(still, verifier_with(still, source), still.forge({"status": status}))
    assert stop(report) == ("status", code)
    assert source.asked == []


@clause("S2")
@pytest.mark.parametrize("index", [2**17, 2**63, 2**65])
def test_an_index_past_the_end_is_refused(still: World, index: int):
    value: JsonObject = {"status_list": {"idx": index, "uri": reference(still).uri}}
    assert stop(still.verify(still.forge({"status": value}))) == ("status", "status_out_of_range")


@clause("VF-27")
def test_a_credential_without_status_is_refused_unless_the_policy_says_otherwise(still: World):
    text = still.forge(without=("status",))
    assert stop(still.verify(text)) == ("status", "status_missing")
    report = check(still, still.verifier(accept_without_status=True), text)
    assert report.accepted
    assert report.check("status").reason.code == "status_not_used"  # type: ignore[union-attr]


@clause("VF-27", "R30")
def test_the_list_of_another_template_or_issuer_is_refused(world: World):
    other = Issuer.register("Other", registry=world.registry, clock=world.clock)
    doctorate = other.publish(draft(cpt_id="doctorate"))
    world.registry.governor.recognize(other.did, doctorate)
    theirs = other.issue(
        doctorate,
        {"name": "A", "degree": "B", "number": "1"},
        holder_key=world.holder.public,
    ).status_reference
    assert theirs is not None
    text = world.forge({"status": theirs.to_json()})
    assert stop(world.verify(text)) == ("status", "status_list_unknown")
    own = world.issuer.publish(draft(cpt_id="certificate"))
    world.registry.governor.recognize(world.issuer.did, own)
    claims = {"name": "A", "degree": "B", "number": "1"}
    ours = world.issuer.issue(own, claims, holder_key=world.holder.public).status_reference
    assert ours is not None
    text = world.forge({"status": ours.to_json()})
    assert stop(world.verify(text)) == ("status", "status_list_of_another")


@clause("VF-27", "OP-13", "R30")
def test_another_issuers_list_of_the_same_address_changes_nothing(world: World):
    """Neither does it stand in the way of the issuer's own, nor is it ever taken for it."""
    uri = reference(world).uri
    other = Issuer.register("Other", registry=world.registry, clock=world.clock)
    world.registry.governor.recognize(other.did, world.template)
    empty = StatusList.create()
    other.author.submit(PublishStatusList(uri, "diploma", 2, empty.size, 1, empty.digest))
    world.issuer.revoke(world.credential)
    assert stop(world.verify()) == ("status", "revoked")
    theirs = create_status_token(
        empty,
        uri=uri,
        issued_at=START,
        ttl=3600,
        expires_at=START + 7200,
        kid=f"{other.did}#{ASSERTION_KEY}",
        signer=InMemorySigner(other.keys.assertion),  # type: ignore[union-attr]
    )
    assert doubt(served(world, theirs)) == ("status", "status_list_wrong")


class Misleading:
    """A reader that answers every question about a status list with another issuer's record."""

    def __init__(self, world: World) -> None:
        self._registry = world.registry
        self.asked: list[tuple[str, str]] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._registry, name)

    def status_list(self, issuer: str, uri: str) -> StatusListRecord | None:
        self.asked.append((issuer, uri))
        found = self._registry.status_list(issuer, uri)
        return None if found is None else replace(found, issuer="did:weid:test:another")


@clause("VF-27", "R30")
def test_the_list_is_asked_for_by_the_issuer_whose_signature_held(still: World):
    reader = Misleading(still)
    verifier = Verifier(AUDIENCE, registry=reader, clock=still.clock)  # type: ignore[arg-type]
    assert stop(check(still, verifier)) == ("status", "status_list_of_another")
    assert reader.asked == [(still.issuer.did, reference(still).uri)]


# --- Tokens -------------------------------------------------------------------------------------------


def stored_list(world: World) -> StatusList:
    stored = world.store.status_list(reference(world).uri)
    assert stored is not None
    return StatusList(stored.bits, stored.size, stored.raw)


def token(world: World, *, header: JsonObject | None = None, **changes: JsonValue) -> str:
    """Return a token signed by the issuer, with claims changed (None leaves one out)."""
    claims: JsonObject = {
        "sub": reference(world).uri,
        "iat": START,
        "exp": START + 86_400,
        "ttl": 3600,
        "status_list": stored_list(world).encode(),
        **changes,
    }
    full: JsonObject = {
        "typ": "statuslist+jwt",
        "kid": f"{world.issuer.did}#{ASSERTION_KEY}",
        **(header or {}),
    }
    body = {name: value for name, value in claims.items() if value is not None}
    return create_jws(full, json_dumps(body), world.signer)


def signed_by(world: World, key: PrivateKey, kid: str | None = None) -> str:
    return create_status_token(
        stored_list(world),
        uri=reference(world).uri,
        issued_at=START,
        ttl=3600,
        expires_at=START + 7200,
        kid=kid or f"{world.issuer.did}#{ASSERTION_KEY}",
        signer=InMemorySigner(key),
    )


def lst(world: World, data: bytes, bits: JsonValue = 2) -> str:
    return token(world, status_list={"bits": bits, "lst": base64url_encode(data)})


def packed(world: World) -> bytes:
    return zlib.compress(stored_list(world).raw)


def _raw_deflate(world: World) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(stored_list(world).raw) + packer.flush()


def _gzip(world: World) -> bytes:
    packer = zlib.compressobj(wbits=31)
    return packer.compress(stored_list(world).raw) + packer.flush()


def _unsigned(world: World) -> str:
    head, body, _ = token(world).split(".")
    del head
    none = base64url_encode(b'{"alg":"none","typ":"statuslist+jwt"}')
    return f"{none}.{body}."


TOKENS: dict[str, Callable[[World], str]] = {
    "sub of another list": lambda w: token(w, sub="https://status.invalid/other"),
    "no sub": lambda w: token(w, sub=None),
    "typ JWT": lambda w: token(w, header={"typ": "JWT"}),
    "no iat": lambda w: token(w, iat=None),
    "iat in the future": lambda w: token(w, iat=START + 61),
    "ttl 0": lambda w: token(w, ttl=0),
    "ttl a text": lambda w: token(w, ttl="60"),
    "exp a text": lambda w: token(w, exp="1893456000"),
    "no list": lambda w: token(w, status_list=None),
    "no kid": lambda w: token(w, header={"kid": ""}),
    "kid of another": lambda w: token(w, header={"kid": "did:key:z6Mk#z6Mk"}),
    "kid of the controlling key": lambda w: token(w, header={"kid": f"{w.issuer.did}#control-1"}),
    "dated before the registration": lambda w: token(w, iat=START - 61, exp=START + 3600),
    "signed by a stranger": lambda w: signed_by(w, seeded(66)),
    "signed by the holder": lambda w: signed_by(w, w.holder),
    "unsigned": _unsigned,
    "changed": lambda w: token(w).replace(".ey", ".eY", 1),
    **{
        f"bits {bits!r}": lambda w, bits=bits: lst(w, packed(w), bits)
        for bits in (0, 3, 16, -1, "1", None, True)
    },
    "raw deflate": lambda w: lst(w, _raw_deflate(w)),
    "gzip": lambda w: lst(w, _gzip(w)),
    "plain bytes": lambda w: lst(w, stored_list(w).raw[:64]),
    "cut off": lambda w: lst(w, packed(w)[:-8]),
    "a wrong Adler sum": lambda w: lst(w, packed(w)[:-1] + b"\0"),
    "trailing bytes": lambda w: lst(w, packed(w) + b"\0"),
    "padded base64": lambda w: token(
        w, status_list={"bits": 2, "lst": base64url_encode(packed(w)) + "="}
    ),
    "64 MiB of zeros": lambda w: lst(w, zlib.compress(bytes(64 << 20))),
    "no token at all": lambda _: "<html>404</html>",
}


@clause("VF-05", "VF-27", "S4", "S5", "S6", "S7", "S8")
@pytest.mark.parametrize("make", TOKENS.values(), ids=TOKENS)
def test_nothing_is_known_by_a_token_with(still: World, make: Callable[[World], str]):
    assert doubt(served(still, make(still))) == ("status", "status_list_wrong")


@clause("VF-05", "VF-27")
@pytest.mark.parametrize("page", ["", "garbage", "<html>502</html>", "a.b.c", "\0"])
def test_a_host_that_is_broken_makes_no_certificate_not_valid(still: World, page: str):
    report = served(still, page)
    assert doubt(report) == ("status", "status_list_wrong")
    assert report.conclusion is Conclusion.COULD_NOT_CHECK


@clause("VF-27")
def test_a_token_with_the_registrys_content_is_taken_from_any_host(still: World):
    report = served(still, token(still))
    assert report.accepted
    assert "2026-05-28" in report.check("status").detail  # type: ignore[union-attr]


@clause("VF-27")
def test_a_token_of_a_compromised_key_is_refused(world: World):
    kept = token(world)
    world.wait(1200)
    world.issuer.author.submit(MarkKeyCompromised(world.issuer.did, ASSERTION_KEY, START + 600))
    world.add_key("assertion-2", seeded(2))
    verifier = verifier_with(world, Served(kept))
    request = verifier.request(world.template, "name")
    report = verifier.verify(world.present(request), request, anchor=world.credential.anchor)
    assert doubt(report) == ("status", "status_list_wrong")


@clause("S4", "S12")
@pytest.mark.parametrize(
    ("changes", "seconds"), [({"exp": START + 600}, 660), ({"ttl": 600}, 660), ({}, 3660)]
)
def test_a_token_past_its_time_says_nothing(world: World, changes: JsonObject, seconds: int):
    old = token(world, **changes)
    world.clock.advance(seconds)
    assert doubt(served(world, old)) == ("status", "status_too_old")
    world.clock.advance(-1)
    assert served(world, old).accepted


# --- What the registry holds ----------------------------------------------------------------------------


@clause("VF-35", "S9")
def test_a_list_that_was_replaced_passes_for_a_minute_with_a_warning(world: World):
    other = world.issue()
    old = current(world)
    world.issuer.revoke(other)
    assert warnings(served(world, old)) == ["status_superseded"]
    world.clock.advance(60)
    assert warnings(served(world, old)) == ["status_superseded"]
    world.clock.advance(1)
    assert stop(served(world, old)) == ("status", "status_rolled_back")


@clause("VF-35", "S9", "S5")
def test_any_other_list_is_rolled_back_at_once(world: World):
    oldest = current(world)
    world.issuer.revoke(world.issue())
    world.issuer.revoke(world.issue())
    assert stop(served(world, oldest)) == ("status", "status_rolled_back")


@clause("VF-35")
def test_the_revoked_credential_does_not_pass_by_a_list_from_before_the_minute(world: World):
    old = current(world)
    world.issuer.revoke(world.credential)
    world.clock.advance(61)
    assert stop(served(world, old)) == ("status", "status_rolled_back")


class Published:
    """A host whose issuer publishes in the very moment in which it is asked."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._other = world.issue()

    def status_token(self, uri: str) -> str | None:
        self._world.issuer.revoke(self._other)
        return self._world.registry.status_token(uri)


@clause("VF-35")
def test_a_list_published_while_it_is_asked_for_is_the_current_one(world: World):
    assert world.credential
    report = check(world, verifier_with(world, Published(world)))
    assert report.accepted
    assert report.warnings == ()


# --- Out of reach -------------------------------------------------------------------------------------------


@clause("VF-36", "S12", "V20")
@pytest.mark.parametrize("source", [Served(None), Broken()], ids=["nothing there", "an error"])
def test_a_list_that_cannot_be_had_leaves_it_open(still: World, source: StatusTokens):
    assert doubt(check(still, verifier_with(still, source))) == ("status", "status_unreachable")


@clause("VF-36", "S17")
@pytest.mark.parametrize("anew", [False, True], ids=["the same verifier", "a new one"])
def test_what_the_current_list_says_is_revoked_stays_so_past_its_time(world: World, anew: bool):  # noqa: FBT001
    revoked, suspended = world.issue(), world.issue()
    world.issuer.suspend(suspended)
    world.issuer.revoke(revoked)
    source = Served(current(world))
    verifier = verifier_with(world, source)

    def said(credential: Credential) -> VerificationReport:
        request = verifier.request(world.template, "name")
        return verifier.verify(world.present(request, credential), request)

    assert stop(said(revoked)) == ("status", "revoked")
    world.clock.advance(30 * 3600)
    if anew:
        verifier = verifier_with(world, source)
    assert stop(said(revoked)) == ("status", "revoked")
    assert doubt(said(suspended)) == ("status", "status_too_old")
    assert doubt(said(world.credential)) == ("status", "status_too_old")


@clause("VF-36", "S12", "S20")
def test_a_list_read_before_is_used_within_its_time_and_the_report_says_so(world: World):
    source = Served(current(world))
    verifier = verifier_with(world, source)
    assert check(world, verifier).accepted
    source.token = None
    world.clock.advance(600)
    report = check(world, verifier)
    assert report.accepted
    assert report.check("status").reason.code == "status_good_kept"  # type: ignore[union-attr]
    assert source.asked == [reference(world).uri]
    world.clock.advance(TOKEN_TTL - 600 + 60)
    assert doubt(check(world, verifier)) == ("status", "status_unreachable")


@clause("VF-36")
def test_a_list_read_before_stands_in_for_a_minute_when_the_new_one_cannot_be_had(world: World):
    other = world.issue()
    source = Served(current(world))
    verifier = verifier_with(world, source)
    assert check(world, verifier).accepted
    source.token = None
    world.issuer.revoke(other)
    assert warnings(check(world, verifier)) == ["status_superseded"]
    world.clock.advance(61)
    assert doubt(check(world, verifier)) == ("status", "status_unreachable")


@clause("VF-36", "V22")
def test_a_registry_from_a_file_uses_its_lists_for_as_long_as_itself(world: World):
    source = Served(current(world))
    world.clock.advance(TOKEN_TTL + 3600)
    online = verifier_with(world, source)
    assert doubt(check(world, online)) == ("status", "status_too_old")
    offline = verifier_with(world, source, offline=True)
    assert check(world, offline).accepted


# --- Over HTTPS -------------------------------------------------------------------------------------------------


class Web:
    """A transport with one answer."""

    def __init__(self, reply: HttpReply | None) -> None:
        self._reply = reply
        self.accepted: list[str] = []

    def get(self, url: str, *, accept: str = "*/*", **_: object) -> HttpReply:
        del url
        self.accepted.append(accept)
        if self._reply is None:
            raise TransportError("no route")
        return self._reply

    def post(self, *_: object, **__: object) -> HttpReply:
        raise NotImplementedError


def reply(status: int = 200, kind: str = MEDIA_TYPE, body: bytes = b"a.b.c") -> HttpReply:
    return HttpReply(status, {"content-type": kind}, body)


REPLIES: dict[str, tuple[HttpReply | None, str | None]] = {
    "a token": (reply(), "a.b.c"),
    "with a parameter": (reply(kind=f"{MEDIA_TYPE}; charset=utf-8"), "a.b.c"),
    "404": (reply(404), None),
    "500": (reply(500), None),
    "a page": (reply(kind="text/html"), None),
    "not ASCII": (reply(body=b"\xff"), None),
    "no route": (None, None),
}


@clause("VF-37", "S13")
@pytest.mark.parametrize(("answer", "found"), REPLIES.values(), ids=REPLIES)
def test_over_https_a_token_is_had_or_not(answer: HttpReply | None, found: str | None):
    web = Web(answer)
    assert HttpStatusTokens(web).status_token(URI) == found  # type: ignore[arg-type]
    assert web.accepted == [MEDIA_TYPE]


@clause("VF-37", "S11", "S14")
def test_by_default_lists_are_fetched_by_the_guarded_transport():
    assert HttpStatusTokens().status_token("http://127.0.0.1:9/") is None
    assert HttpStatusTokens().status_token("https://169.254.169.254/") is None


class WithoutTokens:
    """The world's registry, which serves no status lists itself."""

    def __init__(self, world: World) -> None:
        self._registry = world.registry

    def __getattr__(self, name: str) -> object:
        if name == "status_token":
            raise AttributeError(name)
        return getattr(self._registry, name)


@clause("VF-37")
def test_a_registry_without_lists_of_its_own_asks_over_https(still: World):
    reader = WithoutTokens(still)
    policy = TrustPolicy.for_registry(reader)  # type: ignore[arg-type]
    assert isinstance(policy.networks["test"].status_tokens, HttpStatusTokens)
    verifier = Verifier(AUDIENCE, policy=policy, clock=still.clock)
    # The host is under .invalid, which no name server knows.
    assert doubt(check(still, verifier)) == ("status", "status_unreachable")


# --- Listed issuers ---------------------------------------------------------------------------------------------------


@clause("VF-38", "VF-37")
def test_a_list_of_a_listed_issuer_is_taken_only_where_the_policy_names_it(still: World):
    uri = "https://status.museum.example/1"
    statuses = StatusList.create().set(5, 1)
    source = Served(museum_token(statuses, uri=uri, issued_at=START))
    verifier = listed_verifier(still, source, status_lists=(uri,))
    assert check(still, verifier, museum_text(still, uri, 4)).accepted
    assert check(still, verifier, museum_text(still, uri, 4)).accepted
    assert source.asked == [uri]
    assert stop(check(still, verifier, museum_text(still, uri, 5))) == ("status", "revoked")
    elsewhere = check(still, verifier, museum_text(still, uri + "0", 4))
    assert stop(elsewhere) == ("status", "status_list_unknown")


@clause("VF-38", "S9", "S12")
def test_a_list_of_a_listed_issuer_grows_old_and_does_not_go_back(world: World):
    uri = "https://status.museum.example/1"
    source = Served(museum_token(StatusList.create(), uri=uri, issued_at=START + 10))
    world.clock.advance(10)
    verifier = listed_verifier(world, source, status_lists=(uri,))
    text = museum_text(world, uri, 4)
    assert check(world, verifier, text).accepted
    world.clock.advance(3670)
    assert doubt(check(world, verifier, text)) == ("status", "status_too_old")
    source.token = None
    assert doubt(check(world, verifier, text)) == ("status", "status_unreachable")
    source.token = museum_token(StatusList.create(), uri=uri, issued_at=START + 9, ttl=9000)
    assert stop(check(world, verifier, text)) == ("status", "status_rolled_back")
