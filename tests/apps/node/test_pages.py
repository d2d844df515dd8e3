"""The explorer's pages: what they say, in two languages, with a JSON twin, whatever names hold."""

from __future__ import annotations

import html.parser
import json
import re
from dataclasses import replace
from importlib import resources

import pytest

from registry_chain import LocalRegistry
from registry_chain.node.explorer import issuer_pages
from registry_chain.node.explorer.labels import (
    PROPOSED,
    Telling,
    labelled_kinds,
    sentence,
)
from registry_chain.node.explorer.language import (
    LANGUAGES,
    Texts,
    choose_language,
    translations,
)
from registry_chain.node.explorer.routes import PAGES
from tests.support.clauses import clause
from tests.support.node_world import CPT, NOW, node_world, seeded_bytes, template_document
from weid.clock import FixedClock, format_time
from weid.crypto.keys import KeyKind, PrivateKey, PublicKey
from weid.crypto.signer import InMemorySigner
from weid.encoding import base64url_encode
from weid.errors import TransactionRejectedError
from weid.registry import node_operations as nodes
from weid.registry import operations as op
from weid.registry import policy_operations as policies
from weid.registry.author import KeyToAdd, create_did
from weid.registry.codes import ResultCode
from weid.registry.signing import new_agreement_key
from weid.registry.transaction import proposal_id
from weid.verification.presentation_policy import PresentationPolicy

POLICY = {
    "policy_id": "library-card",
    "name": [{"locale": "en", "text": "Library card"}, {"locale": "zh-Hant", "text": "圖書證"}],
    "purpose": [{"locale": "en", "text": "To give you a library card."}],
    "retention": "P30D",
    "credentials": [
        {
            "id": "diploma",
            "types": [f"urn:weid:local:cpt:{CPT}:1"],
            "required": [["name"]],
            "optional": [["degree"]],
            "forbidden": [["born"]],
            "issuers": [],
        }
    ],
}


def policy_document(version=1, issuers=(), **members):
    asked = [{**POLICY["credentials"][0], "issuers": list(issuers)}]
    source = json.dumps({**POLICY, "credentials": asked, **members}).encode()
    return PresentationPolicy.from_source(source).for_network("local", version).document


EXPLORER = resources.files("registry_chain.node.explorer")


@pytest.fixture(scope="module")
def world():
    world = node_world()
    granted = world.registry.governor.grant(world.issuer_did, op.Role.REGISTRAR)
    world.proposal_id = proposal_id(granted.transaction_id, 0)
    world.proposal = world.proposal_id.hex()
    world.issuer.submit(
        policies.PublishPolicy("library-card", 1, policy_document(issuers=[world.issuer_did]))
    )
    return world


@pytest.fixture(scope="module")
def client(world):
    return world.app().test_client()


def paths(world):
    return {
        "home": "/",
        "blocks": "/blocks",
        "block": "/blocks/10",
        "transaction": f"/transactions/{world.receipt.transaction_id.hex()}",
        "did": f"/dids/{world.issuer_did}",
        "issuers": "/issuers",
        "templates": "/templates",
        "policies": "/policies",
        "policy": "/policies/library-card/1",
        "nodes": "/nodes",
        "template": f"/templates/{CPT}/1",
        "governance": "/governance",
        "proposal": f"/governance/{world.proposal}",
        "search": "/search?q=university",
    }


