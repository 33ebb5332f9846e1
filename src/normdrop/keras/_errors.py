"""What Keras says of an error, on one line."""

import re

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_ARGUMENTS = " Arguments received by "


def error_line(error: BaseException) -> str:
    """An error's words without colours, line breaks, and Keras' list of the call's arguments.

    >>> error_line(ValueError("bad shape" + chr(10) + "Arguments received by Dense.call(): ..."))
    'bad shape'
    """
    words = " ".join(_COLOUR.sub("", str(error)).split())
    return words.partition(_ARGUMENTS)[0] or type(error).__name__


def call_and_reason(error: Exception) -> tuple[str, str]:
    r"""Which call raised, as Keras tells it or empty, and why, on one line.

    >>> call_and_reason(ValueError("Exception encountered when calling Dense.call().\n\nbad shape"))
    ('Dense.call()', 'bad shape')
    """
    parts = _COLOUR.sub("", str(error)).split("\n\n")
    where = ""
    if parts[0].startswith("Exception encountered when calling ") and len(parts) > 1:
        where = parts.pop(0).removeprefix("Exception encountered when calling ").rstrip(".")
    return where, " ".join(parts[0].split())
