"""An issuer's status lists: indices for new credentials, changes, publication.

A list is published in two places: its digest on the registry, under the next sequence, and its
content as a signed token where it is served. The registry is first, so that nobody is served a
list that the registry does not know.
Clauses VF-50, VF-51 and VF-54 of specs/verification.md.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from weid import limits
from weid.clock import Clock
from weid.credential.status_list import (
    INVALID,
    SUSPENDED,
    VALID,
    StatusList,
    StatusReference,
    create_status_token,
)
from weid.crypto.signer import Signer
from weid.errors import NotFoundError
from weid.issuing.status_store import StatusStore, StoredStatusList
from weid.registry.author import Author
from weid.registry.operations import PublishStatusList
from weid.registry.registry import RegistryReader

if TYPE_CHECKING:
    from weid.crypto.certificates import CertificateChain

BITS: Final = 2
TOKEN_LIFETIME: Final = 7 * 86_400
"""How long a signed token may be used (exp): as long as the oldest bundle that is taken."""
NAME_BYTES: Final = 16
"""Random bytes in a list's name: no two of an issuer's are the same, whoever else works for it."""
TOKEN_TTL: Final = 12 * 3600
"""How long a verifier without the registry may keep a token before it asks for the next one."""


class Status(IntEnum):
    """What a status means (Token Status List, section 7.1)."""

    VALID = VALID
    REVOKED = INVALID
    SUSPENDED = SUSPENDED


@runtime_checkable
class StatusTokenHost(Protocol):
    """Serves status list tokens at their URIs."""

    def put_status_token(self, uri: str, token: str) -> None:
        """Serve this token at its URI from now on."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusListSettings:
    """Where and how an issuer publishes its lists; times in seconds, `size` in entries.

    `base_uri` is the https address below which the lists are; `host` what serves them, None where
    a program serves `IssuerStatusLists.token` itself.
    """

    base_uri: str
    host: StatusTokenHost | None = None
    size: int = limits.STATUS_LIST_MIN_ENTRIES
    lifetime: int = TOKEN_LIFETIME
    ttl: int = TOKEN_TTL


class IssuerStatusLists:
    """The status lists of one issuer."""

    def __init__(  # noqa: PLR0913 - who signs, what for, where it is kept
        self,
        *,
        kid: str,
        signer: Signer,
        author: Author,
        registry: RegistryReader,
        store: StatusStore,
        settings: StatusListSettings,
        clock: Clock,
        chain: CertificateChain | None = None,
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._kid = kid
        self._chain = chain
        self._signer = signer
        self._author = author
        self._registry = registry
        self._store = store
        self._settings = settings
        self._clock = clock
        self._random = random
        self._publishing = threading.Lock()

    def reserve(self, cpt_id: str, count: int) -> list[StatusReference]:
        """Return status references for new credentials, from as many lists as it takes.

        A list that is new is published before its first index is given out.
        """
        references: list[StatusReference] = []
        for stored in self._store.status_lists():
            if stored.cpt_id == cpt_id and stored.free:
                references += self._take(stored, count - len(references))
            if len(references) == count:
                return references
        while len(references) < count:
            references += self._take(self._open(cpt_id), count - len(references))
        return references

    def _take(self, stored: StoredStatusList, wanted: int) -> list[StatusReference]:
        indices = self._store.allocate(stored.uri, min(wanted, stored.free))
        return [StatusReference(stored.uri, index) for index in indices]

    def _open(self, cpt_id: str) -> StoredStatusList:
        size = self._settings.size
        name = self._random(NAME_BYTES).hex()
        uri = f"{self._settings.base_uri.rstrip('/')}/{cpt_id}/{name}"
        # On the registry before it is kept: a list that is kept gives out indices.
        digest = StatusList(BITS, size, bytes(size * BITS // 8)).digest
        self._author.submit(PublishStatusList(uri, cpt_id, BITS, size, 1, digest))
        self._store.add_status_list(uri, cpt_id=cpt_id, bits=BITS, size=size)
        self.publish(uri)
        return self._require(uri)

    # --- Changing --------------------------------------------------------------------------------

    def change(self, changes: Mapping[StatusReference, Status]) -> None:
        """Set statuses, all of a list's in one go; nothing is published yet.

        Raises:
            NotFoundError: a list that is not this issuer's.
            MalformedError: a revoked entry would become anything else, which is final; then
                nothing changes in that list.
        """
        by_uri: dict[str, dict[int, Status]] = {}
        for reference, status in changes.items():
            by_uri.setdefault(reference.uri, {})[reference.index] = status
        for uri, wanted in by_uri.items():
            while not self._try_change(uri, wanted):
                pass

    def _try_change(self, uri: str, wanted: Mapping[int, Status]) -> bool:
        stored = self._require(uri)
        changed = _statuses(stored).set_all(wanted)
        return self._store.replace_statuses(uri, expected=stored.raw, new=changed.raw)

    def status(self, reference: StatusReference) -> Status:
        """Return the status that is kept for a reference, published or not."""
        stored = self._require(reference.uri)
        return Status(_statuses(stored).get(reference.index))

    # --- Publishing ------------------------------------------------------------------------------

    def publish(self, uri: str) -> str:
        """Publish a list as it stands: digest on the registry, token with its host; return it.

        Where the registry has this content already, only the token is made anew.
        """
        with self._publishing:
            stored = self._require(uri)
            digest = _statuses(stored).digest
            record = self._registry.status_list(self._author.did, uri)
            if record is None or record.digest != digest:
                sequence = 1 if record is None else record.sequence + 1
                self._author.submit(
                    PublishStatusList(
                        uri, stored.cpt_id, stored.bits, stored.size, sequence, digest
                    )
                )
            token = self._sign(stored)
            if self._settings.host is not None:
                self._settings.host.put_status_token(uri, token)
            return token

    def publish_all(self) -> None:
        """Publish every list; also what renews tokens before they expire."""
        for stored in self._store.status_lists():
            self.publish(stored.uri)

    def token(self, uri: str) -> str:
        """Return a fresh token of a list as the registry has it, for a program that serves it.

        Raises:
            NotFoundError: there is no such list.
        """
        return self.publish(uri)

    def _sign(self, stored: StoredStatusList) -> str:
        now = self._clock.now()
        return create_status_token(
            _statuses(stored),
            uri=stored.uri,
            issued_at=now,
            ttl=self._settings.ttl,
            expires_at=now + self._settings.lifetime,
            kid=self._kid,
            signer=self._signer,
            chain=self._chain,
        )

    def _require(self, uri: str) -> StoredStatusList:
        stored = self._store.status_list(uri)
        if stored is None:
            raise NotFoundError("the status list is not one of this issuer's")
        return stored


def _statuses(stored: StoredStatusList) -> StatusList:
    return StatusList(stored.bits, stored.size, stored.raw)
