"""A light block: one header with what is needed to believe it."""

from __future__ import annotations

from dataclasses import dataclass

from weid.encoding import JsonObject, JsonValue
from weid.errors import MalformedError
from weid.registry.headers import Commit, Header
from weid.registry.records import Head
from weid.registry.validators import ValidatorSet


@dataclass(frozen=True, slots=True)
class LightBlock:
    """A header, its commit and the validators that sealed it: all that a client needs."""

    header: Header
    commit: Commit
    validators: ValidatorSet

    def to_json(self) -> JsonObject:
        """Return JSON made of the pieces that CometBFT's RPC gives."""
        return {
            "signed_header": {"header": self.header.to_json(), "commit": self.commit.to_json()},
            "validators": self.validators.to_json(),
        }

    @classmethod
    def from_json(cls, value: JsonValue) -> LightBlock:
        """Parse what `to_json` returns; `signed_header` may be a whole `/commit` answer's.

        Raises:
            MalformedError: a part is missing or of another form.
        """
        signed = value.get("signed_header") if isinstance(value, dict) else None
        if not isinstance(value, dict) or not isinstance(signed, dict):
            raise MalformedError("the light block has no signed_header")
        return cls(
            Header.from_json(signed.get("header")),
            Commit.from_json(signed.get("commit")),
            ValidatorSet.from_json(value.get("validators")),
        )

    def head(self) -> Head:
        """Return the head that this block is."""
        header = self.header
        return Head(header.height, header.time, header.app_hash, header.hash())
