"""Text from models, files and exceptions is data: nothing in it acts where it is shown."""

import re

_PLAIN = re.compile(r"[ -~\n]*")
MOST = 10_000
"""Characters of one text that are shown: names of megabytes are data, or an attack."""


def printable(text: str) -> str:
    r"""The text with every control character but a line break replaced, and its middle if long.

    Escapes of terminals, marks that turn the direction of writing, characters without a width and
    halves of characters (of names that are not UTF-8) all become U+FFFD.

    >>> printable("a\x1b[31mb\u202ec\n")
    'a�[31mb�c\n'
    """
    if len(text) > MOST:
        half = MOST // 2
        text = f"{text[:half]} … {len(text) - 2 * half} characters … {text[-half:]}"
    if _PLAIN.fullmatch(text):
        return text
    return "".join(
        each if each.isprintable() or each == "\n" else "\N{REPLACEMENT CHARACTER}" for each in text
    )


def one_line(text: str) -> str:
    r"""The text as `printable` makes it, on one line.

    >>> one_line("two\r\nlines\t")
    'two lines'
    """
    return printable(" ".join(text[: 10 * MOST].split()))
