# The one list of the room's names; `__init__.py` imports them when they are first used.
from normdrop.report._diagnosis import diagnosis_html as diagnosis_html
from normdrop.report._diagnosis import write_diagnosis as write_diagnosis
from normdrop.report._experiments import experiment_pages as experiment_pages
from normdrop.report._map import map_html as map_html
from normdrop.report._map import write_map as write_map
from normdrop.report._page import to_html as to_html
from normdrop.report._page import write_html as write_html
from normdrop.report._result import result_html as result_html
from normdrop.report._result import write_result as write_result
from normdrop.report._terminal import next_commands as next_commands
from normdrop.report._terminal import on_screen as on_screen

__all__: list[str]  # noqa: PYI035 - made of this stub, so that no name stands twice
