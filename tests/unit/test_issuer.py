"""The issuer: registering, publishing, issuing, revoking."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from registry_chain import LocalRegistry
from tests.support.clauses import clause
from tests.support.world import CLAIMS, START, World, draft, seeded
from weid.clock import FixedClock
from weid.credential.credential import Credential
from weid.credential.status_list import StatusReference, parse_status_token
from weid.crypto.keys import KeyKind, PrivateKey, PublicKey
from weid.crypto.signer import InMemorySigner
from weid.encoding import JsonObject
from weid.errors import (
    KeyFileError,
    MalformedError,
    NotFoundError,
    RowsRefusedError,
    StatusListFullError,
    TransactionRejectedError,
)
from weid.issuer import (
    ASSERTION_KEY,
    Issuer,
    IssuerKeys,
    IssueRow,
)
from weid.issuing.status_lists import IssuerStatusLists, Status, StatusListSettings
from weid.issuing.status_store import MemoryStatusStore, draw_indices
from weid.registry.codes import ResultCode
from weid.registry.operations import (
    AnchorBatch,
    DeactivateTemplate,
    KeyPurpose,
    Operation,
    PublishStatusList,
)
from weid.registry.records import Receipt


@pytest.fixture
def world() -> World:
    return World.begin()


def row(claims: JsonObject | None = None, **options: object) -> IssueRow:
    members: dict[str, object] = {"claims": claims or CLAIMS, "holder_key": seeded(7).public}
    return IssueRow(**(members | options))  # type: ignore[arg-type]


def reference(credential: Credential) -> StatusReference:
    found = credential.status_reference
    assert found is not None
    return found


# --- Beginning ---------------------------------------------------------------------------------------


def test_a_registered_issuer_has_a_name_a_controlling_key_and_one_to_sign_with(world: World):
    record = world.registry.did(world.issuer.did)
    assert record is not None
    assert {key.id: key.purposes for key in record.keys} == {
        "control-1": (KeyPurpose.AUTHENTICATION,),
        ASSERTION_KEY: (KeyPurpose.ASSERTION,),
    }
    name = world.registry.organisation(world.issuer.did)
    assert name is not None
    assert name.name == "Test University"


@clause("W25")
def test_the_keys_are_the_callers_and_come_back_from_their_files(world: World, tmp_path: Path):
    world.keys.save(tmp_path, passphrase="correct horse")
    again = IssuerKeys.load(tmp_path, passphrase="correct horse")
    assert again.assertion.public == world.keys.assertion.public
    assert "z6Mk" not in repr(world.keys)
    with pytest.raises(KeyFileError):
        IssuerKeys.load(tmp_path, passphrase="another")
    reopened = Issuer.open(
        world.issuer.did,
        control=InMemorySigner(again.control),
        assertion=InMemorySigner(again.assertion),
        registry=world.registry,
        status_base_uri="https://status.example/lists",
        clock=world.clock,
    )
    issued = reopened.issue(world.template, CLAIMS, holder_key=None)
    assert reference(issued).uri.startswith("https://status.example/lists/diploma/")
    assert world.registry.status_token(reference(issued).uri) is not None


def test_an_issuer_opens_only_with_its_own_registered_key(world: World):
    stranger = InMemorySigner(seeded(66))
    for did in (world.issuer.did, "did:weid:test:5Q8mFRUmBJ1Nkv6xwyTJyRSGsZ2V"):
        with pytest.raises(NotFoundError):
            Issuer.open(did, control=stranger, assertion=stranger, registry=world.registry)


class Unserved:
    """The world's registry, which serves no status lists."""

    def __init__(self, world: World) -> None:
        self._registry = world.registry

    def __getattr__(self, name: str) -> object:
        if name == "put_status_token":
            raise AttributeError(name)
        return getattr(self._registry, name)


