"""How the API says no: JSON with a code for scripts and a sentence for people, never a page."""

from typing import NoReturn

from flask import Response, make_response, request
from msgspec import Struct, json
from peewee import DatabaseError
from werkzeug.exceptions import HTTPException

from .. import disk
from ..archive import ArchiveError
from ..backup import BackupError
from ..models.people import PeopleError

JSON = "application/json"
PREFIX = "/api/"  # everything below it is for scripts: no session, no cookie, no page

# Status -> the code of a refusal that has none of its own, and its words.
WORDS = {
    400: ("bad_request", "The server could not understand this request."),
    403: ("forbidden", "The role of this token's user in this unit does not allow this."),
    404: ("not_found", "There is nothing at this address, or this token does not reach it."),
    405: ("method_not_allowed", "This address does not know this method."),
    409: ("conflict", "This cannot be done just now."),
    411: ("length_required", "Send the size of the file as Content-Length."),
    413: ("too_large", "This is larger than the server accepts. Nothing was kept."),
    415: ("unsupported_media_type", "This address takes another Content-Type."),
    416: ("range", "There is no such part of the file."),
    422: ("invalid", "Something in this request is not right."),
    429: ("too_many", "There are too many requests. Wait a moment and try again."),
    500: ("internal", "The server made a mistake."),
    503: ("unavailable", "The server is busy. Wait a moment and try again."),
}


class Error(Struct, omit_defaults=True):
    """Why something was refused."""

    code: str
    message: str
    retry_after: int | None = None


class Refusal(Struct):
    """The answer to everything that was refused."""

    error: Error


class Refused(HTTPException):
    """A refusal of the API with a code of its own."""

    def __init__(self, status: int, word: str, sentence: str, **headers: str) -> None:
        super().__init__(sentence)
        self.code, self.word = status, word
        self._more = [(name.replace("_", "-"), value) for name, value in headers.items()]

    def get_headers(self, *args: object) -> list[tuple[str, str]]:
        """Return the headers of the answer."""
        return [*super().get_headers(*args), *self._more]  # type: ignore[arg-type]


def refuse(status: int, word: str, sentence: str, **headers: str) -> NoReturn:
    """End the request with this answer."""
    raise Refused(status, word, sentence, **headers)


def is_for_scripts() -> bool:
    """Return whether this request asks the API, whatever comes of it."""
    return request.path.startswith(PREFIX)


def answer(
    status: int, sentence: str, *, error: BaseException | None, retry_after: int | None
) -> Response:
    """Return the refusal as JSON."""
    response = make_response(body(_word(status, error), sentence, retry_after), status)
    response.mimetype = JSON
    return response


def body(word: str, sentence: str, retry_after: int | None = None) -> bytes:
    """Return the body of a refusal."""
    return json.encode(Refusal(Error(word, sentence, retry_after)))


def _word(status: int, error: BaseException | None) -> str:
    if isinstance(error, Refused):
        return error.word
    if isinstance(error, ArchiveError | BackupError):
        return error.code
    if error is not None and disk.sentence(error):
        return "disk"
    if isinstance(error, DatabaseError):
        return "database"
    if isinstance(error, PeopleError):
        return "people"
    return WORDS.get(status, ("refused", ""))[0]
