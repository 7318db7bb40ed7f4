"""The errors a user can cause; each is shown as one message, never as a traceback."""

LONGEST_LINE = 300


class AlignmentError(Exception):
    """A mistake in what was declared, in the data, or in the lake; the message says where."""


class DeclarationError(AlignmentError):
    """A file under `assets/` cannot be used; the message names file, line and field."""


class DataError(AlignmentError):
    """A source or a suite item cannot be read; the message names file and line."""


class ArtifactError(AlignmentError):
    """An artifact is missing or its bytes changed; the message names the artifact."""


class OutOfMemory(AlignmentError):
    """Memory did not suffice, or may not have; the message says what to lower."""

    def __init__(self, message: str, setting: str = "") -> None:
        super().__init__(message)
        self.setting = setting
        """The field that decides how much is held, with dots; empty where none is known."""


def first_line(error: Exception) -> str:
    """Of what a library says, the first line, at most 300 characters; its kind if it is mute."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:LONGEST_LINE]