def test_without_a_place_for_its_status_lists_an_issuer_does_not_begin(world: World):
    reader = Unserved(world)
    with pytest.raises(ValueError, match="where status lists are served"):
        Issuer.register("Nowhere", registry=reader, clock=world.clock)  # type: ignore[arg-type]
    somewhere = Issuer.register(
        "Somewhere",
        registry=reader,  # type: ignore[arg-type]
        status_base_uri="https://status.example/",
        clock=world.clock,
    )
    template = somewhere.publish(draft(cpt_id="doctorate"))
    world.registry.governor.recognize(somewhere.did, template)
    issued = somewhere.issue(template, CLAIMS, holder_key=None)
    uri = reference(issued).uri
    token = parse_status_token(somewhere.status_lists.token(uri))
    assert token.uri == uri
    assert uri.startswith("https://status.example/doctorate/")


def test_with_the_machines_clock_and_settings_of_ones_own():
    registry = LocalRegistry()
    settings = StatusListSettings(base_uri="https://status.example", host=registry)
    issuer = Issuer.register("Clock", registry=registry, status_settings=settings)
    template = issuer.publish(draft())
    registry.governor.recognize(issuer.did, template)
    assert issuer.issue(template, CLAIMS, holder_key=None).issued_at > 0


# --- Templates -----------------------------------------------------------------------------------------


@clause("R33")
def test_publishing_the_same_again_changes_nothing_and_a_change_is_a_new_version(world: World):
    assert world.issuer.publish(draft()) == world.template
    changed = world.issuer.publish(draft(name="Degree"))
    assert (changed.version, changed.vct) == (2, "urn:weid:test:cpt:diploma:2")
    assert world.issuer.publish(draft(name="Degree")) == changed
    assert world.issuer.publish(draft()).version == 3


def test_anothers_template_cannot_be_published_on(world: World):
    other = Issuer.register("Other", registry=world.registry, clock=world.clock)
    with pytest.raises(TransactionRejectedError):
        other.publish(draft(name="Taken over"))


# --- Issuing ---------------------------------------------------------------------------------------------


@clause("VF-53")
def test_a_credential_comes_with_status_anchor_and_what_was_asked(world: World):
    credential = world.issue(days=30)
    assert credential.expires_at == START + 30 * 86_400
    assert credential.holder_key == world.holder.public
    assert credential.vct == world.template.vct
    assert world.issuer.status(credential) is Status.VALID
    anchor = credential.anchor
    assert anchor is not None
    batch = world.registry.batch(world.issuer.did, anchor.root)
    assert batch is not None
    assert (batch.author, batch.purpose, batch.count) == (world.issuer.did, "issuance", 1)
    anchor.verify(credential.sd_jwt.issuer_jws.signing_input, expected_size=1)


@clause("VF-52")
def test_without_a_length_the_templates_default_counts(world: World):
    credential = world.issuer.issue(world.template, CLAIMS, holder_key=None)
    assert credential.expires_at == START + 365 * 86_400
    assert credential.holder_key is None


def _mixed_order() -> PublicKey:
    """Return a key that is no small-order point and still not of the prime-order group."""
    # The base point plus the point of order two: (-x, -y) of the base point.
    p = 2**255 - 19
    y = p - (4 * pow(5, -1, p)) % p
    sign = 1  # x of the base point is even, so -x is odd
    return PublicKey(KeyKind.ED25519, (y | sign << 255).to_bytes(32, "little"))


REFUSED: dict[str, tuple[Callable[[], IssueRow], str]] = {
    "a claim of another type": (lambda: row({**CLAIMS, "name": 7}), "name"),
    "a required claim missing": (lambda: row({"name": "Ada"}), "degree"),
    "a claim of its own": (lambda: row({**CLAIMS, "title": "x"}), "title"),
    "a registered name": (lambda: row({**CLAIMS, "iss": "x"}), "iss"),
    "a validity past the longest": (lambda: row(valid_for=timedelta(days=3000)), "P5Y"),
    "a validity of nothing": (lambda: row(valid_for=timedelta(0)), "validity"),
    "a key of mixed order": (lambda: row(holder_key=_mixed_order()), "order"),
    "a key that cannot sign": (
        lambda: row(holder_key=PrivateKey.generate(KeyKind.X25519).public),
        "sign",
    ),
}