class Reader(html.parser.HTMLParser):
    """Collects what a page's markup is made of; refuses what is not closed."""

    VOID = frozenset({"meta", "link", "input", "br", "path", "circle", "rect"})

    def __init__(self):
        super().__init__()
        self.open, self.links, self.tags, self.text, self.attributes = [], [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        self.links += [v for name, v in attrs if name in {"href", "src", "action"}]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def read(reply):
    reader = Reader()
    reader.feed(reply.data.decode())
    assert reader.open == []
    return reader


def text_of(reply):
    return re.sub(r"\s+", " ", "".join(read(reply).text))


def twin_of(client, path):
    """Return the path of the JSON twin that a page names."""
    attributes = read(client.get(path)).attributes
    (twin,) = [v for t, n, v in attributes if t == "link" and n == "href" and ".json" in v]
    return twin


SAYS = {
    "home": [
        "Registry local",
        "Up to date",
        "All recognized issuers",
        "University of Examples anchored the digest",
    ],
    "blocks": ["Block 21", "1 transaction"],
    "block": ["University of Examples published template diploma version 1"],
    "transaction": ["University of Examples anchored the digest 111111111111…", "Done"],
    "did": ["University of Examples", "Recognized", "by governance", "#sign-1", "version 2"],
    "issuers": ["Diploma", "University of Examples", "In force", "from 28 May 2026"],
    "nodes": ["Governance decides which nodes", "No nodes are recorded in this registry."],
    "templates": ["Diploma", "published by University of Examples"],
    "policies": ["Library card", "published by University of Examples"],
    "policy": [
        "Library card",
        "To give you a library card.",
        "Needed fields",
        "name",
        "Optional fields",
        "Fields that may not be shown",
        "diploma:1",
        "Accepted issuers",
        "University of Examples",
        "P30D",
    ],
    "template": ["Diploma", "the holder may keep it back", "Recognized", "Check my file"],
    "governance": ["proposed to recognize University of Examples as issuer of template diploma"],
    "proposal": ["proposed to give University of Examples the role registrar", "1 of 1 approval"],
    "search": ["University of Examples", "Organisation"],
}


def test_every_page_is_in_the_tables_here(world):
    names = {route.name for route in PAGES}
    assert names == set(paths(world)) == set(SAYS)


@clause("NA-19")
@pytest.mark.parametrize("name", SAYS)
def test_a_page_says_what_happened_in_words(world, client, name):
    reply = client.get(paths(world)[name])
    assert reply.status_code == 200
    assert reply.mimetype == "text/html"
    text = text_of(reply)
    for words in SAYS[name]:
        assert words in text


@clause("NA-19")
@pytest.mark.parametrize("name", SAYS)
def test_a_page_has_its_json_twin_and_names_it(world, client, name):
    reply = client.get(twin_of(client, paths(world)[name]))
    assert reply.status_code == 200
    assert reply.mimetype == "application/json"
    assert isinstance(reply.json, dict)
    assert reply.headers["X-Content-Type-Options"] == "nosniff"


@clause("NA-19")
def test_every_link_of_every_page_leads_somewhere_on_this_node(world, client):
    seen, open_links = set(), list(paths(world).values())
    while open_links:
        link = open_links.pop()
        if link in seen or len(seen) > 300:
            continue
        seen.add(link)
        reply = client.get(link)
        assert reply.status_code in {200, 302}, link
        if reply.mimetype == "text/html" and reply.status_code == 200:
            for found in read(reply).links:
                assert found.startswith(("/", "#", "data:,")), found
                assert not found.startswith("//")
                if found.startswith("/") and "lang=" not in found:
                    open_links.append(found)
    assert len(seen) > 30


@clause("NA-19", "W8")
def test_no_page_has_inline_script_or_style(world, client):
    for path in paths(world).values():
        reader = read(client.get(path))
        assert "style" not in reader.tags
        assert not [n for _, n, _ in reader.attributes if n == "style" or n.startswith("on")]
        scripts = [v for t, n, v in reader.attributes if t == "script" and n == "src"]
        assert reader.tags.count("script") == len(scripts)


def test_a_page_is_usable_by_keyboard_and_by_a_screen_reader(world, client):
    for path in paths(world).values():
        reader = read(client.get(path))
        attributes = reader.attributes
        assert reader.tags.count("h1") == 1
        assert ("a", "href", "#main") in attributes
        assert ("html", "lang", "en") in attributes
        assert any(t == "main" and n == "id" and v == "main" for t, n, v in attributes)
        labels = {v for t, n, v in attributes if t == "label" and n == "for"}
        inputs = {v for t, n, v in attributes if t == "input" and n == "id"}
        assert inputs <= labels
        assert not [v for _, n, v in attributes if n == "tabindex" and v not in {"0", "-1"}]


@clause("NA-19")
def test_the_template_page_carries_the_digest_that_the_script_compares(world, client):
    reader = read(client.get(f"/templates/{CPT}/1"))
    digest = world.registry.template(CPT, 1).digest.hex()
    assert ("div", "data-digest", digest) in reader.attributes
    script = client.get("/static/check_file.js")
    assert script.mimetype == "text/javascript"
    assert b"eval" not in script.data
    assert b"innerHTML" not in script.data
    assert b"fetch(" not in script.data


@clause("W22", "W21", "NA-19")
@pytest.mark.parametrize(
    "query",
    [
        "%",
        "_",
        "x" * 10_000,
        ".*",
        "(",
        "'; DROP TABLE",
        "\x00",
        "<b>",
        "0",
        "-1",
        "9" * 30,
        "did:",
    ],
)
def test_search_is_bounded_and_takes_any_text(client, query):
    reply = client.get("/search", query_string={"q": query})
    assert reply.status_code == 200
    assert b"<b>" not in reply.data or query != "<b>"
    assert len(reply.data) < 20_000


def test_search_finds_by_height_hash_did_template_and_name(world, client):
    record = world.registry.template(CPT, 1)
    table = {
        "5": "/blocks/5",
        world.receipt.transaction_id.hex(): f"/transactions/{world.receipt.transaction_id.hex()}",
        record.digest.hex(): f"/templates/{CPT}/1",
        world.issuer_did: f"/dids/{world.issuer_did}",
        world.proposal: f"/governance/{world.proposal}",
        base64url_encode(world.proposal_id): f"/governance/{world.proposal}",
        "diplo": f"/templates/{CPT}",
        "UNIVERSITY": f"/dids/{world.issuer_did}",
    }
    for query, link in table.items():
        assert link in read(client.get("/search", query_string={"q": query})).links, query


NOT_FOUND = [
    "/blocks/99999",
    "/blocks/0",
    "/transactions/zz",
    "/transactions/" + "00" * 32,
    "/dids/did:weid:local:nobody",
    "/dids/%00",
    "/templates/nothing/1",
    "/templates/diploma/99",
    "/templates/nothing",
    "/governance/AAAA",
    "/governance/" + "00" * 32,
    "/governance/" + "A" * 43,
    "/governance/" + "00" * 31,
    "/governance/...",
    "/static/../app.py",
    "/static/none.css",
    "/nothing",
]


@pytest.mark.parametrize("path", NOT_FOUND)
def test_what_is_not_there_is_a_page_that_says_what_to_do(client, path):
    reply = client.get(path)
    assert reply.status_code == 404
    assert "Check the spelling" in text_of(reply)


NO_TWIN = [
    "/nothing.json",
    "/nothing/at/all.json",
    "/blocks/99999.json",
    "/blocks/x.json",
    "/dids/did:weid:local:nobody.json",
    "/governance/AAAA.json",
    "/static/none.json",
    "/templates/nothing.json",
    "/templates/diploma/99.json",
    "/templates/diploma/x.json",
    "/transactions/zz.json",
    "/.json",
]


@clause("NA-02")
@pytest.mark.parametrize("path", NO_TWIN)
def test_a_program_that_asks_for_what_is_not_there_is_told_so_in_json(client, path):
    reply = client.get(path)
    assert (reply.status_code, reply.mimetype) == (404, "application/json")
    assert set(reply.json) == {"code", "message", "hint"}
    assert reply.json["code"] == "not_found"


def test_what_is_found_is_told_to_programs_too(world, client):
    found = client.get("/search.json", query_string={"q": " UNIVERSITY "}).json
    assert found["query"] == "UNIVERSITY"
    hit = {"text": "University of Examples", "href": f"/dids/{world.issuer_did}"}
    assert found["found"] == [{"term": hit, "kind": "Organisation"}]
    assert twin_of(client, "/search?q=a%26b%3D%2F%22") == "/search.json?q=a%26b%3D%2F%22"
    assert client.get("/search.json").json == {"query": "", "found": []}


# --- Ids ------------------------------------------------------------------------------------------

BASE64URL_OF_32_BYTES = re.compile(r"(?<![\w-])[\w-]{43}(?![\w-])", re.ASCII)


def test_a_proposal_is_named_in_hexadecimal_everywhere(world, client):
    ids = [item["id"] for item in client.get("/governance.json").json["proposals"]]
    assert world.proposal in ids
    assert all(re.fullmatch("[0-9a-f]{64}", one) for one in ids)
    assert client.get(f"/governance/{world.proposal}.json").json["id"] == world.proposal
    assert world.proposal in text_of(client.get(f"/governance/{world.proposal}"))
    made = client.get("/governance.json").json["proposals"][0]["href"]
    assert made.removeprefix("/governance/") in ids


def test_no_page_and_no_twin_shows_an_id_in_base64url(world, client):
    for name, path in paths(world).items():
        shown = text_of(client.get(path))
        assert not BASE64URL_OF_32_BYTES.findall(shown), name
        told = client.get(twin_of(client, path)).get_data(as_text=True)
        # A header is shown as the wire has it; a multibase key begins with z and is longer.
        assert not BASE64URL_OF_32_BYTES.findall(told), name


@pytest.mark.parametrize("spelling", ["hex", "capitals", "base64url"])
def test_a_page_takes_an_id_as_the_api_has_it_too(world, client, spelling):
    spell = {"hex": bytes.hex, "capitals": lambda i: i.hex().upper(), "base64url": base64url_encode}
    proposal = client.get(f"/governance/{spell[spelling](world.proposal_id)}.json")
    assert proposal.json["id"] == world.proposal
    sent = spell[spelling](world.receipt.transaction_id)
    assert client.get(f"/transactions/{sent}.json").json["id"] == world.receipt.transaction_id.hex()


# --- One and many ---------------------------------------------------------------------------------


def test_no_page_tells_one_as_many(world, client):
    batch = world.issuer.submit(op.AnchorBatch(b"\x77" * 32, 1))
    pages = [*paths(world).values(), f"/transactions/{batch.transaction_id.hex()}"]
    for path in pages:
        text = text_of(client.get(path))
        assert not re.search(r"\b1 (transactions|approvals|entries|seconds|of them)\b", text), path
    assert "a batch of one entry" in text_of(client.get(pages[-1]))


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 seconds"), (1, "1 second"), (2, "2 seconds"), (119, "119 seconds"), (120, "2 minutes")],
)
def test_an_age_is_told_in_one_or_many(seconds, said):
    assert Texts("en").age(seconds) == said


# --- How a recognition ended ----------------------------------------------------------------------

DAY = 86_400
ENDINGS = {
    "in force": (lambda _: None, ["Recognized"], ["Ended", "again", "earlier"]),
    "ended by governance": (
        lambda e: e.governor.derecognize(e.did, CPT),
        ["Recognition ended on", "Governance ended it. Only governance may recognize it again."],
        ["compromised"],
    ),
    "ended as compromised": (
        lambda e: e.governor.derecognize(e.did, CPT, compromised_since=e.since),
        ["Nothing signed since 28 May 2026, 20:26:50 UTC counts", "Ended as compromised on",
         "Governance ended it. Only governance may recognize it again."],
        ["Recognized "],
    ),
    "recognized again after a compromise": (
        lambda e: (
            e.governor.derecognize(e.did, CPT, compromised_since=e.since),
            e.clock.advance(10),
            e.governor.recognize(e.did, CPT),
        ),
        ["Recognized", "An earlier recognition ended as compromised: none reaches back before"],
        ["Governance ended it"],
    ),
    "run out": (
        lambda e: (
            e.governor.recognize(e.did, CPT, valid_until=e.clock.now() + DAY),
            e.clock.advance(DAY),
        ),
        ["Recognition ran out on"],
        ["Recognized "],
    ),
    "still to begin": (
        lambda e: e.governor.recognize(e.did, CPT, valid_from=e.clock.now() + DAY),
        ["Recognition begins on"],
        ["Recognized "],
    ),
    "given and ended by an accreditor": (
        lambda e: (
            e.by_accreditor(op.RecognizeIssuer(e.other, CPT, e.clock.now())),
            e.by_accreditor(op.DerecognizeIssuer(e.other, CPT)),
        ),
        ["Recognition ended on", "Whoever recognized it ended it. It may be recognized again."],
        ["Governance ended it", "compromised"],
    ),
}  # fmt: skip


