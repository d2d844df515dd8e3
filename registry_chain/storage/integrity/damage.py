"""One place where a store's bytes are not what was written."""

from __future__ import annotations

from dataclasses import dataclass

from registry_chain.storage.store import Table


@dataclass(frozen=True, slots=True)
class Damage:
    """What is wrong, in which table, at which key and, where it is known, height.

    A fault of the file itself, below the tables, has an empty table.
    """

    table: str
    key: bytes
    what: str
    height: int | None = None

    def __str__(self) -> str:
        place = f"table {self.table}" if self.table else "the database file"
        if self.key:
            # A damaged name is no name of ours, and must be told all the same.
            is_text = self.table == Table.SETTINGS and self.key.isalnum()
            name = self.key.decode("ascii") if is_text else self.key.hex()
            place += f", key {name}"
        if self.height is not None:
            place += f", height {self.height}"
        return f"{place}: {self.what}"
