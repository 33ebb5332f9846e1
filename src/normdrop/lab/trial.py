"""A trial is everything that decides a result, as a value; an outcome is what came of it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal, TypeAlias

Setting: TypeAlias = str | int | float | bool | None
Status: TypeAlias = Literal["finished", "diverged", "failed"]


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
        """SHA-256 of the trial's canonical JSON."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Epoch:
    """What one epoch left behind. Losses are means per example in nats; accuracies lie in [0, 1].

    `train_loss` and `train_eval_loss` are of the same weights on the same training examples, in
    train mode (dropout on, batch statistics) and in eval mode: their gap is the shift's price.
    """

    number: int
    train_loss: float
    train_eval_loss: float
    test_loss: float
    test_accuracy: float
    seconds: float


@dataclass(frozen=True)
class Outcome:
    """How a trial ended; a diverged or failed one keeps its epochs and says why in `message`."""

    trial: Trial
    status: Status
    epochs: tuple[Epoch, ...]
    seconds: float
    message: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def final(self) -> Epoch | None:
        """The last epoch, whose test loss is the endpoint; none unless the trial finished."""
        return self.epochs[-1] if self.status == "finished" and self.epochs else None
