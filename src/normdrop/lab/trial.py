"""A trial is everything that decides a result, as a value; an outcome is what came of it.

Both are also one line of JSON: what the store keeps and what workers say.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Literal, TypeAlias, get_args

Setting: TypeAlias = str | int | float | bool | None
Status: TypeAlias = Literal["finished", "diverged", "failed"]

_FOLDER = re.compile(r"(?:.*[/\\])?([^/\\]*\.py@[0-9a-f]{12})")
NO_DATA = "none"
"""The data of a trial that makes its own inputs."""


@dataclass(frozen=True)
class Trial:
    """One training run, described completely: its hash is its key in the store.

    A changed default changes `settings`, hence the key, so an old result is never taken for a new
    one.
    """

    recipe: str
    recipe_version: int
    variant: str
    data: str
    data_checksum: str
    seed: int
    settings: Mapping[str, Setting]
    device: str
    precision: Literal["fp32", "bf16"]

    @property
    def key(self) -> str:
        """SHA-256 of the trial's canonical JSON, without the folder of a recipe's file.

        Such a recipe is told by its code.
        """
        # Not asdict(), which copies every setting: a store of many trials takes a key of each.
        named = {**vars(self), "recipe": _FOLDER.sub(r"\1", self.recipe)}
        return hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()


def same_but_seed(trials: Iterable[Trial]) -> list[list[Trial]]:
    """The trials in groups that differ in nothing but their seed, in the order of their first."""
    groups: dict[str, list[Trial]] = {}
    for trial in trials:
        groups.setdefault(replace(trial, seed=0).key, []).append(trial)
    return list(groups.values())


@dataclass(frozen=True)
class Epoch:
    """What one epoch left behind. Losses are means per example, of a classifier in nats.

    `train_loss` and `train_eval_loss` are of the same weights on the same training examples, in
    train mode (dropout on, batch statistics) and in eval mode.
    `test_accuracy` lies in [0, 1]; what does not classify has none.
    """

    number: int
    train_loss: float
    train_eval_loss: float
    test_loss: float
    test_accuracy: float | None
    seconds: float


@dataclass(frozen=True)
class Outcome:
    """How a trial ended; a diverged or failed one keeps its epochs and says why in `message`.

    `measures` are the numbers that the recipe takes itself, by the names of its metrics.
    """

    trial: Trial
    status: Status
    epochs: tuple[Epoch, ...]
    seconds: float
    message: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    measures: Mapping[str, float] = field(default_factory=dict)

    @property
    def values(self) -> Mapping[str, float]:
        """The numbers of a finished trial by metric: the final epoch's, then its `measures`.

        The final epoch's, never the best epoch's: choosing the best by test loss would test on the
        choice. Empty unless the trial finished.
        """
        if self.status != "finished":
            return {}
        return {**(_values(self.epochs[-1]) if self.epochs else {}), **self.measures}


def _values(epoch: Epoch) -> dict[str, float]:
    values = {
        "test_loss": epoch.test_loss,
        "train_loss": epoch.train_loss,
        "train_eval_loss": epoch.train_eval_loss,
    }
    if epoch.test_accuracy is not None:
        values["test_accuracy"] = 100 * epoch.test_accuracy
        values["test_error"] = 100 * (1 - epoch.test_accuracy)
    return values


def trials_line(trials: Sequence[Trial]) -> str:
    """Trials as one line of JSON; `read_trials` reads them back."""
    return json.dumps([asdict(trial) for trial in trials])


def read_trials(line: str) -> list[Trial]:
    """The trials that `trials_line` wrote."""
    return [Trial(**fields) for fields in json.loads(line)]


def outcome_line(outcome: Outcome) -> str:
    """An outcome as one line of JSON; `read_outcome` reads it back, every bit of its numbers."""
    parts = {"trial": vars(outcome.trial), "epochs": [vars(epoch) for epoch in outcome.epochs]}
    return json.dumps({**vars(outcome), **parts})


def read_outcome(line: str) -> Outcome:
    """The outcome that `outcome_line` wrote.

    Raises:
        ValueError: The line holds no outcome, or one with values that no outcome has.
    """
    try:
        fields = json.loads(line)
        trial = Trial(**fields.pop("trial"))
        epochs = tuple(Epoch(**epoch) for epoch in fields.pop("epochs"))
        outcome = Outcome(trial=trial, epochs=epochs, **fields)
        sound = outcome.status in get_args(Status) and all(map(_is_number, _numbers(outcome)))
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"no outcome: {error}") from error
    if not sound:
        raise ValueError("an outcome with values that no outcome has")
    return outcome


def _numbers(outcome: Outcome) -> Iterator[object]:
    """Whatever stands where an outcome has numbers."""
    yield from (outcome.seconds, *outcome.measures.values())
    for epoch in outcome.epochs:
        numbers = vars(epoch).values()
        yield from (number for number in numbers if number is not epoch.test_accuracy)
        yield 0.0 if epoch.test_accuracy is None else epoch.test_accuracy


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
