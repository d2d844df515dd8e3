"""Commands of `weid issuer` that wait for the application: never without end, and told plainly."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from weid.cli import issuer_access
from weid.cli.failures import UNDETERMINED, exit_code_of
from weid.cli.issuer_batches import issue
from weid.cli.issuer_certificates import reinstate, revoke, suspend
from weid.cli.output import Session
from weid.cli.patience import Patience, StillWaitingError
from weid.clock import FixedClock
from weid.errors import TransportError

WHY = "The transaction is signed by a key that is retired or marked."
AFTER = {"revoke": "revoked", "suspend": "suspended", "reinstate": "valid"}


class Application:
    """Answers as an application does; changes are published after so many looks."""

    def __init__(self):
        self.looks_until_published = {}
        self.trouble = ""
        self.dead = False
        self.looks = []
        self.status = {}
        self.progress = {"done": 0, "total": 2, "trouble": ""}
        self.state = "approved"

    def get(self, kind, name, **_):
        if kind == "batches":
            self.looks.append(name)
            return self._batch()
        if name in self.status:
            self.looks.append(name)
            if self.dead:
                raise TransportError("away")
        return self._certificate(name)

    def change(self, kind, name, action, *, body):
        assert kind == "certificates"
        assert body["version"] == 1
        self.status[name] = AFTER[action]
        return self._certificate(name)

    def send_file(self, *_, **__):
        return self._batch()

    def _certificate(self, name):
        most = self.looks_until_published.get(name)
        changed = name in self.status
        published = not changed or (most is not None and self.looks.count(name) >= most)
        return {
            "id": name,
            "label": "Person",
            "version": 1,
            "status": self.status.get(name, "valid"),
            "published": published,
            "publishing_trouble": "" if published else self.trouble,
        }

    def _batch(self):
        return {
            "id": "b1",
            "state": self.state,
            "sent_at": "2026-01-01T00:00:00Z",
            "trouble": self.progress["trouble"],
            "progress": self.progress,
        }


class Desk:
    """Types commands against an application; a pause moves the clock and takes no time."""

    def __init__(self, folder, monkeypatch):
        self.app = Application()
        self.clock = FixedClock(1_000)
        self.pauses = []
        self.folder = folder
        monkeypatch.setattr(
            issuer_access, "find_access", lambda *_, **__: SimpleNamespace(open=lambda: self.app)
        )

    def __call__(self, command, *words, **options):
        session = Session(home=self.folder, clock=self.clock, sleep=self.pauses.append, **options)
        return CliRunner().invoke(command, list(words), obj=session)


@pytest.fixture
def desk(tmp_path, monkeypatch):
    return Desk(tmp_path, monkeypatch)


def test_a_change_that_is_published_is_waited_for_and_nothing_more_is_said(desk):
    desk.app.looks_until_published = {"c1": 3}
    done = desk(revoke, "c1", "--reason", "data_wrong", "-y")
    assert done.exit_code == 0, done.output
    assert len(desk.pauses) == 2
    assert "not yet published" not in done.output
    assert "c1  revoked" in done.stdout


@pytest.mark.parametrize(
    ("command", "reason", "says"),
    [
        (revoke, "data_wrong", "revoked"),
        (suspend, "key_lost", "suspended"),
        (reinstate, "mistake", "reinstated"),
    ],
)
def test_a_change_that_is_not_published_is_told_with_the_reason(desk, command, reason, says):
    desk.app.trouble = WHY
    done = desk(command, "c1", "--reason", reason, "-y")
    assert done.exit_code == 0, done.output
    assert sum(desk.pauses) == pytest.approx(60)
    assert f"{says}; not yet published: {WHY}" in done.stderr
    assert "Verifiers see the status of before" in done.stderr
    assert f"not yet published: {WHY}" in done.stdout


def test_quiet_still_has_it_on_the_table(desk):
    desk.app.trouble = WHY
    done = desk(revoke, "c1", "--reason", "data_wrong", "-y", quiet=True)
    assert (done.exit_code, done.stderr) == (0, "")
    assert f"not yet published: {WHY}" in done.stdout


def test_the_time_is_that_of_all_certificates_and_each_is_looked_at(desk):
    desk.app.trouble = WHY
    desk.app.looks_until_published = {"c2": 1}
    words = ("c1", "c2", "c3", "--reason", "data_wrong", "-y", "--wait", "10")
    done = desk(revoke, *words, as_json=True)
    assert done.exit_code == 0, done.output
    assert sum(desk.pauses) == pytest.approx(10)
    found = json.loads(done.stdout)
    assert [(one["id"], one["published"], one["publishing_trouble"]) for one in found] == [
        ("c1", False, WHY),
        ("c2", True, ""),
        ("c3", False, WHY),
    ]


def test_without_waiting_the_first_look_counts(desk):
    done = desk(revoke, "c1", "--reason", "data_wrong", "-y", "--wait", "0")
    assert (done.exit_code, desk.pauses, desk.app.looks) == (0, [], ["c1"])
    assert "revoked; not yet published: the application is at it" in done.stderr


def test_an_application_that_goes_away_meanwhile_makes_no_failure_of_the_change(desk):
    desk.app.dead = True
    done = desk(revoke, "c1", "--reason", "data_wrong", "-y")
    assert (done.exit_code, desk.pauses) == (0, [])
    assert "revoked; not yet published: could not look: away" in done.stderr


@pytest.mark.parametrize(("words", "seconds"), [((), 300), (("--wait", "7"), 7)])
def test_issuing_is_waited_for_so_long_and_then_says_what_waits_and_how_to_go_on(
    desk, words, seconds
):
    rows = desk.folder / "rows.csv"
    rows.write_text("name\nPerson\n")
    desk.app.progress["trouble"] = WHY
    done = desk(issue, str(rows), "-t", "x", "-y", *words)
    assert sum(desk.pauses) == pytest.approx(seconds)
    error = done.exception
    assert isinstance(error, StillWaitingError)
    assert exit_code_of(error) == UNDETERMINED
    assert f"not issued after {seconds} s: 0 of 2 certificates made" in error.message
    assert WHY in error.message
    assert "run the same command again" in error.hint
    assert done.stderr.count(WHY) == 1
    assert "b1  approved  2 certificates" in done.stdout


def test_not_waiting_for_issuing_is_no_failure(desk):
    rows = desk.folder / "rows.csv"
    rows.write_text("name\nPerson\n")
    done = desk(issue, str(rows), "-t", "x", "-y", "--no-wait")
    assert (done.exit_code, desk.pauses, desk.app.looks) == (0, [], [])


def test_issuing_that_ends_in_time_is_done(desk):
    rows = desk.folder / "rows.csv"
    rows.write_text("name\nPerson\n")
    desk.app.state = "issued"
    done = desk(issue, str(rows), "-t", "x", "-y")
    assert (done.exit_code, desk.pauses) == (0, [])


def test_the_time_that_looks_take_counts_too(desk):
    session = Session(home=desk.folder, clock=desk.clock, sleep=desk.pauses.append)
    patience = Patience(session, 60)
    assert patience.pause()
    desk.clock.advance(60)
    assert not patience.pause()
