"""Whether a model's running statistics were ever updated."""

from torch import nn


def has_learned_statistics(model: nn.Module) -> bool:
    """Whether any running variance differs from that of a new layer.

    The means tell nothing: `fix` folds biases into those of new layers too.

    >>> has_learned_statistics(nn.BatchNorm1d(3))
    False
    """
    return any(
        bool((buffer != 1).any())
        for name, buffer in model.named_buffers()
        if name.rpartition(".")[2] == "running_var"
    )
