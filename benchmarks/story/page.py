"""The story's page: its table and its sentences, made from the numbers and nothing else."""

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_BEGIN, _END = "<!-- numbers: made by benchmarks/story -->\n", "<!-- end of numbers -->\n"
HARMED, GUIDED, NONE = "before the last norm", "after the last norm", "none"
_WIDTH = 100


@dataclass(frozen=True)
class Published:
    """Li et al., position (a) at rate 0.5.

    Attributes:
        data: The data set.
        network: The network.
        trained: Test error as trained, in %.
        re_estimated: The same with statistics estimated anew.
        none: The same trained without dropout.
    """

    data: str
    network: str
    trained: float
    re_estimated: float
    none: float

    @property
    def recovered(self) -> float:
        """The part of the loss that re-estimation takes back."""
        return (self.trained - self.re_estimated) / (self.trained - self.none)


PUBLISHED = (
    Published("CIFAR-10", "PreResNet-110", 8.42, 6.42, 5.02),
    Published("CIFAR-10", "ResNeXt-29", 4.43, 3.96, 3.77),
    Published("CIFAR-10", "WRN-28-10", 4.59, 4.20, 3.97),
    Published("CIFAR-10", "DenseNet-BC", 8.70, 6.82, 4.72),
    Published("CIFAR-100", "PreResNet-110", 32.45, 26.57, 23.73),
    Published("CIFAR-100", "ResNeXt-29", 19.04, 18.24, 17.78),
    Published("CIFAR-100", "WRN-28-10", 21.08, 20.70, 19.17),
    Published("CIFAR-100", "DenseNet-BC", 31.45, 26.98, 22.58),
)


def publish(numbers: Mapping[str, Any], page: Path) -> None:
    """Put the table and the sentences into a page, between its two marks."""
    before, _, rest = page.read_text(encoding="utf-8").partition(_BEGIN)
    _, _, after = rest.partition(_END)
    text = before + _BEGIN + "\n" + section(numbers) + "\n" + _END + after
    page.write_text(text, encoding="utf-8")


def section(numbers: Mapping[str, Any]) -> str:
    """The part of the page between the marks."""
    parts = [_accuracies(numbers), _sentences(numbers), _shifts(numbers), _literature(numbers)]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def recovery(network: Mapping[str, float]) -> float:
    """What recalibration without data recovers of what it recovers with data."""
    gain = network["with_data"] - network["eval_mode"]
    return (network["without_data"] - network["eval_mode"]) / gain


def _accuracies(numbers: Mapping[str, Any]) -> Iterator[str]:
    yield "| dropout 0.5 in each branch | train mode | eval mode | recalibrated | without data |"
    yield "|---|---|---|---|---|"
    for name, network in numbers["networks"].items():
        values = (network[key] for key in ("train_mode", "eval_mode", "with_data", "without_data"))
        yield f"| {name} | " + " | ".join(f"{100 * value:.2f} %" for value in values) + " |"


def _sentences(numbers: Mapping[str, Any]) -> Iterator[str]:
    harmed = numbers["networks"][HARMED]
    lost = harmed["train_mode"] - harmed["eval_mode"]
    gained = harmed["with_data"] - harmed["eval_mode"]
    train, evaluated = harmed["train_images"]
    yield _wrapped(
        f"With dropout before the last norm the same weights are {100 * lost:.1f} points worse in "
        f"eval mode than in train mode on test images, and {100 * (train - evaluated):.1f} points "
        f"on {numbers['images']} training images. Recalibration with those images recovers "
        f"{100 * gained:.1f} points; without any data, from the stored statistics alone, it "
        f"recovers {100 * recovery(harmed):.0f} % of that."
    )


def _shifts(numbers: Mapping[str, Any]) -> Iterator[str]:
    harmed = numbers["networks"][HARMED]
    yield "| norm layer | measured shift | predicted without data |"
    yield "|---|---|---|"
    for path, shift in harmed["shifts"].items():
        yield f"| `{path}` | {shift:.3f} | {harmed['predicted'][path]:.3f} |"


def _literature(numbers: Mapping[str, Any]) -> Iterator[str]:
    networks = numbers["networks"]
    harmed, none = networks[HARMED], networks.get(NONE)
    yield "| before the last norm | error as trained | re-estimated | no dropout | recovered |"
    yield "|---|---|---|---|---|"
    for row in PUBLISHED:
        yield (
            f"| {row.network}, {row.data} (Li et al.) | {row.trained:.2f} % | "
            f"{row.re_estimated:.2f} % | {row.none:.2f} % | {100 * row.recovered:.0f} % |"
        )
    if none is not None:
        errors = [1 - harmed["eval_mode"], 1 - harmed["with_data"], 1 - none["eval_mode"]]
        part = (errors[0] - errors[1]) / (errors[0] - errors[2])
        shown = " | ".join(f"{100 * error:.2f} %" for error in errors)
        yield f"| this small PreResNet, CIFAR-10 | {shown} | {100 * part:.0f} % |"


def _wrapped(text: str) -> str:
    return textwrap.fill(text, _WIDTH, break_long_words=False, break_on_hyphens=False)
