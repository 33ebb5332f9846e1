"""Concrete compressive strength: a mixture and its age, and the strength it reached in MPa."""

from normdrop.lab.data._csv import regression, table
from normdrop.lab.data._source import DataSource, Download

_FILE = "concrete.csv"
_REPOSITORY = "https://raw.githubusercontent.com/stedy/Machine-Learning-with-R-datasets/"
_COLUMNS = (
    "cement",
    "slag",
    "ash",
    "water",
    "superplastic",
    "coarseagg",
    "fineagg",
    "age",
    "strength",
)


source = DataSource(
    name="concrete",
    title="Concrete compressive strength",
    task="regression",
    classes=None,
    shape=(8,),
    sizes=(824, 206),
    citation=(
        "Yeh: Modeling of strength of high-performance concrete using artificial neural networks, "
        "Cement and Concrete Research, 1998"
    ),
    assemble=lambda parts: regression(table(parts[_FILE], _COLUMNS, ",")),
    parts=(_FILE,),
    downloads=(
        Download(
            _FILE,
            "d7d8bd087f832935e902bcb2687667238cac3fe06799677a93ca2f46dce8db02",
            48653,
            (
                f"{_REPOSITORY}master/{_FILE}",
                f"{_REPOSITORY}72e6b6cc91bc2bb08eb6f99f52c033677cb70c1a/{_FILE}",
            ),
        ),
    ),
)
