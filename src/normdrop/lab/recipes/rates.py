"""Error and shift against the dropout rate, directly before batch norm and before a weight."""

from normdrop.lab.contrast import Contrast
from normdrop.lab.measures import SHIFT
from normdrop.lab.metric import TEST_ERROR
from normdrop.lab.recipe import Network, Panel, Settings, Shape
from normdrop.lab.recipes import _disharmony as li

_VARIANTS = ("none", *(f"{place} {rate}" for place in "ab" for rate in (0.1, 0.3, 0.5, 0.7)))
_ERRORS: dict[str, tuple[float | None, ...]] = {
    "PreResNet": (5.02, 5.16, 5.87, 8.43, 14.51, 5.06, 5.29, 5.86, 7.23),
    "WRN": (3.97, 3.91, 3.99, 4.59, 10.26, 3.85, 3.81, 3.81, 4.38),
    "DenseNet": (4.72, 4.63, 5.55, 8.70, 18.10, None, None, 5.63, None),
}
"""By network, of the variants in their order."""
_SHIFTS = {
    "PreResNet": {"a 0.1": 1.04, "a 0.3": 1.16, "a 0.5": 1.40},
    "DenseNet": {"a 0.1": 1.06, "a 0.3": 1.22, "a 0.5": 1.48},
}


def _panel(kind: str) -> Panel:
    errors = zip(_VARIANTS, _ERRORS[kind], strict=True)
    known = {TEST_ERROR.name: {variant: error for variant, error in errors if error is not None}}
    shifts = {SHIFT.name: _SHIFTS[kind]} if kind in _SHIFTS else {}
    return Panel(settings={"network": kind}, published={**known, **shifts})


def _network(variant: str, shape: Shape, classes: int, settings: Settings) -> Network:
    letter, _, rate = variant.partition(" ")
    return li.paper_network(
        shape,
        classes,
        settings,
        place="b" if letter == "b" else "a",
        noise=float(rate or 0.0),
    )


RECIPE = li.recipe(
    name="rates",
    title="Dropout by rate and place",
    question="How do test error and variance shift grow with the dropout rate, in both places?",
    variants=_VARIANTS,
    baseline="none",
    seeds=9,  # the fewest for 8 comparisons with the baseline at 5 % under Holm
    settings={**li.SMALL, "network": "PreResNet"},
    network=_network,
    panels={kind: _panel(kind) for kind in _ERRORS},
    published_label=(
        "CIFAR-10, mean of 5 runs, read off figures to ±0.02; “none”, and b 0.5 of DenseNet, are "
        "from tables"
    ),
    contrasts=(
        *(
            Contrast(
                what=(
                    f"test error at rate {rate}, before a norm (a) less before a weight (b), mean "
                    "of three networks"
                ),
                higher=f"at rate {rate} dropout before a norm errs more than before a weight",
                lower=f"at rate {rate} dropout before a norm errs less than before a weight",
                weights={f"a {rate}": 1, f"b {rate}": -1},
            )
            for rate in (0.1, 0.3, 0.5, 0.7)
        ),
        Contrast(
            what="test error, rate 0.1 before a norm (a) less none",
            higher="even rate 0.1 before a norm raises the error",
            lower="rate 0.1 before a norm lowers the error",
            weights={"a 0.1": 1, "none": -1},
        ),
    ),
    notes=(
        li.PLACES,
        "Published shifts of (b) at rate 0.5 lie between 1.02 and 1.06 for all four networks.",
        li.NOTE,
    ),
)
