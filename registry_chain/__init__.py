"""The registry: state machine, engines, node. `LocalRegistry` is a whole one in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from registry_chain.local_registry import LocalRegistry

__all__ = ["LocalRegistry"]


def __getattr__(name: str) -> Any:
    """Import `LocalRegistry` when it is first asked for: the commands start without it."""
    if name != "LocalRegistry":
        raise AttributeError(f"module 'registry_chain' has no attribute {name!r}")
    from registry_chain.local_registry import LocalRegistry  # noqa: PLC0415 - that is the point

    return LocalRegistry
