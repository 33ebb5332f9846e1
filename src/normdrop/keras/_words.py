"""What Keras says of an error, as one line."""

import re

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_ARGUMENTS = " Arguments received by "


def one_line(error: BaseException) -> str:
    """An error's words without colours, line breaks, and Keras' list of the call's arguments.

    >>> one_line(ValueError("bad shape" + chr(10) + "Arguments received by Dense.call(): ..."))
    'bad shape'
    """
    words = " ".join(_COLOUR.sub("", str(error)).split())
    return words.partition(_ARGUMENTS)[0] or type(error).__name__
