"""Signing in: no hints for guessers, sessions that end, users within their organisation."""

from __future__ import annotations

import time

import pytest

from issuer_app.errors import ConflictError, InputRefusedError, MissingError
from issuer_app.services.accounts import (
    FIRST_LOCK,
    FREE_TRIES,
    LONGEST_LOCK,
    Accounts,
    Passwords,
    SessionLimits,
    SignInRefusedError,
)
from issuer_app.services.audit import AuditLog
from issuer_app.services.people import Role, server_person
from issuer_app.store.database import Database
from tests.apps.issuer.support import add_organisation
from tests.support.clauses import clause
from weid.clock import FixedClock

PASSWORD = "correct horse battery"


class Desk:
    def __init__(self, folder):
        self.clock = FixedClock(1_800_000_000)
        self.database = Database(folder / "issuer.sqlite")
        self.audit = AuditLog(self.database, clock=self.clock, checkpoint=folder / "heads.json")
        self.accounts = Accounts(
            self.database,
            self.audit,
            Passwords("interactive"),
            clock=self.clock,
            sessions=SessionLimits(idle=1800, longest=12 * 3600),
        )
        self.first = add_organisation(self.database, "First office")
        self.other = add_organisation(self.database, "Other office")

    def add(self, login, organisation=None, roles=("officer",)):
        return self.accounts.add_user(
            server_person(organisation or self.first),
            login=login,
            name=login.title(),
            password=PASSWORD,
            roles=roles,
        )


@pytest.fixture
def desk(tmp_path):
    made = Desk(tmp_path)
    yield made
    made.database.close()


def test_who_signs_in_is_known_by_the_token_with_roles(desk):
    desk.add("maria", roles=("officer", "auditor"))
    person = desk.accounts.person_of(desk.accounts.sign_in("Maria ", PASSWORD))
    assert (person.login, person.organisation) == ("maria", desk.first)
    assert person.roles == {Role.OFFICER, Role.AUDITOR}


@clause("W4")
def test_unknown_name_wrong_password_and_locked_name_get_the_same_refusal(desk):
    desk.add("maria")
    refusals = []
    for login, password in (("nobody", PASSWORD), ("maria", "wrong wrong wrong")):
        with pytest.raises(SignInRefusedError) as refused:
            desk.accounts.sign_in(login, password)
        refusals.append((str(refused.value), refused.value.problems))
    for _ in range(FREE_TRIES):
        with pytest.raises(SignInRefusedError):
            desk.accounts.sign_in("maria", "wrong wrong wrong")
    with pytest.raises(SignInRefusedError) as refused:
        desk.accounts.sign_in("maria", PASSWORD)
    refusals.append((str(refused.value), refused.value.problems))
    assert all(refusal == refusals[0] for refusal in refusals)


@clause("W4")
def test_the_lock_doubles_ends_and_forgets_after_a_success(desk):
    desk.add("maria")
    for _ in range(FREE_TRIES):
        with pytest.raises(SignInRefusedError):
            desk.accounts.sign_in("maria", "wrong wrong wrong")
    desk.clock.advance(FIRST_LOCK - 1)
    with pytest.raises(SignInRefusedError):
        desk.accounts.sign_in("maria", PASSWORD)
    desk.clock.advance(1)
    with pytest.raises(SignInRefusedError):
        desk.accounts.sign_in("maria", "wrong wrong wrong")
    desk.clock.advance(2 * FIRST_LOCK - 1)
    with pytest.raises(SignInRefusedError):
        desk.accounts.sign_in("maria", PASSWORD)
    desk.clock.advance(1)
    desk.accounts.sign_in("maria", PASSWORD)
    with pytest.raises(SignInRefusedError):
        desk.accounts.sign_in("maria", "wrong wrong wrong")
    desk.accounts.sign_in("maria", PASSWORD)
    assert LONGEST_LOCK == 3600


@clause("W4")
def test_a_refusal_takes_as_long_for_an_unknown_name_as_for_a_known_one(desk):
    desk.add("maria")

    def cost(login):
        times = []
        for _ in range(4):
            begun = time.thread_time()
            with pytest.raises(SignInRefusedError):
                desk.accounts.sign_in(login, "wrong wrong wrong")
            times.append(time.thread_time() - begun)
        return min(times)

    known, unknown = cost("maria"), cost("nobody")
    assert abs(known - unknown) < 0.35 * max(known, unknown)


@clause("W5")
def test_a_session_dies_after_half_an_hour_without_use(desk):
    desk.add("maria")
    token = desk.accounts.sign_in("maria", PASSWORD)
    for _ in range(3):
        desk.clock.advance(1799)
        assert desk.accounts.person_of(token)
    desk.clock.advance(1800)
    assert desk.accounts.person_of(token) is None


@clause("W5")
def test_a_session_dies_after_twelve_hours_in_any_case(desk):
    desk.add("maria")
    token = desk.accounts.sign_in("maria", PASSWORD)
    for _ in range(24):
        assert desk.accounts.person_of(token)
        desk.clock.advance(1799)
    desk.clock.advance(60)
    assert desk.accounts.person_of(token) is None


@clause("W5")
def test_every_sign_in_has_a_token_of_its_own_and_signing_out_kills_it(desk):
    desk.add("maria")
    one, two = (desk.accounts.sign_in("maria", PASSWORD) for _ in range(2))
    assert one != two
    desk.accounts.sign_out(one)
    assert desk.accounts.person_of(one) is None
    assert desk.accounts.person_of(two)


