"""Anchoring: one run that the registry refuses keeps nobody else from his turn, and is seen."""

from __future__ import annotations

import json

import pytest

from issuer_app.services.anchoring import FIRST_WAIT, LONGEST_WAIT
from tests.apps.issuer.support import people, rows_csv
from tests.support.clauses import clause
from weid.crypto.keys import PrivateKey
from weid.errors import RegistryUnavailableError, TransactionRejectedError
from weid.registry.codes import ResultCode

WORDS = ResultCode.FIELD_INVALID.sentence


class Gate:
    """Stands before the registry: refuses some roots, lets the others pass, counts who asks."""

    def __init__(self, office, monkeypatch):
        self.office = office
        self.refused: set[bytes] = set()
        self.refuse_next = False
        self.away = False
        self.asked: list[bytes] = []
        self._pass = office.agency.anchor
        monkeypatch.setattr(office.agency, "anchor", self._anchor)

    def _anchor(self, root, count):
        self.asked.append(root)
        if self.away:
            raise RegistryUnavailableError("away")
        if self.refuse_next:
            self.refused.add(root)
            self.refuse_next = False
        if root in self.refused:
            raise TransactionRejectedError(WORDS, code=ResultCode.FIELD_INVALID)
        self._pass(root, count)


@pytest.fixture
def gate(office, monkeypatch):
    return Gate(office, monkeypatch)


def issue(office, content, *, form="paper"):
    """Upload and issue as far as it goes; return the batch's id."""
    browser = office.browser("officer")
    location = browser.upload(office.template_id, content, form=form).headers["Location"]
    assert browser.issue(location).status_code == 303
    office.job.run_once()
    return location.rsplit("/", 1)[1]


def state(office, batch_id):
    batch = office.database.first("SELECT state, trouble FROM batches WHERE id = ?", (batch_id,))
    return batch["state"], batch["trouble"]


def anchored(office, batch_id):
    """Return for each certificate of a batch whether its root is in the registry."""
    return [
        office.database.value("SELECT anchored_at FROM anchors WHERE id = ?", (row["anchor_id"],))
        is not None
        for row in office.certificates(batch_id)
    ]


@clause("I22")
def test_a_run_that_is_refused_for_good_does_not_stop_the_others(office, gate):
    gate.refuse_next = True
    first = issue(office, rows_csv(*people(2)))
    assert state(office, first) == ("issuing", WORDS)
    second = issue(office, rows_csv(*people(3, start=10)))
    third = issue(office, rows_csv(*people(1, start=20)), form="wallet")
    assert state(office, second) == ("issued", "")
    assert state(office, third) == ("issued", "")
    assert anchored(office, first) == [False] * 2
    assert anchored(office, second) == [True] * 3
    assert state(office, first) == ("issuing", WORDS)


def test_a_run_that_was_written_down_before_a_crash_does_not_stop_the_others_either(office, gate):
    """As the last one, but the refused run is found in the store instead of being made now."""
    key = json.dumps(PrivateKey.generate().public.to_jwk())
    content = rows_csv((*people(1)[0], key), header=("name", "number", "born", "holder_jwk"))
    gate.away = True
    first = issue(office, content, form="wallet")
    gate.away, gate.refuse_next = False, True
    second = issue(office, rows_csv(*people(1, start=10)))
    assert anchored(office, first) == [False]
    assert anchored(office, second) == [True]
    assert state(office, second) == ("issued", "")


def test_a_refused_run_is_tried_again_less_and_less_often_and_done_when_it_is_taken(office, gate):
    gate.refuse_next = True
    batch_id = issue(office, rows_csv(*people(2)))
    root = gate.asked[0]
    wait = FIRST_WAIT
    for _ in range(3):
        asked = len(gate.asked)
        office.clock.advance(wait - 1)
        office.job.run_once()
        assert len(gate.asked) == asked
        office.clock.advance(1)
        office.job.run_once()
        assert gate.asked[asked:] == [root]
        wait *= 2
    gate.refused.clear()
    office.clock.advance(wait)
    office.job.run_once()
    assert state(office, batch_id) == ("issued", "")
    assert anchored(office, batch_id) == [True] * 2
    assert office.services.home.of(office.person).refused_runs == []
    asked = len(gate.asked)
    office.clock.advance(LONGEST_WAIT)
    office.job.run_once()
    assert len(gate.asked) == asked