@clause("VF-52", "C29", "C31", "R13", "W14")
@pytest.mark.parametrize(("make", "told"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("position", [0, 1, 4])
def test_one_bad_row_at_any_place_and_nothing_is_issued(
    make: Callable[[], IssueRow], told: str, position: int
):
    world = World.begin()
    rows = [row() for _ in range(5)]
    rows[position] = make()
    before = world.registry.head().height
    with pytest.raises(RowsRefusedError) as refused:
        world.issuer.issue_batch(world.template, rows)
    assert f"row {position}: " in str(refused.value)
    assert told in str(refused.value)
    assert set(refused.value.faults) == {position}
    assert world.store.status_lists() == ()
    assert world.registry.head().height == before


@clause("VF-06", "W14")
def test_of_many_bad_rows_the_first_are_told_and_no_value_is(world: World):
    rows = [row({**CLAIMS, "name": ["secret"]}) for _ in range(9)]
    with pytest.raises(RowsRefusedError, match="and 4 more") as refused:
        world.issuer.issue_batch(world.template, rows)
    assert "secret" not in str(refused.value)
    assert len(refused.value.faults) == 9


def test_a_batch_has_rows(world: World):
    with pytest.raises(MalformedError):
        world.issuer.issue_batch(world.template, [])


@clause("VF-52")
def test_only_what_is_published_here_is_issued(world: World):
    elsewhere = draft().for_network("other", 1)
    changed = draft(name="Changed").for_network("test", 1)
    unpublished = draft().for_network("test", 2)
    for template in (elsewhere, changed, unpublished):
        with pytest.raises(NotFoundError):
            world.issuer.issue(template, CLAIMS, holder_key=None)
    with pytest.raises(MalformedError, match="draft"):
        world.issuer.issue(draft(), CLAIMS, holder_key=None)


@clause("VF-52", "C31")
def test_a_deactivated_template_is_no_longer_issued(world: World):
    world.issuer.author.submit(DeactivateTemplate("diploma", 1))
    with pytest.raises(NotFoundError, match="no longer issued"):
        world.issue()
    again = world.issuer.publish(draft())
    assert again.version == 2


@clause("R29", "R30")
def test_before_it_is_recognized_an_issuer_cannot_issue():
    clock = FixedClock(START)
    registry = LocalRegistry(network="test", clock=clock)
    issuer = Issuer.register("Early", registry=registry, clock=clock)
    template = issuer.publish(draft())
    with pytest.raises(TransactionRejectedError):
        issuer.issue(template, CLAIMS, holder_key=None)
    registry.governor.recognize(issuer.did, template)
    assert issuer.issue(template, CLAIMS, holder_key=None)


@clause("VF-53", "C27", "C36")
def test_a_batch_has_one_anchor_own_keys_own_salts_and_own_indices(world: World):
    keys = [seeded(100 + number) for number in range(50)]
    batch = world.issuer.issue_batch(world.template, [row(holder_key=key.public) for key in keys])
    assert [credential.holder_key for credential in batch] == [key.public for key in keys]
    assert len({credential.anchor.root for credential in batch if credential.anchor}) == 1
    assert len({reference(credential) for credential in batch}) == 50
    disclosures = [text for credential in batch for text in credential.sd_jwt.disclosures]
    assert len(set(disclosures)) == len(disclosures)
    assert world.verify(batch[0].text) is not None


# --- Status -----------------------------------------------------------------------------------------------


@clause("VF-50", "S15", "S16")
def test_indices_are_random_and_never_handed_out_twice(world: World):
    issued = world.issuer.issue_batch(world.template, [row() for _ in range(200)])
    indices = [reference(credential).index for credential in issued]
    assert len(set(indices)) == 200
    assert indices != sorted(indices)
    assert max(indices) - min(indices) > 50_000


@clause("VF-50", "S15", "P12")
def test_indices_are_distinct_when_taken_at_once():
    store = MemoryStatusStore()
    store.add_status_list("u", cpt_id="c", bits=2, size=4096)
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _: store.allocate("u", 16), range(64)))
    counts = Counter(index for indices in taken for index in indices)
    assert set(counts.values()) == {1}
    assert len(counts) == 1024


@clause("VF-50")
def test_a_list_is_used_to_its_last_index():
    store = MemoryStatusStore()
    store.add_status_list("u", cpt_id="c", bits=2, size=64)
    taken = store.allocate("u", 40) + store.allocate("u", 24)
    assert sorted(taken) == list(range(64))
    with pytest.raises(StatusListFullError):
        store.allocate("u", 1)
    with pytest.raises(NotFoundError):
        store.allocate("v", 1)


