"""What an experiment's trials say together."""

from normdrop.lab.comparison._agreement import Agreement as Agreement
from normdrop.lab.comparison._agreement import agreement as agreement
from normdrop.lab.comparison._analysis import VariantSummary as VariantSummary
from normdrop.lab.comparison._comparison import Comparison as Comparison
from normdrop.lab.comparison._description import ComparisonDescription as ComparisonDescription
from normdrop.lab.comparison._results import settings_used as settings_used
from normdrop.lab.comparison._results import versions_used as versions_used
