"""Patches of source files: text that is edited where a finding points, and checked afterwards."""

from normdrop.mending.patches._files import patch_files as patch_files
from normdrop.mending.patches._files import write as write
from normdrop.mending.patches._moves import harms_in as harms_in
from normdrop.mending.patches._patch import LeftFinding as LeftFinding
from normdrop.mending.patches._patch import Patch as Patch
from normdrop.mending.patches._patch import lines_of as lines_of
from normdrop.mending.patches._patch import patch_text as patch_text
