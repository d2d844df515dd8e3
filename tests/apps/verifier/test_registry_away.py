"""A counter whose registry does not answer: it opens, says so, decides nothing, and recovers."""

from __future__ import annotations

import pytest

from tests.apps.app_process import held_port
from tests.apps.served_node import answering
from tests.apps.verifier.support import Browser, settings
from tests.apps.verifier.test_counter_pages import open_request, outcome, shown
from tests.support.world import World
from verifier_app.wiring import build, subscriptions
from weid.errors import MalformedError, NotFoundError, ProofError, RegistryUnavailableError
from weid.qr.envelope import encode_envelope
from weid.registry.bundle_export import export_from


@pytest.fixture
def world():
    made = World.begin()
    made.clock.advance(10)
    made.registry.head()
    return made


@pytest.fixture
def node():
    """The socket of a node that is down: the port is held and nobody listens."""
    with held_port() as held:
        yield held


def up(world, node):
    """Let a node over the world's registry answer behind the socket."""
    return answering(world.registry, node, clock=world.clock)


def network(world, node, *, name="test", genesis=None):
    return {
        "name": name,
        "genesis_hash": (genesis or world.registry.genesis_hash).hex(),
        "nodes": [f"http://127.0.0.1:{node.getsockname()[1]}"],
    }


def counter(world, folder, *networks, **changes):
    chosen = settings(
        world, folder / "heads", networks=networks, unsafe_loopback_http=True, **changes
    )
    return build(chosen, clock=world.clock)


@pytest.fixture
def app(world, node, tmp_path, monkeypatch):
    """A counter that was opened while its node is down; status lists come from the world."""
    monkeypatch.setattr("verifier_app.wiring.HttpStatusTokens", lambda _: world.registry)
    return counter(world, tmp_path, network(world, node))


def test_it_opens_is_alive_and_says_truly_that_it_is_not_ready(app, caplog):
    browser = Browser(app)
    assert browser.get("/").status_code == 200
    assert browser.get("/healthz").status_code == 200
    ready = browser.get("/readyz")
    assert ready.status_code == 503
    assert ready.json == {"status": "waiting", "unavailable": ["test"]}
    said = [record.getMessage() for record in caplog.get_records("setup")]
    assert any("registry test cannot be reached now" in line for line in said)


@pytest.mark.parametrize(
    ("language", "headline", "why"),
    [
        ("en", "Could not check", "the registry cannot be reached now"),
        ("zh-Hant", "無法查驗", "現時無法連接登記網絡"),
    ],
)
def test_a_check_made_meanwhile_is_undetermined_because_the_registry_is_away(
    app, world, language, headline, why
):
    browser = Browser(app)
    browser.post("/language", language=language)
    for text in (shown(world, "name"), encode_envelope(shown(world, "name", "degree"))):
        reply = browser.post("/check", text=text)
        assert outcome(reply) == "could_not_check"
        assert headline in reply.text
        assert why in reply.text
        assert "Ada" not in reply.text
        assert 'id="retry"' in reply.text


def test_pages_that_need_the_registry_say_so_in_words(app):
    browser = Browser(app)
    assert "cannot be read now" in browser.get("/trust/").text
    assert browser.get("/requests/").status_code == 200
    asked = browser.post("/requests/", wish="degree")
    assert asked.status_code == 503
    assert "The registry cannot be reached now." in asked.text
    assert "127.0.0.1" not in asked.text
    browser.post("/language", language="zh-Hant")
    assert "現時無法連接登記網絡。" in browser.post("/requests/", wish="degree").text


def test_it_recovers_by_itself_when_the_node_comes_up(app, world, node):
    browser = Browser(app)
    code = shown(world, "name")
    assert outcome(browser.post("/check", text=code)) == "could_not_check"
    with up(world, node):
        assert browser.get("/readyz").status_code == 200
        reply = browser.post("/check", text=code)
        assert outcome(reply) == "valid_but"
        assert "Ada Lovelace" in reply.text
        path, request = open_request(browser)
        answer = browser.post(f"{path}/answer", text=world.present(request))
        assert outcome(answer) == "valid"
        assert "Test University" in browser.get("/trust/").text