def test_the_longest_wait_is_an_hour(office, gate):
    gate.refuse_next = True
    issue(office, rows_csv(*people(1)))
    for _ in range(20):
        office.clock.advance(LONGEST_WAIT)
        asked = len(gate.asked)
        office.job.run_once()
        assert len(gate.asked) == asked + 1


def test_a_registry_that_does_not_answer_is_asked_once_in_a_round_and_is_nobodys_trouble(
    office, gate
):
    gate.away = True
    batch_id = issue(office, rows_csv(*people(1)))
    assert state(office, batch_id) == ("issuing", "away")
    assert office.services.home.of(office.person).refused_runs == []
    gate.away = False
    office.job.run_once()
    assert state(office, batch_id) == ("issued", "")


@pytest.mark.parametrize("login", ["officer", "approver", "auditor", "admin"])
def test_the_trouble_is_seen_by_everybody_who_signs_in(office, gate, login, caplog):
    gate.refuse_next = True
    batch_id = issue(office, rows_csv(*people(2)))
    browser = office.browser(login)
    page = browser.get("/").text
    assert "The registry refuses to anchor 2 certificates" in page
    assert WORDS in page
    browser.client.set_cookie("weid-language", "zh_Hant", domain="issuer.example")
    assert "登記冊拒絕錨定 2 份證明" in browser.get("/").text
    said = f"(certificates: 2) is refused, tried again in {FIRST_WAIT} s: {WORDS}"
    assert said in caplog.text
    audit = office.services.audit.page(office.person)
    assert [entry["details"] for entry in audit if entry["action"] == "batch_anchor_refused"] == [
        {"certificates": 2}
    ]
    certificate = office.certificates(batch_id)[0]["id"]
    officer = office.browser("officer")
    assert WORDS in officer.get(f"/certificates/{certificate}").text
    assert WORDS in officer.get(f"/batches/{batch_id}").text


def test_one_refusal_is_one_entry_in_the_log_however_often_it_is_repeated(office, gate):
    gate.refuse_next = True
    issue(office, rows_csv(*people(1)))
    for _ in range(5):
        office.clock.advance(LONGEST_WAIT)
        office.job.run_once()
    audit = office.services.audit.page(office.person)
    assert len([one for one in audit if one["action"] == "batch_anchor_refused"]) == 1


def test_another_organisations_trouble_is_not_shown(office, gate):
    gate.refuse_next = True
    issue(office, rows_csv(*people(1)))
    other = type(office.person)("", "0" * 32, "", "other", frozenset())
    assert office.services.home.of(other).refused_runs == []


def offered_to_wallets(office, count):
    """Issue certificates that wait for their wallets; return their ids."""
    batch_id = issue(office, rows_csv(*people(count)), form="wallet")
    return [row["id"] for row in office.certificates(batch_id)]


def sign(office, certificate_id):
    """Sign a certificate for a wallet that has come; it is not anchored yet."""
    key = PrivateKey.generate().public
    office.services.wallets._signing.redeem(
        certificate_id, "residence-test_1", (key,), issuance_id="of-a-wallet"
    )


def test_who_waited_for_another_run_finds_its_own_done_and_asks_nobody(office, gate):
    anchoring = office.services.wallets._anchoring
    first, second = offered_to_wallets(office, 2)
    sign(office, first)
    sign(office, second)
    anchoring.run_for([first])
    assert len(gate.asked) == 1
    assert anchoring.anchor_of(second) is not None
    late = offered_to_wallets(office, 1)[0]
    sign(office, late)
    anchoring.run_for([second])
    assert len(gate.asked) == 1
    assert anchoring.anchor_of(late) is None
    anchoring.run_for([second, late])
    assert len(gate.asked) == 2
    assert anchoring.anchor_of(late) is not None


def test_a_wallet_does_not_wait_for_what_is_signed_while_its_own_is_anchored(
    office, gate, monkeypatch
):
    anchoring = office.services.wallets._anchoring
    first, *others = offered_to_wallets(office, 3)
    sign(office, first)
    pass_on = office.agency.anchor

    def anchor_while_others_come(root, count):
        sign(office, others.pop())
        pass_on(root, count)

    monkeypatch.setattr(office.agency, "anchor", anchor_while_others_come)
    anchoring.run_for([first])
    assert len(gate.asked) == 1
    assert len(others) == 1
    assert anchoring.anchor_of(first) is not None
