"""Patches of source files: text that is edited where a finding points, and checked afterwards."""

from ._files import patch_files as patch_files
from ._files import write as write
from ._patch import Left as Left
from ._patch import Patch as Patch
from ._patch import patch_text as patch_text
