"""The closed sets of words that rows use."""

from enum import StrEnum


class Role(StrEnum):
    """What a member may do in one unit, from most to least."""

    ADMIN = "admin"
    POWER_USER = "power_user"
    USER = "user"
    READONLY = "readonly"

    @property
    def label(self) -> str:
        """Return the word shown on screens."""
        return {"admin": "Admin", "power_user": "Power user", "user": "User"}.get(self, "Readonly")

    @property
    def acts(self) -> bool:
        """Return whether this role may use applications, not only look at them."""
        return self is not Role.READONLY


class KeyType(StrEnum):
    """How the text of a config key's value is read."""

    STRING = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"
    JSON = "json"
    SECRET = "secret"  # noqa: S105 - a type name, not a secret

    @property
    def label(self) -> str:
        """Return the word shown on screens."""
        return "JSON" if self is KeyType.JSON else self.title()


class Layout(StrEnum):
    """The column layouts of a workspace."""

    ONE = "1"
    TWO_EQUAL = "2-equal"
    TWO_WIDE_LEFT = "2-wide-left"
    TWO_WIDE_RIGHT = "2-wide-right"
    THREE_EQUAL = "3-equal"
    THREE_WIDE_CENTER = "3-wide-center"
    FOUR_EQUAL = "4-equal"

    @property
    def columns(self) -> int:
        """Return how many columns the layout has."""
        return int(self[0])

    @property
    def label(self) -> str:
        """Return the words shown on screens."""
        return {
            "1": "One column",
            "2-equal": "Two equal columns",
            "2-wide-left": "Two columns, left one wide",
            "2-wide-right": "Two columns, right one wide",
            "3-equal": "Three equal columns",
            "3-wide-center": "Three columns, middle one wide",
            "4-equal": "Four equal columns",
        }[self]


class RunKind(StrEnum):
    """What a backup run did."""

    EXPORT = "export"
    VALIDATE = "validate"
    IMPORT = "import"
    UNDO = "undo"


class RunState(StrEnum):
    """How a backup run stands. A unit has one running run at most; an upload only waits."""

    UPLOADED = "uploaded"
    RUNNING = "running"
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