@clause("VF-50")
def test_when_drawing_keeps_hitting_what_is_used_the_rest_is_drawn_from():
    chosen = draw_indices(2, size=8, used=lambda index: index < 6, random_below=lambda n: n - n)
    assert set(chosen) == {6, 7}


def test_a_list_that_is_there_stays_as_it_is():
    store = MemoryStatusStore()
    store.add_status_list("u", cpt_id="c", bits=2, size=64)
    store.allocate("u", 1)
    store.add_status_list("u", cpt_id="c", bits=2, size=64)
    stored = store.status_list("u")
    assert stored is not None
    assert stored.free == 63
    assert not store.replace_statuses("u", expected=b"", new=bytes(16))
    assert not store.replace_statuses("v", expected=b"", new=b"")


@clause("VF-50", "S16")
def test_a_full_list_is_followed_by_another(world: World):
    settings = StatusListSettings(base_uri="https://status.example", host=world.registry, size=64)
    issuer = Issuer.open(
        world.issuer.did,
        control=InMemorySigner(world.keys.control),
        assertion=InMemorySigner(world.keys.assertion),
        registry=world.registry,
        status_settings=settings,
        clock=world.clock,
    )
    issued = [
        *issuer.issue_batch(world.template, [row() for _ in range(40)]),
        *issuer.issue_batch(world.template, [row() for _ in range(100)]),
    ]
    uris = Counter(reference(credential).uri for credential in issued)
    assert sorted(uris.values()) == [12, 64, 64]
    issuer.revoke(issued[0], issued[-1])
    assert issuer.status(issued[0]) is Status.REVOKED
    assert issuer.status(issued[1]) is Status.VALID


@clause("VF-50", "OP-13")
def test_a_lists_name_that_another_recorded_first_is_the_issuers_all_the_same(world: World):
    """Names come from a random source; whoever sees one on its way takes it from nobody."""
    registry, template = world.registry, world.template
    squatter = Issuer.register("Library", registry=registry, clock=world.clock)
    registry.governor.recognize(squatter.did, template)
    uri = "https://status.example/diploma/" + "01" * 16
    squatter.author.submit(PublishStatusList(uri, "diploma", 1, 2**17, 1, bytes(32)))
    store = MemoryStatusStore()
    lists = IssuerStatusLists(
        kid=f"{world.issuer.did}#{ASSERTION_KEY}",
        signer=InMemorySigner(world.keys.assertion),
        author=world.issuer.author,
        registry=registry,
        store=store,
        settings=StatusListSettings(base_uri="https://status.example", host=registry),
        clock=world.clock,
        random=lambda size: b"\x01" * size,
    )
    (reference,) = lists.reserve("diploma", 1)
    assert reference.uri == uri
    assert [stored.uri for stored in store.status_lists()] == [uri]
    lists.change({reference: Status.REVOKED})
    lists.publish(uri)
    record, theirs = (registry.status_list(did, uri) for did in (world.issuer.did, squatter.did))
    assert record is not None
    assert theirs is not None
    assert (record.bits, record.sequence, theirs.sequence) == (2, 2, 1)
    assert record.digest != theirs.digest == bytes(32)


@clause("VF-50")
def test_a_list_that_the_registry_does_not_take_gives_out_no_index(world: World):
    registry = world.registry
    stranger = Issuer.register("Nobody knows", registry=registry, clock=world.clock)
    with pytest.raises(TransactionRejectedError) as refused:
        stranger.status_lists.reserve("diploma", 1)
    assert refused.value.code == ResultCode.ISSUER_NOT_RECOGNIZED
    registry.governor.recognize(stranger.did, world.template)
    (reference,) = stranger.status_lists.reserve("diploma", 1)
    assert registry.status_list(stranger.did, reference.uri) is not None


