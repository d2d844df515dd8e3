"""Finding the CometBFT program, of a version that we have tried and no other.

A newer number is not a better one: the line v1.x was given up and lacks the fixes of the lines that
live on, so a version that is not in the table is refused, whatever it is (clause NT-01).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from weid.errors import WeidError

DEFAULT_VERSION: Final = "0.39.4"
VERSIONS: Final = (DEFAULT_VERSION, "0.38.25")
"""The versions that the suite runs against."""
VARIABLE: Final = "WEID_COMETBFT"
"""Names the program where it lies in no usual place."""
_PLACE: Final = Path(".cometbft") / "bin"
_VERSION: Final = re.compile(r"v?([0-9]+\.[0-9]+\.[0-9]+)(?:\+[0-9a-f]+)?")
_ANSWER_SECONDS: Final = 20
_INSTALL: Final = (
    "make cometbft builds it from source (needs Go); or name one that is there by "
    f"{VARIABLE}=/path/to/cometbft"
)


class BinaryError(WeidError):
    """There is no CometBFT that may be used."""


@dataclass(frozen=True, slots=True)
class Binary:
    """A CometBFT program that was asked for its version."""

    path: Path
    version: str


def installed_folders() -> list[Path]:
    """Return where `make cometbft` puts the program, seen from the environment that runs us."""
    if sys.prefix == sys.base_prefix:
        return []
    environment = Path(sys.prefix)
    return [environment.parent / _PLACE, environment / _PLACE]


def ask_version(path: Path) -> str:
    """Return what `cometbft version` prints.

    Raises:
        BinaryError: it cannot be run, fails or does not answer.
    """
    try:
        done = subprocess.run(
            # Absolute: a name alone would be looked for in PATH.
            [str(path.absolute()), "version"],
            capture_output=True,
            text=True,
            errors="replace",
            check=True,
            timeout=_ANSWER_SECONDS,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError) as error:
        reason = error.strerror if isinstance(error, OSError) else type(error).__name__
        raise BinaryError(f"{path} does not run: {reason}", hint=_INSTALL) from None
    return done.stdout.strip()


def find_binary(
    named: Path | None = None,
    *,
    version: str | None = None,
    environment: Mapping[str, str] = os.environ,
    folders: Sequence[Path] | None = None,
    ask: Callable[[Path], str] = ask_version,
) -> Binary:
    """Return the CometBFT to use: the one named, else of WEID_COMETBFT, of our folder, of PATH.

    The first one that is there decides: if it is of a wrong version, no other is taken quietly.
    `version` asks for one of `VERSIONS`; None takes any of them, the default before others.

    Raises:
        BinaryError: there is none, it does not run, or it is of another version.
    """
    allowed = VERSIONS if version is None else (version,)
    if version is not None and version not in VERSIONS:
        raise BinaryError(
            f"CometBFT {version} is not a version that we run", hint=f"one of {_listed(VERSIONS)}"
        )
    for path, whence in _candidates(named, allowed, environment, folders):
        if not path.is_file() or not os.access(path, os.X_OK):
            if whence:
                raise BinaryError(f"{path}, named by {whence}, is no program", hint=_INSTALL)
            continue
        return Binary(path.absolute(), _require_version(path, ask(path), allowed))
    raise BinaryError(f"there is no CometBFT {_listed(allowed)} here", hint=_INSTALL)


def _candidates(
    named: Path | None,
    versions: Sequence[str],
    environment: Mapping[str, str],
    folders: Sequence[Path] | None,
) -> Iterator[tuple[Path, str]]:
    """Yield each place, and by what a person named it ("": nobody did)."""
    if named is not None:
        yield named, "the command line"
    if environment.get(VARIABLE):
        yield Path(environment[VARIABLE]), VARIABLE
    for folder in installed_folders() if folders is None else folders:
        for version in versions:
            yield folder / f"cometbft-{version}", ""
    found = shutil.which("cometbft", path=environment.get("PATH", ""))
    if found is not None:
        yield Path(found), ""


def _require_version(path: Path, said: str, allowed: Sequence[str]) -> str:
    match = _VERSION.fullmatch(said)
    if match is None or match[1] not in allowed:
        shown = match[1] if match else repr(said[:40])
        raise BinaryError(
            f"{path} is CometBFT {shown}, which is not {_listed(allowed)}", hint=_INSTALL
        )
    return match[1]


def _listed(versions: Sequence[str]) -> str:
    return " or ".join(versions)
