"""The command line: one command per file, found by its file name and loaded when it is called."""

from normdrop.cli._main import main as main
