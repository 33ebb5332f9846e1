"""The report as a browser shows it: figures drawn, nothing fetched, nothing complained about."""

import subprocess
from pathlib import Path

import pytest
from synthetic_outcomes import comparison, troubled

from normdrop.lab.comparison import Comparison
from normdrop.report import write_html

FLAGS = (
    "--headless",
    "--no-sandbox",  # tests may run as root, where Chromium has no sandbox
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--enable-logging=stderr",
    "--virtual-time-budget=60000",
    "--dump-dom",
)


@pytest.mark.parametrize("race", [comparison(), troubled(3)], ids=["clean", "troubled"])
def test_a_browser_draws_every_figure_without_a_word(
    race: Comparison, chromium: str, tmp_path: Path
) -> None:
    """Every figure becomes a drawing, and the console stays empty.

    The page's own security policy forbids every request: one would show on the console.
    """
    page = write_html(race, tmp_path / "report.html")
    command = (chromium, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", page.as_uri())
    shown = subprocess.run(command, capture_output=True, text=True, timeout=240, check=True)
    figures = page.read_text("utf-8").count('class="figure"')
    assert figures > 0
    assert shown.stdout.count('class="plot js-plotly-plot"') == figures
    complaints = [line for line in shown.stderr.splitlines() if "CONSOLE" in line]
    assert complaints == []
