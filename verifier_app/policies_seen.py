"""The presentation policies that may be asked by, as the trusted networks have them now.

A policy's text never changes, but it can be withdrawn: its record is read each time. What a
policy demands of an answer is judged by the library, by what the registry says then.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from verifier_app.languages import told
from weid.clock import Clock
from weid.encoding import JsonObject
from weid.errors import MalformedError, ProtocolError, RegistryError
from weid.registry.records import PolicyRecord
from weid.registry.registry import RegistryReader
from weid.verification.presentation_policy import PresentationPolicy

_NAME: Final = re.compile(
    r"(?:urn:weid:(?P<network>[a-z0-9-]{1,64}):policy:)?"
    r"(?P<id>[a-z][a-z0-9-]{2,63})(?::(?P<version>[1-9][0-9]{0,8}))?"
)


@dataclass(frozen=True, slots=True)
class SeenPolicy:
    """A published policy: who published it, and what the registry calls that one."""

    policy: PresentationPolicy
    publisher: str
    publisher_name: str

    @property
    def uri(self) -> str:
        """What names exactly this version."""
        return str(self.policy.to_json()["uri"])

    def to_json(self) -> JsonObject:
        """Return it as it is kept beside a request."""
        return {
            "document": self.policy.document.decode("utf-8"),
            "publisher": self.publisher,
            "publisher_name": self.publisher_name,
        }

    @classmethod
    def from_json(cls, value: JsonObject) -> SeenPolicy:
        """Read what `to_json` wrote."""
        document = str(value["document"]).encode("utf-8")
        policy = PresentationPolicy.from_json(document)
        return cls(policy, str(value["publisher"]), str(value["publisher_name"]))


class PoliciesSeen:
    """Policies of the trusted networks; `publishers` narrows whose are asked by, none: everybody's.

    `publishers` are DIDs.
    """

    def __init__(
        self,
        readers: Mapping[str, RegistryReader],
        *,
        clock: Clock,
        publishers: Collection[str] = (),
    ) -> None:
        self._readers = readers
        self._clock = clock
        self._publishers = frozenset(publishers)

    def named(self, name: str) -> SeenPolicy:
        """Return the policy of a name: `ID`, `ID:VERSION` or its URI.

        Without a version it is the newest that is in force.

        Raises:
            MalformedError: no such name, or the policy is withdrawn or over.
            ProtocolError: 404: no trusted network has it, of a publisher that is accepted here.
            RegistryError: a registry cannot be asked now.
        """
        match = _NAME.fullmatch(name)
        if match is None:
            raise MalformedError(
                told("This is not the name of a policy."),
                hint=told("Name it as library-card:1, or by its URI."),
            )
        version = None if match["version"] is None else int(match["version"])
        ended = False
        for network, reader in self._readers.items():
            if match["network"] in (None, network):
                records = self._records(reader, match["id"], version)
                found = self._newest(reader, records)
                if found is not None:
                    return found
                ended = ended or bool(records)
        raise _ended() if ended else _none()

    def in_force(self) -> list[SeenPolicy]:
        """Return the newest version of every policy that may be asked by and can be read now."""
        return [seen for reader in self._readers.values() for seen in self._all_of(reader)]

    def _all_of(self, reader: RegistryReader) -> Iterator[SeenPolicy]:
        try:
            records: dict[str, list[PolicyRecord]] = {}
            for one in reader.policies():
                records.setdefault(one.policy_id, []).append(one)
            for versions in records.values():
                found = self._newest(reader, filter(self._accepted, versions))
                if found is not None:
                    yield found
        except RegistryError:
            return

    def _records(
        self, reader: RegistryReader, policy_id: str, version: int | None
    ) -> list[PolicyRecord]:
        if version is None:
            found = [one for one in reader.policies() if one.policy_id == policy_id]
        else:
            one = reader.policy(policy_id, version)
            found = [] if one is None else [one]
        return [one for one in found if self._accepted(one)]

    def _accepted(self, record: PolicyRecord) -> bool:
        return not self._publishers or record.publisher in self._publishers

    def _newest(self, reader: RegistryReader, records: Iterable[PolicyRecord]) -> SeenPolicy | None:
        """Return the newest of these that is in force and can be read."""
        for record in sorted(records, key=lambda one: -one.policy_version):
            policy = _read(record)
            if policy is not None and self._is_in_force(record, policy):
                known = reader.organisation(record.publisher)
                return SeenPolicy(policy, record.publisher, "" if known is None else known.name)
        return None

    def _is_in_force(self, record: PolicyRecord, policy: PresentationPolicy) -> bool:
        over = policy.valid_until is not None and self._clock.now() >= policy.valid_until
        return record.withdrawn_at is None and not over


def _read(record: PolicyRecord) -> PresentationPolicy | None:
    """Return the policy, or None: the rules ask of a document only that it names itself."""
    try:
        return PresentationPolicy.from_json(record.document)
    except MalformedError:
        return None


def _ended() -> MalformedError:
    return MalformedError(
        told("This policy is no longer in force."),
        hint=told("Choose another one, or publish a new version of it."),
    )


def _none() -> ProtocolError:
    return ProtocolError(
        "not_found",
        told("No trusted registry has such a policy."),
        status=404,
        hint=told("weid policy list shows those that there are."),
    )
