"""ND101."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from normdrop.lint.rules._branches import where_it_belongs
from normdrop.lint.rules._mend import ModelMend, SourceMend
from normdrop.lint.rules._noise_paths import Cause, expected_shift, noise_causes, parts
from normdrop.lint.rules._rule import Invalid, Rule
from normdrop.lint.rules._subject import Subject
from normdrop.lint.source import MODEL_WORDS
from normdrop.values.findings import Finding
from normdrop.values.severity import Severity, severity

if TYPE_CHECKING:
    from normdrop.shifts.report import LayerShift

_BORNE: dict[Severity, Severity] = {"error": "warning", "warning": "note", "note": "note"}
"""What a shift is worth where no other place in the branch would shift less."""


class NoiseBeforeNorm(Rule):
    """Dropout reaches a norm layer that remembers its statistics.

    ## What it does
    Follows every dropout layer to the batch norm layers it reaches, directly or through whatever
    lies between, until one of them normalises; so too dropout inside attention and recurrence.

    ## Why is this bad?
    Dropout raises the variance in training and does nothing in evaluation. Batch norm stores the
    training variance and divides by it in evaluation, so the network sees another scale in
    production than it was trained on. At rate 0.5 directly before the norm the evaluation variance
    is at most half of the stored one; behind ReLU and fresh weights it is 0.41 of it.
    The severity follows from the expected ratio: an error beyond 0.8, a warning beyond 0.95. Where
    dropout stands behind the last norm of its residual branch, as guideline 1 of Kim et al. wants
    it, the norms of later blocks see it diluted by the trunk: each is worth one grade less.

    ## Fix safety
    Moving dropout behind the last norm changes what the model computes in training; train again,
    or re-estimate the statistics with dropout off.

    ## References
    - Li, Chen, Hu, Yang: Understanding the Disharmony between Dropout and Batch Normalization by
      Variance Shift, CVPR 2019, arXiv 1801.05134
    - Kim, Choi, Jang, Lee, Kim: How to Use Dropout Correctly on Residual Networks with Batch
      Normalization, UAI 2023, arXiv 2302.06112
    """

    words = MODEL_WORDS
    by_cost = True
    source_mend = SourceMend.MOVE_LATER
    model_mend = ModelMend.MOVE_NOISE
    valid = (
        """
        from torch import nn
        model = nn.Sequential(
            nn.Linear(8, 16, bias=False), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.5),
            nn.Linear(16, 2),
        )
        """,
        """
        from torch import nn
        model = nn.Sequential(nn.Dropout(0.5), nn.Linear(8, 8), nn.LayerNorm(8))
        """,
        """
        from torch import nn
        model = nn.Sequential(nn.Dropout(0.0), nn.BatchNorm1d(8))
        """,
        """
        from torch import nn
        import unknown
        model = nn.Sequential(nn.Dropout(0.5), unknown.Layer(8), nn.BatchNorm1d(8))
        """,
    )
    invalid = (
        Invalid(
            """
            from torch import nn
            model = nn.Sequential(
                nn.Linear(8, 16, bias=False), nn.ReLU(), nn.Dropout(0.5), nn.BatchNorm1d(16),
                nn.Linear(16, 2),
            )
            """,
            """
            from torch import nn
            model = nn.Sequential(
                nn.Linear(8, 16, bias=False), nn.ReLU(), nn.BatchNorm1d(16), nn.Dropout(0.5),
                nn.Linear(16, 2),
            )
            """,
        ),
        Invalid(
            """
            from torch import nn
            from torch.nn import functional as F

            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.blocks = nn.ModuleList([Block(8) for _ in range(2)])

                def forward(self, x):
                    for block in self.blocks:
                        x = block(x)
                    return x

            class Block(nn.Module):
                def __init__(self, width):
                    super().__init__()
                    self.linear = nn.Linear(width, width, bias=False)
                    self.norm = nn.BatchNorm1d(width)

                def forward(self, x):
                    x = F.relu(self.norm(self.linear(x)))
                    return F.dropout(x, 0.3, self.training)
            """,
            """
            from torch import nn
            from torch.nn import functional as F

            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.blocks = nn.ModuleList([Block(8) for _ in range(2)])

                def forward(self, x):
                    for block in self.blocks:
                        x = block(x)
                    return F.dropout(x, 0.3, self.training)

            class Block(nn.Module):
                def __init__(self, width):
                    super().__init__()
                    self.linear = nn.Linear(width, width, bias=False)
                    self.norm = nn.BatchNorm1d(width)

                def forward(self, x):
                    return F.relu(self.norm(self.linear(x)))
            """,
        ),
        Invalid(
            """
            from tensorflow import keras
            from tensorflow.keras import layers

            inputs = keras.Input((28, 28, 1))
            x = layers.Conv2D(32, 3, use_bias=False)(inputs)
            x = layers.Dropout(0.25)(x)
            x = layers.BatchNormalization()(x)
            outputs = layers.Dense(10)(layers.Flatten()(x))
            model = keras.Model(inputs, outputs)
            """,
            """
            from tensorflow import keras
            from tensorflow.keras import layers

            inputs = keras.Input((28, 28, 1))
            x = layers.Conv2D(32, 3, use_bias=False)(inputs)
            x = layers.BatchNormalization()(x)
            x = layers.Dropout(0.25)(x)
            outputs = layers.Dense(10)(layers.Flatten()(x))
            model = keras.Model(inputs, outputs)
            """,
        ),
        Invalid(
            """
            from keras.models import Sequential
            from keras.layers import Dense, Dropout, BatchNormalization

            model = Sequential()
            model.add(Dense(64, activation="relu"))
            model.add(Dropout(0.5))
            model.add(Dense(64, use_bias=False))
            model.add(BatchNormalization())
            model.add(Dense(10))
            """,
            """
            from keras.models import Sequential
            from keras.layers import Dense, Dropout, BatchNormalization

            model = Sequential()
            model.add(Dense(64, activation="relu"))
            model.add(Dense(64, use_bias=False))
            model.add(BatchNormalization())
            model.add(Dropout(0.5))
            model.add(Dense(10))
            """,
        ),
    )

    def in_model(self, subject: Subject) -> Iterator[Finding]:
        """One finding for every noise layer, with all the norm layers it shifts."""
        if subject.captured is None:
            causes = list(noise_causes(subject))
            borne = where_it_belongs(subject) if causes else frozenset()
            for cause in causes:
                yield self._certain(subject, cause, borne=cause.noise.layer in borne)
        else:
            yield from self._expected(subject)

    def _certain(self, subject: Subject, cause: Cause, *, borne: bool) -> Finding:
        """What source shows: the way is certain, the size of the shift where the rate is known."""
        shifts = [expected_shift(subject, way) for way in cause.ways]
        known = [shift for shift in shifts if shift is not None]
        shift = min(known) if known else None
        norms = [subject.describe(way.norm) for way in cause.ways]
        steps = cause.ways[0].steps
        way = f" through {steps[0].operation}" if steps else ""
        worth: Severity = "warning" if shift is None else severity(shift)
        return self.finding(
            f"{subject.describe(cause.noise)} feeds {_joined(norms)}{way}{_cost(shift)}",
            cause.noise.location,
            layers=[cause.noise.layer, *(way.norm.layer for way in cause.ways)],
            severity=_BORNE[worth] if borne else worth,
            shift=shift,
            fix="move the dropout behind the last norm layer",
            related=[way.norm.location for way in cause.ways],
        )

    def _expected(self, subject: Subject) -> Iterator[Finding]:
        """What a captured model shows: the way is certain, the size as far as it is known."""
        first = {node.layer: node for node in reversed(subject.graph.nodes) if node.layer}
        found = sorted(parts(subject).items(), key=lambda each: first[each[0]].id)
        borne = where_it_belongs(subject) if found else frozenset()
        for noise, norms in found:
            logs = {path: log for path, log in norms.items() if log is not None}
            ranked = sorted(logs, key=lambda path: -abs(logs[path]))
            ranked += [path for path in norms if path not in logs]
            shift = math.exp(logs[ranked[0]]) if logs else None
            worst = subject.shifts.get(ranked[0])
            named = [subject.describe(first[path]) for path in ranked]
            cost = _unknown(worst) if shift is None else _cost(shift, worst)
            if logs and len(logs) < len(norms):
                cost += f" (unknown at {len(norms) - len(logs)} of them)"
            weight = _severity(shift, certain=len(logs) == len(norms))
            yield self.finding(
                f"{subject.describe(first[noise])} feeds {_joined(named)}{cost}",
                first[noise].location,
                layers=[noise, *ranked],
                severity=_BORNE[weight] if noise in borne else weight,
                shift=shift,
                fix="move the dropout behind the last norm layer",
                related=[first[path].location for path in ranked],
                method=worst.method if worst is not None and shift is not None else "",
                error=worst.error if worst is not None and shift is not None else None,
            )


def _severity(shift: float | None, *, certain: bool) -> Severity:
    """A shift of unknown size is a warning, if no other is worse."""
    stated = "note" if shift is None else severity(shift)
    return stated if certain or stated == "error" else "warning"


def _unknown(layer: "LayerShift | None") -> str:
    reason = layer.unknown if layer is not None else ""
    return ": how far its variance moves in evaluation is unknown" + (
        f", since {reason}" if reason else ""
    )


def _joined(names: list[str]) -> str:
    """One norm layer by name, and how many more."""
    more = len(names) - 1
    return names[0] + (f" and {more} more norm layer{'s' if more > 1 else ''}" if more else "")


def _cost(shift: float | None, layer: "LayerShift | None" = None) -> str:
    """What the noise makes of a norm's variance; beside others that make more of it, its part."""
    if shift is None:
        return ": its variance is smaller in evaluation than the norm remembers"
    if layer is not None and not math.isclose(shift, layer.shift, rel_tol=1e-6):
        return (
            f": its part of the shift is {shift:.2g}, of {layer.shift:.2g} that all noise makes "
            "together"
        )
    return f": evaluation variance is expected at {shift:.2g} of what the norm remembers"
