"""A script of a user: a recipe and data made on the spot, compared as a whole."""

import sys

import numpy as np
from own_network import blocks  # type: ignore[import-not-found] # found beside the script

import normdrop


def main() -> None:
    """Compare three variants on made-up rows, and print how they rank."""
    draws = np.random.default_rng(0)
    inputs = draws.normal(size=(400, 6)).astype(np.float32)
    labels = (inputs[:, 0] > inputs[:, 1]).astype(np.int64)
    data = normdrop.Dataset.of(
        "which-is-larger", train=(inputs[:300], labels[:300]), test=(inputs[300:], labels[300:])
    )
    width = int(sys.argv[2])
    recipe = normdrop.Recipe(
        name="mine",
        variants=("none", "before", "after"),
        network=lambda variant, shape, classes, _: blocks(variant, shape[0], classes, width),
        settings={"epochs": 2, "batch_size": 50, "learning_rate": 1e-2},
        seeds=2,
    )
    result = normdrop.compare(recipe, data=data, store=sys.argv[1], progress=False)
    assert result.description.title == "mine"
    assert result.description.baseline == "none"
    for summary in sorted(result, key=lambda each: each.name):
        sys.stdout.write(f"{summary.name} {len(summary.seeds)} {summary.endpoint!r}\n")


main()
