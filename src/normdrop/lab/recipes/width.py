"""Shift and error of dropout in both places against the width of a network."""

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
    notes=(
        f"Dropout of rate 0.5. {li.PLACES}",
        li.WIDTHS,
        "The source expects wide networks to bear (b): its shift fades as width grows.",
        li.NOTE,
    ),
)
