"""Text → the modules of a QR symbol, in the mode and size that cameras read best."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import qrcode.constants
from qrcode.exceptions import DataOverflowError
from qrcode.main import QRCode
from qrcode.util import QRData

from weid import limits
from weid.errors import MalformedError
from weid.qr.envelope import PREFIX

QUIET_ZONE: Final = 4
"""Light modules around the symbol (ISO/IEC 18004 clause 9.1)."""

Correction: TypeAlias = Literal["L", "M", "Q", "H"]
"""How much of the symbol may be lost: about 7, 15, 25 or 30 percent."""

_CORRECTIONS: Final = {
    "L": qrcode.constants.ERROR_CORRECT_L,
    "M": qrcode.constants.ERROR_CORRECT_M,
    "Q": qrcode.constants.ERROR_CORRECT_Q,
    "H": qrcode.constants.ERROR_CORRECT_H,
}
# The mode indicators of ISO/IEC 18004 table 2.
_ALPHANUMERIC_MODE: Literal[2] = 2
_BYTE_MODE: Literal[4] = 4
_ALPHANUMERIC: Final = re.compile(rb"[0-9A-Z $%*+\-./:]+\Z")


@dataclass(frozen=True, slots=True)
class Symbol:
    """A QR symbol: its version (1 to 40) and its rows of modules, True for dark."""

    version: int
    rows: tuple[tuple[bool, ...], ...]


def make_symbol(
    text: str,
    *,
    correction: Correction | None = None,
    max_version: int = limits.QR_PRESENTATION_VERSION,
) -> Symbol:
    """Return the smallest symbol that holds the text.

    `correction` is L for a WI1 code, which is shown on a screen, and M for all else, unless it is
    given: on a screen the size of a module decides, on paper the blots do (clause QR-12).

    Raises:
        MalformedError: nothing to draw, or more than a symbol of `max_version` holds.
    """
    if not text:
        raise MalformedError("there is no text to draw a code of")
    chosen = correction or ("L" if text.startswith(PREFIX) else "M")
    octets = text.encode("utf-8")
    # The library's own choice of mode splits the text; one segment is never longer for our texts.
    mode: Literal[2, 4] = _ALPHANUMERIC_MODE if _ALPHANUMERIC.match(octets) else _BYTE_MODE
    code = QRCode(error_correction=_CORRECTIONS[chosen], border=QUIET_ZONE)
    code.add_data(QRData(octets, mode=mode), optimize=0)
    try:
        version = code.best_fit()
    except (DataOverflowError, ValueError):
        version = 41
    if version > max_version:
        raise MalformedError(
            f"a code of {len(octets)} characters would be larger than version {max_version}",
            hint="Show fewer claims, or send it over the network.",
        )
    code.make(fit=False)
    return Symbol(version, tuple(tuple(bool(dark) for dark in row) for row in code.modules))
