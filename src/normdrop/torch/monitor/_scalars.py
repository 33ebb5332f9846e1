"""A measurement as numbers by name, as loggers take them."""

from normdrop.shift import ShiftReport


def scalars(report: ShiftReport) -> dict[str, float]:
    """`shift/<path>` and `mean_shift/<path>` of every norm layer.

    >>> from normdrop.shift import LayerShift
    >>> layer = LayerShift("bn", "measured", eval_mean=[0], eval_variance=[1], train_mean=[0],
    ...                    train_variance=[2])
    >>> scalars(ShiftReport([layer], "measured"))
    {'shift/bn': 0.5, 'mean_shift/bn': 0.0}
    """
    named = {f"shift/{layer.path}": layer.shift for layer in report}
    return named | {f"mean_shift/{layer.path}": layer.mean_shift for layer in report}