class Ending:
    """A world of its own in which a recognition ends; `other` is a DID without recognition."""

    def __init__(self):
        world = node_world()
        self.world, self.clock, self.governor = world, world.clock, world.registry.governor
        self.did, self.since = world.issuer_did, world.clock.now() - 21
        self.by_accreditor = world.issuer.submit
        signer = InMemorySigner(PrivateKey.from_seed(b"\x05" * 32))
        self.other, _ = create_did(world.registry, [signer], clock=world.clock)


@pytest.mark.parametrize("how", ENDINGS)
def test_a_page_says_how_a_recognition_ended(how):
    end, words, others = ENDINGS[how]
    ending = Ending()
    end(ending)
    client = ending.world.app().test_client()
    did = ending.other if "accreditor" in how else ending.did
    record = ending.world.registry.recognition(did, CPT)
    page = text_of(client.get(f"/dids/{did}")).split("May issue")[1].split("Keys")[0]
    listed = text_of(client.get(f"/templates/{CPT}/1")).split("Recognized issuers")[1]
    for text in (page, listed):
        for word in words:
            assert word in text
    for word in others:
        assert word not in page
    (by_did,) = client.get(f"/dids/{did}.json").json["recognitions"]
    issuers = client.get(f"/templates/{CPT}/1.json").json["issuers"]
    assert by_did in issuers
    assert by_did["ended_by_governance"] is record.ended_by_governance
    for name in ("ended_at", "compromised_since", "not_before", "valid_until"):
        value = getattr(record, name)
        assert by_did[name] == (None if value is None else format_time(value))


def test_how_a_recognition_ended_is_told_in_chinese_too():
    ending = Ending()
    ending.governor.derecognize(ending.did, CPT, compromised_since=ending.since)
    page = ending.world.app().test_client().get(f"/dids/{ending.did}?lang=zh-Hant")
    assert "由治理終止。" in text_of(page)


def test_a_template_without_version_leads_to_its_newest(client):
    reply = client.get(f"/templates/{CPT}")
    assert (reply.status_code, reply.headers["Location"]) == (302, f"/templates/{CPT}/1")


def test_the_twin_of_a_template_without_version_is_its_newest():
    world = node_world()
    world.issuer.submit(op.PublishTemplate(CPT, 2, template_document(CPT, 2)))
    client = world.app().test_client()
    assert client.get(f"/templates/{CPT}.json").json == client.get(f"/templates/{CPT}/2.json").json
    assert client.get(f"/templates/{CPT}.json").json["version"] == 2


# --- Issuers --------------------------------------------------------------------------------------

