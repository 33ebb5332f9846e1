"""One rule, one file; and the engine that runs them."""

from normdrop.lint.rules._baseline import without_known as without_known
from normdrop.lint.rules._baseline import write_baseline as write_baseline
from normdrop.lint.rules._codes import codes as codes
from normdrop.lint.rules._codes import meant as meant
from normdrop.lint.rules._engine import check_captured as check_captured
from normdrop.lint.rules._engine import check_files as check_files
from normdrop.lint.rules._engine import check_source as check_source
from normdrop.lint.rules._engine import check_text as check_text
from normdrop.lint.rules._engine import well_placed as well_placed
from normdrop.lint.rules._engine import without_accepted as without_accepted
from normdrop.lint.rules._mend import ModelMend as ModelMend
from normdrop.lint.rules._mend import SourceMend as SourceMend
from normdrop.lint.rules._page import page as page
from normdrop.lint.rules._page import pages as pages
from normdrop.lint.rules._registry import Selection as Selection
from normdrop.lint.rules._registry import all_rules as all_rules
from normdrop.lint.rules._registry import rule as rule
from normdrop.lint.rules._registry import selected as selected
from normdrop.lint.rules._rule import Invalid as Invalid
from normdrop.lint.rules._rule import Rule as Rule
from normdrop.lint.rules._settings import ProjectSettings as ProjectSettings
from normdrop.lint.rules._settings import project_settings as project_settings
from normdrop.lint.rules._subject import Subject as Subject
from normdrop.lint.rules._suppressions import Suppression as Suppression
from normdrop.lint.rules._suppressions import comments as comments
from normdrop.lint.rules._suppressions import suppress as suppress
