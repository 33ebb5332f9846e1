"""The `normdrop` command: finds its subcommands, and turns errors into one line and a status."""

import importlib
import os
import pkgutil
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path

import rich_click as click

from normdrop.errors import NormdropError, UsageError
from normdrop.values.text import one_line

_EXTRAS = {
    "torch": ("torch", "numba", "safetensors"),
    "lab": (
        *("cloudpickle", "filelock", "joblib", "pandas", "platformdirs", "pooch", "scipy"),
        "sklearn",
    ),
    "keras": ("keras",),
    "report": ("jinja2", "plotly"),
    "ray": ("ray",),
}
"""Which extra brings a module."""


class _CommandFolder(click.RichGroup):
    """A group whose subcommands are the public modules beside this file.

    `normdrop compare` is the attribute `command` of `normdrop.cli.compare`. A module is imported
    only when its command is asked for, so that one command does not pay for another's framework.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        names = (module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]))
        return sorted(name for name in names if not name.startswith("_"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command = importlib.import_module(f"normdrop.cli.{cmd_name}").command
        if not isinstance(command, click.Command):
            message = f"normdrop.cli.{cmd_name}.command is not a click command"
            raise TypeError(message)
        command.name = cmd_name  # the help lists commands by this name
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Propose the nearest command for one that does not exist."""
        names = self.list_commands(ctx)
        if args[0] not in names and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0], names, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names)}"
            raise UsageError(f"no command is called {args[0]!r}; {hint}")
        return super().resolve_command(ctx, args)


@click.command(cls=_CommandFolder, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="normdrop")
def _normdrop() -> None:
    """Batch normalization and dropout, working together."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; exit 0 when clean, 1 with findings, 2 for unusable input."""
    _print_anything()
    try:
        with _readers_may_leave():
            status = _normdrop.main(args=arguments, prog_name="normdrop", standalone_mode=False)
    except NormdropError as error:
        _fail(str(error))
    except click.ClickException as error:
        _fail(error.format_message())
    except (click.Abort, KeyboardInterrupt):
        _fail("interrupted")
    except SystemExit as error:
        # No command exits so: it is the code of a model, of its data or of a metric.
        _fail(f"ended by sys.exit({error.code!r}) in code that this command has run")
    except ModuleNotFoundError as error:
        extra = next((extra for extra, names in _EXTRAS.items() if error.name in names), None)
        if extra is None:
            _fail(_unforeseen(error))
        _fail(f"this needs {error.name}, which is missing: pip install 'normdrop[{extra}]'")
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _fail(f"{where}{error.strerror or error}")
    except Exception as error:  # noqa: BLE001 - the last resort: status 1 means that something is found
        _fail(_unforeseen(error))
    sys.exit(status if isinstance(status, int) else 0)


def _print_anything() -> None:
    """A name need not be UTF-8, nor a terminal know the characters of a table."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def _readers_may_leave() -> Iterator[None]:
    """End as other programs do when nobody reads on, as in `normdrop explain | head`."""
    try:
        yield
    except (BrokenPipeError, SystemExit) as error:
        if not isinstance(error.__context__ or error, BrokenPipeError):  # rich makes an exit of it
            raise
        os._exit(128 + signal.SIGPIPE)


def _fail(message: str) -> None:
    """Print one line on standard error and exit with status 2."""
    sys.stderr.write(f"normdrop: {one_line(message)}\n")
    sys.exit(2)


def _unforeseen(error: Exception) -> str:
    """What to say of an error that nobody thought of: what, where, and what to do about it."""
    from importlib.metadata import version

    where = ""
    trace = error.__traceback__
    while trace is not None:
        code, line = trace.tb_frame.f_code, trace.tb_lineno
        where, trace = f" ({Path(code.co_filename).name}:{line}, {code.co_name})", trace.tb_next
    said = f"{type(error).__name__}: {error}".rstrip(": ")
    return (
        f"unforeseen: {said}{where}; this is a fault of normdrop {version('normdrop')}: please "
        "report it to its maintainers with this line, the command and what it was run on"
    )
