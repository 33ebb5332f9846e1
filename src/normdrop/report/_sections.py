"""The report's tables beside the ranking: every trial, and where the numbers come from."""

from collections.abc import Iterator, Mapping, Sequence

from normdrop.lab.comparison import Comparison, settings, versions
from normdrop.values.display import Column, Row, Table


def trials(comparison: Comparison) -> Table:
    """The endpoint of every trial: one row per variant, best first, one column per seed."""
    grid = comparison.grid
    columns = [Column("variant"), *(Column(f"seed {seed}", "right") for seed in grid.seeds)]
    rows = tuple(
        Row((summary.name, *(_cell(comparison, summary.name, seed) for seed in grid.seeds)))
        for summary in comparison
    )
    label = comparison.description.endpoint.axis
    return Table(f"Every trial: {label}", tuple(columns), rows)


def _cell(comparison: Comparison, variant: str, seed: int) -> str:
    outcome = comparison.grid.outcomes.get((variant, seed))
    if outcome is None:
        return "not run"
    endpoint = comparison.description.endpoint
    value = outcome.values.get(endpoint.name)
    return outcome.status if value is None else endpoint.text(value)


def provenance(comparison: Comparison) -> Iterator[Table]:
    """Recipe and data, settings, and versions."""
    trial = comparison.outcomes[0].trial
    devices = dict.fromkeys(outcome.trial.device for outcome in comparison.outcomes)
    yield _facts(
        "Recipe and data",
        {
            "recipe": [f"{trial.recipe}, version {trial.recipe_version}"],
            "data": [trial.data],
            "data checksum": [trial.data_checksum],
            "precision": [trial.precision],
            "device": list(devices),
            "seeds": list(comparison.grid.seeds),
            "level of the tests": [comparison.level],
        },
    )
    yield _facts("Settings", settings(comparison))
    yield _facts("Versions", versions(comparison))


def _facts(title: str, facts: Mapping[str, Sequence[object]]) -> Table:
    rows = tuple(Row((name, ", ".join(map(str, values)))) for name, values in facts.items())
    return Table(title, (Column("name"), Column("value")), rows)
