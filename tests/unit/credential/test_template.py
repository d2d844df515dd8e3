# ruff: noqa: RUF001 - look-alike characters are what is tested
from __future__ import annotations

import base64
import copy
import hashlib
import json
import pickle
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.clauses import clause
from tests.support.diplomas import CLAIMS, SOURCE, draft, published, source
from weid import limits
from weid.credential.claim_path import ClaimPath
from weid.credential.duration import Duration
from weid.credential.template import CredentialTemplate
from weid.encoding import json_canonical
from weid.errors import MalformedError

START = int(datetime(2026, 6, 30, tzinfo=UTC).timestamp())

# --- the document ------------------------------------------------------------------------------------


@clause("CP-30")
def test_a_draft_becomes_a_published_document(tmp_path):
    path = tmp_path / "diploma.json"
    path.write_text(json.dumps(SOURCE, indent=2), encoding="utf-8")
    written = CredentialTemplate.from_file(path)
    assert written.is_draft
    template = written.for_network("test", 3)
    assert (template.vct, template.network, template.cpt_id, template.version) == (
        "urn:weid:test:cpt:diploma:3",
        "test",
        "diploma",
        3,
    )
    document = json.loads(template.document)
    assert template.document == json_canonical(document)
    assert document["vct"] == template.vct
    assert document["description"] == "A degree of a university."
    assert template.digest == hashlib.sha256(template.document).digest()
    assert template.integrity == "sha256-" + base64.b64encode(template.digest).decode()
    again = CredentialTemplate.from_json(template.document)
    assert again == template
    assert hash(again) == hash(template)
    assert again != written
    assert not again.is_draft
    assert again.for_network("test", 4).version == 4
    assert repr(template) == "<CredentialTemplate urn:weid:test:cpt:diploma:3>"
    assert repr(written) == "<CredentialTemplate diploma>"


@clause("C30", "CP-30")
def test_any_change_of_the_document_changes_its_integrity():
    changed = copy.deepcopy(SOURCE)
    changed["schema"]["properties"]["degree"]["enum"].append("DSc")
    assert published(changed).integrity != published().integrity
    assert published(version=2).integrity != published().integrity


@pytest.mark.parametrize("name", ["vct", "version", "network", "digest", "integrity", "type"])
def test_a_draft_has_nothing_that_publishing_gives(name):
    with pytest.raises(MalformedError, match="draft"):
        getattr(draft(), name)


def test_templates_travel_to_other_processes():
    for template in (draft(), published()):
        assert pickle.loads(pickle.dumps(template)) == template  # noqa: S301 - our own bytes


@clause("CP-30")
def test_what_the_author_leaves_out_is_written_out():
    template = published(source(display=..., validity=...))
    document = json.loads(template.document)
    assert document["display"] == [{"locale": "en", "name": "Diploma"}]
    assert document["description"] == "Diploma"
    assert document["validity"] == {"default": "P1Y", "maximum": "P10Y"}
    assert json.loads(published(source(name=...)).document)["name"] == "Diploma"


SOURCES = {
    "no object": [1],
    "no cpt_id": source(cpt_id=...), "no claims": source(claims=...), "no schema": source(schema=...),
    "no name and no display": source(name=..., display=...), "an unknown member": source(colour="red"),
    "a vct": source(vct="urn:weid:test:cpt:diploma:1"), "a version": source(version=1),
    "a short cpt_id": source(cpt_id="ab"), "a cpt_id in capitals": source(cpt_id="Diploma"), "a cpt_id that is a number": source(cpt_id=7),
    "a name that is a number": source(name=7), "an empty name": source(name=" "), "a name on two lines": source(name="a\nb"),
    "a name that turns the direction": source(name="a\u202eb"), "a description that is null": source(description=None),
    # CP-31
    "no display": source(display=[]), "a display that is an object": source(display={}),
    "a display without locale": source(display=[{"name": "x"}]), "a display without name": source(display=[{"locale": "en"}]),
    "a locale that is none": source(display=[{"locale": "English", "name": "x"}]), "a locale that is null": source(display=[{"locale": None, "name": "x"}]),
    "a locale twice": source(display=[{"locale": "en", "name": "x"}] * 2), "an entry that is a text": source(display=["Diploma"]),
    "an unknown member of display": source(display=[{"locale": "en", "name": "x", "logo": "y"}]),
    # CP-39
    "a validity without maximum": source(validity={"default": "P1Y"}), "a validity that is a text": source(validity="P1Y"),
    "a default past the maximum": source(validity={"default": "P2Y", "maximum": "P1Y"}), "a validity of nothing": source(validity={"default": "P0D", "maximum": "P1Y"}),
}  # fmt: skip


