"""The verbs refuse what is no model, and pick the twin that knows the framework."""

import pytest
from torch import nn

import normdrop
from normdrop.errors import UsageError


@pytest.mark.parametrize("model", [7, "network.pt", nn.Linear, object()])
def test_predict_refuses_what_is_no_model(model: object) -> None:
    """A class, a path or a number is no model, and the error names its type."""
    with pytest.raises(UsageError, match=f"not {type(model).__name__}"):
        normdrop.predict(model, (3, 8, 8))


def test_predict_is_a_function_whatever_is_imported() -> None:
    """No submodule takes the verb's name."""
    import normdrop.cli.predict
    import normdrop.verbs

    assert callable(normdrop.predict)
    assert callable(normdrop.verbs.simulate)


def test_models_of_subclasses_are_torch() -> None:
    """A user's own subclass, defined anywhere, is a torch model."""

    class Mine(nn.Sequential):
        pass

    report = normdrop.predict(Mine(nn.Linear(4, 8), nn.BatchNorm1d(8)), (4,))
    assert [layer.path for layer in report] == ["1"]