STANDINGS = {
    "in force": ("in force", "In force", "有效"),
    "ended by governance": ("ended by governance", "Ended by governance", "由治理終止"),
    "ended as compromised": (
        "compromised",
        "Compromised since 28 May 2026, 20:26:50 UTC",
        "自 2026 年 5 月 28 日 20:26:50 UTC 起視為外洩",
    ),
    "recognized again after a compromise": ("in force", "In force", "有效"),
    "run out": ("ran out", "Ran out", "已期滿"),
    "still to begin": ("not yet begun", "Not yet begun", "尚未開始"),
    "given and ended by an accreditor": ("ended", "Ended from 28 May 2026 Ended on", "已終止"),
}


@pytest.mark.parametrize("how", ENDINGS)
def test_the_issuers_page_says_how_each_recognition_stands(how):
    ending = Ending()
    ENDINGS[how][0](ending)
    client = ending.world.app().test_client()
    did = ending.other if "accreditor" in how else ending.did
    state, english, chinese = STANDINGS[how]
    (template,) = client.get("/issuers.json").json["templates"]
    assert (template["cpt_id"], template["title"]) == (CPT, "Diploma")
    (listed,) = [item for item in template["issuers"] if item["did"] == did]
    assert listed["state"] == state
    (by_did,) = client.get(f"/dids/{did}.json").json["recognitions"]
    assert listed == by_did
    for asked, word in (("en", english), ("zh-Hant", chinese)):
        rows = client.get(f"/issuers?lang={asked}").get_data(as_text=True).split("<li>")[1:]
        (row,) = [row for row in rows if f'href="/dids/{did}"' in row]
        said = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", row))
        assert word in said


def test_the_issuers_page_names_a_did_without_name_by_itself_and_links_the_template():
    ending = Ending()
    ending.governor.recognize(ending.other, CPT, valid_until=ending.clock.now() + 2 * DAY)
    client = ending.world.app().test_client()
    page = client.get("/issuers")
    assert f"/templates/{CPT}" in read(page).links
    text = text_of(page)
    assert text.count(ending.other) == 1
    assert text.index("University of Examples") < text.index(ending.other)
    assert "University of Examples" in text
    assert ending.did in text
    assert "from 28 May 2026 until 30 May 2026" in text
    names = {
        i["did"]: i["name"] for i in client.get("/issuers.json").json["templates"][0]["issuers"]
    }
    assert names == {ending.did: "University of Examples", ending.other: None}


def test_the_issuers_page_shows_a_bounded_number_and_says_when_it_left_some_out(monkeypatch):
    ending = Ending()
    ending.governor.recognize(ending.other, CPT)
    ending.world.issuer.submit(op.PublishTemplate("licence", 1, template_document("licence")))
    ending.governor.recognize(ending.did, "licence")
    client = ending.world.app().test_client()
    for most, shown in ((1, 1), (2, 2), (3, 3), (4, 3)):
        monkeypatch.setattr(issuer_pages, "SHOWN", most)
        facts = client.get("/issuers.json").json
        assert facts["shown"] == shown == sum(len(t["issuers"]) for t in facts["templates"])
        assert facts["more"] is (most < 3)
        assert ("Not all are shown here" in text_of(client.get("/issuers"))) is (most < 3)


def test_without_a_recognition_the_issuers_page_says_so():
    world = LocalRegistry(clock=FixedClock(NOW), random=seeded_bytes())
    client = replace(node_world(), registry=world).app().test_client()
    assert "No issuer has been recognized yet." in text_of(client.get("/issuers"))
    assert client.get("/issuers.json").json == {"templates": [], "shown": 0, "more": False}


@pytest.mark.parametrize("path", ["/", "/blocks"])
def test_every_page_leads_to_the_issuers(client, path):
    assert "/issuers" in read(client.get(path)).links
    marked = client.get("/issuers").get_data(as_text=True)
    assert '<a href="/issuers" aria-current="page">Issuers</a>' in marked


# --- What is trusted, and what keys are for ---------------------------------------------------------


def test_the_home_page_says_what_is_trusted_in_both_languages(world):
    client = world.app().test_client()
    said = text_of(client.get("/"))
    assert "The holder of the sealing key is trusted for history; " in said
    assert "proved against the head (the newest block's header) that it signed." in said
    assert "歷史以封存金鑰的持有人為信任依據" in text_of(client.get("/?lang=zh-Hant"))


def test_a_did_page_says_what_a_key_is_for_and_keeps_the_term():
    world = node_world()
    signer = InMemorySigner(PrivateKey.from_seed(b"\x06" * 32))
    signing = (op.KeyPurpose.AUTHENTICATION, op.KeyPurpose.ASSERTION)
    controller = InMemorySigner(PrivateKey.from_seed(b"\x07" * 32))
    key = KeyToAdd("both", signer, signing)
    did, author = create_did(world.registry, [controller], clock=world.clock, keys=[key])
    agreeing = new_agreement_key("box", PublicKey(KeyKind.X25519, b"\x09" + bytes(31)))
    author.submit(op.UpdateDid(did, 1, add_keys=(agreeing,)))
    client = world.app().test_client()
    words = {
        "en": ("proves who it is", "signs certificates", "receives encrypted messages"),
        "zh-Hant": ("證明身分", "簽署證書", "接收加密訊息"),
    }
    for tag, (authentication, assertion, agreement) in words.items():
        page = text_of(client.get(f"/dids/{did}?lang={tag}"))
        assert f"{authentication} (authentication), {assertion} (assertionMethod)" in page
        assert f"{agreement} (keyAgreement)" in page
    keys = client.get(f"/dids/{did}.json").json["keys"]
    purposes = {one["id"]: one["purposes"] for one in keys}
    assert purposes["both"] == ["authentication", "assertionMethod"]
    assert purposes["box"] == ["keyAgreement"]


