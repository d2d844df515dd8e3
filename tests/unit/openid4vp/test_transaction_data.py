"""Transaction data: asked by the verifier, shown and signed by the wallet, checked again."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from tests.support.clauses import clause
from tests.unit.openid4vp.asking import Desk
from weid.credential.key_binding import create_key_binding
from weid.crypto.signer import InMemorySigner
from weid.encoding import JsonObject, JsonValue, base64url_encode, json_dumps
from weid.errors import CannotDiscloseError, MalformedError, ProtocolError
from weid.holder import Holder
from weid.openid4vp.dcql import DcqlQuery
from weid.openid4vp.transaction_types import (
    AGREEMENT,
    KNOWN_TYPES,
    TransactionType,
    describe_transactions,
    parse_transaction_types,
)
from weid.openid4vp.transaction_types import PAYMENT as PAYMENT_TYPE
from weid.verification.request import PresentationRequest
from weid.verification.transaction_data import (
    MAX_BYTES,
    TransactionData,
    binding_claims,
    parse_transaction_data,
)

PAYMENT = TransactionData.create("payment", ["diploma"], {"payee": "Library", "cents": 250})
SECOND = TransactionData.create(
    "payment", ["diploma"], {"transaction_data_hashes_alg": ["sha-512", "sha-256"]}
)
KNOWN = {"payment": TransactionType("A payment", {"payee": "To", "cents": "Cents"})}


def request_of(desk: Desk, *entries: TransactionData) -> PresentationRequest:
    begun = desk.begin(transactions=entries, encrypted=False)
    return desk.wallet.read_request(begun.link).request


def present(desk: Desk, request: PresentationRequest, *agreed: TransactionData) -> str:
    return Holder.present(
        desk.world.credential,
        request,
        signer=InMemorySigner(desk.world.holder),
        clock=desk.world.clock,
        agreed_to=agreed,
    )


def code(desk: Desk, text: str, request: PresentationRequest) -> str:
    """Return how the verifier's check of the binding to the request ended."""
    verifier = desk.world.verifier().named(request.audience)
    report = verifier.verify(text, request)
    check = report.check("request_binding")
    assert check is not None
    if check.passed:
        whole = verifier.verify_answer({"diploma": [text]}, replace(request, nonce=request.nonce))
        assert [problem.code for problem in whole.problems] == ["already_used"]
    return check.reason.code


@clause("PP-50", "PP-51", "PP-52")
@pytest.mark.parametrize("entries", [(PAYMENT,), (PAYMENT, SECOND), (SECOND,)])
def test_an_agreed_transaction_is_accepted(entries: tuple[TransactionData, ...]):
    desk = Desk()
    begun = desk.begin(transactions=entries)
    asked = desk.wallet.read_request(begun.link)
    assert asked.request.transaction_data == entries
    text = present(desk, asked.request, *asked.request.transaction_data)
    assert desk.wallet.answer(asked, {"diploma": [text]}) is None
    assert desk.state(begun)["state"] == "answered"


@clause("PP-51")
def test_the_hash_is_of_the_text_as_it_travels():
    expected = base64url_encode(hashlib.sha256(PAYMENT.text.encode()).digest())
    assert binding_claims([PAYMENT]) == {"transaction_data_hashes": [expected]}
    assert binding_claims([]) == {}
    assert binding_claims([SECOND])["transaction_data_hashes_alg"] == "sha-256"


def bind(desk: Desk, request: PresentationRequest, claims: JsonObject) -> str:
    shown = desk.world.present(replace(request, transaction_data=()))
    shown = shown[: shown.rindex("~") + 1]
    return shown + create_key_binding(
        shown,
        audience=request.audience,
        nonce=request.nonce,
        signer=InMemorySigner(desk.world.holder),
        clock=desk.world.clock,
        further=claims,
    )


GOOD = binding_claims([PAYMENT])
GOOD_HASH = PAYMENT.hash("sha-256")
OTHER_HASH = SECOND.hash("sha-256")
BINDINGS: dict[str, JsonObject] = {
    "no hash": {},
    "no hashes in the array": {"transaction_data_hashes": []},
    "a hash as text": {"transaction_data_hashes": GOOD_HASH},
    "hashes of numbers": {"transaction_data_hashes": [1]},
    "another hash": {"transaction_data_hashes": [OTHER_HASH]},
    "another hash beside it": {"transaction_data_hashes": [GOOD_HASH, OTHER_HASH]},
    "the hash twice": {"transaction_data_hashes": [GOOD_HASH, GOOD_HASH]},
    "the hash in hexadecimal": {
        "transaction_data_hashes": [hashlib.sha256(PAYMENT.text.encode()).hexdigest()]
    },
    "another function": {
        "transaction_data_hashes": [PAYMENT.hash("sha-512")],
        "transaction_data_hashes_alg": "sha-512",
    },
    "an unknown function": {**GOOD, "transaction_data_hashes_alg": "md5"},
    "a function as a list": {**GOOD, "transaction_data_hashes_alg": ["sha-256"]},
}


