"""Making a trust bundle: read what a verifier would read, and keep every answer as it came."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Protocol

from weid.clock import Clock, SystemClock
from weid.errors import NotFoundError, RegistryUnavailableError
from weid.registry.answers import (
    ConsistencyAnswer,
    HistoryAnswer,
    ListAnswer,
    ReceiptAnswer,
    RecordAnswer,
    StateRoots,
)
from weid.registry.authority import standing_versions
from weid.registry.bundle_file import BundleFile
from weid.registry.light_block import LightBlock
from weid.registry.proof_source import ProofSource
from weid.registry.proved_reader import ProvedReader
from weid.registry.wire import value_hash

PARAMETERS: Final = ("governance_threshold", "max_time_lag", "open_did_creation", "rules_version")
"""Chain parameters that go into every bundle."""
_ATTEMPTS: Final = 5
_ACCREDITORS: Final = 64


class StatusTokenSource(Protocol):
    """Where signed status list tokens come from."""

    def status_token(self, uri: str) -> str | None:
        """Return the newest token of a list, or None where it cannot be had now."""
        ...


@dataclass(frozen=True, slots=True)
class BundleScope:
    """What goes into a bundle.

    `templates` are ids whose versions, issuers and status lists are wanted; `issuers` are DIDs
    that are wanted beside those which the lists name; `batches` are anchored roots, each after its
    author's DID, and `evidence` anchored digests, with all their signers. None for `templates`
    means all that the registry has.
    """

    templates: tuple[str, ...] | None = None
    issuers: tuple[str, ...] = ()
    batches: tuple[tuple[str, bytes], ...] = ()
    evidence: tuple[bytes, ...] = ()


def export_bundle(
    registry: ProvedReader,
    *,
    scope: BundleScope | None = None,
    status_tokens: StatusTokenSource | None = None,
    clock: Clock | None = None,
) -> bytes:
    """Return a bundle of what a registry says now; see `export_from`."""
    return export_from(
        registry.sources,
        genesis_hash=registry.genesis_hash,
        scope=scope,
        status_tokens=status_tokens,
        clock=clock,
    )


def export_from(
    sources: Iterable[ProofSource],
    *,
    genesis_hash: bytes,
    scope: BundleScope | None = None,
    status_tokens: StatusTokenSource | None = None,
    clock: Clock | None = None,
) -> bytes:
    """Return the bytes of a bundle, all of one state, proved while it is read (TB-06).

    Raises:
        ProofError: a source lies.
        RegistryUnavailableError: no source answers, or the registry changes all the time.
    """
    scope = scope or BundleScope()
    refused: RegistryUnavailableError | None = None
    for source in sources:
        for _ in range(_ATTEMPTS):
            recorder = _Recorder(source)
            reader = ProvedReader(
                [recorder], genesis_hash=genesis_hash, clock=clock or SystemClock()
            )
            try:
                uris = _read_all(reader, scope)
            except RegistryUnavailableError as error:
                refused = error
                break
            if len(recorder.states) == 1:
                return recorder.file(_tokens(uris, status_tokens)).to_bytes()
            refused = RegistryUnavailableError(
                "the registry changes while it is exported", hint="try again in a moment"
            )
    raise refused or RegistryUnavailableError("no node is known")


def _tokens(uris: Iterable[str], source: StatusTokenSource | None) -> dict[str, str]:
    if source is None:
        return {}
    found = {uri: source.status_token(uri) for uri in uris}
    return {uri: token for uri, token in found.items() if token is not None}


def _read_all(reader: ProvedReader, scope: BundleScope) -> list[str]:
    """Read everything in scope, present or absent; return the URIs of the status lists."""
    reader.head()
    for name in PARAMETERS:
        reader.parameter(name)
    if scope.templates is None:
        ids = tuple(dict.fromkeys(template.cpt_id for template in reader.templates()))
        reader.role_holders()
        for policy in reader.policies():
            reader.policy(policy.policy_id, policy.policy_version)
        reader.nodes()
        reader.pending_rules()
        reader.handover()
    else:
        ids = scope.templates
    issuers = dict.fromkeys(scope.issuers)
    for cpt_id in ids:
        issuers.update(dict.fromkeys(_read_trust(reader, cpt_id, scope)))
    for author, root in scope.batches:
        reader.batch(author, root)
    for digest in scope.evidence:
        for evidence in reader.evidence(digest):
            reader.evidence_by(evidence.signer, digest)
    return [uri for did in issuers for uri in _read_issuer(reader, did)]


def _read_trust(reader: ProvedReader, cpt_id: str, scope: BundleScope) -> list[str]:
    """Read a template with who may issue it and by whom; return their DIDs."""
    _read_template(reader, cpt_id)
    found = []
    for listed in reader.recognized_issuers(cpt_id):
        reader.recognition(listed.issuer, cpt_id)
        found.append(listed.issuer)
        for recognition in standing_versions(reader, listed):
            found += _read_accreditors(reader, recognition.recognized_by, cpt_id)
    for did in scope.issuers:
        reader.recognition(did, cpt_id)
    return found


def _read_template(reader: ProvedReader, cpt_id: str) -> None:
    version = 1
    while (record := reader.template(cpt_id, version)) is not None:
        # Where the document is not kept, the verifier will say that it is missing.
        with contextlib.suppress(NotFoundError):
            reader.template_document(record)
        version += 1


def _read_accreditors(reader: ProvedReader, did: str, cpt_id: str) -> list[str]:
    """Read the accreditations that lead up from a recognition; return whose they are."""
    found: list[str] = []
    above = [did]
    while above and len(found) < _ACCREDITORS:
        did = above.pop()
        if not did or did in found:
            continue
        found.append(did)
        record = reader.accreditation(did, cpt_id)
        if record is not None:
            above += [version.accredited_by for version in standing_versions(reader, record)]
    return found


def _read_issuer(reader: ProvedReader, did: str) -> list[str]:
    """Read a DID with its past and its status lists; return the URIs of these."""
    record = reader.did(did)
    reader.organisation(did)
    reader.roles(did)
    if record is not None and record.version.number > 1:
        reader.did(did, version=1)
    uris = [status.uri for status in reader.status_lists(did)]
    for uri in uris:
        reader.status_list(did, uri)
    return uris


@dataclass(slots=True)
class _Recorder:
    """A source that keeps what went through it."""

    source: ProofSource
    states: set[bytes] = field(default_factory=set)
    blocks: dict[int, LightBlock] = field(default_factory=dict)
    records: dict[tuple[str, bytes], RecordAnswer] = field(default_factory=dict)
    lists: dict[tuple[str, bytes], ListAnswer] = field(default_factory=dict)
    versions: dict[bytes, bytes] = field(default_factory=dict)
    contents: dict[bytes, bytes] = field(default_factory=dict)

    def file(self, status_tokens: dict[str, str]) -> BundleFile:
        """Return everything that was recorded."""
        return BundleFile(
            self.genesis(),
            tuple(self.blocks[height] for height in sorted(self.blocks)),
            self.records,
            self.lists,
            self.versions,
            self.contents,
            status_tokens,
        )

    def genesis(self) -> bytes:
        return self.source.genesis()

    def light_block(self, height: int | None) -> LightBlock:
        block = self.source.light_block(height)
        self.blocks[block.header.height] = block
        return block

    def record(self, namespace: str, record_id: bytes) -> RecordAnswer:
        answer = self.source.record(namespace, record_id)
        self._note(answer.roots)
        self.records[namespace, record_id] = answer
        return answer

    def list_page(self, list_id: str, start: bytes) -> ListAnswer:
        answer = self.source.list_page(list_id, start)
        self._note(answer.roots)
        self.lists[list_id, start] = answer
        return answer

    def history(self, digest: bytes) -> HistoryAnswer:
        answer = self.source.history(digest)
        self.versions.update((value_hash(version), version) for version in answer.versions)
        return answer

    def content(self, digest: bytes) -> bytes | None:
        content = self.source.content(digest)
        if content is not None:
            self.contents[digest] = content
        return content

    def receipt(self, transaction_id: bytes) -> ReceiptAnswer | None:
        return self.source.receipt(transaction_id)

    def consistency(self, first: int) -> ConsistencyAnswer:
        return self.source.consistency(first)

    def _note(self, roots: StateRoots) -> None:
        self.states.add(roots.app_hash)