@clause("W33")
def test_the_end_of_a_recognition_is_told_also_before_it_is_decided():
    ending = NOW + 86_400
    day = format_time(ending)[:10]
    for action, done, asked in (
        (
            op.RecognizeIssuer(DID, "t", NOW, ending),
            "X recognized X as issuer of template t",
            "X proposed to recognize X as issuer of template t",
        ),
        (
            op.Accredit(DID, "t", NOW, ending),
            "X let X recognize issuers of template t",
            "X proposed to let X recognize issuers of template t",
        ),
    ):
        telling = Telling(DID, Named())
        assert sentence(action, telling).plain() == f"{done} until {day}"
        assert sentence(op.Propose(action, 0), telling).plain() == f"{asked} until {day}"
        endless = replace(action, valid_until=None)
        assert sentence(op.Propose(endless, 0), telling).plain() == asked


@clause("W33")
def test_the_page_of_a_proposal_says_when_the_recognition_would_end():
    world = node_world()
    until = world.registry.head().time + 400 * 86_400
    action = op.RecognizeIssuer(world.issuer_did, CPT, world.registry.head().time, until)
    expires = world.registry.head().time + 600
    receipt = world.registry.endorser.submit(op.Propose(action, expires))
    client = world.app().test_client()
    day = format_time(until)[:10]
    identifier = proposal_id(receipt.transaction_id, 0).hex()
    for path in ("/governance", f"/governance/{identifier}"):
        assert f"until {day}" in text_of(client.get(f"{path}?lang=en"))
        assert f"至 {day} 止" in text_of(client.get(f"{path}?lang=zh-Hant"))


@clause("W33")
def test_a_refusal_is_told_in_words_and_in_both_languages():
    world = node_world()
    with pytest.raises(TransactionRejectedError) as refused:
        world.issuer.submit(op.PublishTemplate(CPT, 1, template_document(CPT, 1)))
    assert refused.value.code == ResultCode.TEMPLATE_EXISTS
    client = world.app().test_client()
    identifier = refused.value.receipt.transaction_id.hex()
    for path in (f"/blocks/{refused.value.receipt.height}", f"/transactions/{identifier}"):
        assert ResultCode.TEMPLATE_EXISTS.sentence in text_of(client.get(f"{path}?lang=en"))
        assert translations("zh-Hant")[ResultCode.TEMPLATE_EXISTS.sentence] in text_of(
            client.get(f"{path}?lang=zh-Hant")
        )


# --- Languages ------------------------------------------------------------------------------------


def said_in_english():
    texts = set()
    for page in (EXPLORER / "templates").iterdir():
        source = page.read_text(encoding="utf-8")
        texts |= set(re.findall(r'\bt\("([^"]+)"', source))
        texts |= set(re.findall(r"\bt\('([^']+)'", source))
        for pair in re.findall(r'\bt\.counted\("([^"]+)", "([^"]+)"', source):
            texts |= set(pair)
    for name in ("chain_pages", "people_pages", "search_page", "routes", "language"):
        source = (EXPLORER / f"{name}.py").read_text(encoding="utf-8")
        texts |= set(
            re.findall(r'"(Done|Expired|Open|Block|Transaction|Identifier|Organisation)"', source)
        )
        texts |= set(re.findall(r'"(\{count\} [a-z]+)"', source))
    texts |= {str(role.value) for role in (*op.Role, *nodes.NodeRole)}
    texts |= {"Active", "Suspended", "Removed"}
    return texts


