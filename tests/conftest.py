"""Options and fixtures every test shares."""

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

# Every run draws the same examples, and a busy machine fails none of them.
settings.register_profile("normdrop", deadline=None, derandomize=True)
settings.load_profile("normdrop")


# What runs in the background of a script may be started deaf to Ctrl-C, and the commands that tests
# interrupt would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--fail-on-skip`, for runs that must leave nothing out."""
    parser.addoption("--fail-on-skip", action="store_true", help="fail if any test was skipped")


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say why a run with skipped tests fails."""
    if config.getoption("--fail-on-skip") and terminalreporter.stats.get("skipped"):
        terminalreporter.write_line("failed: tests were skipped, and --fail-on-skip allows none")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Turn skipped tests into a failed run under `--fail-on-skip`."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter and session.config.getoption("--fail-on-skip") and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder that `NORMDROP_DATA` names, with the real data sets in it."""
    folder = os.environ.get("NORMDROP_DATA")
    if not folder:
        pytest.skip("NORMDROP_DATA is not set: it names the folder with mnist/ and the others")
    return Path(folder)
