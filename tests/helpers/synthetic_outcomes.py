"""Made-up outcomes that look like the ten orders' race: ten orders, any seeds, twenty epochs."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from normdrop.lab.comparison import Comparison, ComparisonDescription
from normdrop.lab.trial import Epoch, Outcome, Trial

PUBLISHED = {
    "conv-drop-bn-act-pool": 0.03238,
    "conv-bn-act-drop-pool": 0.03889,
    "conv-bn-act-pool-drop": 0.04126,
    "conv-act-drop-bn-pool": 0.04261,
    "conv-drop-act-pool-bn": 0.04722,
    "conv-drop-act-bn-pool": 0.04828,
    "conv-act-bn-pool-drop": 0.04911,
    "conv-act-drop-pool-bn": 0.05007,
    "conv-bn-drop-act-pool": 0.05143,
    "conv-act-bn-drop-pool": 0.06810,
}
ORDERS = tuple(PUBLISHED)
# Final test losses the made-up orders scatter about, in the order of ORDERS.
LEVELS = (0.034, 0.0275, 0.027, 0.033, 0.036, 0.0365, 0.028, 0.035, 0.031, 0.0335)

DESCRIPTION = ComparisonDescription(
    title="Ten orders",
    question="In which order do conv, batch norm, activation, dropout and pooling belong?",
    source="Stack Overflow, question 39691902",
    variants=ORDERS,
    published={"test_loss": PUBLISHED},
    published_label="one run of each order, 20 epochs (Stack Overflow 39691902)",
)


def outcome(variant: str, seed: int, level: float, epochs: int = 20) -> Outcome:
    """A finished trial whose loss falls towards a level, with noise of its seed and its own."""
    rng = np.random.default_rng([seed, ORDERS.index(variant) if variant in ORDERS else 99])
    final = level + 0.0008 * np.random.default_rng(seed).normal() + 0.0014 * rng.normal()
    history = []
    for number in range(1, epochs + 1):
        test = final + 0.09 * np.exp(-number / 2.5) + 0.0006 * rng.normal() * (number < epochs)
        train = 0.02 + 0.2 * np.exp(-number / 4)
        shift = (level - 0.03) + 0.0005 * rng.normal()
        history.append(Epoch(number, train, train / 2 + shift, test, 1 - test / 3.5, 10.5))
    trial = Trial(
        recipe="ten-orders",
        recipe_version=1,
        variant=variant,
        data="mnist",
        data_checksum="a" * 64,
        seed=seed,
        settings={"epochs": epochs, "batch_size": 64, "learning_rate": 0.001},
        device="cpu",
        precision="fp32",
    )
    return Outcome(trial, "finished", tuple(history), 211.0, versions={"torch": "2.13.0"})


def race(seeds: int = 11, variants: Sequence[str] = ORDERS, epochs: int = 20) -> list[Outcome]:
    """One finished trial of every order with every seed."""
    return [
        outcome(variant, seed, LEVELS[ORDERS.index(variant)], epochs)
        for seed in range(seeds)
        for variant in variants
    ]


def ended(result: Outcome, status: str, message: str, epochs: int = 3) -> Outcome:
    """The same trial, ended early."""
    assert status in {"diverged", "failed"}
    return replace(
        result,
        status="diverged" if status == "diverged" else "failed",
        message=message,
        epochs=result.epochs[:epochs],
    )


def comparison(seeds: int = 11) -> Comparison:
    """The made-up race of ten orders."""
    return Comparison(DESCRIPTION, tuple(race(seeds)))


def troubled(seeds: int = 11, message: str = "out of memory") -> Comparison:
    """A race in which the best order diverges with seed 2 and another fails with seed 4."""
    outcomes = race(seeds)
    for place, result in enumerate(outcomes):
        if result.trial.variant == "conv-bn-act-pool-drop" and result.trial.seed == 2:
            outcomes[place] = ended(result, "diverged", "the training loss is nan in epoch 3")
        if result.trial.variant == "conv-act-drop-bn-pool" and result.trial.seed == 4:
            outcomes[place] = ended(result, "failed", message)
    return Comparison(DESCRIPTION, tuple(outcomes))