@clause("W33")
@pytest.mark.parametrize("tag", [tag for tag in LANGUAGES if tag != "en"])
def test_every_text_is_translated_with_the_same_places(tag):
    table = translations(tag)
    names = re.compile(r"\{(\w+)\}")
    changes = [
        op.RecognizeIssuer(DID, "t", 0, 1),
        op.Accredit(DID, "t", 0, 1),
        op.Propose(op.RecognizeIssuer(DID, "t", 0, 1), 0),
        op.Propose(op.Accredit(DID, "t", 0, 1), 0),
        op.UpdateDid(DID, 1, add_keys=(None,)),
        op.UpdateDid(DID, 1, retire_keys=("k",)),
        op.UpdateDid(DID, 1, add_keys=(None,), retire_keys=("k",)),
        op.AnchorBatch(bytes(32), 1),
        nodes.ScheduleRules(1, 0),
    ]
    operations = [*changes, *(example for example, _ in EXAMPLES.values())]
    sentences = {sentence(operation, Telling(DID, Named())).text for operation in operations}
    # A refusal that leaves no trace has no page.
    refusals = {code.sentence for code in ResultCode if code.recorded and code != ResultCode.OK}
    for text in said_in_english() | set(PROPOSED.values()) | sentences | refusals:
        assert text in table, text
    for english, other in table.items():
        assert set(names.findall(english)) == set(names.findall(other)), english
        assert "<" not in other


@clause("W33")
def test_the_language_is_chosen_asked_before_remembered_before_accepted():
    assert choose_language("zh-Hant", "en", "en") == "zh-Hant"
    assert choose_language(None, "zh-Hant", "en") == "zh-Hant"
    assert choose_language(None, None, "zh-HK,zh;q=0.9,en;q=0.8") == "zh-Hant"
    assert choose_language(None, None, "en-GB,zh;q=0.5") == "en"
    assert choose_language("xx", "yy", "fr") == "en"
    assert choose_language("../../etc", None, "") == "en"


def test_a_page_in_chinese_remembers_its_language(world, client):
    reply = client.get("/?lang=zh-Hant")
    assert "公開登記冊" in text_of(reply)
    assert reply.headers["Content-Language"] == "zh-Hant"
    cookie = reply.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    again = world.app().test_client()
    again.set_cookie("language", "zh-Hant")
    assert "文憑" in text_of(again.get(f"/templates/{CPT}/1"))
    assert "Set-Cookie" not in again.get("/").headers


# --- Labels ---------------------------------------------------------------------------------------

DID = "did:weid:local:6FF2G25D6afUgZTbkdcLcCEauE4G"
EXAMPLES = {
    op.CreateDid: (op.CreateDid(None), "X was registered"),
    op.UpdateDid: (op.UpdateDid(DID, 1), "X changed the services of X"),
    op.RotateControllers: (
        op.RotateControllers(DID, 1, (), 1, b""),
        "The controlling keys of X were replaced",
    ),
    op.RecoverDid: (
        op.RecoverDid(DID, 1, (), 1, b"", (), ()),
        "X was taken back with a recovery key",
    ),
    op.DeactivateDid: (op.DeactivateDid(DID, 1), "X ended X for ever"),
    op.MarkKeyCompromised: (
        op.MarkKeyCompromised(DID, "k", 0),
        "X declared key #k of X compromised since 1970-01-01",
    ),
    op.NameOrganisation: (
        op.NameOrganisation(DID, "Y"),
        "X confirmed the name “Y” for did:weid:local:6FF2G25…EauE4G",
    ),
    op.PublishTemplate: (op.PublishTemplate("t", 2, b""), "X published template t version 2"),
    op.DeactivateTemplate: (
        op.DeactivateTemplate("t", 2),
        "X stopped issuing under template t version 2",
    ),
    policies.PublishPolicy: (
        policies.PublishPolicy("p", 2, b""),
        "X published presentation policy p version 2",
    ),
    policies.WithdrawPolicy: (
        policies.WithdrawPolicy("p", 2),
        "X withdrew presentation policy p version 2",
    ),
    op.PublishStatusList: (
        op.PublishStatusList("u", "t", 1, 8, 3, b""),
        "X published update 3 of a status list for template t",
    ),
    op.AnchorEvidence: (op.AnchorEvidence(bytes(32)), "X anchored the digest 000000000000…"),
    op.AnchorBatch: (op.AnchorBatch(bytes(32), 9), "X anchored a batch of 9 entries"),
    op.RecognizeIssuer: (op.RecognizeIssuer(DID, "t", 0), "X recognized X as issuer of template t"),
    op.DerecognizeIssuer: (
        op.DerecognizeIssuer(DID, "t"),
        "X ended the recognition of X as issuer of template t",
    ),
    op.Accredit: (op.Accredit(DID, "t", 0), "X let X recognize issuers of template t"),
    op.EndAccreditation: (
        op.EndAccreditation(DID, "t"),
        "X ended the accreditation of X for template t",
    ),
    op.GrantRole: (op.GrantRole(DID, op.Role.ISSUER), "X gave X the role issuer"),
    op.RevokeRole: (op.RevokeRole(DID, op.Role.ISSUER), "X took the role issuer from X"),
    op.SetParameter: (op.SetParameter("p", 3), "X set the chain's parameter p to 3"),
    op.Propose: (
        op.Propose(op.SetParameter("p", 3), 0),
        "X proposed to set the chain's parameter p to 3",
    ),
    op.Approve: (op.Approve(bytes(32)), "X approved proposal 000000000000…"),
    nodes.AdmitNode: (
        nodes.AdmitNode(bytes(20), nodes.NodeRole.OBSERVER, "Audit"),
        "X admitted node Audit as observer",
    ),
    nodes.ChangeNode: (nodes.ChangeNode(bytes(20)), "X changed node 000000000000…"),
    nodes.SuspendNode: (nodes.SuspendNode(bytes(20)), "X suspended node 000000000000…"),
    nodes.ReinstateNode: (nodes.ReinstateNode(bytes(20)), "X reinstated node 000000000000…"),
    nodes.RemoveNode: (nodes.RemoveNode(bytes(20)), "X removed node 000000000000… for ever"),
    nodes.RotateNodeKeys: (
        nodes.RotateNodeKeys(bytes(20)),
        "X replaced the keys of node 000000000000…",
    ),
    nodes.AssignOperator: (
        nodes.AssignOperator(bytes(20), DID),
        "X made X the operator of node 000000000000…",
    ),
    nodes.ScheduleRules: (
        nodes.ScheduleRules(2, 900),
        "X scheduled version 2 of the rules from height 900 on",
    ),
    nodes.HandOver: (nodes.HandOver(), "X handed the chain over to the engine cometbft"),
}


