"""Recognising element-wise functions and softmax."""

from functools import partial

from normdrop.shifts.graph import Activation, Kind
from normdrop.torch.capture._call import Call, Description, Entry

Settings = tuple[tuple[str, float | str], ...]


def _activation(name: str, settings: Settings, call: Call) -> Description | None:
    """An activation, once every constant it takes is a number or a word."""
    read: dict[str, float | str] = {}
    for key, default in settings:
        value = call.get(key, default)
        if not isinstance(value, str):
            number = call.number(value)
            if number is None:
                return None
            value = number
        read[key] = value
    return Description(Kind.ACTIVATION, Activation(name, read), sources=[call.x])


def _softmax(name: str, call: Call) -> Description:
    axis = call.get("dim")
    axis = (1 if call.x.ndim > 1 else 0) if axis is None else int(axis) % call.x.ndim
    return Description(Kind.ACTIVATION, Activation(name, {"axis": float(axis)}))


def _prelu(call: Call) -> Description:
    return Description(Kind.ACTIVATION, Activation("prelu"), 1, {"weight": call.get("weight")})


def _relu6(call: Call) -> Description:
    """What `torch.nn.ReLU6` calls hardtanh."""
    settings = {"min_val": 0.0, "max_val": 6.0}
    return Description(Kind.ACTIVATION, Activation("hardtanh", settings), sources=[call.x])


def _clamp(call: Call) -> Description | None:
    low, high = call.get("min"), call.get("max")
    settings = {
        "min_val": float("-inf") if low is None else call.number(low),
        "max_val": float("inf") if high is None else call.number(high),
    }
    known = {key: value for key, value in settings.items() if value is not None}
    if len(known) < len(settings):
        return None
    return Description(Kind.ACTIVATION, Activation("hardtanh", known), sources=[call.x])


_PLAIN = (
    "relu selu sigmoid tanh silu mish hardswish hardsigmoid softsign tanhshrink logsigmoid "
    "exp expm1 log log1p log2 sqrt rsqrt abs square reciprocal erf sin cos sign round floor ceil"
)
_WITH_SETTINGS: dict[str, Settings] = {
    "leaky_relu": (("negative_slope", 0.01),),
    "elu": (("alpha", 1.0),),
    "celu": (("alpha", 1.0),),
    "gelu": (("approximate", "none"),),
    "glu": (("dim", -1),),
    "softplus": (("beta", 1.0), ("threshold", 20.0)),
    "hardtanh": (("min_val", -1.0), ("max_val", 1.0)),
    "softshrink": (("lambd", 0.5),),
    "hardshrink": (("lambd", 0.5),),
    "threshold": (("threshold", 0.0), ("value", 0.0)),
    "rrelu": (("lower", 1 / 8), ("upper", 1 / 3)),
    "pow": (("exponent", 1.0),),
}
_OTHER_NAMES = {"hard_swish": "hardswish", "log_sigmoid": "logsigmoid"}


def _entries() -> dict[str, Entry]:
    plain = dict.fromkeys(_PLAIN.split(), ())
    known: dict[str, Settings] = {**plain, **_WITH_SETTINGS}
    made = {
        name: Entry(
            ("input", *(key for key, _ in settings), "inplace"),
            partial(_activation, name, settings),
        )
        for name, settings in known.items()
    }
    made |= {other: made[name] for other, name in _OTHER_NAMES.items()}
    made |= {
        name: Entry(("input", "dim"), partial(_softmax, name))
        for name in ("softmax", "log_softmax", "softmin", "gumbel_softmax")
    }
    made["relu6"] = Entry(("input",), _relu6)
    made["prelu"] = Entry(("input", "weight"), _prelu)
    made["clamp"] = made["clip"] = Entry(("input", "min", "max"), _clamp)
    made["clamp_min"] = Entry(("input", "min"), _clamp)
    made["clamp_max"] = Entry(("input", "max"), _clamp)
    return made


ENTRIES = _entries()
