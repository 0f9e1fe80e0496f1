"""How a backup, or the file of a part, is sent: to be saved, not shown, and in no cache."""

from pathlib import Path
from typing import BinaryIO

from flask import Response, send_file


def send_backup(file: Path | BinaryIO, name: str) -> Response:
    """Send *file* as a download called *name*."""
    return send_file(
        file,
        mimetype="application/octet-stream",
        as_attachment=True,
        download_name=name,
        max_age=0,
    )
