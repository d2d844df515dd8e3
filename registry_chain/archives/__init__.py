"""Archives of blocks, and taking old blocks out of a store (SS-12 to SS-15)."""

from registry_chain.archives.archive_file import ArchivedBlock, ArchiveHead, read_archive
from registry_chain.archives.checking import ArchiveReport, check_archives
from registry_chain.archives.pruning import (
    KEPT_ALWAYS,
    Pruner,
    Retention,
    archive_blocks,
    height_to_keep,
    prune,
    prune_writes,
)

__all__ = [
    "KEPT_ALWAYS",
    "ArchiveHead",
    "ArchiveReport",
    "ArchivedBlock",
    "Pruner",
    "Retention",
    "archive_blocks",
    "check_archives",
    "height_to_keep",
    "prune",
    "prune_writes",
    "read_archive",
]
