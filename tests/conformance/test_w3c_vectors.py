"""The published vectors of Data Integrity, Bitstring Status List and VC-JOSE-COSE."""

from __future__ import annotations

import copy

import pytest

from tests.conformance import w3c_results
from tests.conformance.published import FOLDER, needs_vectors
from tests.conformance.w3c_results import NOT_DONE, NOT_DONE_VECTORS, PASSES, SETS
from tests.support.clauses import clause
from weid.crypto.keys import PublicKey
from weid.errors import WeidError
from weid.w3c.data_integrity import split_proofs, verify_proof
from weid.w3c.vocabulary import SUITE_CONTEXTS

pytestmark = needs_vectors
needs_rdf = pytest.mark.skipif(
    not w3c_results.HAS_RDF, reason="eddsa-rdfc-2022 needs the extra 'w3c' (PyLD)"
)
DATA_INTEGRITY, BITSTRING, JOSE = SETS


def parameters(one):
    """Return the vectors of a set as parameters named by their ids; none without the folder."""
    if not FOLDER:
        return [pytest.param(None, id="no folder of vectors")]
    return [
        pytest.param(
            vector, id=vector["id"], marks=[needs_rdf] if w3c_results.needs_rdf(vector) else []
        )
        for vector in w3c_results.vectors_of(one)
    ]


def check(one, vector):
    """Require the outcome that the table of results has."""
    wanted = NOT_DONE if vector["id"] in NOT_DONE_VECTORS else PASSES
    assert w3c_results.outcome(one, vector) == wanted


@clause("WC-10", "WC-13", "WC-15", "WC-17")
@pytest.mark.parametrize("vector", parameters(DATA_INTEGRITY))
def test_data_integrity(vector):
    check(DATA_INTEGRITY, vector)


@clause("WC-30", "WC-31", "WC-32")
@pytest.mark.parametrize("vector", parameters(BITSTRING))
def test_bitstring_lists(vector):
    check(BITSTRING, vector)


@clause("WC-20", "WC-21", "WC-22")
@pytest.mark.parametrize("vector", parameters(JOSE))
def test_jose(vector):
    check(JOSE, vector)


@clause("WC-01")
@pytest.mark.parametrize("url", sorted(SUITE_CONTEXTS))
def test_the_contexts_that_are_built_in_are_the_published_ones(url):
    assert SUITE_CONTEXTS[url] == w3c_results.published_contexts().document(url)


def test_every_vector_has_its_row():
    rows = list(w3c_results.results())
    assert {outcome for _, _, outcome, _ in rows} <= {PASSES, NOT_DONE}
    assert all(reason for _, _, outcome, reason in rows if outcome == NOT_DONE)
    assert [name for _, name, _, _ in rows] == [
        vector["id"] for one in SETS for vector in w3c_results.vectors_of(one)
    ]


def test_the_table_names_only_vectors_that_are_there():
    there = {vector["id"] for one in SETS for vector in w3c_results.vectors_of(one)}
    assert set(NOT_DONE_VECTORS) <= there


def _texts(value, path=()):
    """Give the path of every text within JSON."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield from _texts(each, (*path, name))
    elif isinstance(value, list):
        for place, each in enumerate(value):
            yield from _texts(each, (*path, place))
    elif isinstance(value, str):
        yield path


def _altered(document, path):
    made = copy.deepcopy(document)
    place = made
    for step in path[:-1]:
        place = place[step]
    text = place[path[-1]]
    place[path[-1]] = text[:-1] + ("a" if text[-1] != "a" else "b")
    return made


@clause("WC-10", "WC-15", "WC-16", "WC-17")
@pytest.mark.parametrize("vector", parameters(DATA_INTEGRITY))
def test_no_text_of_a_published_document_can_be_changed(vector):
    if vector["id"] in NOT_DONE_VECTORS:
        pytest.skip(NOT_DONE_VECTORS[vector["id"]])
    contexts = w3c_results.published_contexts()
    keys = {
        proof.key_id: PublicKey.from_multikey(proof.key_id.partition("#")[2])
        for proof in split_proofs(vector["document"])[1]
    }
    first = next(iter(keys.values()))
    for path in _texts(vector["document"]):
        with pytest.raises(WeidError):  # noqa: PT012 - whichever step refuses it
            document, proofs = split_proofs(_altered(vector["document"], path))
            contexts.check(document, what="the document")
            for proof in proofs:
                key = keys.get(proof.key_id, first)
                verify_proof(document, proof, key, others=proofs, contexts=contexts)
