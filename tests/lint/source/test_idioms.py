"""Ways of writing a model that the reader follows: each once with a fault and once without."""

import textwrap

import pytest

from normdrop.lint.rules import check_text, selected

HEAD = """
import copy
from collections import OrderedDict

import config
import tensorflow as tf
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils import weight_norm
from torch.nn.utils.parametrizations import spectral_norm
"""
# Each with the layers that are to be swapped at the two marks.
TORCH = "nn.Dropout(0.5)", "nn.BatchNorm1d(8)"
KERAS = "tf.keras.layers.Dropout(0.5)", "tf.keras.layers.BatchNormalization()"

MODULE = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two = FIRST, SECOND
    def forward(self, x):
        return self.two(self.one(x))
"""
HANDED_ON = """
class Net(nn.Module):
    def __init__(self, width, **settings):
        super().__init__()
        self.body = nn.Sequential(FIRST, SECOND)
    def forward(self, x):
        return self.body(x)
"""
BY_NAME = """
class Net(nn.Sequential):
    def __init__(self):
        super().__init__()
        self.add_module("one", FIRST)
        self.add_module("two", SECOND)
"""
BY_ATTRIBUTE = """
class Net(nn.Sequential):
    def __init__(self, rate=0.5):
        super().__init__()
        self.rate = 0.5
        self.one = FIRST
        self.two = SECOND
"""
BY_PARENT = """
class Net(nn.Sequential):
    def __init__(self):
        super().__init__(FIRST, SECOND)
"""
GRANDCHILD = """
class Base(nn.Sequential):
    def __init__(self, *layers):
        super().__init__(*layers)
class Net(Base):
    def __init__(self):
        super().__init__(FIRST, SECOND)
"""
WRAPPED = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.dense, self.two = FIRST, WRAPPER(nn.Linear(8, 8, bias=False)), SECOND
    def forward(self, x):
        return self.two(self.dense(self.one(x)))
"""
KERAS_MODEL = """
class Net(BASE):
    def __init__(self):
        super().__init__()
        self.one, self.two = FIRST, SECOND
    def call(self, x, training=False):
        return self.two(self.one(x, training=training), training=training)
"""
IN_BASE = """
class Base(nn.Module):
    def __init__(self, drop):
        super().__init__()
        self.one = FIRST
    def forward(self, x):
        return self.body(x)
class Net(Base):
    def __init__(self):
        super().__init__(0.5)
        self.two = SECOND
    def body(self, x):
        return self.two(self.one(x))
"""
FORWARD_IN_BASE = """
class Base(nn.Module):
    def forward(self, x):
        return self.one(x)
class Net(Base):
    def __init__(self):
        super().__init__()
        self.one, self.two = FIRST, SECOND
    def forward(self, x):
        return self.two(super().forward(x))
"""
LONG = """
for seed in [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]:
    MODULE

    def step(model, batches):
        total = 0
        for x in batches:
            a = model(x); b = a * a; c = b.mean(); d = c.item(); total += d
        return total

    for fold in range(7):
        for epoch in range(24):
            first = step(Net(), fold); second = step(Net(), fold); print(first, second)
"""


def under(header: str, body: str = MODULE) -> str:
    """A definition that stands under a condition, in a loop, or the like."""
    return f"{header}\n{textwrap.indent(body, '    ')}"


IDIOMS = {
    "in an if": (under("if True:"), TORCH),
    "in an open if": (under("if config.small:"), TORCH),
    "in an else": (f"if config.small:\n    pass\n{under('else:')}", TORCH),
    "in a try": (f"{under('try:')}\nexcept ImportError:\n    pass", TORCH),
    "in an except": (f"try:\n    pass\n{under('except ImportError:')}", TORCH),
    "in a with": (under("with config.scope():"), TORCH),
    "in a loop": (under("for seed in range(3):"), TORCH),
    "in a long script": (
        LONG.replace("MODULE", textwrap.indent(MODULE, "    ").strip()),
        TORCH,
    ),
    "with settings handed on": (HANDED_ON, ("nn.Dropout(0.5)", "nn.BatchNorm1d(8, **settings)")),
    "with positional settings": (
        HANDED_ON,
        ("nn.Dropout(0.5)", "nn.BatchNorm1d(8, 1e-5, 0.1, **settings)"),
    ),
    "with lazy norms": (HANDED_ON, ("nn.Dropout(0.5)", "nn.LazyBatchNorm1d(**settings)")),
    "by add_module": (BY_NAME, TORCH),
    "by attribute of a Sequential": (BY_ATTRIBUTE, TORCH),
    "by the parent's constructor": (BY_PARENT, TORCH),
    "by the grandparent's constructor": (GRANDCHILD, TORCH),
    "by an OrderedDict": (
        "net = nn.Sequential(OrderedDict([('one', FIRST), ('two', SECOND)]))",
        TORCH,
    ),
    **{
        f"around {wrapper}": (WRAPPED.replace("WRAPPER", wrapper), TORCH)
        for wrapper in ("weight_norm", "nn.utils.spectral_norm", "spectral_norm", "torch.compile")
    },
    **{
        f"of {base}": (KERAS_MODEL.replace("BASE", base), KERAS)
        for base in ("tf.keras.Model", "tf.keras.layers.Layer", "tf.compat.v1.keras.Model")
    },
    "forward of a base": (IN_BASE, TORCH),
    "through super().forward": (FORWARD_IN_BASE, TORCH),
}


