"""What a `.keras` file asks Keras to make, read before Keras makes any of it.

Keras' safe mode refuses lambdas, but what else it lets a file name has changed from release to
release: any function of any module before 3.9 (CVE-2025-1550), functions of Keras that fetch files
or switch safe mode off before 3.11 (CVE-2025-8747, CVE-2025-9906), pickled torch modules before
3.11.3 (CVE-2025-49655). Here a file may name only classes of Keras' own and of normdrop's that
compute, whatever Keras is installed.
"""

import json
import re
import sys
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import keras

import normdrop.keras.blocks
import normdrop.keras.layers
from normdrop.errors import UsageError
from normdrop.keras._version import numbers

_CONFIG, _METADATA, _WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
_MOST = 16 * 1024**2
"""Bytes of a configuration: a zip file may claim any number, and the largest published models have
three million."""
_MOST_PARTS = 1_000_000
"""Brackets and commas of a configuration: parsed, each takes a hundred times its own byte."""
OLDEST_WRITER = (3, 0)
"""Files of releases before this one are Keras 2's."""
_VALUES = frozenset(
    {"__keras_tensor__", "__tensor__", "__numpy__", "__bytes__", "__ellipsis__", "__slice__"}
)
"""Names for plain values in a configuration."""
_CODE = frozenset({"Lambda", "TorchModuleWrapper", "TFSMLayer", "JaxLayer", "FlaxLayer"})
"""Classes of Keras that hold code, or load it."""
_BASES = (
    keras.Operation,  # layers and models too
    keras.Initializer,
    keras.Loss,
    keras.Metric,
    keras.Optimizer,
    keras.Regularizer,
    keras.constraints.Constraint,
    keras.dtype_policies.DTypePolicy,
    keras.dtype_policies.DTypePolicyMap,
    keras.optimizers.schedules.LearningRateSchedule,
)
_FUNCTIONS = (keras.activations, keras.losses, keras.metrics)
_MAKERS = frozenset({"get", "serialize", "deserialize"})
"""Functions of those modules that make objects rather than compute."""
_INSTEAD = (
    "where you trust it, pass --trust; or write a callable that makes the model and pass FACTORY, "
    "such as net.py:make, with --weights"
)


def check_archive(path: Path, *, trust: bool = False) -> str:
    """Refuse a file that is no `.keras` file, or names what is not Keras' own.

    Args:
        path: The file; it is read, and nothing in it is made.
        trust: Take whatever it names.

    Returns:
        The version of Keras that wrote it; empty if it does not say.

    Raises:
        UsageError: It is one of these; the message says which class and what to do.
    """
    if not path.is_file():
        raise UsageError(f"{path}: no such file")
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            config = _read(archive, _CONFIG) if _CONFIG in names else None
            metadata = _read(archive, _METADATA) if _METADATA in names else {}
    except (zipfile.BadZipFile, zlib.error, ValueError, RuntimeError, EOFError, OSError) as error:
        raise UsageError(
            f"{path} is no .keras file, or damaged ({error}): save it again with model.save"
        ) from error
    if config is None or _WEIGHTS not in names:
        missing = _CONFIG if config is None else _WEIGHTS
        raise UsageError(f"{path} holds no {missing}: save it again with model.save")
    more = sorted(names - {_CONFIG, _METADATA, _WEIGHTS})
    if more and not trust:
        raise UsageError(f"{path} holds {more[0]}, a file that a layer would read: {_INSTEAD}")
    said = metadata.get("keras_version", "") if isinstance(metadata, dict) else ""
    version = said if re.match(r"\d+\.\d", str(said)) else ""
    if version and numbers(version) < OLDEST_WRITER and not trust:
        raise UsageError(
            f"{path} was written by Keras {version}, and only Keras 2 can read it: where you trust "
            "it, pass --trust, with tf_keras installed"
        )
    if isinstance(config, dict):
        config.pop("compile_config", None)  # nobody asks Keras for it
    for named in () if trust else _named(config):
        reason = _fault(named)
        if reason:
            raise UsageError(f"{path} {reason}: {_INSTEAD}")
    return version


def _read(archive: zipfile.ZipFile, name: str) -> Any:  # noqa: ANN401 - JSON
    with archive.open(name) as opened:
        content = opened.read(_MOST + 1)  # whatever size the file claims for it
    if len(content) > _MOST or sum(map(content.count, (b"[", b"{", b","))) > _MOST_PARTS:
        raise ValueError(f"{name} is too large")
    return json.loads(content)


def _named(config: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - JSON
    """Every part of a configuration that names a class or a function."""
    waiting = [config]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting += part
        elif isinstance(part, dict):
            waiting += part.values()
            if "class_name" in part:
                yield part


def _fault(part: dict[str, Any]) -> str:
    """What is wrong with what a part names; empty if nothing."""
    name, module, settings = part["class_name"], part.get("module"), part.get("config")
    fault = ""
    if not isinstance(name, str):
        fault = f"names a class by what is no name, {name!r}"
    elif name == "__lambda__" or name in _CODE:
        fault = f"holds a {'lambda' if name == '__lambda__' else name}, which is code"
    elif name == "function":
        if not _is_function(settings):
            fault = f"names a function that is not Keras' own, {module}.{settings}"
    elif name not in _VALUES:
        if not isinstance(module, str):
            fault = f"names a class without its module, {name!r}"
        elif not _is_known(name, module, part.get("registered_name")):
            fault = f"names a class that neither Keras nor normdrop has, {module}.{name}"
        elif isinstance(settings, dict) and isinstance(settings.get("vocabulary"), str):
            fault = f"has {name} read the file {settings['vocabulary']!r}"
    return fault


def _is_function(name: object) -> bool:
    """Whether Keras has an activation, loss or metric of a name."""
    known = isinstance(name, str) and name not in _MAKERS
    return known and any(hasattr(each, str(name)) for each in _FUNCTIONS)


def _is_known(name: str, module: str, registered: object) -> bool:
    """Whether a class is of Keras or normdrop, and one that only computes; nothing is imported."""
    if module.split(".", maxsplit=1)[0] == "normdrop":
        owners: list[Any] = [normdrop.keras.layers, normdrop.keras.blocks]
        return registered == f"normdrop>{name}" and any(_holds(each, name) for each in owners)
    if module.split(".", maxsplit=1)[0] != "keras" or registered not in {None, "", name}:
        return False
    if module.startswith("keras.src.backend.") and ".optimizers." in module:
        return _holds(keras.optimizers, name)  # a backend's own form of one of these
    return _holds(_module(module), name)


def _module(name: str) -> Any:  # noqa: ANN401 - a module or None
    """A module of Keras that is imported, by the name it is meant to be known by.

    Before 3.9 its public modules are imported under `keras.api` and only found as attributes.
    """
    if name in sys.modules:
        return sys.modules[name]
    found: Any = keras
    for part in name.split(".")[1:]:
        found = getattr(found, part, None)
        if not isinstance(found, ModuleType):
            return None
    return found


def _holds(module: Any, name: str) -> bool:  # noqa: ANN401 - a module or None
    found = vars(module).get(name) if module is not None else None
    return isinstance(found, type) and issubclass(found, _BASES)
