"""Shift and error of dropout in both places against the width of a network."""

from normdrop.lab.contrast import Contrast
from normdrop.lab.recipe import Panel
from normdrop.lab.recipes import _disharmony as li

_PUBLISHED = {10: {"test_error": {"none": 3.97, "a": 4.59, "b": 3.81}}}
"""Of WRN-28-10; the source has no other width."""


RECIPE = li.recipe(
    name="width",
    title="Dropout in both places by width",
    question="Does width change what dropout costs before a norm (a) and before a weight (b)?",
    variants=("none", "a", "b"),
    baseline="none",
    seeds=7,  # the fewest for 2 comparisons with the baseline at 5 % under Holm
    settings={**li.SMALL, "network": "WRN", "width": 1, "rate": 0.5},
    panels={
        f"×{width}": Panel(settings={"width": width}, published=_PUBLISHED.get(width, {}))
        for width in (1, 3, 10)
    },
    network=li.network_by_place,
    published_label="CIFAR-10, WRN-28-10, rate 0.5, mean of 5 runs",
    contrasts=(
        Contrast(
            what=(
                "what dropout costs before a norm (a) in test error, at ten times the width less "
                "at one"
            ),
            higher="what dropout costs before a norm (a) grows with width",
            lower="what dropout costs before a norm (a) shrinks with width",
            weights={"a": 1, "none": -1},
            panels={"×10": 1, "×1": -1},
        ),
        Contrast(
            what=(
                "what dropout costs before a weight (b) in test error, at ten times the width "
                "less at one"
            ),
            higher="what dropout costs before a weight (b) grows with width",
            lower="what dropout costs before a weight (b) shrinks with width",
            weights={"b": 1, "none": -1},
            panels={"×10": 1, "×1": -1},
        ),
        Contrast(
            what="test error, before a norm (a) less before a weight (b), mean of three widths",
            higher="dropout before a norm errs more than before a weight",
            lower="dropout before a norm errs less than before a weight",
            weights={"a": 1, "b": -1},
        ),
    ),
    notes=(
        f"Dropout of rate 0.5. {li.PLACES}",
        li.WIDTHS,
        "The source expects wide networks to bear (b): its shift fades as width grows.",
        li.NOTE,
    ),
)