class Named:
    def name_of(self, did):
        return "X"

    def node_name_of(self, node_id):
        return None


def test_every_operation_kind_has_one_label_and_an_example():
    assert labelled_kinds() == set(op.KINDS.values()) == set(EXAMPLES)


@pytest.mark.parametrize("kind", EXAMPLES, ids=lambda kind: kind.__name__)
def test_a_label_is_a_sentence(kind):
    operation, said = EXAMPLES[kind]
    assert sentence(operation, Telling(DID, Named())).plain() == said


def test_every_governed_action_can_be_told_as_a_proposal():
    governed = set(op.GovernedAction.__args__)
    assert set(PROPOSED) == governed
    for kind in governed:
        action = EXAMPLES[kind][0]
        text = sentence(op.Propose(action, 0), Telling(DID, Named())).plain()
        assert "proposed" in text


@clause("NA-19", "OP-31")
def test_the_page_of_a_withdrawn_policy_says_so_and_when_it_was_published():
    world = node_world()
    author = world.issuer
    author.submit(policies.PublishPolicy("library-card", 1, policy_document()))
    world.clock.advance(86_400)
    author.submit(policies.WithdrawPolicy("library-card", 1))
    client = world.app().test_client()
    told = client.get("/policies/library-card/1.json").get_json()
    assert told["published"] < told["withdrawn_at"]
    assert "Withdrawn on" in text_of(client.get("/policies/library-card/1"))
    assert "Withdrawn" in text_of(client.get("/policies"))
    assert "圖書證" in text_of(client.get("/policies/library-card/1?lang=zh-Hant"))
    assert client.get("/policies/library-card/2").status_code == 404


def test_a_policy_whose_document_is_none_has_a_page_that_says_so():
    world = node_world()
    document = b'{"policy_id": "odd", "uri": "urn:weid:local:policy:odd:1", "version": 1}'
    world.issuer.submit(policies.PublishPolicy("odd", 1, document))
    client = world.app().test_client()
    assert "cannot be read" in text_of(client.get("/policies/odd/1"))
    assert "odd" in text_of(client.get("/policies"))


# --- Hostile names --------------------------------------------------------------------------------

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{7*7}} {% raw %}",
    "</title><svg onload=alert(1)>",
    "javascript:alert(1)",
    "' OR 1=1 --",
    "{actor} {nothing} {0}",
]


@clause("W8", "W9", "W33")
def test_names_from_records_are_text_and_nothing_else():
    world = node_world()
    governor = world.registry.governor
    for number, name in enumerate(HOSTILE):
        world.clock.advance(1)
        governor.name(world.issuer_did, name)
        cpt = f"hostile{number}"
        try:
            world.issuer.submit(op.PublishTemplate(cpt, 1, template_document(cpt, 1, name)))
        except TransactionRejectedError:
            cpt = CPT
        client = world.app().test_client()
        for path in [
            "/",
            f"/dids/{world.issuer_did}",
            "/issuers",
            "/templates",
            f"/templates/{cpt}/1",
            "/governance",
            f"/search?q={cpt}",
            "/search?q=a",
        ]:
            reply = client.get(path)
            assert reply.status_code == 200, (path, name)
            reader = read(reply)
            assert "img" not in reader.tags
            assert not [n for _, n, _ in reader.attributes if n.startswith("on")]
            assert reader.tags.count("script") == (1 if path.startswith("/templates/") else 0)
            assert not [v for v in reader.links if v.lower().startswith("javascript")]
        assert name in "".join(read(client.get(f"/dids/{world.issuer_did}")).text)
        json.loads(client.get(f"/dids/{world.issuer_did}.json").data)
