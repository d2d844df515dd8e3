"""DIDs: creation, update, deactivation, names."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.clauses import clause
from tests.support.scripted_chain import ScriptedChain, person, raw_key, signer
from weid import limits
from weid.crypto.keys import KeyKind, PrivateKey
from weid.registry.codes import ResultCode
from weid.registry.operations import (
    AnchorEvidence,
    CreateDid,
    DeactivateDid,
    GrantRole,
    KeyPurpose,
    NameOrganisation,
    NewKey,
    NewService,
    Operation,
    Role,
    UpdateDid,
)
from weid.registry.records import DidRecord, IndexRecord, OrganisationRecord, RoleRecord
from weid.registry.signing import new_agreement_key, new_key

ASSERTION = (KeyPurpose.ASSERTION,)
AUTHENTICATION = (KeyPurpose.AUTHENTICATION,)
SMALL_ORDER = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
NOT_ON_THE_CURVE = b"\x02" + bytes(31)
# The base point plus the point of order two: of mixed order.
MIXED_ORDER = bytes.fromhex("9599999999999999999999999999999999999999999999999999999999999999")


@pytest.fixture
def chain() -> ScriptedChain:
    return ScriptedChain()


def agreement() -> NewKey:
    return new_agreement_key("agree", PrivateKey.from_seed(b"x" * 32, KeyKind.X25519).public)


# --- Create --------------------------------------------------------------------------------------


@clause("OP-03", "ST-03")
def test_a_created_did_holds_what_its_inception_says(chain: ScriptedChain) -> None:
    ada = person("ada", controllers=2, threshold=2, recovery=["vault"], next_keys=b"n" * 32)
    service = NewService("site", "LinkedDomains", "https://ada.example/")
    issue = new_key(ada.did, "issue", signer("issue", KeyKind.P256), ASSERTION)
    operation = CreateDid(ada.inception, (issue, agreement()), (service,))
    result = chain.do(ada, operation, keys=["control-1", "control-2"], endorser=chain.governor)
    assert result.receipt is not None
    record = chain.get(DidRecord, ada.did)
    assert record.controllers == ada.inception.controllers
    assert (record.threshold, record.next_keys) == (2, b"n" * 32)
    assert record.recovery_keys == (raw_key("vault"),)
    assert [key.id for key in record.keys] == ["control-1", "control-2", "issue", "agree"]
    assert record.keys[0].purposes == AUTHENTICATION
    assert record.services == (service,)
    assert (record.created, record.deactivated_at) == (chain.time, None)
    assert (record.version.number, record.version.time, record.version.previous) == (
        1,
        chain.time,
        b"",
    )


@clause("OP-02", "OP-03", "R22")
def test_every_controller_signs_the_creation(chain: ScriptedChain) -> None:
    ada = person("ada", controllers=2, threshold=1)
    result = chain.send(ada, CreateDid(ada.inception), endorser=chain.governor)
    assert result.code == ResultCode.THRESHOLD_NOT_MET
    assert chain.read(DidRecord, ada.did) is None


@clause("OP-03", "R24", "R25")
def test_a_did_is_created_once(chain: ScriptedChain) -> None:
    ada = chain.register("ada")
    again = chain.send(ada, CreateDid(ada.inception), endorser=chain.governor)
    assert again.code == ResultCode.DID_EXISTS
    chain.do(ada, DeactivateDid(ada.did, 1), endorser=chain.governor)
    dead = chain.send(ada, CreateDid(ada.inception), endorser=chain.governor)
    assert dead.code == ResultCode.AUTHOR_DEACTIVATED


@clause("OP-03", "R17")
def test_nobody_creates_another_did_than_its_own(chain: ScriptedChain) -> None:
    ada = chain.register("ada")
    same_keys = replace(ada.inception, salt=b"another salt 16.")
    result = chain.send(ada, CreateDid(same_keys), endorser=chain.governor)
    assert result.code == ResultCode.DID_EXISTS
    bob = person("bob")
    both = [CreateDid(bob.inception), CreateDid(ada.inception)]
    result = chain.send(bob, *both, endorser=chain.governor)
    assert result.code == ResultCode.THRESHOLD_NOT_MET
    assert chain.read(DidRecord, bob.did) is None


BAD_INCEPTIONS: dict[str, tuple[dict[str, object], ResultCode]] = {
    "a recovery key of small order": ({"recovery_keys": (SMALL_ORDER,)}, ResultCode.KEY_INVALID),
    "a recovery key off the curve": (
        {"recovery_keys": (NOT_ON_THE_CURVE,)},
        ResultCode.KEY_INVALID,
    ),
    "a recovery key of mixed order": ({"recovery_keys": (MIXED_ORDER,)}, ResultCode.KEY_INVALID),
    "a recovery key that controls": (
        {"recovery_keys": person("ada").inception.controllers},
        ResultCode.KEY_INVALID,
    ),
}


@clause("OP-03", "OP-04", "R13", "R14")
@pytest.mark.parametrize("fault", BAD_INCEPTIONS)
def test_a_creation_is_refused_with(fault: str, chain: ScriptedChain) -> None:
    changes, code = BAD_INCEPTIONS[fault]
    ada = person("ada")
    odd = replace(ada, inception=replace(ada.inception, **changes))  # type: ignore[arg-type]
    result = chain.send(odd, CreateDid(odd.inception), endorser=chain.governor)
    assert result.code == code


# --- Keys that enter -----------------------------------------------------------------------------


def faulty_keys(did: str) -> dict[str, tuple[NewKey, ResultCode]]:
    good = new_key(did, "key-1", signer("key"), ASSERTION)
    p256 = signer("p256", KeyKind.P256).public_key.to_multicodec()
    invalid = ResultCode.KEY_INVALID
    return {
        "no proof of possession": (replace(good, proof=b""), ResultCode.POSSESSION_NOT_PROVED),
        "another key's proof": (
            replace(good, proof=new_key(did, "key-1", signer("other"), ASSERTION).proof),
            ResultCode.POSSESSION_NOT_PROVED,
        ),
        "a proof for another DID": (
            new_key("did:weid:demo:x", "key-1", signer("key"), ASSERTION),
            ResultCode.POSSESSION_NOT_PROVED,
        ),
        "the key of a controller": (
            new_key(did, "key-1", signer("ada 0"), ASSERTION),
            ResultCode.KEY_EXISTS,
        ),
        "an id that is taken": (replace(good, id="control-1"), ResultCode.KEY_EXISTS),
        "an id kept for controllers": (replace(good, id="control-9"), invalid),
        "an id kept for commitments": (replace(good, id="next-1"), invalid),
        "an id kept for recovery": (replace(good, id="recovery-1"), invalid),
        "an id with a hash sign": (replace(good, id="#key-1"), invalid),
        "an id of another DID": (replace(good, id="did:weid:demo:x"), invalid),
        "an empty id": (replace(good, id=""), invalid),
        "no purpose": (replace(good, purposes=()), invalid),
        "a purpose twice": (replace(good, purposes=ASSERTION * 2), invalid),
        "an Ed25519 key to agree with": (
            replace(good, purposes=(KeyPurpose.KEY_AGREEMENT,)),
            invalid,
        ),
        "an X25519 key to sign with": (replace(agreement(), purposes=AUTHENTICATION), invalid),
        "an X25519 key with a proof": (replace(agreement(), proof=b"p" * 64), invalid),
        "an RSA key": (replace(good, multikey=b"\x85\x24" + b"r" * 32), invalid),
        "a secp256k1 key": (replace(good, multikey=b"\xe7\x01\x02" + b"k" * 32), invalid),
        "a key of small order": (replace(good, multikey=b"\xed\x01" + SMALL_ORDER), invalid),
        "a key of mixed order": (replace(good, multikey=b"\xed\x01" + MIXED_ORDER), invalid),
        "a key off the curve": (replace(good, multikey=b"\xed\x01" + NOT_ON_THE_CURVE), invalid),
        "a key that is not canonical": (
            replace(good, multikey=b"\xed\x01" + b"\xff" * 32),
            invalid,
        ),
        "a P-256 point off the curve": (
            replace(good, multikey=p256[:3] + bytes(31) + b"\1"),
            invalid,
        ),
        "a P-256 point with x past the field": (
            replace(good, multikey=p256[:3] + b"\xff" * 32),
            invalid,
        ),
        "a P-256 point that is not compressed": (replace(good, multikey=p256[:34]), invalid),
    }


@clause("OP-04", "R13", "R14", "R15", "R17", "R18", "R22", "R26")
@pytest.mark.parametrize("fault", faulty_keys("did:weid:demo:x"))
def test_a_key_does_not_enter_with(fault: str, chain: ScriptedChain) -> None:
    ada = chain.register("ada")
    key, code = faulty_keys(ada.did)[fault]
    result = chain.send(ada, UpdateDid(ada.did, 1, (key,)), endorser=chain.governor)
    assert result.code == code
    assert chain.get(DidRecord, ada.did).version.number == 1


@clause("OP-04", "R18")
def test_a_key_enters_once_for_ever(chain: ScriptedChain) -> None:
    ada = chain.register("ada")
    chain.govern(GrantRole(ada.did, Role.ISSUER))
    key = new_key(ada.did, "issue", signer("issue"), ASSERTION)
    twice = chain.send(ada, UpdateDid(ada.did, 1, (key, replace(key, id="again"))))
    same_id = chain.send(
        ada, UpdateDid(ada.did, 1, (key, new_key(ada.did, "issue", signer("two"), ASSERTION)))
    )
    assert (twice.code, same_id.code) == (ResultCode.KEY_EXISTS, ResultCode.KEY_EXISTS)
    chain.do(ada, UpdateDid(ada.did, 1, (key,)))
    chain.do(ada, UpdateDid(ada.did, 2, retire_keys=("issue",)))
    back = replace(key, id="renewed")
    assert chain.send(ada, UpdateDid(ada.did, 3, (back,))).code == ResultCode.KEY_EXISTS


# --- Update --------------------------------------------------------------------------------------


@clause("OP-05", "ST-03")
def test_an_update_adds_retires_and_replaces(chain: ScriptedChain) -> None:
    ada = chain.register("ada")
    chain.govern(GrantRole(ada.did, Role.ISSUER))
    first = new_key(ada.did, "issue-1", signer("issue 1"), ASSERTION)
    site = NewService("site", "LinkedDomains", "https://ada.example/")
    chain.do(ada, UpdateDid(ada.did, 1, (first,), services=(site,)))
    added = chain.time
    second = new_key(ada.did, "issue-2", signer("issue 2"), ASSERTION)
    chain.do(ada, UpdateDid(ada.did, 2, (second,), ("issue-1",)))
    record = chain.get(DidRecord, ada.did)
    retired, fresh = record.keys[1:]
    assert (retired.id, retired.valid_from, retired.retired_at) == ("issue-1", added, chain.time)
    assert (fresh.id, fresh.valid_from, fresh.retired_at) == ("issue-2", chain.time, None)
    assert record.services == (site,)
    assert record.version.previous in chain.state.superseded
    chain.do(ada, UpdateDid(ada.did, 3, services=()))
    assert chain.get(DidRecord, ada.did).services == ()


@clause("OP-02", "OP-05", "OP-21", "R20", "R21", "R28", "R38")
def test_an_update_is_refused(chain: ScriptedChain) -> None:
    ada, bob = chain.register("ada"), chain.register("bob")
    for one in (ada, bob):
        chain.govern(GrantRole(one.did, Role.ISSUER))
    invalid = ResultCode.SERVICE_INVALID

    def served(*endpoints: str) -> UpdateDid:
        services = tuple(NewService(f"s{n}", "Site", end) for n, end in enumerate(endpoints))
        return UpdateDid(ada.did, 1, services=services)

    site = NewService("site", "Site", "https://ada.example/")
    cases: dict[str, tuple[Operation, ResultCode]] = {
        "by another": (UpdateDid(bob.did, 1, services=()), ResultCode.NOT_PERMITTED),
        "of a version that has passed": (
            UpdateDid(ada.did, 2, services=()),
            ResultCode.STALE_VERSION,
        ),
        "of nothing": (UpdateDid(ada.did, 1), ResultCode.NO_CHANGE),
        "of a key that is not there": (
            UpdateDid(ada.did, 1, retire_keys=("key-1",)),
            ResultCode.KEY_MISSING,
        ),
        "of the last controlling key": (
            UpdateDid(ada.did, 1, retire_keys=("control-1",)),
            ResultCode.KEY_CONTROLS,
        ),
        "with a script": (served("javascript:alert(1)"), invalid),
        "with a file": (served("file:///etc/passwd"), invalid),
        "with plain http": (served("http://ada.example/"), invalid),
        "with a user name": (served("https://user@ada.example/"), invalid),
        "with a private address": (served("https://10.0.0.1/"), invalid),
        "with the machine itself": (served("http://127.0.0.1:8000/"), invalid),
        "with a service id twice": (UpdateDid(ada.did, 1, services=(site, site)), invalid),
        "with a service id that is none": (
            UpdateDid(ada.did, 1, services=(replace(site, id="a b"),)),
            invalid,
        ),
        "with a service of no type": (
            UpdateDid(ada.did, 1, services=(replace(site, type=""),)),
            invalid,
        ),
        "with a service of a foreign type": (
            UpdateDid(ada.did, 1, services=(replace(site, type="sít\u00e9"),)),
            invalid,
        ),
    }
    for name, (operation, code) in cases.items():
        assert chain.send(ada, operation).code == code, name
    assert chain.get(DidRecord, ada.did).version.number == 1


@clause("OP-05", "R20")
def test_of_two_updates_of_one_version_the_first_in_the_block_wins(chain: ScriptedChain) -> None:
    ada = chain.register("ada")
    chain.govern(GrantRole(ada.did, Role.ISSUER))
    key = new_key(ada.did, "issue", signer("issue"), ASSERTION)
    first = chain.sign(ada, UpdateDid(ada.did, 1, services=()))
    second = chain.sign(ada, UpdateDid(ada.did, 1, (key,)), sequence=2)
    codes = [result.code for result in chain.block(first, second).results]
    assert codes == [ResultCode.OK, ResultCode.STALE_VERSION]


@clause("OP-04", "R27")
def test_a_did_has_so_many_keys_and_so_many_bytes_and_no_more(chain: ScriptedChain) -> None:
    ada = chain.register("ada")
    chain.govern(GrantRole(ada.did, Role.ISSUER))
    keys = tuple(
        new_key(ada.did, f"key-{n}", signer(f"key {n}"), ASSERTION) for n in range(limits.DID_KEYS)
    )
    result = chain.send(ada, UpdateDid(ada.did, 1, keys))
    assert result.code == ResultCode.TOO_MANY_KEYS
    chain.do(ada, UpdateDid(ada.did, 1, keys[:-1]))
    address = "https://ada.example/" + "x" * 492
    services = tuple(NewService(f"s{n}", "S" * 64, address) for n in range(limits.DID_SERVICES))
    chain.do(ada, UpdateDid(ada.did, 2, services=services))
    assert chain.get(DidRecord, ada.did).services == services


@clause("OP-03", "R27")
def test_a_record_past_the_size_of_a_document_is_refused(
    chain: ScriptedChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "DID_DOCUMENT_BYTES", 600)
    ada = chain.register("ada")
    chain.govern(GrantRole(ada.did, Role.ISSUER))
    address = "https://ada.example/" + "x" * 492
    services = (NewService("site", "Site", address),)
    result = chain.send(ada, UpdateDid(ada.did, 1, services=services))
    assert result.code == ResultCode.RECORD_TOO_LARGE
    assert chain.get(DidRecord, ada.did).services == ()


@clause("OP-21")
def test_loopback_addresses_pass_where_the_chain_is_a_demonstration() -> None:
    chain = ScriptedChain(parameters={"allow_loopback_http": 1})
    ada = chain.register("ada")
    chain.govern(GrantRole(ada.did, Role.ISSUER))
    good = ("http://127.0.0.1:5000/x", "http://localhost", "https://ada.example")
    services = tuple(NewService(f"s{n}", "Site", end) for n, end in enumerate(good))
    chain.do(ada, UpdateDid(ada.did, 1, services=services))
    for bad in ("http://127.0.0.2/", "http://localhost.example/", "https://localhost/"):
        service = NewService("site", "Site", bad)
        code = chain.send(ada, UpdateDid(ada.did, 2, services=(service,))).code
        assert code == ResultCode.SERVICE_INVALID, bad


# --- Deactivate ----------------------------------------------------------------------------------


@clause("OP-08", "R23", "R24")
def test_a_deactivated_did_keeps_its_history_and_loses_its_roles(chain: ScriptedChain) -> None:
    ada, bob = chain.register("ada"), chain.register("bob")
    chain.govern(GrantRole(ada.did, Role.ISSUER))
    chain.do(ada, DeactivateDid(ada.did, 1))
    record = chain.get(DidRecord, ada.did)
    assert record.deactivated_at == chain.time
    assert record.version.previous in chain.state.superseded
    assert chain.get(RoleRecord, ada.did).roles == ()
    named = chain.send(chain.governor, NameOrganisation(ada.did, "Ada's"))
    assert named.code == ResultCode.DID_DEACTIVATED
    result = chain.send(bob, DeactivateDid(ada.did, 2), endorser=chain.governor)
    assert result.code == ResultCode.NOT_PERMITTED


@clause("OP-08", "TX-12", "R19")
def test_after_its_deactivation_an_author_asks_nothing_more(chain: ScriptedChain) -> None:
    ada = chain.register("ada")
    end = DeactivateDid(ada.did, 1)
    result = chain.send(ada, end, AnchorEvidence(b"e" * 32), endorser=chain.governor)
    assert (result.code, result.data) == (ResultCode.DID_DEACTIVATED, b"\0\1")
    assert chain.get(DidRecord, ada.did).deactivated_at is None
    chain.do(ada, end, endorser=chain.governor)


@clause("OP-08", "R32")
def test_governance_deactivates_and_never_loses_its_threshold() -> None:
    chain = ScriptedChain(2, parameters={"governance_threshold": 2})
    ada = chain.register("ada")
    chain.govern(DeactivateDid(ada.did, 1), approvers=2)
    assert chain.get(DidRecord, ada.did).deactivated_at is not None
    result = chain.send(chain.governors[1], DeactivateDid(chain.governors[1].did, 1))
    assert result.code == ResultCode.GOVERNANCE_PROTECTED
    wide = ScriptedChain(2)
    wide.do(wide.governors[1], DeactivateDid(wide.governors[1].did, 1))
    assert wide.get(RoleRecord, wide.governors[1].did).roles == ()
    last = wide.send(wide.governor, DeactivateDid(wide.governor.did, 1))
    assert last.code == ResultCode.GOVERNANCE_PROTECTED


# --- Names ---------------------------------------------------------------------------------------


@clause("OP-10", "ST-06")
def test_an_organisation_is_named_by_itself_with_endorsement_or_by_a_registrar(
    chain: ScriptedChain,
) -> None:
    ada, bob = chain.register("ada"), chain.register("bob")
    chain.do(ada, NameOrganisation(ada.did, "示例大學"), endorser=chain.governor)
    assert chain.get(OrganisationRecord, ada.did).name == "示例大學"
    chain.govern(GrantRole(bob.did, Role.ISSUER))
    own = NameOrganisation(bob.did, "Bob's Ministry")
    assert chain.send(bob, own).code == ResultCode.NOT_PERMITTED
    other = chain.send(bob, NameOrganisation(ada.did, "Not Ada"), endorser=chain.governor)
    assert other.code == ResultCode.NOT_PERMITTED
    chain.do(chain.governor, own)
    chain.govern(NameOrganisation(bob.did, "Bob's School"))
    chain.govern(GrantRole(ada.did, Role.REGISTRAR))
    chain.do(ada, NameOrganisation(bob.did, "Bob's"))
    assert chain.get(OrganisationRecord, bob.did).version.number == 3
    assert chain.get(IndexRecord, "organisations").count == 3  # with the first governor


@clause("OP-10")
def test_a_name_is_refused(chain: ScriptedChain) -> None:
    ada = chain.register("ada")
    chain.do(chain.governor, NameOrganisation(ada.did, "Ada's"))
    cases = {
        "of a DID that is not there": (person("eve").did, "Eve's", ResultCode.DID_UNKNOWN),
        "that is empty": (ada.did, "", ResultCode.FIELD_INVALID),
        "that is blank": (ada.did, "  ", ResultCode.FIELD_INVALID),
        "with a blank at its end": (ada.did, "Ada ", ResultCode.FIELD_INVALID),
        "that it has": (ada.did, "Ada's", ResultCode.NO_CHANGE),
    }
    for name, (did, text, code) in cases.items():
        assert chain.send(chain.governor, NameOrganisation(did, text)).code == code, name
