"""Red wine quality: eleven measurements of a wine, and the grade tasters gave it."""

from normdrop.lab.data._csv import regression, table
from normdrop.lab.data._source import DataSource, Download

_FILE = "winequality-red.csv"
_COLUMNS = (
    "fixed acidity",
    "volatile acidity",
    "citric acid",
    "residual sugar",
    "chlorides",
    "free sulfur dioxide",
    "total sulfur dioxide",
    "density",
    "pH",
    "sulphates",
    "alcohol",
    "quality",
)


source = DataSource(
    name="wine",
    title="Red wine quality",
    task="regression",
    classes=None,
    shape=(11,),
    sizes=(1294, 305),
    citation=(
        "Cortez, Cerdeira, Almeida, Matos, Reis: Modeling wine preferences by data mining from "
        "physicochemical properties, Decision Support Systems, 2009"
    ),
    assemble=lambda parts: regression(table(parts[_FILE], _COLUMNS, ";")),
    parts=(_FILE,),
    downloads=(
        Download(
            _FILE,
            "4a402cf041b025d4566d954c3b9ba8635a3a8a01e039005d97d6a710278cf05e",
            84199,
            (
                f"https://archive.ics.uci.edu/ml/machine-learning-databases/wine-quality/{_FILE}",
                f"https://raw.githubusercontent.com/mlflow/mlflow/master/tests/datasets/{_FILE}",
            ),
        ),
    ),
)
