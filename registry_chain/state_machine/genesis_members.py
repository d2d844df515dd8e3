"""The members of the genesis file: each asked for by name and kind, none left over."""

from __future__ import annotations

from weid.encoding import JsonObject, JsonValue
from weid.errors import MalformedError


class Members:
    """The members of a JSON object, each asked for by name and kind, none left over."""

    def __init__(self, body: JsonObject, what: str) -> None:
        self.body = body
        self._what = what
        self._seen: set[str] = set()

    def _member(self, name: str, kind: type) -> JsonValue:
        self._seen.add(name)
        value = self.body.get(name)
        if type(value) is not kind:
            raise MalformedError(f"{self._what} has no proper member {name}")
        return value

    def text(self, name: str) -> str:
        """Return a member that is text."""
        return str(self._member(name, str))

    def integer(self, name: str) -> int:
        """Return a member that is an integer."""
        value = self._member(name, int)
        assert isinstance(value, int)  # noqa: S101 - `_member` has required it
        return value

    def object(self, name: str) -> JsonObject:
        """Return a member that is an object."""
        value = self._member(name, dict)
        assert isinstance(value, dict)  # noqa: S101 - `_member` has required it
        return value

    def items(self, name: str) -> list[JsonValue]:
        """Return a member that is an array."""
        value = self._member(name, list)
        assert isinstance(value, list)  # noqa: S101 - `_member` has required it
        return value

    def objects(self, name: str) -> list[JsonObject]:
        """Return a member that is an array of objects."""
        members = []
        for item in self.items(name):
            if not isinstance(item, dict):
                raise MalformedError(f"{self._what} has something else than objects in {name}")
            members.append(item)
        return members

    def hex(self, name: str) -> bytes:
        """Return the bytes of a member in lower-case hexadecimal."""
        return self._bytes(self.text(name), name)

    def hexes(self, name: str) -> tuple[bytes, ...]:
        """Return the bytes of each item of an array."""
        return tuple(self._bytes(item, name) for item in self.items(name))

    def _bytes(self, value: JsonValue, name: str) -> bytes:
        try:
            data = bytes.fromhex(value) if isinstance(value, str) else b""
        except ValueError:
            data = b""
        if data.hex() != value:
            raise MalformedError(f"{self._what} has no lower-case hexadecimal in {name}")
        return data

    def require_no_other(self) -> None:
        """Refuse an object with members that nobody asked for."""
        unknown = sorted(set(self.body) - self._seen)
        if unknown:
            raise MalformedError(f"{self._what} has an unknown member: {unknown[0]}")
