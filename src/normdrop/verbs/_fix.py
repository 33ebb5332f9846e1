"""A model mended as far as that is safe."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from normdrop.mending.repairs import Fix, Move, Request, repair
from normdrop.verbs._framework import example_of, opened
from normdrop.verbs._types import AnyModel, ModelT

if TYPE_CHECKING:
    from normdrop.lint.rules import Rule


def fix(
    model: ModelT,
    example: object = None,
    select: Iterable[str] | None = None,
    in_place: bool = False,  # noqa: FBT001, FBT002 - the position the design gives it
    *,
    move: Move | Mapping[str, Move] | None = None,
    remove_bias: bool = False,
    share_weights: bool = False,
    prefer: Move | Sequence[Move] = (),
) -> Fix[ModelT]:
    """Mend a model: move or replace dropout that feeds a norm, fold cancelled biases away.

    In eval mode the mended model computes the same outputs, to the last bit where no bias is
    folded and else within 1e-4 of the largest output. Its class and every key of its `state_dict`
    stay; of a Keras model its class, the names of its layers, and its weights and their order, so
    that `load_weights` reads older files.

    Dropout that feeds a norm goes behind the last norm of its branch and before the branch's last
    weight (guideline 1 of Kim et al., UAI 2023); outside of any branch, the one nearest to the end
    goes to the head, before the pooling (guideline 2), if no other dropout is there. Where that
    would leave an error or a warning, or shift any norm more than before, it is replaced by
    `UniformDropout`, of `normdrop.torch` or `normdrop.keras`, with the largest β that keeps every
    expected shift at 0.98 or better.

    Args:
        model: A `torch.nn.Module`, or a built Keras model: Sequential or Functional, also nested.
        example: What the model takes; see `predict`. May be left out for a Keras model that
            declares its inputs.
        select: Codes, or their beginnings, of what to mend; by default all errors and warnings.
            What is selected is mended also where it is a note.
        in_place: Whether to change the model itself; if anything raises, it is as it was. Not for
            Keras models, whose graph cannot be changed.
        move: What becomes of dropout that feeds a norm: `"branch"`, `"head"`, `"uniform"`,
            `"lower"`, `"remove"` or `"keep"`, for all layers or, as a mapping, for layers or
            modules by path. What is asked for is done also where it leaves a shift.
        remove_bias: Remove cancelled biases, and with them their keys, instead of setting them to
            zero.
        share_weights: For a Keras model: whether the mended model is made of the layers of the one
            given, with the same weights, instead of copies. Only where dropout stands is then
            mended, so that the model given stays as it is.
        prefer: Which of the moves come first wherever they do no harm: those of `move`, `"lower"`
            for the highest rate that keeps every shift below a warning, or `"remove"` for rate 0.

    Returns:
        The model, what was changed, what to do next, and the errors and warnings that are left.

    Raises:
        CaptureError: The model raised an error; the message names the module.
        UsageError: No model, a scripted, compiled or subclassed one, an example that is nothing a
            model takes, or an unknown code, move or path.

    >>> from torch import nn
    >>> model = nn.Sequential(
    ...     nn.Linear(8, 8, bias=False), nn.Dropout(0.5), nn.BatchNorm1d(8), nn.ReLU(),
    ...     nn.Linear(8, 2),
    ... )
    >>> mended = fix(model, (8,))
    >>> print(mended.changes[0])
    ND101 1: Dropout(0.5) moved to the head, behind `3`
    >>> mended.model[3]
    Sequential(
      (0): ReLU()
      (1): Dropout(p=0.5, inplace=False)
    )
    """
    from normdrop.lint.rules import selected

    codes = (select,) if isinstance(select, str) else tuple(select or ())
    return fix_with(
        model,
        example,
        selected(codes),
        move=move,
        remove_bias=remove_bias,
        notes=bool(codes),
        in_place=in_place,
        share_weights=share_weights,
        prefer=(prefer,) if isinstance(prefer, str) else tuple(prefer),
    )


def fix_with(
    model: AnyModel,
    example: object,
    rules: "Sequence[Rule]",
    *,
    move: Move | Mapping[str, Move] | None = None,
    remove_bias: bool = False,
    notes: bool = False,
    in_place: bool = False,
    share_weights: bool = False,
    prefer: tuple[Move, ...] = (),
) -> Fix[Any]:
    """Mend what some rules find, notes too if asked; see `fix`."""
    request = Request(move, prefer, remove_bias)
    framework = opened(model, "fix", example=example)
    example = example_of(framework, example, "fix")
    with framework.editing(
        example, rules, remove_bias=remove_bias, in_place=in_place, share_weights=share_weights
    ) as editing:
        done = repair(editing.editor, request, notes=notes, leave=editing.leave)
        return done.of(editing.result())