@clause("C39", "CP-30", "CP-31", "CP-39")
@pytest.mark.parametrize("value", SOURCES.values(), ids=SOURCES)
def test_what_is_no_template_is_refused(value):
    with pytest.raises(MalformedError):
        CredentialTemplate.from_source(json.dumps(value).encode())


def test_a_template_is_of_bounded_size():
    def commented(length):
        schema = {**SOURCE["schema"], "$comment": "x" * length}
        text = json_canonical(source(schema=schema, description="d"))
        return CredentialTemplate.from_source(text)

    room = limits.TEMPLATE_BYTES - len(commented(0).document)
    with pytest.raises(MalformedError, match="larger"):
        commented(room + 1)
    with pytest.raises(MalformedError, match="larger"):
        commented(room).for_network("test", 1)
    assert commented(room - 100).for_network("test", 1).version == 1


DOCUMENTS = {
    "a cpt_id that is a number": lambda text: text.replace(b'"cpt_id":"diploma"', b'"cpt_id":7'),
    "not canonical": lambda text: text.replace(b'"cpt_id"', b' "cpt_id"'),
    "of another id": lambda text: text.replace(b"cpt:diploma:1", b"cpt:degree:1"),
    "of another version": lambda text: text.replace(b"cpt:diploma:1", b"cpt:diploma:2"),
    "a vct that is no type": lambda text: text.replace(b"urn:weid:test:cpt:diploma:1", b"https://x"),
    "a vct that is null": lambda text: text.replace(b'"urn:weid:test:cpt:diploma:1"', b"null"),
    "a version that is true": lambda text: text.replace(b'"version":1', b'"version":2'),
    "a member twice": lambda text: text.replace(b'"version":1', b'"version":1,"version":1'),
    "without validity": lambda text: text.replace(b'"validity":{"default":"P5Y","maximum":"P10Y"},', b""),
}  # fmt: skip


@clause("CP-30")
@pytest.mark.parametrize("change", DOCUMENTS.values(), ids=DOCUMENTS)
def test_what_is_no_published_document_is_refused(change):
    with pytest.raises(MalformedError):
        CredentialTemplate.from_json(change(published().document))


# --- words -------------------------------------------------------------------------------------------

LANGUAGES = {
    "as it is": ("pt", "Diploma universitário"),
    "a region of it": ("pt-PT", "Diploma universitário"),
    "a script of it": ("zh-Hans-CN", "学位证书"),
    "another region with the script": ("zh_Hant_MO", "學位證書"),
    "the language without a script": ("zh", "學位證書"),
    "a language that there is none of": ("ja", "Diploma"),
}  # fmt: skip


@clause("CP-31")
@pytest.mark.parametrize(("language", "name"), LANGUAGES.values(), ids=LANGUAGES)
def test_the_nearest_language_is_taken(language, name):
    assert published().name(language) == name


@clause("CP-31")
def test_descriptions_and_labels_have_languages_too():
    template = published()
    assert template.languages == ("en", "zh-Hant", "zh-Hans", "pt")
    assert template.description("pt") == "Um grau."
    assert template.description("ja") == "A degree of a university."
    assert template.label(("name",), "zh-Hant") == "姓名"
    assert template.label(("courses", 3, "title")) == "Course"
    assert template.label(("born",)) == "born"
    assert template.label(("address", "zip")) == "address.zip"
    only = published(source(display=[{"locale": "pt", "name": "Diploma"}]))
    assert only.name("ja") == "Diploma"
    assert only.description("ja") == ""


# --- claims ------------------------------------------------------------------------------------------


