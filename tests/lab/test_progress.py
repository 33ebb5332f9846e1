"""Progress: the share of the work done, in bars or lines."""

import io
from collections.abc import Callable

import pytest
from rich.console import Console

from normdrop.lab.progress import watcher
from normdrop.lab.trial import Epoch, Outcome, Trial

Make = Callable[..., Trial]


def _finish(trial: Trial) -> Outcome:
    return Outcome(trial, "finished", (Epoch(1, 0.5, 0.5, 0.25, 0.9, 1.0),), 1.0)


def test_lines_say_how_far_it_is(tiny_trial: Make, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a terminal the last trial's line is printed, plain, on standard error."""
    trials = [tiny_trial(seed=seed) for seed in range(2)]
    with watcher(trials) as watching:
        watching.advanced(trials[0], 1.5)
        for trial in trials:
            watching.ended(_finish(trial))
    assert capsys.readouterr() == (
        "",
        "2 of 2 trials, plain seed 1: test loss 0.2500, 0:00:00 left\n",
    )


def test_bars_show_trials_and_epochs(tiny_trial: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a terminal there is a bar for all trials and one for each at work."""
    terminal = io.StringIO()
    monkeypatch.setattr(
        "normdrop.lab.progress.Console",
        lambda **_: Console(file=terminal, force_terminal=True, width=100),
    )
    trials = [tiny_trial(seed=seed) for seed in range(2)]
    with watcher(trials) as watching:
        watching.advanced(trials[0], 1.5)
        watching.advanced(trials[1], 0.5)
        watching.ended(_finish(trials[0]))
    shown = terminal.getvalue()
    assert "plain, seed 0" in shown
    assert "epoch 2/2" in shown
    assert "1 of 2 trials" in shown


def test_silence(tiny_trial: Make, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is shown when nothing is to be shown."""
    with watcher([tiny_trial()], shown=False) as watching:
        watching.advanced(tiny_trial(), 1.0)
        watching.ended(_finish(tiny_trial()))
    assert capsys.readouterr() == ("", "")
