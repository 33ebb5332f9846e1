"""Following random masks and known numbers through calls that depend on no input."""

import math
from collections.abc import Callable
from functools import partial

from torch import Tensor

from normdrop.shifts.graph import Distribution
from normdrop.torch.capture._call import Call, per_axis
from normdrop.torch.capture._draws import Draw

Follower = Callable[[Call], Draw | None]


def draw_of(call: Call) -> Draw | None:
    """What is known about the tensor that a call without inputs yields.

    Where randomness goes in and the call is not understood, what comes out is random, and nothing
    else is known of it.
    """
    if not call.outputs:
        return None
    entry = FOLLOWERS.get(call.name)
    found = entry[1](call) if entry else None
    if found is not None:
        return found
    origins = [draw for each in call.tensors if (draw := call.draw(each)) and draw.distribution]
    if not origins:
        return None
    return Draw.unknown(origins[0], _shape(call))


def _shape(call: Call) -> tuple[int, ...]:
    return tuple(call.outputs[0].shape)


def _first(call: Call) -> Draw | None:
    """What is known about the first tensor among the arguments."""
    return call.draw(call.tensors[0]) if call.tensors else None


def _known(value: float, call: Call) -> Draw:
    return Draw(None, _shape(call), offset=value)


def _full(call: Call) -> Draw | None:
    value = call.number(call.get("fill_value", call.get("value")))
    return None if value is None else _known(value, call)


def _standard(distribution: Distribution, call: Call) -> Draw:
    return Draw(distribution, _shape(call))


def _bernoulli(call: Call) -> Draw:
    """`x.bernoulli_(p)` draws by p, `bernoulli_noise(x)` by the values of x."""
    by_values = call.get("p") is None and not call.in_place
    chance = call.number(call.get("input") if by_values else call.get("p", 0.5))
    return Draw(Distribution.BERNOULLI, _shape(call), math.nan if chance is None else chance)


def _uniform(call: Call) -> Draw:
    low, high = call.number(call.get("from", 0.0)), call.number(call.get("to", 1.0))
    low, high = (math.nan if each is None else each for each in (low, high))
    return Draw(Distribution.UNIFORM, _shape(call), scale=high - low, offset=low)


def _normal(call: Call) -> Draw:
    """`x.normal_(mean, std)`, or `normal(mean, std, ...)`, where what comes first is the mean."""
    names = ("mean", "std") if call.in_place else ("input", "mean")
    mean, deviation = (
        call.number(call.get(name, call.get(plain, default)))
        for name, plain, default in zip(names, ("mean", "std"), (0.0, 1.0), strict=True)
    )
    mean, deviation = (math.nan if each is None else each for each in (mean, deviation))
    return Draw(Distribution.GAUSSIAN, _shape(call), scale=deviation, offset=mean)


def _dropped(call: Call) -> Draw | None:
    """Dropout of a tensor of one known number is a mask."""
    base = call.number(call.get("input"))
    rate = float(call.get("p", 0.5))
    # The functional form calls it `training`, torch's own `train`.
    on = call.is_on("training", default=call.is_on("train", default=True))
    if base is None or rate >= 1 or not on:
        return _first(call)
    return Draw(Distribution.BERNOULLI, _shape(call), 1 - rate, scale=base / (1 - rate))


def _keyed(call: Call) -> Draw | None:
    """This library's own noise on a tensor of one known number."""
    base, amount = call.number(call.get("input")), float(call.get("amount"))
    if base is None:
        return _first(call)
    if call.get("kind") == "bernoulli":
        return Draw(Distribution.BERNOULLI, _shape(call), 1 - amount, scale=base / (1 - amount))
    if call.get("kind") == "gaussian":
        return Draw(Distribution.GAUSSIAN, _shape(call), scale=base * amount, offset=base)
    half = base * amount
    return Draw(Distribution.UNIFORM, _shape(call), scale=2 * half, offset=base - half)


def _same(call: Call) -> Draw | None:
    """Views, copies and casts keep values; only the shape is new."""
    draw = _first(call)
    if draw is None or tuple(call.tensors[0].shape) == _shape(call):
        return draw
    return draw.shaped(_shape(call))


def _operands(call: Call) -> tuple[Draw | None, Draw | None]:
    return _operand(call, call.get("input")), _operand(call, call.get("other"))


def _operand(call: Call, value: object) -> Draw | None:
    if isinstance(value, Tensor):
        return call.draw(value)
    number = call.number(value)
    return None if number is None else Draw(None, (), offset=number)


def _combined(call: Call, combine: Callable[[Draw, Draw], Draw | None]) -> Draw | None:
    """What two operands make, provided that one of them at least is a known number."""
    left, right = _operands(call)
    if left is None or right is None or (left.known is None and right.known is None):
        return None
    return combine(left, right)


