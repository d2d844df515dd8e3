"""A whole registry in one process: what it lets in, what it keeps, what it proves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from registry_chain import LocalRegistry
from registry_chain.storage.errors import StoreRefusedError
from registry_chain.storage.integrity import find_damage
from tests.support.clauses import clause
from weid.clock import FixedClock
from weid.crypto.keys import PrivateKey
from weid.crypto.signer import InMemorySigner
from weid.errors import KeyFileError, RegistryUnavailableError, TransactionRejectedError
from weid.registry.author import Author, create_did
from weid.registry.codes import ResultCode
from weid.registry.operations import (
    AnchorBatch,
    AnchorEvidence,
    NameOrganisation,
    PublishStatusList,
    PublishTemplate,
    Role,
)
from weid.registry.proved_reader import ProvedReader
from weid.registry.registry import Registry
from weid.registry.transaction import SignedTransaction

NOW = 1_800_000_000


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
def registry(clock: FixedClock) -> LocalRegistry:
    return LocalRegistry(clock=clock)


def newcomer(registry: LocalRegistry, clock: FixedClock, **how: object) -> Author:
    signer = InMemorySigner(PrivateKey.generate())
    return create_did(registry, [signer], clock=clock, **how)[1]  # type: ignore[arg-type]


def template(cpt_id: str = "diploma", version: int = 1) -> PublishTemplate:
    members = {
        "cpt_id": cpt_id,
        "version": version,
        "vct": f"urn:weid:local:cpt:{cpt_id}:{version}",
        "name": "Diploma",
        "claims": [{"path": ["name"], "sd": "always"}],
        "schema": {"type": "object", "properties": {"name": {"type": "string"}}},
    }
    return PublishTemplate(cpt_id, version, json.dumps(members).encode())


def test_it_is_a_registry(registry: LocalRegistry) -> None:
    typed: Registry = registry
    assert typed.network == "local"
    assert typed.head().height == 1
    assert typed.head().time == NOW


def test_a_newcomer_publishes_and_is_recognized(registry: LocalRegistry, clock: FixedClock) -> None:
    university = newcomer(registry, clock)
    university.submit(NameOrganisation(university.did, "University of Example"))
    university.submit(template())
    named = registry.organisation(university.did)
    assert named is not None
    assert named.name == "University of Example"
    registry.governor.recognize(university.did, "diploma", valid_until=NOW + 100)
    recognition = registry.recognition(university.did, "diploma")
    assert recognition is not None
    assert (recognition.valid_from, recognition.valid_until) == (NOW, NOW + 100)
    assert registry.recognized_issuers("diploma") == (recognition,)
    university.submit(
        PublishStatusList("https://u.example/1", "diploma", 2, 2**17, 1, b"\x01" * 32)
    )
    assert registry.status_lists(university.did)[0].uri == "https://u.example/1"
    university.submit(AnchorEvidence(b"\x02" * 32, "seen"), AnchorBatch(b"\x03" * 32, 5))
    assert registry.batch(university.did, b"\x03" * 32) is not None


def test_a_template_may_be_named_by_anything_that_has_its_id(
    registry: LocalRegistry, clock: FixedClock
) -> None:
    class Published:
        cpt_id = "diploma"

    university = newcomer(registry, clock)
    university.submit(template())
    registry.governor.recognize(university.did, Published())
    registry.governor.derecognize(university.did, Published(), compromised_since=NOW)
    recognition = registry.recognition(university.did, "diploma")
    assert recognition is not None
    assert recognition.compromised_since == NOW


@clause("R29", "R30")
def test_recognition_is_not_given_on_the_spot(registry: LocalRegistry, clock: FixedClock) -> None:
    stranger = newcomer(registry, clock)
    stranger.submit(template())
    with pytest.raises(TransactionRejectedError) as refused:
        stranger.submit(
            PublishStatusList("https://s.example/1", "diploma", 2, 2**17, 1, b"\x01" * 32)
        )
    assert refused.value.code == ResultCode.ISSUER_NOT_RECOGNIZED


def test_the_endorser_cosigns_for_others(registry: LocalRegistry, clock: FixedClock) -> None:
    author = newcomer(registry, clock, endorser=registry.endorser)
    author.submit(template())
    assert registry.roles(author.did) is None, "an endorsement needs no role"


def test_the_governor_governs(registry: LocalRegistry, clock: FixedClock) -> None:
    governor = registry.governor
    school, office = newcomer(registry, clock), newcomer(registry, clock)
    governor.name(school.did, "School")
    governor.grant(school.did, Role.ISSUER)
    school.submit(template())
    governor.accredit(office.did, "diploma", may_accredit=True)
    assert registry.accreditation(office.did, "diploma") is not None
    governor.end_accreditation(office.did, "diploma")
    governor.revoke(school.did, Role.ISSUER)
    governor.set_parameter("max_time_lag", 120)
    parameter = registry.parameter("max_time_lag")
    assert parameter is not None
    assert parameter.value == 120
    governor.deactivate_template("diploma", 1)
    record = registry.template("diploma", 1)
    assert record is not None
    assert record.deactivated_at == NOW
    governor.mark_key_compromised(office.did, "control-1", since=NOW)
    did = registry.did(office.did)
    assert did is not None
    assert did.keys[0].compromised_since == NOW
    governor.deactivate_did(office.did, expected_version=did.version.number)
    ended = registry.did(office.did)
    assert ended is not None
    assert ended.deactivated_at == NOW
    with pytest.raises(TransactionRejectedError):
        governor.grant("did:weid:local:nobody", Role.ISSUER)
    assert governor.did in {record.did for record in registry.role_holders()}


def test_its_head_is_fresh_whenever_it_is_asked(registry: LocalRegistry, clock: FixedClock) -> None:
    first = registry.head()
    assert registry.head() == first
    clock.advance(86_400)
    assert registry.head().time == NOW + 86_400
    assert registry.head().height == first.height + 1
    assert registry.head().app_hash == first.app_hash


def test_everything_can_be_proved_to_somebody_else(
    registry: LocalRegistry, clock: FixedClock
) -> None:
    university = newcomer(registry, clock)
    university.submit(template())
    reader = ProvedReader([registry.committed], genesis_hash=registry.genesis_hash, clock=clock)
    assert reader.templates() == registry.templates()
    assert reader.did(university.did) == registry.did(university.did)
    assert list(find_damage(registry.engine.application.store)) == []


def test_two_registries_are_not_one(clock: FixedClock) -> None:
    one, other = LocalRegistry(clock=clock), LocalRegistry(clock=clock)
    assert one.genesis_hash != other.genesis_hash
    author = newcomer(one, clock)
    assert other.did(author.did) is None


def test_what_is_no_transaction_is_refused(registry: LocalRegistry) -> None:
    with pytest.raises(TransactionRejectedError) as refused:
        registry.submit(SignedTransaction(b"nonsense", ()))
    assert refused.value.code == ResultCode.MALFORMED


def test_status_tokens_are_served_at_their_uris(tmp_path: Path, clock: FixedClock) -> None:
    for registry in (LocalRegistry(clock=clock), LocalRegistry(tmp_path, clock=clock)):
        uri = "https://u.example/../../1"
        assert registry.status_token(uri) is None
        registry.put_status_token(uri, "a.b.c")
        registry.put_status_token(uri, "d.e.f")
        assert registry.status_token(uri) == "d.e.f"
        registry.close()
    with LocalRegistry(tmp_path, clock=clock) as again:
        assert again.status_token("https://u.example/../../1") == "d.e.f"


@clause("D1", "D10", "R2")
def test_in_a_folder_it_goes_on_where_it_was(tmp_path: Path, clock: FixedClock) -> None:
    with LocalRegistry(tmp_path, network="office", clock=clock) as registry:
        assert registry.network == "office"
        author = newcomer(registry, clock)
        head, name, governor = registry.head(), registry.genesis_hash, registry.governor.did
        with pytest.raises(StoreRefusedError, match="another process"):
            LocalRegistry(tmp_path, clock=clock)
    for key in ("sealing.key", "governor.key"):
        assert (tmp_path / key).stat().st_mode & 0o777 == 0o600
    with LocalRegistry(tmp_path, clock=clock) as again:
        assert again.head() == head
        assert again.genesis_hash == name
        assert again.governor.did == governor
        assert again.did(author.did) is not None
        again.governor.grant(author.did, Role.ISSUER)
    with pytest.raises(RegistryUnavailableError, match="closed"):
        again.governor.grant(author.did, Role.REGISTRAR)


@clause("W25")
def test_keys_that_others_may_read_are_refused(tmp_path: Path, clock: FixedClock) -> None:
    LocalRegistry(tmp_path, clock=clock).close()
    (tmp_path / "sealing.key").chmod(0o644)
    with pytest.raises(KeyFileError, match="by others"):
        LocalRegistry(tmp_path, clock=clock)
    (tmp_path / "sealing.key").chmod(0o600)
    LocalRegistry(tmp_path, clock=clock).close()


def test_the_same_bytes_make_the_same_registry(clock: FixedClock) -> None:
    def count() -> object:
        numbers = iter(range(1, 100))
        return lambda size: next(numbers).to_bytes(size, "big")

    one = LocalRegistry(clock=clock, random=count())  # type: ignore[arg-type]
    other = LocalRegistry(clock=clock, random=count())  # type: ignore[arg-type]
    assert one.genesis_hash == other.genesis_hash
    assert one.head() == other.head()
