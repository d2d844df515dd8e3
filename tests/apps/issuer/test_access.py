"""Every route and every kind of visitor: closed unless the table opens it, and safe when it is open."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import issuer_app
from issuer_app.web.access import API, MACHINES, PUBLIC, ROLES
from tests.apps.issuer.support import ROLES as KINDS
from tests.apps.issuer.support import add_organisation, people, rows_csv
from tests.support.clauses import clause

CHANGING = {"POST", "PUT", "PATCH", "DELETE"}


@pytest.fixture
def filled(office):
    """An office in which every kind of object is there."""
    office.batch_id = office.issue(rows_csv(*people(3)), form="both")
    office.certificate_id = next(
        row["id"] for row in office.certificates() if row["form"] == "wallet"
    )
    office.list_id = office.database.value("SELECT id FROM status_lists")
    office.user_id = office.add_user("leaver", "officer")
    return office


def paths(office):
    """Yield (endpoint, path, method) of every rule, with identifiers that exist."""
    values = {
        "batch_id": office.batch_id,
        "certificate_id": office.certificate_id,
        "template_id": office.template_id,
        "list_id": office.list_id,
        "user_id": office.user_id,
        "offer_id": "x",
        "authorization_id": "x",
        "code": "en",
        "kind": "csv",
        "action": "suspend",
        "decision": "approve",
        "filename": "style.css",
    }
    adapter = office.app.url_map.bind("issuer.example", url_scheme="https")
    for rule in office.app.url_map.iter_rules():
        if rule.endpoint in API:  # an API token instead of a browser: test_api.py
            continue
        path = adapter.build(rule.endpoint, {name: values[name] for name in rule.arguments})
        for method in sorted(rule.methods - {"HEAD", "OPTIONS"}):
            yield rule.endpoint, path, method


@clause("W1")
def test_every_route_is_in_the_table_and_the_table_has_no_others(office):
    endpoints = {rule.endpoint for rule in office.app.url_map.iter_rules()}
    assert endpoints == PUBLIC | set(ROLES) | set(API)
    assert not PUBLIC & set(ROLES)


@clause("W1", "W2")
def test_every_route_for_every_visitor(filled):
    browsers = {"nobody": filled.browser()} | {kind: filled.browser(kind) for kind in KINDS}
    for endpoint, path, method in paths(filled):
        for kind, browser in browsers.items():
            if endpoint == "sign_in.sign_out":
                continue
            if method == "GET":
                status = browser.get(path).status_code
            else:
                status = browser.post(path).status_code
            allowed = endpoint in PUBLIC or (
                kind != "nobody" and kind in {role.value for role in ROLES[endpoint]}
            )
            if kind == "nobody" and endpoint not in PUBLIC:
                assert status in {302, 401}, (endpoint, kind, status)
            elif not allowed:
                assert status == 403, (endpoint, kind, status)
            else:
                assert status not in {302, 403, 500}, (endpoint, kind, status)


@clause("W3")
def test_no_change_by_get_without_token_or_from_elsewhere(filled):
    admin_like = filled.add_user("all", *KINDS)
    assert admin_like
    browser = filled.browser("all")
    token = browser.form_token()
    before = filled.database.query("SELECT * FROM audit_entries")
    for endpoint, path, method in paths(filled):
        if method not in CHANGING or endpoint in MACHINES:
            continue
        client, base = browser.client, browser.origin
        if path not in {p for e, p, m in paths(filled) if m == "GET"}:
            assert client.get(path, base_url=base).status_code == 405, endpoint
        attempts = {
            "no token": {"headers": {"Origin": base}, "data": {}},
            "another token": {"headers": {"Origin": base}, "data": {"csrf": "0" * 64}},
            "foreign origin": {
                "headers": {"Origin": "https://evil.example"},
                "data": {"csrf": token},
            },
            "null origin": {"headers": {"Origin": "null"}, "data": {"csrf": token}},
            "no origin": {"headers": {}, "data": {"csrf": token}},
            "cross-site": {
                "headers": {"Sec-Fetch-Site": "cross-site"},
                "data": {"csrf": token},
            },
            "text/plain": {
                "headers": {"Origin": base, "Content-Type": "text/plain"},
                "data": f'{{"csrf": "{token}"}}',
            },
            "JSON": {"headers": {"Origin": base}, "json": {"csrf": token}},
        }
        for name, options in attempts.items():
            status = client.post(path, base_url=base, **options).status_code
            assert status == 403, (endpoint, name, status)
    assert filled.database.query("SELECT * FROM audit_entries") == before


@clause("W2")
def test_another_organisations_objects_do_not_exist(filled):
    other = add_organisation(filled.database, "Other office")
    filled.add_user("stranger", *KINDS, organisation=other)
    browser = filled.browser("stranger")
    for endpoint, path, method in paths(filled):
        if endpoint in PUBLIC or endpoint == "sign_in.sign_out":
            continue
        named = any(
            identifier in path
            for identifier in (
                filled.batch_id,
                filled.certificate_id,
                filled.template_id,
                filled.user_id,
            )
        )
        if not named:
            continue
        if method == "GET":
            status = browser.get(path).status_code
        else:
            status = browser.post(
                path, version="1", faulty="1", reason="data_wrong", note="x"
            ).status_code
        assert status == 404, (endpoint, status)
    for path in ("/batches", "/certificates?q=Person", "/audit", "/users", "/templates"):
        page = browser.get(path).get_data(as_text=True)
        for foreign in ("Person 00001", "rows.csv", "Officer", "Residence certificate"):
            assert f">{foreign}<" not in page, (path, foreign)


@clause("W5", "W6")
def test_cookies_are_bound_to_the_host_and_change_at_sign_in_and_out(office):
    browser = office.browser()
    first = browser.get("/sign-in").headers["Set-Cookie"]
    assert first.startswith("__Host-weid-issuer=")
    for flag in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
        assert flag in first
    assert "Domain" not in first
    signed_in = browser.sign_in("officer").headers["Set-Cookie"]
    token = signed_in.split(";")[0].split("=", 1)[1]
    assert token != first.split(";")[0].split("=", 1)[1]
    assert browser.get("/").status_code == 200
    signed_out = browser.post("/sign-out").headers["Set-Cookie"]
    assert token not in signed_out
    browser.client.set_cookie("__Host-weid-issuer", token, domain="issuer.example", secure=True)
    assert browser.get("/").status_code == 302


@clause("W6")
def test_on_loopback_http_the_cookie_drops_only_what_http_cannot_have(new_office):
    office = new_office(public_url="http://127.0.0.1:8480", recognized=False)
    cookie = office.browser().get("/sign-in").headers["Set-Cookie"]
    assert cookie.startswith("weid-issuer=")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie


@clause("W5")
def test_a_planted_cookie_never_becomes_a_session(office):
    browser = office.browser()
    planted = "A" * 43
    browser.client.set_cookie("__Host-weid-issuer", planted, domain="issuer.example", secure=True)
    answer = browser.sign_in("officer")
    assert answer.status_code == 303
    assert planted not in answer.headers["Set-Cookie"]
    browser.client.set_cookie("__Host-weid-issuer", planted, domain="issuer.example", secure=True)
    assert browser.get("/").status_code == 302


@clause("W20", "W24")
def test_every_answer_has_the_headers(filled):
    browser = filled.browser("officer")
    asked = [path for _, path, method in paths(filled) if method == "GET"]
    for path in [*asked, "/nothing/here", "/batches/" + "0" * 32, "/.well-known/x"]:
        answer = browser.get(path)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Referrer-Policy"] in {"same-origin", "no-referrer"}
        assert answer.headers["Strict-Transport-Security"].startswith("max-age=")
        assert "Server" not in answer.headers
        cached = answer.headers["Cache-Control"]
        public = path.startswith(("/static", "/status-lists", "/.well-known"))
        assert cached == "no-store" or public, (path, cached)


@clause("W24")
@pytest.mark.parametrize(
    "path", ["/x", "/batches/..%2f..%2fetc", "/%00", "/token", "/status-lists/x"]
)
def test_what_is_not_there_says_nothing_of_the_machine(office, path):
    for method in ("get", "options", "put", "delete"):
        answer = getattr(office.browser().client, method)(path, base_url="https://issuer.example")
        body = answer.get_data(as_text=True)
        for word in ("Traceback", "werkzeug", "Werkzeug", "Flask", "sqlite", "issuer_app/"):
            assert word not in body
        assert answer.status_code < 500


@clause("W24", "W23")
def test_an_unknown_error_is_a_number_and_its_text_is_not_logged(office, caplog, monkeypatch):
    secret = "陳大文 R-12345"

    def fail(*_args, **_options):
        raise RuntimeError(secret)

    monkeypatch.setattr(office.services.home, "of", fail)
    answer = office.browser("officer").get("/")
    assert answer.status_code == 500
    assert secret not in answer.get_data(as_text=True)
    assert "RuntimeError" not in answer.get_data(as_text=True)
    assert "RuntimeError" in caplog.text
    assert secret not in caplog.text


@clause("W19")
@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example/",
        "javascript:alert(1)",
        "/\t/evil.example",
        "/x\r\nSet-Cookie: y",
        "x",
        "",
        "/" + "x" * 600,
    ],
)
def test_after_signing_in_only_own_paths_are_next(office, target):
    browser = office.browser()
    answer = browser.post(
        "/sign-in", login="officer", password="correct horse battery", next=target
    )
    assert answer.headers["Location"] == "/"
    answer = browser.get("/language/en", query_string={"next": target})
    assert answer.headers["Location"] == "/"


def test_an_own_path_is_kept_through_the_sign_in(office):
    browser = office.browser()
    asked = browser.get("/certificates?q=Ada")
    assert asked.headers["Location"] == "/sign-in?next=/certificates?q%3DAda"
    answer = browser.post(
        "/sign-in", login="officer", password="correct horse battery", next="/certificates?q=Ada"
    )
    assert answer.headers["Location"] == "/certificates?q=Ada"


@clause("W18")
def test_links_use_the_configured_origin_whatever_the_host_header_says(office):
    answer = office.app.test_client().get(
        "/.well-known/openid-credential-issuer",
        base_url="https://evil.example",
        headers={"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http"},
    )
    assert b"evil.example" not in answer.data
    assert answer.json["credential_issuer"] == "https://issuer.example"
    sign_in = office.app.test_client().get("/certificates", base_url="https://evil.example")
    assert sign_in.headers["Location"].startswith("/sign-in")


@clause("W29", "W4")
def test_a_flood_is_slowed_down_by_the_true_peer(new_office):
    office = new_office(sign_ins_per_minute=3, trusted_proxies=("10.0.0.1",), recognized=False)
    client = office.app.test_client()
    browser = office.browser()

    def attempt(peer, forwarded):
        return client.post(
            "/sign-in",
            base_url=browser.origin,
            data={"csrf": token},
            headers={"Origin": browser.origin, "X-Forwarded-For": forwarded},
            environ_overrides={"REMOTE_ADDR": peer},
        ).status_code

    browser.client = client
    token = browser.form_token()
    assert [attempt("203.0.113.7", f"198.51.100.{i}") for i in range(4)] == [401, 401, 401, 429]
    assert [attempt("10.0.0.1", f"9.9.9.9, 198.51.100.{i}") for i in range(4)] == [401] * 4
    assert [attempt("10.0.0.1", f"198.51.100.{i}, 203.0.113.9") for i in range(4)][-1] == 429
    office.clock.advance(60)
    assert attempt("203.0.113.7", "") == 401


@clause("W16")
def test_bodies_are_bounded(office):
    browser = office.browser("officer")
    for path, size in (("/token", 100_000), ("/credential", 100_000), ("/sign-in", 1_000_000)):
        answer = browser.client.post(
            path, data=b"x" * size, base_url=browser.origin, headers={"Origin": browser.origin}
        )
        assert answer.status_code in {400, 401, 403, 413}, path
    too_large = office.settings.max_upload_bytes + 200_000
    answer = browser.client.post(
        "/batches",
        data=b"--b\r\n",
        content_type="multipart/form-data; boundary=b",
        headers={"Origin": browser.origin},
        base_url=browser.origin,
        environ_overrides={"CONTENT_LENGTH": str(too_large)},
    )
    assert answer.status_code == 413


def test_a_view_is_at_most_twelve_lines():
    for path in (Path(issuer_app.__file__).parent / "routes").glob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and node.decorator_list:
                body = node.body[1:]
                lines = body[-1].end_lineno - body[0].lineno + 1
                assert lines <= 12, f"{path.name}: {node.name} has {lines} lines"


def test_routes_and_pages_know_no_key_no_registry_and_no_database():
    banned = ("weid.crypto", "weid.did", "weid.registry", "weid.credential", "weid.verification")
    banned += ("weid.wallet", "sqlite3", "sqlite_utils", "issuer_app.store")
    home = Path(issuer_app.__file__).parent
    for path in [*(home / "routes").glob("*.py"), *(home / "web").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                assert not name.startswith(banned), f"{path.name} imports {name}"
