"""The map of a model as one HTML file: a picture for each module, and links between them."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from normdrop.errors import NormdropError
from normdrop.shifts.map import MAP_HUES, MAP_STYLE, ModelMap
from normdrop.values.display import MARKS
from normdrop.values.files import write_atomically


def write_map(model: ModelMap, path: str | os.PathLike[str]) -> Path:
    """Write a map as a page: one file, no request to anywhere, light and dark, for any width.

    Args:
        model: The map, as `normdrop.view` gives it.
        path: Where the file is to be; missing folders are made.

    Returns:
        The file's path, links resolved.

    Raises:
        NormdropError: If the file cannot be written (the old one is kept), or if jinja2 or graphlay
            is not installed.
    """
    return write_atomically(path, map_html(model))


def map_html(model: ModelMap) -> str:
    """The page's text. Every name in it is escaped; without script it is whole but for tracing.

    Raises:
        NormdropError: If jinja2 or graphlay is not installed.
    """
    try:
        from markupsafe import Markup

        from normdrop.report._templates import rendered
    except ImportError as error:
        raise NormdropError("a map needs jinja2: install normdrop[report]") from error
    anchors = {path: f"m{number}" for number, path in enumerate(model.modules)}
    links = {path: f"#{anchor}" for path, anchor in anchors.items()}
    views = [
        {
            "anchor": anchor,
            "path": path,
            "trail": [(links[each], label) for each, label in _trail(path, model.name, links)],
            "svg": Markup(model.svg(path, links=links)),  # noqa: S704 - escaped by its artist
        }
        for path, anchor in anchors.items()
    ]
    return rendered(
        "map.html",
        name=model.name,
        verdict=model.verdict,
        mark=MARKS[model.verdict.level] if model.verdict else "",
        notes=model.notes,
        views=views,
        noises=[_noise(model, path, number) for path, number in model.noises.items()],
        norms=list(_norms(model, links)),
        style=Markup(MAP_STYLE),  # noqa: S704 - a constant
    )


def _trail(path: str, name: str, links: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The modules around a module that have a picture, from the model on, itself included."""
    yield "", name
    parts = path.split(".") if path else []
    shown = ""
    for length in range(1, len(parts) + 1):
        around = ".".join(parts[:length])
        if around in links:
            yield around, around.removeprefix(f"{shown}.")
            shown = around


def _noise(model: ModelMap, path: str, number: int) -> dict[str, Any]:
    hue = (number - 1) % MAP_HUES
    return {"path": path, "number": number, "hue": hue, "reaches": _reaches(model, path)}


def _reaches(model: ModelMap, path: str) -> str:
    """How many norms noise meets first, and how many behind those it shifts all the same."""
    met = model.reached_by(path)
    behind = set(model.shifted_by(path)) - set(met)
    said = f"reaches {len(met)} norm{'' if len(met) == 1 else 's'}"
    return f"{said}, shifts {len(behind)} behind" if behind else said


def _norms(model: ModelMap, links: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """The norms, worst first, each with a link to the picture it is in."""
    ranked = sorted(model.marks, key=lambda path: -model.marks[path].distance)
    for path in ranked:
        mark = model.marks[path]
        around, inside = path.rpartition(".")[0], ""
        while around:
            if around in links:
                inside = around
                break
            around = around.rpartition(".")[0]
        causes = sorted(mark.causes.items(), key=lambda item: -item[1])[:2]
        numbers = [(model.noises[each], share) for each, share in causes if each in model.noises]
        yield {
            "path": path or "the model",
            "link": links[inside],
            "shift": "unknown" if mark.level == "unknown" else f"{mark.shift:.3f}",
            "level": mark.level,
            "mark": MARKS[mark.level],
            "causes": ", ".join(f"({number}) {share:.0%}" for number, share in numbers),
            "cost": mark.cost,
        }