@clause("CP-32")
def test_withholdable_is_what_may_or_must_be():
    template = published()
    expected = {("name",), ("born",), ("address",), ("address", "city"), ("courses",)}
    assert set(template.withholdable) == expected
    assert set(template.withholdable_in({"name": "x", "address": {"country": "MO"}})) == {
        ("name",),
        ("address",),
    }
    assert template.schema["type"] == "object"


def entry(**members):
    return {"path": ["number"], "sd": "never", **members}


def claims_with(*entries, without=("number",)):
    kept = [claim for claim in SOURCE["claims"] if tuple(claim["path"]) != without]
    return source(claims=[*kept, *entries])


ENTRIES = {
    "claims that is an object": source(claims={}), "claims that is empty": source(claims=[]), "an entry that is a text": claims_with("number"),
    "no entry for a property": claims_with(), "an entry twice": claims_with(entry(), entry()),
    "no path": claims_with({"sd": "never"}), "a path that is a text": claims_with(entry(path="number")), "a path to nothing": claims_with(entry(), entry(path=["colour"])),
    "a path past the end": claims_with(entry(), entry(path=["number", "x"])), "a path into no array": claims_with(entry(), entry(path=["number", None])),
    "no sd": claims_with({"path": ["number"]}), "sd in capitals": claims_with(entry(sd="Never")), "sd true": claims_with(entry(sd=True)), "sd an array": claims_with(entry(sd=["never"])),
    "an element that may be withheld": claims_with(entry(), entry(path=["courses", None], sd="allowed")),
    "one element that may be withheld": claims_with(entry(), entry(path=["courses", 0], sd="always")),
    "mandatory against the schema": claims_with(entry(mandatory=True)), "mandatory that is a text": claims_with(entry(mandatory="yes")),
    "not mandatory against the schema": claims_with({"path": ["degree"], "sd": "never", "mandatory": False}, without=("degree",)),
    "an empty label": claims_with(entry(display=[{"locale": "en", "label": ""}])), "an unknown member": claims_with(entry(svg_id="x")),
}  # fmt: skip


@clause("CP-32")
@pytest.mark.parametrize("value", ENTRIES.values(), ids=ENTRIES)
def test_claims_and_schema_must_agree(value):
    with pytest.raises(MalformedError):
        draft(value)


@clause("C19", "C24", "CP-08", "CP-32")
@pytest.mark.parametrize(
    "name",
    [
        "iss",
        "iat",
        "nbf",
        "exp",
        "cnf",
        "vct",
        "vct#integrity",
        "status",
        "aud",
        "jti",
        "sub",
        "_sd",
        "...",
        "_sd_alg",
    ],
)
def test_registered_names_are_no_claims(name):
    schema = copy.deepcopy(SOURCE["schema"])
    schema["properties"][name] = {"type": "string"}
    with pytest.raises(MalformedError, match=r"which the credential itself uses|reserved"):
        draft(source(schema=schema, claims=[*SOURCE["claims"], {"path": [name], "sd": "never"}]))


# --- judging claims ----------------------------------------------------------------------------------


@clause("C29", "CP-09")
def test_claims_that_conform_have_no_fault():
    assert published().check_claims(CLAIMS) == ()
    assert draft().check_claims({name: CLAIMS[name] for name in ("name", "degree", "born")}) == ()


def but(**members):
    changed = {**copy.deepcopy(CLAIMS), **members}
    return {name: value for name, value in changed.items() if value is not ...}


FAULTS = {
    "a type": (but(name=7), "name", "type"),
    "a length": (but(name=""), "name", "minLength"),
    "a choice": (but(degree="Dr"), "degree", "enum"),
    "a missing claim": (but(born=...), "born", "required"),
    "a claim too many": (but(colour="red"), "colour", "additionalProperties"),
    "a claim inside": (but(address={"country": "mo", "city": "Macao"}), "address.country", "pattern"),
    "a missing claim inside": (but(address={"country": "MO"}), "address.city", "required"),
    "an element": (but(courses=[{"title": 1}]), "courses[0].title", "type"),
    "31 February": (but(born="2024-02-31"), "born", "format"),
    "a calendar era": (but(born="令和6年2月1日"), "born", "format"),
    "a two-digit year": (but(born="24-02-01"), "born", "format"),
    "full-width digits": (but(born="２０２４-０２-０１"), "born", "format"),
    "full-width digits in a pattern": (but(number="D-０００１"), "number", "pattern"),
}  # fmt: skip


