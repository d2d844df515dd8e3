"""Status lists that cannot be published: seen by everybody, one keeps no other from its turn."""

from __future__ import annotations

import logging

import pytest

from tests.apps.issuer.support import people, rows_csv
from tests.apps.issuer.test_api import Program
from tests.support.clauses import clause
from weid.errors import RegistryUnavailableError, TransactionRejectedError
from weid.registry.codes import ResultCode

WORDS = ResultCode.KEY_NOT_IN_FORCE.sentence


class Gate:
    """Stands before the registry: refuses lists, all or some, or does not answer."""

    def __init__(self, office, monkeypatch):
        self.refused = lambda _: False
        self.away = False
        self.asked = []
        self._pass = office.agency.publish_status
        monkeypatch.setattr(office.agency, "publish_status", self._publish)

    def _publish(self, content):
        self.asked.append(content.uri)
        if self.away:
            raise RegistryUnavailableError("away")
        if self.refused(content.uri):
            raise TransactionRejectedError(WORDS, code=ResultCode.KEY_NOT_IN_FORCE)
        return self._pass(content)

    def refuse_all(self):
        self.refused = lambda _: True

    def open(self):
        self.refused, self.away = (lambda _: False), False


@pytest.fixture
def gate(office, monkeypatch):
    office.issue(rows_csv(*people(2)))
    office.first, office.second = (row["id"] for row in office.certificates())
    return Gate(office, monkeypatch)


def change(office, action="revoke", *, certificate_id=None, version=1, reason="key_lost"):
    office.services.certificates.change(
        office.person,
        certificate_id or office.first,
        action,
        expected_version=version,
        reason=reason,
        note="",
    )


def ready(office):
    answer = office.browser().get("/readyz")
    return answer.status_code, answer.json["checks"]["status_lists"]


@clause("S18")
@pytest.mark.parametrize("login", ["officer", "approver", "auditor", "admin"])
def test_a_list_that_is_refused_is_on_the_start_page_and_in_readiness(office, gate, login):
    assert ready(office) == (200, True)
    gate.refuse_all()
    change(office)
    office.job.run_once()
    assert ready(office) == (503, False)
    browser = office.browser(login)
    page = browser.get("/").text
    assert "Status lists cannot be published" in page
    assert WORDS in page
    browser.client.set_cookie("weid-language", "zh_Hant", domain="issuer.example")
    assert "狀態清單無法發佈" in browser.get("/").text
    gate.open()
    office.job.run_once()
    assert ready(office) == (200, True)
    assert WORDS not in browser.get("/").text


@pytest.mark.parametrize(
    ("deeds", "says", "says_in_chinese"),
    [
        (["revoke"], "Revoked here, not yet published", "已在此撤銷"),
        (["suspend"], "Suspended here, not yet published", "已在此暫停"),
        (["suspend", "reinstate"], "Reinstated here, not yet published", "已在此恢復"),
    ],
)
def test_the_certificates_page_does_not_promise_what_is_not_so(
    office, gate, deeds, says, says_in_chinese
):
    gate.refuse_all()
    for version, deed in enumerate(deeds, start=1):
        reason = "review_ended" if deed == "reinstate" else "key_lost"
        change(office, deed, version=version, reason=reason)
    office.job.run_once()
    browser = office.browser("officer")
    path = f"/certificates/{office.first}?notice=changed"
    page = browser.get(path).text
    assert says in page
    assert WORDS in page
    assert "Within a minute" not in page
    other = browser.get(f"/certificates/{office.second}?notice=changed").text
    assert "not yet published" not in other
    assert "Within a minute" in other
    assert WORDS in browser.get(f"/certificates/{office.second}/revoke").text
    browser.client.set_cookie("weid-language", "zh_Hant", domain="issuer.example")
    assert says_in_chinese in browser.get(path).text
    gate.open()
    office.job.run_once()
    assert WORDS not in browser.get(path).text
    assert WORDS not in browser.get(f"/certificates/{office.second}/revoke").text


