"""Beginning where nothing is, and leaving nothing behind of a command that fails."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from weid.errors import MalformedError


def require_empty(folder: Path, *, hint: str) -> None:
    """Require that a folder is empty, or not there yet.

    Raises:
        MalformedError: something is in it.
    """
    if folder.exists() and any(folder.iterdir()):
        raise MalformedError(f"{folder} is not empty", hint=hint)


@contextmanager
def leaving_nothing(*paths: Path) -> Iterator[None]:
    """Take away what the `with` block has made at these paths, if it fails.

    What was there before stays as it is. Folders that were made on the way to a path go too,
    where nothing else has come into them.
    """
    new = [path for path in paths if not path.exists() and not path.is_symlink()]
    made_on_the_way = {parent for path in new for parent in path.parents if not parent.exists()}
    try:
        yield
    except BaseException:
        for path in new:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)
        for folder in sorted(made_on_the_way, key=lambda each: len(each.parts), reverse=True):
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise
