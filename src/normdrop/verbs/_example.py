"""What a model says that it takes."""

from normdrop.verbs._framework import is_keras


def declared_example(model: object) -> object:
    """An example for a model that declares its inputs; None for one that does not.

    Modules of torch declare none.
    """
    if not is_keras(model):
        return None
    from normdrop.keras.inputs import declared_inputs

    return declared_inputs(model)
