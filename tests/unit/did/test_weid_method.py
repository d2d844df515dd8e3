"""did:weid: records rendered as documents, with keys in force at the time that is asked for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.clauses import clause
from weid.crypto.keys import KeyKind, PrivateKey
from weid.did.document import Relationship
from weid.did.document_reader import parse_did_document
from weid.did.methods.weid import WeidMethod, render_document
from weid.did.resolver import DidResolution, ResolutionFault, UniversalResolver
from weid.did.syntax import weid_did
from weid.encoding import json_dumps
from weid.errors import NotFoundError, ProofError, RegistryUnavailableError
from weid.registry.operations import Inception, KeyPurpose, NewService
from weid.registry.records import DidRecord, RegisteredKey, Version

SEED = bytes(range(32))
ED = PrivateKey.from_seed(SEED).public
EC = PrivateKey.from_seed(SEED, KeyKind.P256).public
DH = PrivateKey.from_seed(SEED, KeyKind.X25519).public
DID = weid_did(Inception("testnet", (ED.raw,), 1, b"", (), bytes(16)))
CREATED = 1_782_820_800  # 2026-06-30T12:00:00Z


def key(name, public, purposes, *, start=CREATED, retired=None, compromised=None):
    return RegisteredKey(name, public.to_multicodec(), purposes, start, retired, compromised)


FIRST = DidRecord(
    did=DID,
    controllers=(ED.raw,),
    threshold=1,
    next_keys=b"",
    recovery_keys=(),
    keys=(
        key("control-1", ED, (KeyPurpose.AUTHENTICATION,)),
        key("sign-1", EC, (KeyPurpose.ASSERTION,)),
        key("agree-1", DH, (KeyPurpose.KEY_AGREEMENT,)),
    ),
    services=(NewService("status", "StatusLists", "https://issuer.example/status"),),
    created=CREATED,
    deactivated_at=None,
    version=Version(1, 10, CREATED),
)
# At +100 a second signing key comes; at +200 the first is retired; at +300 the DID ends.
SECOND = replace(
    FIRST,
    keys=(*FIRST.keys, key("sign-2", ED, (KeyPurpose.ASSERTION,), start=CREATED + 100)),
    version=Version(2, 20, CREATED + 100, b"\x01" * 32),
)
THIRD = replace(
    SECOND,
    keys=tuple(
        replace(each, retired_at=CREATED + 200) if each.id == "sign-1" else each
        for each in SECOND.keys
    ),
    version=Version(3, 30, CREATED + 200, b"\x02" * 32),
)
ENDED = replace(
    THIRD, deactivated_at=CREATED + 300, version=Version(4, 40, CREATED + 300, b"\x03" * 32)
)


class Records:
    """A source of the versions of one DID."""

    def __init__(self, *versions: DidRecord, network: str = "testnet") -> None:
        self.network = network
        self._versions = versions

    def did(self, did, *, version=None, at_time=None):
        known = [each for each in self._versions if each.did == did]
        if version is not None:
            known = [each for each in known if each.version.number == version]
        if at_time is not None:
            known = [each for each in known if each.version.time <= at_time]
        return known[-1] if known else None


def resolve(records: Records, text: str) -> DidResolution:
    return UniversalResolver({"weid": WeidMethod([records])}).resolve(text)


def asserting(resolution: DidResolution) -> list[str]:
    assert resolution.document is not None
    return [each.fragment for each in resolution.document.methods_for(Relationship.ASSERTION)]


@clause("DW-12", "DW-14")
def test_a_record_is_rendered_as_a_document():
    resolution = resolve(Records(FIRST), DID)
    assert resolution.require().to_json() == {
        "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"],
        "id": DID,
        "verificationMethod": [
            {
                "id": f"{DID}#{name}",
                "type": "Multikey",
                "controller": DID,
                "publicKeyMultibase": public.to_multikey(),
            }
            for name, public in (("control-1", ED), ("sign-1", EC), ("agree-1", DH))
        ],
        "authentication": [f"{DID}#control-1"],
        "assertionMethod": [f"{DID}#sign-1"],
        "keyAgreement": [f"{DID}#agree-1"],
        "service": [
            {
                "id": f"{DID}#status",
                "type": "StatusLists",
                "serviceEndpoint": "https://issuer.example/status",
            }
        ],
    }
    assert resolution.to_json()["didResolutionMetadata"] == {
        "contentType": "application/did+ld+json"
    }


@clause("DW-12")
def test_the_rendered_document_passes_our_own_reader():
    document = render_document(THIRD, at_time=CREATED + 200)
    written = json_dumps(document.to_json())
    again = parse_did_document(written, expected_did=DID, at_time=CREATED + 200)
    assert again == document


@clause("DW-13")
def test_keys_are_in_force_inside_their_windows_only():
    records = Records(FIRST, SECOND, THIRD)
    expected = {
        0: ["sign-1"],
        99: ["sign-1"],
        100: ["sign-1", "sign-2"],
        199: ["sign-1", "sign-2"],
        200: ["sign-2"],
        10_000: ["sign-2"],
    }
    for after, names in expected.items():
        time = f"2026-06-30T{12 + after // 3600:02}:{after // 60 % 60:02}:{after % 60:02}Z"
        assert asserting(resolve(records, f"{DID}?versionTime={time}")) == names


@clause("DW-13")
def test_a_key_out_of_force_stays_named_with_its_end():
    document = resolve(Records(FIRST, SECOND, THIRD), DID).require()
    retired = document.method("#sign-1")
    assert retired is not None
    assert retired.to_json()["revoked"] == "2026-06-30T12:03:20Z"
    assert document.method_for("#sign-1", Relationship.ASSERTION) is None


@clause("DW-13")
def test_an_old_version_does_not_bring_a_compromised_key_back():
    marked = replace(
        THIRD,
        keys=tuple(
            replace(each, compromised_since=CREATED + 50) if each.id == "sign-1" else each
            for each in THIRD.keys
        ),
        version=Version(4, 40, CREATED + 300),
    )
    records = Records(FIRST, SECOND, THIRD, marked)
    assert asserting(resolve(records, f"{DID}?versionId=2")) == ["sign-2"]
    assert asserting(resolve(records, f"{DID}?versionTime=2026-06-30T12:00:50Z")) == []
    assert asserting(resolve(records, f"{DID}?versionTime=2026-06-30T12:00:49Z")) == ["sign-1"]


@clause("DW-15")
def test_metadata_tells_where_a_version_stands():
    records = Records(FIRST, SECOND, THIRD)
    assert resolve(records, DID).document_metadata.to_json() == {
        "created": "2026-06-30T12:00:00Z",
        "updated": "2026-06-30T12:03:20Z",
        "versionId": "3",
    }
    assert resolve(records, f"{DID}?versionId=1").document_metadata.to_json() == {
        "created": "2026-06-30T12:00:00Z",
        "nextUpdate": "2026-06-30T12:01:40Z",
        "versionId": "1",
        "nextVersionId": "2",
    }
    at_time = resolve(records, f"{DID}?versionTime=2026-06-30T12:02:00Z#sign-2")
    assert at_time.document_metadata.version_id == "2"


@clause("DW-11", "R23")
def test_a_deactivated_did_has_no_document_but_its_history():
    records = Records(FIRST, SECOND, THIRD, ENDED)
    ended = resolve(records, DID)
    assert ended.document is None
    assert ended.to_json() == {
        "didDocument": None,
        "didDocumentMetadata": {
            "created": "2026-06-30T12:00:00Z",
            "updated": "2026-06-30T12:05:00Z",
            "versionId": "4",
            "deactivated": True,
        },
        "didResolutionMetadata": {"contentType": "application/did+ld+json"},
    }
    with pytest.raises(NotFoundError, match="deactivated"):
        ended.require()
    assert resolve(records, f"{DID}?versionTime=2030-01-01T00:00:00Z").document is None
    before = resolve(records, f"{DID}?versionId=3")
    assert asserting(before) == ["sign-2"]
    assert before.document_metadata.deactivated


OTHER = weid_did(Inception("testnet", (ED.raw,), 1, b"", (), b"\x01" * 16))
FAULTS = {
    "not registered": (OTHER, ResolutionFault.NOT_FOUND),
    "another network": (DID.replace("testnet", "othernet"), ResolutionFault.NOT_FOUND),
    "a version that is not there yet": (f"{DID}?versionId=4", ResolutionFault.NOT_FOUND),
    "before it was created": (
        f"{DID}?versionTime=2026-06-30T11:59:59Z",
        ResolutionFault.NOT_FOUND,
    ),
    "version zero": (f"{DID}?versionId=0", ResolutionFault.INVALID_DID_URL),
    "a version with a leading zero": (f"{DID}?versionId=01", ResolutionFault.INVALID_DID_URL),
    "a version in words": (f"{DID}?versionId=one", ResolutionFault.INVALID_DID_URL),
    "a version of 5,000 digits": (f"{DID}?versionId={'1' * 1000}", ResolutionFault.INVALID_DID_URL),
    "a time with an offset": (
        f"{DID}?versionTime=2026-06-30T12:00:00%2B02:00",
        ResolutionFault.INVALID_DID_URL,
    ),
    "a version by number and by time": (
        f"{DID}?versionId=1&versionTime=2026-06-30T12:00:00Z",
        ResolutionFault.INVALID_DID_URL,
    ),
    "a parameter that is not known": (f"{DID}?hl=zQm", ResolutionFault.FEATURE_NOT_SUPPORTED),
    "another spelling": (DID.replace("testnet", "TESTNET"), ResolutionFault.INVALID_DID),
    "no DID": ("weid:testnet", ResolutionFault.INVALID_DID),
    "no DID URL": (f"{DID}#", ResolutionFault.INVALID_DID_URL),
    "a method that is not in the table": ("did:example:1", ResolutionFault.METHOD_NOT_SUPPORTED),
}


@clause("DW-09", "DW-16", "R26")
@pytest.mark.parametrize(("text", "fault"), FAULTS.values(), ids=FAULTS)
def test_what_does_not_resolve_says_why(text, fault):
    resolution = resolve(Records(FIRST, SECOND, THIRD), text)
    assert resolution.document is None
    assert resolution.resolution_metadata.error is fault
    assert resolution.to_json()["didResolutionMetadata"] == {
        "error": fault.value,
        "message": resolution.resolution_metadata.message,
    }
    with pytest.raises(NotFoundError):
        resolution.require()


@clause("DW-10")
@pytest.mark.parametrize("error", [RegistryUnavailableError("down"), ProofError("unproved")])
def test_that_nothing_can_be_known_is_raised_and_never_an_answer(error):
    class Silent(Records):
        def did(self, did, *, version=None, at_time=None):
            raise error

    with pytest.raises(type(error)):
        resolve(Silent(), DID)


def test_each_network_has_one_source():
    two = WeidMethod([Records(FIRST), Records(network="othernet")])
    assert UniversalResolver({"weid": two}).resolve(DID).document is not None
    with pytest.raises(ValueError, match="one network"):
        WeidMethod([Records(FIRST), Records(THIRD)])


@clause("DW-08", "DW-12", "R15")
def test_a_purpose_that_a_key_cannot_serve_is_not_rendered():
    odd = replace(
        FIRST,
        keys=(
            key("x", DH, (KeyPurpose.ASSERTION, KeyPurpose.AUTHENTICATION)),
            key("y", ED, (KeyPurpose.KEY_AGREEMENT,)),
        ),
    )
    assert render_document(odd, at_time=CREATED).relationships == {}


@clause("DW-08", "DW-16")
def test_a_record_with_a_key_that_we_do_not_know_does_not_resolve():
    odd = replace(
        FIRST, keys=(RegisteredKey("k", b"\xe7\x01" + bytes(33), (KeyPurpose.ASSERTION,), CREATED),)
    )
    fault = resolve(Records(odd), DID).resolution_metadata.error
    assert fault is ResolutionFault.INVALID_DID