@clause("OP-15", "VF-34", "VF-53")
def test_a_root_that_another_anchored_first_is_the_issuers_all_the_same(world: World):
    """Nobody comes before an issuer by anchoring what it is about to anchor."""
    registry, rival = world.registry, []

    class Ahead:
        """An author before whom another anchors every root."""

        def __getattr__(self, name: str) -> object:
            return getattr(world.issuer.author, name)

        def submit(self, *operations: Operation) -> Receipt:
            for operation in operations:
                if isinstance(operation, AnchorBatch):
                    rival.append(operation.root)
                    registry.governor.author.submit(operation)
            return world.issuer.author.submit(*operations)

    issuer = Issuer(
        author=Ahead(),  # type: ignore[arg-type]
        signer=InMemorySigner(world.keys.assertion),
        registry=registry,
        clock=world.clock,
    )
    credential = issuer.issue(world.template, CLAIMS, holder_key=None)
    assert credential.anchor is not None
    assert rival == [credential.anchor.root]
    record = registry.batch(world.issuer.did, credential.anchor.root)
    assert record is not None
    assert (record.author, record.count) == (world.issuer.did, 1)


@clause("VF-51", "S17")
def test_revoked_is_final(world: World):
    first, second = world.issue(), world.issue()
    world.issuer.suspend(first, second)
    world.issuer.reinstate(first)
    world.issuer.revoke(first)
    for change in (world.issuer.reinstate, world.issuer.suspend):
        with pytest.raises(MalformedError, match="final"):
            change(second, first)
    assert world.issuer.status(first) is Status.REVOKED
    assert world.issuer.status(second) is Status.SUSPENDED
    world.issuer.revoke(first)


@clause("VF-54", "S18")
def test_a_list_is_published_on_the_registry_and_as_a_token(world: World):
    credential = world.issue()
    uri = reference(credential).uri
    world.issuer.revoke(credential, publish=False)
    record = world.registry.status_list(world.issuer.did, uri)
    assert record is not None
    assert record.sequence == 1
    world.issuer.publish_status()
    record = world.registry.status_list(world.issuer.did, uri)
    assert record is not None
    assert record.sequence == 2
    token = world.registry.status_token(uri)
    assert token is not None
    assert parse_status_token(token).statuses().digest == record.digest
    world.clock.advance(60)
    world.issuer.publish_status()
    renewed = world.registry.status_token(uri)
    assert renewed is not None
    assert parse_status_token(renewed).issued_at == START + 60
    assert world.registry.status_list(world.issuer.did, uri) == record


@clause("S19")
def test_a_list_keeps_its_shape_under_its_uri(world: World):
    uri = reference(world.issue()).uri
    record = world.registry.status_list(world.issuer.did, uri)
    assert record is not None
    for bits, size in ((1, record.size), (2, 2 * record.size)):
        with pytest.raises(TransactionRejectedError):
            world.issuer.author.submit(
                PublishStatusList(uri, "diploma", bits, size, record.sequence + 1, bytes(32))
            )


def test_what_has_no_list_of_this_issuer_cannot_be_changed(world: World):
    foreign = StatusReference("https://status.example/other", 0)
    with pytest.raises(NotFoundError):
        world.issuer.revoke(foreign)
    without = Credential.parse(world.forge(without=("status",)))
    with pytest.raises(NotFoundError):
        world.issuer.revoke(without)


class Racing(MemoryStatusStore):
    """A store in which someone else changes the list between reading and writing, once."""

    raced = False

    def replace_statuses(self, uri: str, *, expected: bytes, new: bytes) -> bool:
        if not self.raced:
            self.raced = True
            other = bytes([expected[0] | 2]) + expected[1:]
            super().replace_statuses(uri, expected=expected, new=other)
        return super().replace_statuses(uri, expected=expected, new=new)


@clause("VF-51", "S17")
def test_a_change_that_loses_a_race_is_made_again():
    clock = FixedClock(START)
    registry = LocalRegistry(network="test", clock=clock)
    store = Racing()
    issuer = Issuer.register("Racing", registry=registry, status_store=store, clock=clock)
    template = issuer.publish(draft())
    registry.governor.recognize(issuer.did, template)
    credential = issuer.issue(template, CLAIMS, holder_key=None)
    issuer.revoke(credential)
    assert issuer.status(credential) is Status.REVOKED
    assert issuer.status(StatusReference(reference(credential).uri, 0)) is Status.SUSPENDED
