"""The pages' templates, filled in. Needs jinja2."""

from jinja2 import Environment, PackageLoader, StrictUndefined

_ENVIRONMENT = Environment(
    loader=PackageLoader("normdrop.report"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def rendered(template: str, **values: object) -> str:
    """A page's text: every value in it is escaped, and a missing one is an error."""
    return _ENVIRONMENT.get_template(template).render(values)
