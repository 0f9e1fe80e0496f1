"""A QR code as the one path of an SVG: the policy allows no inline style, and it needs none."""

from dataclasses import dataclass

import segno

QUIET_ZONE = 4  # modules of white around it, as ISO/IEC 18004 asks for


@dataclass(frozen=True, slots=True)
class QrCode:
    """What a template draws: a square of *size* modules, and the dark ones as a path."""

    size: int
    path: str


def qr_code(text: str) -> QrCode:
    """Return the QR code of *text*; raise `ValueError` if it has not the room."""
    made = segno.make_qr(text, error="m")
    rows = [list(row) for row in made.matrix_iter(border=QUIET_ZONE)]
    dark = (
        f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, module in enumerate(row) if module
    )
    return QrCode(len(rows), "".join(dark))