@clause("PP-51", "V15")
@pytest.mark.parametrize("claims", BINDINGS.values(), ids=BINDINGS.keys())
def test_a_key_binding_agrees_to_nothing_with(claims: JsonObject):
    desk = Desk()
    request = request_of(desk, PAYMENT)
    assert code(desk, bind(desk, request, claims), request) == "transaction_not_agreed"
    assert code(desk, bind(desk, request, GOOD), request) == "request_binding_agreed"


@clause("PP-51", "V15")
def test_a_function_that_the_request_names_must_be_named_in_the_answer():
    desk = Desk()
    request = request_of(desk, SECOND)
    hashes: list[JsonValue] = [OTHER_HASH]
    silent: JsonObject = {"transaction_data_hashes": hashes}
    assert code(desk, bind(desk, request, silent), request) == "transaction_not_agreed"
    named: JsonObject = {**silent, "transaction_data_hashes_alg": "sha-256"}
    assert code(desk, bind(desk, request, named), request) == "request_binding_agreed"
    longer: JsonObject = {
        "transaction_data_hashes": [SECOND.hash("sha-512")],
        "transaction_data_hashes_alg": "sha-512",
    }
    assert code(desk, bind(desk, request, longer), request) == "request_binding_agreed"


@clause("PP-51", "V15")
def test_one_of_several_credentials_agrees_and_none_for_another():
    desk = Desk(accept_unlinked_credentials=True)
    second = desk.asked("name")
    query = DcqlQuery.from_json(
        {"credentials": [desk.asked("name"), {**second, "id": "other"}, {**second, "id": "third"}]}
    )
    either = TransactionData.create("payment", ["diploma", "other"], {"payee": "x", "cents": 1})

    def answer(**agreeing: tuple[TransactionData, ...]) -> str:
        begun = desk.endpoints.begin(query, transactions=(either,), encrypted=False)
        asked = desk.wallet.read_request(begun.link)
        shown = replace(asked.request, transaction_data=())
        parts: dict[str, list[str]] = {}
        for query_id in ("diploma", "other", "third"):
            credential = desk.world.issue()
            plain = Holder.present(
                credential,
                shown,
                signer=InMemorySigner(desk.world.holder),
                clock=desk.world.clock,
                query_id=query_id,
            )
            plain = plain[: plain.rindex("~") + 1]
            parts[query_id] = [
                plain
                + create_key_binding(
                    plain,
                    audience=shown.audience,
                    nonce=shown.nonce,
                    signer=InMemorySigner(desk.world.holder),
                    clock=desk.world.clock,
                    further=binding_claims(agreeing.get(query_id, ())),
                )
            ]
        try:
            desk.wallet.answer(asked, parts)
        except ProtocolError:
            report = desk.state(begun)["report"]
            return json_dumps(report).decode()
        return "accepted"

    assert answer(diploma=(either,)) == answer(other=(either,)) == "accepted"
    assert "transaction_not_agreed" in answer()
    assert "transaction_not_agreed" in answer(third=(either,))
    assert "transaction_not_agreed" in answer(diploma=(either,), third=(either,))


@clause("PP-52")
def test_a_wallet_does_not_answer_without_agreement_or_with_another():
    desk = Desk()
    request = request_of(desk, PAYMENT)
    with pytest.raises(CannotDiscloseError, match="agreement"):
        present(desk, request)
    with pytest.raises(CannotDiscloseError, match="no such transaction"):
        present(desk, request, PAYMENT, SECOND)


def encoded(value: JsonValue) -> str:
    return base64url_encode(json_dumps(value))