@clause("C29", "C39", "C40", "CP-35", "CP-37")
@pytest.mark.parametrize(("claims", "path", "rule"), FAULTS.values(), ids=FAULTS)
def test_a_fault_names_field_and_rule_and_not_the_value(claims, path, rule):
    faults = published().check_claims(claims)
    assert [(str(fault.path), fault.rule) for fault in faults if fault.rule != "minProperties"] == [
        (path, rule)
    ]
    wrong = [
        value
        for name, value in claims.items()
        if value != CLAIMS.get(name) and isinstance(value, str) and value
    ]
    assert not any(value in str(fault) for fault in faults for value in wrong)


@clause("C37")
@pytest.mark.parametrize(
    "text", ["a\u202eb", "x" * 100, "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘!͖̬̰̙̗̿̋ͥͥ̂ͣ̐́́͜͞", "<script>alert(1)</script>", "{{7*7}}"]
)
def test_odd_text_is_kept_as_it_is(text):
    assert published().check_claims(but(name=text)) == ()


@pytest.mark.parametrize("value", [float("nan"), b"bytes", {1: 2}, "\ud800", object()], ids=repr)
def test_what_json_does_not_have_is_a_fault(value):
    assert published().check_claims(but(name=value))


# --- presented claims --------------------------------------------------------------------------------


def paths(*texts):
    return frozenset(ClaimPath.parse(text) for text in texts)


PRESENTED = {
    "everything": (CLAIMS, ["name", "born", "address", "address.city", "courses"], []),
    "the least": ({"degree": "MSc"}, [], []),
    "some": ({"degree": "MSc", "number": "D-0001", "name": "A"}, ["name"], []),
    "an address without its city": ({"degree": "MSc", "address": {"country": "MO"}}, ["address"], []),
    "what may be withheld, in the clear": ({"degree": "MSc", "born": "1990-03-07"}, [], []),
    "without what is always shown": ({"name": "A"}, ["name"], ["degree"]),
    "a wrong value": ({"degree": "MSc", "born": "1990-02-31"}, ["born"], ["born"]),
    "a wrong value inside": ({"degree": "MSc", "address": {"country": "x"}}, ["address"], ["address.country"]),
    "without what is always shown inside": ({"degree": "MSc", "address": {"city": "x"}}, ["address", "address.city"], ["address.country"]),
    "a claim of no template": ({"degree": "MSc", "colour": "red"}, [], ["colour"]),
    "a disclosure of what is always shown": ({"degree": "MSc"}, ["degree"], ["degree"]),
    "a disclosure of an element": ({"degree": "MSc", "courses": [{"title": "x"}]}, ["courses", "courses[0]"], ["courses[0]"]),
    "what must be withheld, in the clear": ({"degree": "MSc", "name": "A"}, [], ["name"]),
}  # fmt: skip


@clause("C29", "P16", "CP-38")
@pytest.mark.parametrize(("claims", "disclosed", "expected"), PRESENTED.values(), ids=PRESENTED)
def test_presented_claims_are_judged_by_what_is_there(claims, disclosed, expected):
    faults = published().check_presented(claims, paths(*disclosed))
    assert [str(fault.path) for fault in faults] == expected


# --- validity ----------------------------------------------------------------------------------------


@clause("CP-39")
def test_a_credential_lives_as_long_as_the_template_says():
    template = published()
    assert template.expires_at(START) == int(datetime(2031, 6, 30, tzinfo=UTC).timestamp())
    assert template.expires_at(START, timedelta(days=365)) == START + 365 * 86_400
    assert template.expires_at(START, Duration.parse("P10Y", what="x")) == int(
        datetime(2036, 6, 30, tzinfo=UTC).timestamp()
    )


@clause("C14", "CP-39")
@pytest.mark.parametrize(
    "length",
    [timedelta(0), timedelta(days=-1), timedelta(days=3654), timedelta(seconds=0.5)],
    ids=str,
)
def test_no_other_length_is_allowed(length):
    with pytest.raises(MalformedError, match="at most P10Y"):
        published().expires_at(START, length)
