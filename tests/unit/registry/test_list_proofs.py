"""Complete lists: every page shows all of its range, and the pages are the whole list."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_chain.commitment.index import list_keys, prove_list_page
from registry_chain.commitment.sparse_merkle import update_tree
from tests.support.clauses import clause
from tests.support.page_store import PageStore
from weid.errors import MalformedError, ProofError
from weid.registry.list_proofs import (
    FIRST_KEY,
    NODE_BRANCH,
    NODE_EMPTY,
    NODE_SHOWN,
    ListPage,
    ListProof,
    verify_absent_list,
    verify_complete_list,
    verify_list_page,
)
from weid.registry.records import IndexRecord

KEYS = st.one_of(
    st.binary(min_size=32, max_size=32),
    st.binary(min_size=1, max_size=2).map(lambda tail: bytes(32 - len(tail)) + tail),
    st.binary(min_size=2, max_size=2).map(lambda head: head + b"\xaa" * 30),
)


class Listing:
    """A list with its tree, index record and pages."""

    def __init__(self, keys: set[bytes]) -> None:
        self.values = {key: b"value " + key for key in keys}
        self.store = PageStore()
        hashes = {key: hashlib.sha256(value).digest() for key, value in self.values.items()}
        root = self.store.apply(update_tree(self.store, "list", hashes))
        self.index = IndexRecord("list", len(keys), root)

    def page(self, start: bytes = FIRST_KEY, limit: int = 100) -> ListPage:
        return prove_list_page(
            self.store,
            "list",
            self.values.__getitem__,
            lambda key: hashlib.sha256(self.values[key]).digest(),
            start=start,
            limit=limit,
        )

    def pages(self, limit: int) -> list[ListPage]:
        pages = [self.page(limit=limit)]
        while not pages[-1].proof.last:
            pages.append(self.page(pages[-1].proof.end, limit))
        return pages


MANY = Listing({hashlib.sha256(b"%d" % n).digest() for n in range(100)})


@clause("ST-06", "ST-07")
@given(st.sets(KEYS, max_size=40), st.integers(1, 12))
def test_pages_of_any_size_are_the_whole_list(keys: set[bytes], limit: int) -> None:
    listing = Listing(keys)
    pages = listing.pages(limit)
    verify_complete_list(listing.index, pages)
    shown = [entry for page in pages for entry in page.entries]
    assert shown == sorted(listing.values.items())
    for page in pages:
        assert ListProof.from_bytes(page.proof.to_bytes()) == page.proof


@clause("ST-07")
@given(st.sets(KEYS, max_size=40), KEYS, st.integers(1, 12))
def test_a_page_may_begin_anywhere(keys: set[bytes], start: bytes, limit: int) -> None:
    listing = Listing(keys)
    page = listing.page(start, limit)
    verify_list_page(listing.index, page)
    expected = sorted(key for key in keys if key >= start)[:limit]
    assert [key for key, _ in page.entries] == expected
    assert list_keys(listing.store, "list", start, limit) == expected


def lies() -> dict[str, ListPage]:
    page = MANY.page(sorted(MANY.values)[30], 10)
    entries = page.entries
    nodes = page.proof.nodes
    outside = next(n for n, node in enumerate(nodes) if len(node) == 32)
    branch = nodes.index(NODE_BRANCH)

    def with_nodes(*changed: bytes) -> ListPage:
        return replace(page, proof=replace(page.proof, nodes=changed))

    return {
        "a record left out": replace(page, entries=entries[:-1]),
        "a record in the middle left out": replace(page, entries=entries[:4] + entries[5:]),
        "a record twice": replace(page, entries=(*entries[:4], entries[3], *entries[4:])),
        "a record changed": replace(page, entries=((entries[0][0], b"else"), *entries[1:])),
        "records in another order": replace(page, entries=entries[::-1]),
        "a record from outside the range": replace(page, entries=((FIRST_KEY, b"value"), *entries)),
        "a wider range": replace(page, proof=replace(page.proof, start=FIRST_KEY)),
        "an end that says last": replace(page, proof=replace(page.proof, end=b"")),
        "no boundary": with_nodes(),
        "a node too many": with_nodes(*nodes, EMPTY_NODE),
        "a node too few": with_nodes(*nodes[:-1]),
        "a hash that is not one": with_nodes(*nodes[:outside], b"x", *nodes[outside + 1 :]),
        "a branch called empty": with_nodes(*nodes[:branch], NODE_EMPTY, *nodes[branch + 1 :]),
        "a branch called a record": with_nodes(*nodes[:branch], NODE_SHOWN, *nodes[branch + 1 :]),
        "no records at all": replace(page, entries=()),
    }


EMPTY_NODE = b""


@clause("ST-07", "R40")
@pytest.mark.parametrize("lie", lies())
def test_a_page_is_refused_with(lie: str) -> None:
    with pytest.raises(ProofError):
        verify_list_page(MANY.index, lies()[lie])


@clause("ST-07")
def test_a_record_cannot_be_hidden_behind_the_boundary() -> None:
    """A tree of two: whoever shows one may not call the other's place empty or outside."""
    low, high = b"\x10" + bytes(31), b"\x1f" + bytes(31)
    listing = Listing({low, high})
    leaf = high + hashlib.sha256(listing.values[high]).digest()
    honest = listing.page(limit=1)
    verify_list_page(listing.index, honest)
    end = (int.from_bytes(high, "big") + 1).to_bytes(32, "big")
    entries = ((low, listing.values[low]),)
    for nodes in ((leaf,), (NODE_EMPTY,), honest.proof.nodes):
        with pytest.raises(ProofError):
            verify_list_page(listing.index, ListPage(entries, ListProof(FIRST_KEY, end, nodes)))
    with pytest.raises(ProofError):
        verify_list_page(listing.index, ListPage((), ListProof(FIRST_KEY, end, (leaf,))))


@clause("ST-07")
def test_a_list_is_refused_with_a_page_missing_doubled_or_after_the_end() -> None:
    pages = MANY.pages(30)
    for wrong in (pages[1:], pages[:-1], [*pages, pages[-1]], [pages[0], *pages], []):
        with pytest.raises(ProofError):
            verify_complete_list(MANY.index, wrong)
    with pytest.raises(ProofError):
        verify_complete_list(replace(MANY.index, count=99), pages)
    verify_absent_list(None, ())
    with pytest.raises(ProofError):
        verify_absent_list(MANY.index, ())
    with pytest.raises(ProofError):
        verify_absent_list(None, (1,))


def test_a_list_proof_has_one_spelling_in_bytes() -> None:
    faults = [
        [2, FIRST_KEY, b"", []],
        [1, FIRST_KEY, b""],
        [1, b"", b"", []],
        [1, FIRST_KEY, b"x", []],
        [1, FIRST_KEY, b"", b""],
        [1, FIRST_KEY, b"", ["x"]],
        {1: 2},
    ]
    for fault in faults:
        with pytest.raises(MalformedError):
            ListProof.from_bytes(cbor2.dumps(fault, canonical=True))
