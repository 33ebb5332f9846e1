"""Shift values: arithmetic, order, and how they show."""

import json
import math
from collections.abc import Mapping

import numpy as np
import pytest

from normdrop.shifts.report import LayerShift, ShiftReport, severity


def _layer(path: str, shift: float, causes: Mapping[str, float] | None = None) -> LayerShift:
    return LayerShift(
        path,
        "measured",
        eval_mean=[0.5, 0.0],
        eval_variance=[shift, shift],
        train_mean=[0.0, 0.0],
        train_variance=[1.0, 1.0],
        causes=causes or {},
    )


def test_scalar_is_the_ratio_of_channel_means() -> None:
    """The scalar weighs channels by variance, as Li et al. do; per-channel ratios do not."""
    layer = LayerShift(
        "bn",
        "measured",
        eval_mean=[0, 0],
        eval_variance=[1, 9],
        train_mean=[0, 0],
        train_variance=[2, 10],
    )
    assert layer.shift == pytest.approx(10 / 12)
    assert layer.shift_per_channel == pytest.approx([0.5, 0.9])


def test_mean_shift_is_in_train_deviations() -> None:
    """Mean shift is divided by the train deviation, and its scalar is a root mean square."""
    layer = LayerShift(
        "bn",
        "measured",
        eval_mean=[3, 0],
        eval_variance=[1, 1],
        train_mean=[1, 0],
        train_variance=[4, 1],
    )
    assert layer.mean_shift_per_channel == pytest.approx([1.0, 0.0])
    assert layer.mean_shift == pytest.approx(math.sqrt(0.5))


@pytest.mark.parametrize(
    ("shift", "expected"),
    [
        (0.79, "error"),
        (1.26, "error"),
        (0.81, "warning"),
        (1.24, "warning"),
        (0.96, "note"),
        (1.04, "note"),
        (0.0, "error"),
        (math.nan, "note"),
    ],
)
def test_severity_goes_both_ways(shift: float, expected: str) -> None:
    """Shifts above 1 are as severe as their inverses."""
    assert severity(shift) == expected


def test_report_is_worst_first_with_unknown_last() -> None:
    """The largest |log Δ| comes first, whichever its sign; unknown layers come last."""
    unknown = LayerShift.without_value("unknown", "invert", 2, "the statistics lag")
    report = ShiftReport(
        [_layer("mild", 0.9), unknown, _layer("up", 3.0), _layer("down", 0.5)], "measured"
    )
    assert [layer.path for layer in report] == ["up", "down", "mild", "unknown"]
    assert [layer.path for layer in report.findings] == ["up", "down", "mild"]


def test_report_is_json() -> None:
    """`to_dict` survives JSON, with null for what is unknown."""
    unknown = LayerShift.without_value("bn", "invert", 1, "the statistics lag")
    data = json.loads(json.dumps(ShiftReport([unknown], "invert", ("why",)).to_dict()))
    assert data["layers"][0]["shift"] is None
    assert data["layers"][0]["unknown"] == "the statistics lag"
    assert data["notes"] == ["why"]


def test_report_as_dataframe() -> None:
    """One row per layer, worst first."""
    frame = ShiftReport([_layer("a", 0.9), _layer("b", 0.5)], "measured").to_dataframe()
    assert list(frame["path"]) == ["b", "a"]
    assert list(frame["severity"]) == ["error", "warning"]


def test_table_names_causes_and_reasons() -> None:
    """Text and HTML show the shift, its causes, and why a layer is unknown; nothing is markup."""
    report = ShiftReport(
        [
            _layer("<b>", 0.5, causes={"drop": 0.9, "other": 0.1}),
            LayerShift.without_value("bn", "invert", 1, "the statistics lag"),
        ],
        "measured",
    )
    text = str(report)
    assert "0.500" in text
    assert "drop (90 %)" in text
    assert "the statistics lag" in text
    assert "<b>" not in report._repr_html_()


def test_empty_report_says_so() -> None:
    """A model without norm layers yields a table that says it has none."""
    assert "No norm layer" in str(ShiftReport([], "simulate"))


def test_plot_has_a_row_per_known_layer() -> None:
    """The figure leaves unknown layers out."""
    unknown = LayerShift.without_value("gone", "invert", 1, "why")
    figure = ShiftReport([_layer("a", 0.9), unknown], "measured").plot()
    assert "gone" not in figure.to_json()


def test_arrays_are_read_only_copies() -> None:
    """Changing an input later changes nothing, and the value cannot be changed either."""
    variance = np.ones(2)
    layer = LayerShift(
        "bn",
        "measured",
        eval_mean=[0, 0],
        eval_variance=variance,
        train_mean=[0, 0],
        train_variance=[1, 1],
    )
    variance[:] = 7
    assert layer.shift == 1
    with pytest.raises(ValueError, match="read-only"):
        np.asarray(layer.eval_variance)[0] = 2


def test_channel_counts_must_agree() -> None:
    """Arrays of different lengths are refused by name."""
    with pytest.raises(ValueError, match="bn: one number per channel"):
        LayerShift(
            "bn",
            "measured",
            eval_mean=[0],
            eval_variance=[1, 1],
            train_mean=[0],
            train_variance=[1],
        )
