"""A comparison's figures: ranking, learning curves, train against eval mode. Needs plotly."""

from collections.abc import Callable, Sequence

import numpy as np
import plotly.graph_objects as go

from normdrop.lab.comparison._results import Results
from normdrop.lab.trial import Epoch, Outcome
from normdrop.values.display.figures import Curve, DotPair, Estimate, curves, dot_pairs, ranking
from normdrop.values.text import printable


def ranking_figure(results: Results) -> go.Figure:
    """Mean endpoints with their intervals, every seed's value, and the published figures."""
    endpoint = results.description.endpoint
    estimates = [
        Estimate(_text(s.name), s.endpoint, s.interval, s.points, s.published.get(endpoint.name))
        for s in results
        if s.seeds
    ]
    return ranking(estimates, endpoint.axis)


def learning_figure(results: Results, value: Callable[[Epoch], float]) -> go.Figure:
    """Mean over the finished trials of a value of each epoch, and its range over seeds."""
    series = [_curve(s.name, results.grid.of(s.name), value) for s in results if s.seeds]
    return curves(series, "epoch", "loss")


def _curve(name: str, outcomes: Sequence[Outcome], value: Callable[[Epoch], float]) -> Curve:
    finished = [outcome.epochs for outcome in outcomes if outcome.status == "finished"]
    steps = min(len(epochs) for epochs in finished)
    values = np.array([[value(epoch) for epoch in epochs[:steps]] for epochs in finished])
    low, high = (values.min(axis=0), values.max(axis=0)) if len(values) > 1 else ([], [])
    return Curve(_text(name), tuple(values.mean(axis=0)), tuple(low), tuple(high))


def modes_figure(results: Results) -> go.Figure:
    """Final training loss in train mode and in eval mode, same weights, same examples."""
    train, evaluated = (
        dict(zip(results.grid.variants, results.grid.values(name), strict=True))
        for name in ("train_loss", "train_eval_loss")
    )
    pairs = [
        DotPair(
            _text(s.name), float(np.nanmean(train[s.name])), float(np.nanmean(evaluated[s.name]))
        )
        for s in results
        if s.seeds
    ]
    return dot_pairs(pairs, "training loss", "train mode", "eval mode")


def _text(name: str) -> str:
    """A name as plotly shows it literally: plotly reads a few HTML tags in text."""
    return printable(name).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