def codes(source: str) -> set[str]:
    """What is found in a file."""
    return {each.code for each in check_text("net.py", HEAD + source, selected())}


@pytest.mark.parametrize("idiom", IDIOMS)
def test_dropout_before_a_norm_is_found_however_it_is_written(idiom: str) -> None:
    """Dropout before the norm is found, and behind it nothing is said."""
    source, (noise, norm) = IDIOMS[idiom]
    assert codes(source.replace("FIRST", noise).replace("SECOND", norm)) == {"ND101"}
    assert codes(source.replace("FIRST", norm).replace("SECOND", noise)) == set()


def test_statistics_that_are_switched_off_are_none() -> None:
    """What is stated goes before what is reckoned with."""
    source = HANDED_ON.replace("FIRST", "nn.Dropout(0.5)")
    for stated in ("8, track_running_stats=False, **settings", "8, 1e-5, 0.1, True, False"):
        assert "ND101" not in codes(source.replace("SECOND", f"nn.BatchNorm1d({stated})"))
    assert "ND101" not in codes(source.replace("SECOND", "nn.InstanceNorm1d(8, **settings)"))


def test_a_copy_of_a_layer_is_another_layer() -> None:
    """Of copies nothing is claimed, least of all that they share statistics."""
    source = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(8)
        self.other = copy.deepcopy(self.norm)
        self.a, self.b = nn.Linear(8, 8, bias=False), nn.Linear(8, 8, bias=False)
    def forward(self, x):
        return self.other(self.b(self.norm(self.a(x))))
"""
    assert codes(source) == set()


@pytest.mark.parametrize("given", ["x, 0.5", "x, p=0.5", "F.relu(x)"])
@pytest.mark.parametrize(
    ("around", "found"),
    [
        ("x = F.dropout(x, 0.1, self.training)", True),
        ("x = F.dropout(x, 0.1, training=self.training)", True),
        ("x = F.batch_norm(x, None, None, training=self.training)", True),
        ("x = self.inner(x, training=self.training)", True),
        ("if not self.training: return x", False),
        ("quiet = not self.training", True),
        ("x = F.dropout(x, 0.1 if self.training else 0.0, True and self.training)", True),
        ("x = x.detach() if self.training else x", True),
        ("quiet = not self.training\n        if quiet: return x", False),
    ],
)
def test_a_mode_that_others_are_handed_guards_no_call(
    given: str,
    around: str,
    found: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """One forgotten mode among others is found; one that a condition guards is not."""
    source = f"""
class Net(nn.Module):
    def forward(self, x):
        {around}
        return F.dropout({given})
"""
    assert ("ND301" in codes(source)) == found


@pytest.mark.parametrize(
    ("made", "found"),
    [
        ("model = config.Trainer(inner)", False),
        ("self.model = model = config.models.Trainer(inner)", False),
        ("model = tf.keras.Model(inner)", True),
        ("model = config.build_model()", False),
        ("model = build_model()", False),
        ("pass", False),
        ("def make():\n    return keras.Sequential()\nmodel = make()", True),
        ("class Net(keras.Model): pass\nmodel = Net()", True),
        ("model.compile('sgd', loss='mse')", True),
        ("model = config.Trainer(inner)\nmodel.compile('sgd', loss='mse')", False),
    ],
)
def test_arguments_of_another_librarys_fit(made: str, found: bool) -> None:  # noqa: FBT001 - as above
    """`nb_epoch=` is old where the model is shown to be one of Keras, and only there."""
    assert ("ND404" in codes(f"import keras\n{made}\nmodel.fit(data, nb_epoch=10)\n")) == found