def test_an_answer_that_could_not_be_checked_may_be_sent_again(app, world, node, monkeypatch):
    browser = Browser(app)
    with up(world, node):
        path, request = open_request(browser)
        answer = world.present(request)
        with monkeypatch.context() as patched:

            def away(_self):
                raise RegistryUnavailableError("away")

            patched.setattr("weid.registry.named_registry.NamedRegistry.head", away)
            reply = browser.post(f"{path}/answer", text=answer)
            assert outcome(reply) == "could_not_check"
            assert f'href="{path}" id="retry"' in reply.text
        assert outcome(browser.post(f"{path}/answer", text=answer)) == "valid"
        assert browser.post(f"{path}/answer", text=answer).status_code == 400


def test_a_registry_of_another_name_is_refused_at_once_or_when_it_answers(
    world, node, tmp_path, caplog
):
    late = Browser(counter(world, tmp_path, network(world, node, name="other"), wishes=[]))
    with up(world, node):
        with pytest.raises(ProofError, match="calls itself test") as refused:
            counter(world, tmp_path, network(world, node, name="other"), wishes=[])
        assert "call it test" in refused.value.hint
        assert late.get("/readyz").json["unavailable"] == ["other"]
        assert "cannot be read now" in late.get("/trust/").text


def test_another_registry_than_the_one_that_is_meant_is_refused(world, node, tmp_path):
    with up(world, node), pytest.raises((ProofError, MalformedError)):
        counter(world, tmp_path, network(world, node, genesis=b"\x01" * 32))


def test_of_two_networks_the_one_that_answers_is_used(world, node, tmp_path, monkeypatch):
    monkeypatch.setattr("verifier_app.wiring.HttpStatusTokens", lambda _: world.registry)
    with held_port() as other:
        networks = [network(world, node), network(world, other, name="far", genesis=b"\x02" * 32)]
        with up(world, node):
            browser = Browser(counter(world, tmp_path, *networks))
            assert browser.get("/readyz").json["unavailable"] == ["far"]
            assert outcome(browser.post("/check", text=shown(world, "name"))) == "valid_but"


def test_a_remembered_head_that_is_damaged_stops_the_start(world, node, tmp_path):
    with up(world, node):
        app = counter(world, tmp_path, network(world, node))
        assert Browser(app).get("/readyz").status_code == 200
    (tmp_path / "heads" / f"{world.registry.genesis_hash.hex()}.json").write_text("{")
    with held_port() as other, pytest.raises(MalformedError):
        counter(world, tmp_path, network(world, other))


# --- a bundle instead of a node -----------------------------------------------------------------


def bundled(world, folder, **changes):
    assert world.credential  # issued before the bundle is made, so that its status list is in it
    path = folder / "trust.bundle"
    path.write_bytes(
        export_from(
            [world.registry.committed],
            genesis_hash=world.registry.genesis_hash,
            status_tokens=world.registry,
            clock=world.clock,
        )
    )
    values = {"name": "test", "genesis_hash": world.registry.genesis_hash.hex()}
    return counter(world, folder, values | {"bundle": str(path)} | changes, wishes=[])


@pytest.mark.parametrize(
    ("days", "status", "state"), [(6, 200, "can be read"), (8, 503, "too old to be used")]
)
def test_a_bundle_that_is_too_old_is_not_ready_and_says_why(world, tmp_path, days, status, state):
    app = bundled(world, tmp_path)
    world.clock.advance(days * 86_400)
    browser = Browser(app)
    assert browser.get("/readyz").status_code == status
    page = browser.get("/trust/").text
    assert state in page
    assert f"{days} days" in page
    reply = browser.post("/check", text=shown(world, "name"))
    assert (outcome(reply) == "could_not_check") == (status == 503)
    assert f"{days} days old" in reply.text
    browser.post("/language", language="zh-Hant")
    assert f"{days} 天" in browser.post("/check", text=shown(world, "name")).text


def test_a_bundle_of_another_name_or_that_is_not_there_stops_the_start(world, tmp_path):
    with pytest.raises(ProofError, match="calls itself test"):
        bundled(world, tmp_path, name="other")
    with pytest.raises(NotFoundError, match="cannot be read"):
        bundled(world, tmp_path, bundle=str(tmp_path / "nowhere"))


def test_a_registry_behind_nodes_is_followed_and_a_bundle_is_not(app, world, tmp_path):
    (subscription,) = subscriptions(app)
    assert subscription.position is None
    assert subscriptions(bundled(world, tmp_path)) == []