ENTRIES: dict[str, JsonValue] = {
    "nothing": [],
    "text": "x",
    "a number": [1],
    "no base64url": ["?"],
    "no JSON": [base64url_encode(b"{")],
    "no object": [encoded([])],
    "no type": [encoded({"credential_ids": ["diploma"]})],
    "a type of a number": [encoded({"type": 1, "credential_ids": ["diploma"]})],
    "no credentials": [encoded({"type": "x"})],
    "credentials empty": [encoded({"type": "x", "credential_ids": []})],
    "credentials of numbers": [encoded({"type": "x", "credential_ids": [1]})],
    "functions that nobody has": [
        encoded({"type": "x", "credential_ids": ["a"], "transaction_data_hashes_alg": ["md5"]})
    ],
    "too many": [PAYMENT.text] * 9,
    "too long": ["A" * (MAX_BYTES + 1)],
}


@clause("PP-50", "V14")
@pytest.mark.parametrize("value", ENTRIES.values(), ids=ENTRIES.keys())
def test_transaction_data_are_refused_with(value: JsonValue):
    with pytest.raises(MalformedError):
        parse_transaction_data(value)


@clause("PP-50")
def test_transactions_need_a_credential_of_the_request_with_the_holders_key():
    desk = Desk()
    request = request_of(desk)
    with pytest.raises(MalformedError, match="names no credential"):
        replace(request, transaction_data=(TransactionData.create("x", ["other"], {}),))
    free = desk.query(require_cryptographic_holder_binding=False)
    with pytest.raises(MalformedError, match="names no credential"):
        replace(request, query=free, transaction_data=(PAYMENT,))


def test_transactions_without_a_function_in_common_are_not_signed():
    other = TransactionData.create("x", ["d"], {"transaction_data_hashes_alg": ["sha-512"]})
    with pytest.raises(MalformedError, match="in common"):
        binding_claims([PAYMENT, other])


@clause("PP-53", "V14")
def test_what_a_wallet_knows_it_shows_safely():
    entry = TransactionData.create("payment", ["d"], {"payee": "A\u202eB\n", "cents": 3})
    ((title, payee, cents),) = describe_transactions([entry], KNOWN)
    assert title == "A payment"
    assert "\u202e" not in payee
    assert "\n" not in payee
    assert "3" in cents


UNKNOWN: dict[str, JsonObject] = {
    "a member too many": {"payee": "x", "cents": 1, "more": 1},
    "a member missing": {"payee": "x"},
    "a member of another kind": {"payee": ["x"], "cents": 1},
    "true for a number": {"payee": "x", "cents": True},
}


@clause("PP-53")
@pytest.mark.parametrize("members", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_a_transaction_that_is_not_as_its_type_says_is_refused(members: JsonObject):
    entry = TransactionData.create("payment", ["d"], members)
    with pytest.raises(ProtocolError) as refused:
        describe_transactions([entry], KNOWN)
    assert refused.value.code == "invalid_transaction_data"


@clause("PP-53")
def test_a_transaction_of_an_unknown_type_is_refused():
    with pytest.raises(ProtocolError, match="does not know"):
        describe_transactions([PAYMENT, TransactionData.create("x", ["d"], {})], KNOWN)


# --- Kinds that a wallet is told of ----------------------------------------------------------------

LOAN = {"label": "A loan", "members": {"book": "Book"}}


@clause("PP-85")
def test_kinds_are_read_from_json():
    assert parse_transaction_types({"loan": LOAN}) == {
        "loan": TransactionType("A loan", {"book": "Book"})
    }
    assert set(KNOWN_TYPES) == {AGREEMENT, PAYMENT_TYPE}


@clause("PP-85")
@pytest.mark.parametrize(
    "value",
    [
        {"loan": []},
        {"loan": {"label": "A loan"}},
        {"loan": {**LOAN, "more": 1}},
        {"loan": {**LOAN, "label": ""}},
        {"loan": {**LOAN, "members": {}}},
        {"loan": {**LOAN, "members": {"book": 1}}},
        {"loan": {**LOAN, "members": {f"m{at}": "x" for at in range(33)}}},
        {AGREEMENT: LOAN},
    ],
)
def test_kinds_that_are_none_are_refused(value: JsonObject):
    with pytest.raises(MalformedError):
        parse_transaction_types(value)


@clause("PP-85", "PP-53")
def test_what_is_too_long_to_be_read_is_not_agreed_to():
    whole, longer = (
        TransactionData.create(AGREEMENT, ["diploma"], {"text": "x" * size})
        for size in (1000, 1001)
    )
    ((_, shown),) = describe_transactions([whole], KNOWN_TYPES)
    assert "x" * 1000 in shown
    with pytest.raises(ProtocolError, match="longer than can be shown"):
        describe_transactions([longer], KNOWN_TYPES)
