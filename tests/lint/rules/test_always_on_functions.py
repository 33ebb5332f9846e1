"""ND301 knows how each dropout function of torch is switched, and where it is on by default."""

import inspect

import pytest
from torch.nn import functional

from normdrop.lint.rules import check_text, rule
from normdrop.values.operations import NOISES

_NAMES = [
    each.name
    for noise in NOISES
    for each in noise.functions
    if each.address.startswith("torch.nn.functional.")
]
_CODE = """import torch.nn.functional as F
from torch import nn
class Net(nn.Module):
    def forward(self, x):
        return F.{call}
"""


def _is_found(call: str) -> bool:
    return bool(check_text("net.py", _CODE.format(call=call), [rule("ND301")()]))


@pytest.mark.parametrize("name", _NAMES)
def test_a_call_without_a_mode_is_on_where_torch_has_it_on(name: str) -> None:
    """The alpha dropouts are off by default, and all others on."""
    default = inspect.signature(getattr(functional, name)).parameters["training"].default
    assert _is_found(f"{name}(x, 0.5)") == default


@pytest.mark.parametrize("name", _NAMES)
def test_a_call_that_says_so_is_always_on(name: str) -> None:
    """By name and by position; with the module's own mode it is not."""
    assert _is_found(f"{name}(x, 0.5, training=True)")
    assert _is_found(f"{name}(x, 0.5, True)")
    assert not _is_found(f"{name}(x, 0.5, training=self.training)")
    assert not _is_found(f"{name}(x, 0.5, False)")
