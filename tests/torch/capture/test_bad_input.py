"""Models and examples that capture cannot take: what is said, where, and what to do instead."""

import contextlib
import re
from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import normdrop
from normdrop.errors import CaptureError, UsageError
from normdrop.shifts.graph import Kind
from normdrop.torch.capture import capture


class Looks(nn.Module):
    """Decides by a value."""

    def forward(self, x: Tensor) -> Tensor:
        """Scale only what is large."""
        return x / 2 if x.abs().max().item() > 1 else x


class Fails(nn.Module):
    """Raises."""

    def forward(self, _: Tensor) -> Tensor:
        """Raise an error over two lines."""
        raise ValueError("the model\nsays no")


def test_values_that_shapes_lack_are_asked_for() -> None:
    """The error names the module, the reason and what to pass instead, in one line."""
    model = nn.Sequential(nn.Linear(6, 6), nn.Sequential(Looks()))
    with pytest.raises(CaptureError, match=r"1\.0 \(Looks\) needs numbers.*real example") as error:
        capture(model, (6,))
    assert "\n" not in str(error.value)


def test_a_real_example_is_run_off_meta() -> None:
    """The same model with numbers is captured whole."""
    model = nn.Sequential(nn.Linear(6, 6), Looks(), nn.Dropout(0.3), nn.BatchNorm1d(6))
    captured = capture(model, 100 * torch.ones(4, 6))
    assert [node.operation for node in captured.train] == [
        "input_0",
        "linear",
        *(["abs", "max"]),
        "div",
        "dropout",
        "batch_norm",
    ]
    assert captured.train.of_kind(Kind.NORM)[0].parameters["running_var"].read().tolist() == [1] * 6


def test_numpy_inside_a_forward_needs_a_real_example() -> None:
    """Leaving torch and coming back breaks the flow, but not the capture."""

    class Leaves(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            """Through numpy."""
            return torch.from_numpy(np.sort(x.detach().numpy())) + x

    assert len(capture(Leaves(), torch.ones(4, 6)).train) > 1
    with pytest.raises(CaptureError, match="needs numbers"):
        capture(Leaves(), (6,))


@pytest.mark.parametrize("example", [(6,), torch.ones(4, 6)])
def test_the_models_own_error_is_passed_on(example: object) -> None:
    """With the path and class of the module, in one line."""
    with pytest.raises(
        CaptureError, match=re.escape("0.1 (Fails) raised ValueError: the model says no")
    ):
        capture(nn.Sequential(nn.Sequential(nn.ReLU(), Fails())), example)


def test_an_error_that_the_model_handles_is_not_blamed() -> None:
    """The path is that of the error which ended the run."""

    class Tries(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = Fails(), Fails()

        def forward(self, x: Tensor) -> Tensor:
            """Give up only the second time."""
            with contextlib.suppress(ValueError):
                return self.first(x)  # type: ignore[no-any-return]
            return self.second(x)  # type: ignore[no-any-return]

    with pytest.raises(CaptureError, match=r"^second \(Fails\)"):
        capture(Tries(), (6,))


@pytest.mark.parametrize(
    ("model", "shape", "words"),
    [
        (nn.Linear(6, 6), (5,), "cannot be multiplied|must match|incompatible"),
        (nn.Conv2d(3, 4, 3), (5, 8, 8), "expected input.*to have 3 channels"),
        (nn.Conv2d(3, 4, 10), (3, 8, 8), "size|negative dimension"),
        (nn.BatchNorm1d(6), (5,), "running_mean|running_var|weight|shape|match"),
        (nn.BatchNorm2d(6), (6,), "expected 4D input"),
        (nn.MaxPool2d(9), (3, 8, 8), "too small"),
    ],
)
def test_a_wrong_shape_is_the_models_own_error(
    model: nn.Module, shape: tuple[int, ...], words: str
) -> None:
    """What torch says about it, with the layer that says it."""
    with pytest.raises(CaptureError, match=rf"^body\.0 \(\w+\) raised .*({words})"):
        capture(nn.Sequential(_named(model)), shape)


def _named(model: nn.Module) -> OrderedDict[str, nn.Module]:
    """A container whose only entry is a sequence of one model."""
    from collections import OrderedDict

    return OrderedDict(body=nn.Sequential(model))


def test_a_lazy_layer_is_to_be_run_first() -> None:
    """Its sizes are not known before."""
    with pytest.raises(CaptureError, match=r"'0\.weight' has no shape yet: run the model once"):
        capture(nn.Sequential(nn.LazyLinear(6)), (5,))


def test_one_sample_is_doubled_where_one_is_too_few() -> None:
    """Batch norm of a vector cannot train on one sample; its structure does not depend on that."""
    captured = capture(nn.Sequential(nn.Linear(6, 6), nn.BatchNorm1d(6)), torch.ones(1, 6))
    assert captured.train.batch_size == captured.eval.batch_size == 2


@pytest.mark.parametrize("example", ["picture.png", 3, (), {}, None, [1, 2]])
def test_what_is_no_example_is_refused(example: object) -> None:
    """The error says what an example may be."""
    with pytest.raises(UsageError, match="holds no tensor"):
        capture(nn.Linear(6, 6), example)


def test_an_unknown_element_type_is_refused() -> None:
    """The error quotes it."""
    with pytest.raises(UsageError, match="'float99' is no element type"):
        capture(nn.Linear(6, 6), normdrop.Input((6,), "float99"))


class Pair(nn.Module):
    """Takes two inputs."""

    def forward(self, x: Tensor, y: Tensor) -> dict[str, list[Tensor]]:
        """Return a nested result."""
        return {"both": [x + y, x * y]}


@pytest.mark.parametrize(
    "example",
    [
        (torch.ones(4, 6), torch.ones(4, 6)),
        (np.ones((4, 6), np.float32), torch.ones(4, 6)),
        ((6,), (6,)),
        (normdrop.Input((6,)), (6,)),
        {"x": torch.ones(4, 6), "y": torch.ones(4, 6)},
        {"y": (6,), "x": normdrop.Input((6,), "float64")},
    ],
)
def test_examples_may_be_nested(example: object) -> None:
    """Tensors, arrays, shapes and element types, by position or by name."""
    graph = capture(Pair(), example).train
    assert len(graph.inputs) == len(graph.outputs) == 2
    assert [graph[each].operation for each in graph.outputs] == ["add", "mul"]
    assert graph.batch_size == 4


def test_the_batch_size_of_a_shape_is_none_of_its_extents() -> None:
    """So that a mask that varies by sample is not taken for one that varies by channel."""
    assert capture(nn.ReLU(), (4, 6, 8)).train.batch_size == 10
