"""One rule, one file; and the engine that runs them."""

from ._baseline import without_known as without_known
from ._baseline import write_baseline as write_baseline
from ._engine import check_captured as check_captured
from ._engine import check_files as check_files
from ._engine import check_text as check_text
from ._engine import without_accepted as without_accepted
from ._page import page as page
from ._page import pages as pages
from ._registry import all_rules as all_rules
from ._registry import codes as codes
from ._registry import rule as rule
from ._registry import selected as selected
from ._rule import Invalid as Invalid
from ._rule import Rule as Rule
from ._settings import Settings as Settings
from ._settings import settings as settings
from ._subject import Subject as Subject
from ._suppressions import Suppression as Suppression
from ._suppressions import comments as comments
from ._suppressions import suppress as suppress