def test_tokens_and_passwords_are_not_in_the_store(desk):
    desk.add("maria")
    token = desk.accounts.sign_in("maria", PASSWORD)
    desk.database.close()
    stored = b"".join(path.read_bytes() for path in desk.database.path.parent.glob("issuer.*"))
    assert token.encode() not in stored
    assert PASSWORD.encode() not in stored
    assert b"$argon2id$" in stored


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        pytest.param("login", "I", "login_form", id="a name of one letter"),
        pytest.param("login", "a b", "login_form", id="a name with a blank"),
        pytest.param("name", "  ", "name_missing", id="no name"),
        pytest.param("password", "short", "password_form", id="a short password"),
        pytest.param("password", "maria.officer", "password_form", id="the name as password"),
        pytest.param("roles", [], "roles_missing", id="no role"),
        pytest.param("roles", ["owner"], "roles_missing", id="an unknown role"),
        pytest.param("login", "taken", "login_taken", id="a name that is taken"),
    ],
)
def test_users_are_added_only_with_sense(desk, field, value, code):
    desk.add("taken", organisation=desk.other)
    given = {
        "login": "maria.officer",
        "name": "Maria",
        "password": PASSWORD,
        "roles": ["officer"],
    } | {field: value}
    with pytest.raises(InputRefusedError) as refused:
        desk.accounts.add_user(server_person(desk.first), **given)
    assert [problem.code for problem in refused.value.problems] == [code]


@clause("W2", "W27")
def test_ending_access_is_immediate_once_and_only_within_the_organisation(desk):
    admin_id, user_id = desk.add("admin", roles=("admin",)), desk.add("maria")
    foreign_id = desk.add("foreign", organisation=desk.other)
    admin = desk.accounts.person_of(desk.accounts.sign_in("admin", PASSWORD))
    token = desk.accounts.sign_in("maria", PASSWORD)
    with pytest.raises(MissingError):
        desk.accounts.disable_user(admin, foreign_id, expected_version=1)
    with pytest.raises(ConflictError):
        desk.accounts.disable_user(admin, admin_id, expected_version=1)
    desk.accounts.disable_user(admin, user_id, expected_version=1)
    assert desk.accounts.person_of(token) is None
    with pytest.raises(SignInRefusedError):
        desk.accounts.sign_in("maria", PASSWORD)
    with pytest.raises(ConflictError):
        desk.accounts.disable_user(admin, user_id, expected_version=1)
    assert [row["login"] for row in desk.accounts.users(admin)] == ["admin", "maria"]


@clause("W5")
def test_a_new_password_ends_every_session_and_frees_a_locked_name(desk):
    user_id = desk.add("maria")
    tokens = [desk.accounts.sign_in("maria", PASSWORD) for _ in range(2)]
    bystander = desk.add("bystander") and desk.accounts.sign_in("bystander", PASSWORD)
    for _ in range(FREE_TRIES):
        with pytest.raises(SignInRefusedError):
            desk.accounts.sign_in("maria", "wrong wrong wrong")
    by = server_person(desk.first)
    desk.accounts.set_password(by, login=" Maria ", password="another good password")
    assert [desk.accounts.person_of(token) for token in tokens] == [None, None]
    assert desk.accounts.person_of(bystander).login == "bystander"
    desk.accounts.sign_in("maria", "another good password")
    with pytest.raises(SignInRefusedError):
        desk.accounts.sign_in("maria", PASSWORD)
    entries = [row for row in desk.audit.page(by) if row["action"] == "password_set"]
    assert [(row["subject"], row["details"]) for row in entries] == [(user_id, {})]


def while_checked(desk, monkeypatch, happens):
    """Let something happen after a password was checked and before its session is opened."""
    passwords = desk.accounts._passwords
    fits = passwords.fits

    def checked(password, stored):
        found = fits(password, stored)
        happens()
        return found

    monkeypatch.setattr(passwords, "fits", checked)


def test_a_password_that_is_replaced_while_it_is_checked_opens_no_session(desk, monkeypatch):
    desk.add("maria")
    by = server_person(desk.first)
    fresh = "another good password"
    while_checked(
        desk,
        monkeypatch,
        lambda: desk.accounts.set_password(by, login="maria", password=fresh),
    )
    with pytest.raises(SignInRefusedError):
        desk.accounts.sign_in("maria", PASSWORD)
    assert desk.database.value("SELECT count(*) FROM browser_sessions") == 0
    monkeypatch.undo()
    assert desk.accounts.person_of(desk.accounts.sign_in("maria", fresh))


def test_an_access_that_ends_while_the_password_is_checked_opens_no_session(desk, monkeypatch):
    maria = desk.add("maria")
    by = server_person(desk.first)
    while_checked(
        desk,
        monkeypatch,
        lambda: desk.accounts.disable_user(by, maria, expected_version=1),
    )
    with pytest.raises(SignInRefusedError):
        desk.accounts.sign_in("maria", PASSWORD)
    assert desk.database.value("SELECT count(*) FROM browser_sessions") == 0


@pytest.mark.parametrize("password", ["short", "maria.officer", "x" * 257, ""])
def test_a_new_password_follows_the_rules_of_the_first(desk, password):
    desk.add("maria.officer")
    with pytest.raises(InputRefusedError) as refused:
        desk.accounts.set_password(
            server_person(desk.first), login="maria.officer", password=password
        )
    assert [problem.code for problem in refused.value.problems] == ["password_form"]
    assert desk.accounts.sign_in("maria.officer", PASSWORD)


@clause("W2")
def test_nobody_sets_a_password_of_another_organisation_or_of_who_has_left(desk):
    desk.add("foreign", organisation=desk.other)
    left = desk.add("left")
    by = server_person(desk.first)
    desk.accounts.disable_user(by, left, expected_version=1)
    for login in ("foreign", "left", "nobody"):
        with pytest.raises(MissingError):
            desk.accounts.set_password(by, login=login, password="another good password")
    assert desk.accounts.sign_in("foreign", PASSWORD)