def _plus(sign: float, call: Call) -> Draw | None:
    scale = sign * float(call.number(call.get("alpha", 1)) or 0.0)

    def add(left: Draw, right: Draw) -> Draw:
        if right.known is not None:
            return left.affine(1.0, scale * right.known)
        return right.affine(scale, left.offset)

    return _combined(call, add)


def _reversed_minus(call: Call) -> Draw | None:
    def subtract(left: Draw, right: Draw) -> Draw:
        if right.known is not None:
            return left.affine(-1.0, right.known)
        return right.affine(1.0, -left.offset)

    return _combined(call, subtract)


def _times(call: Call) -> Draw | None:
    def multiply(left: Draw, right: Draw) -> Draw:
        if right.known is not None:
            return left.affine(right.known)
        return right.affine(left.offset)

    return _combined(call, multiply)


def _divide(call: Call) -> Draw | None:
    def divide(left: Draw, right: Draw) -> Draw | None:
        return left.affine(1 / right.known) if right.known else None

    return _combined(call, divide)


def _reversed_divide(call: Call) -> Draw | None:
    def divide(left: Draw, right: Draw) -> Draw | None:
        if left.known and right.known is not None:
            return right.affine(1 / left.known)
        return None

    return _combined(call, divide)


def _compare(call: Call, *, above: bool) -> Draw | None:
    """`draw > number`, `draw < number` and the like; ties have no weight."""

    def compare(left: Draw, right: Draw) -> Draw | None:
        draw, threshold, greater = left, right.known, above
        if threshold is None:
            draw, threshold, greater = right, left.offset, not above
        mask = draw.above(threshold)
        return mask if mask is None or greater else mask.affine(-1.0, 1.0)

    return _combined(call, compare)


def _floor(call: Call) -> Draw | None:
    draw = _first(call)
    return draw.floor() if draw else None


def _complement(call: Call) -> Draw | None:
    draw = _first(call)
    return draw.affine(-1.0, 1.0) if draw else None


def _negative(call: Call) -> Draw | None:
    draw = _first(call)
    return draw.affine(-1.0) if draw else None


def _pooled(call: Call) -> Draw | None:
    draw = _first(call)
    if draw is None:
        return None
    rank = int(call.name[-2])
    window = math.prod(per_axis(call.get("kernel_size"), rank))
    return draw.pooled(window, _shape(call))


def _total(call: Call) -> Draw | None:
    """The sum or mean of a whole mask, at its expectation."""
    draw = _first(call)
    if draw is None or call.outputs[0].ndim:
        return None
    count = math.prod(draw.shape) if call.name == "sum" else 1
    return _known(draw.mean * count, call)


_VIEWS = (
    "view reshape flatten squeeze unsqueeze view_as reshape_as getitem permute transpose to float "
    "half bfloat16 double type type_as bool clone contiguous detach data cpu cuda requires_grad"
)
_EXPANSIONS = "expand expand_as broadcast_to broadcast_tensors repeat"


def _followers() -> dict[str, tuple[tuple[str, ...], Follower]]:
    uniform, normal = Distribution.UNIFORM, Distribution.GAUSSIAN
    terms = "input other"
    above, below = partial(_compare, above=True), partial(_compare, above=False)
    written: dict[str, tuple[str, Follower]] = {
        "rand rand_like": ("", partial(_standard, uniform)),
        "randn randn_like": ("", partial(_standard, normal)),
        "ones ones_like new_ones": ("", partial(_known, 1.0)),
        "zeros zeros_like new_zeros zero": ("", partial(_known, 0.0)),
        "full": ("size fill_value", _full),
        "full_like": ("input fill_value", _full),
        "new_full": ("input size fill_value", _full),
        "fill": ("input value", _full),
        "tensor as_tensor scalar_tensor": ("value", _full),
        "bernoulli": ("input p", _bernoulli),
        "uniform": ("input from to", _uniform),
        "normal": ("input mean std", _normal),
        "dropout": ("input p train", _dropped),
        "multiply_noise": ("input keys kind amount", _keyed),
        "add radd iadd": (terms, partial(_plus, 1.0)),
        "sub subtract isub": (terms, partial(_plus, -1.0)),
        "rsub": (terms, _reversed_minus),
        "mul multiply imul": (terms, _times),
        "div divide true_divide truediv itruediv": (terms, _divide),
        "rdiv rtruediv": (terms, _reversed_divide),
        "gt ge greater greater_equal": (terms, above),
        "lt le less less_equal": (terms, below),
        "floor": ("", _floor),
        "logical_not invert bitwise_not": ("", _complement),
        "neg negative": ("", _negative),
        "max_pool1d max_pool2d max_pool3d": ("input kernel_size", _pooled),
        "sum mean": ("", _total),
        _VIEWS: ("", _same),
        _EXPANSIONS: ("", _first),
    }
    return {
        name: (tuple(arguments.split()), follower)
        for names, (arguments, follower) in written.items()
        for name in names.split()
    }


FOLLOWERS = _followers()
"""By operation: the names of its positional arguments, and what its output is."""