def test_the_api_says_whether_a_change_is_published_and_why_not(office, gate):
    officer = Program(office, "officer")
    path = f"certificates/{office.first}"
    said = {"version": 1, "reason": "under_review"}
    gate.refuse_all()
    changed = officer.post(f"{path}/suspend", said).json
    assert (changed["status"], changed["published"]) == ("suspended", False)
    assert (changed["publishing_trouble"], changed["unpublished_since"]) == (
        "",
        changed["events"][-1]["at"],
    )
    office.clock.advance(60)
    office.job.run_once()
    found = officer.get(path).json
    assert (found["published"], found["publishing_trouble"]) == (False, WORDS)
    assert found["unpublished_since"] == changed["unpublished_since"]
    other = officer.get(f"certificates/{office.second}").json
    assert (other["published"], other["publishing_trouble"]) == (True, "")
    gate.open()
    office.job.run_once()
    found = officer.get(path).json
    assert (found["published"], found["publishing_trouble"], found["unpublished_since"]) == (
        True,
        "",
        None,
    )


def two_lists(office):
    """Give the second certificate a list of its own, and change both."""
    with office.database.write():
        office.database.execute("UPDATE status_lists SET used = size / 2")
    office.issue(rows_csv(*people(1, start=10)))
    rows = office.database.query("SELECT id, list_id FROM certificates")
    first = next(row for row in rows if row["id"] == office.first)
    new = next(row for row in rows if row["list_id"] != first["list_id"])
    change(office)
    change(office, certificate_id=new["id"])
    lists = office.database.query("SELECT id, uri FROM status_lists")
    uris = {row["id"]: row["uri"] for row in lists}
    return uris[first["list_id"]], uris[new["list_id"]]


def waiting(office):
    rows = office.database.query("SELECT uri FROM status_lists WHERE changed_at IS NOT NULL")
    return {row["uri"] for row in rows}


@pytest.mark.parametrize("which", [0, 1])
def test_a_list_that_is_refused_does_not_stop_the_others(office, gate, which):
    refused = two_lists(office)[which]
    gate.refused = refused.__eq__
    office.job.run_once()
    assert waiting(office) == {refused}
    assert office.job.last_trouble == WORDS


def test_a_registry_that_does_not_answer_is_asked_once_and_every_waiting_list_says_so(office, gate):
    both = set(two_lists(office))
    gate.away = True
    gate.asked.clear()
    office.job.run_once()
    assert len(gate.asked) == 1
    assert waiting(office) == both
    rows = office.database.query("SELECT trouble FROM status_lists")
    assert [row["trouble"] for row in rows] == ["away", "away"]


def test_the_time_is_that_of_the_oldest_change_that_is_not_seen(office, gate):
    change(office)
    begun = office.clock.now()
    office.clock.advance(30)
    gate.away = True
    office.job.run_once()
    office.clock.advance(30)
    gate.open()
    gate.refuse_all()
    office.job.run_once()
    (found,) = office.services.status_lists.unpublished(office.person)
    assert (found.trouble, found.since) == (WORDS, begun)


def test_what_lasts_is_logged_when_it_begins_and_when_it_ends(office, gate, caplog):
    caplog.set_level(logging.INFO, logger="issuer_app.job")
    gate.refuse_all()
    change(office)
    for _ in range(4):
        office.job.run_once()
    gate.open()
    for _ in range(3):
        office.job.run_once()
    said = [(one.levelname, one.getMessage()) for one in caplog.records if "status" in one.message]
    assert said == [
        ("WARNING", f"status lists waits: {WORDS}"),
        ("INFO", "status lists: goes on again"),
    ]
    audit = office.services.audit.page(office.person)
    assert [one["action"] for one in audit].count("status_list_not_published") == 1


def test_another_trouble_is_another_line(office, gate, caplog):
    gate.refuse_all()
    change(office)
    office.job.run_once()
    gate.away = True
    office.job.run_once()
    said = [one.getMessage() for one in caplog.records if one.name == "issuer_app.job"]
    assert said == [f"status lists waits: {WORDS}", "status lists waits: away"]


def test_another_organisations_lists_are_not_shown(office, gate):
    gate.refuse_all()
    change(office)
    office.job.run_once()
    other = type(office.person)("", "0" * 32, "", "other", frozenset())
    assert office.services.home.of(other).unpublished_lists == []
