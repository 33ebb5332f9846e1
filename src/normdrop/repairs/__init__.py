"""How a model is mended: where its noise may go, what was changed, and what is left."""

from ._bench import Bench as Bench
from ._fix import Change as Change
from ._fix import Fix as Fix
from ._journal import Journal as Journal
from ._look import Look as Look
from ._places import MOVES as MOVES
from ._places import Move as Move
from ._places import Place as Place
from ._places import Spot as Spot
from ._places import branch_place as branch_place
from ._places import head_place as head_place
from ._repair import FOLDING_TOLERANCE as FOLDING_TOLERANCE
from ._repair import repair as repair
from ._sidesteps import before_weight as before_weight
from ._sidesteps import behind_pool as behind_pool
from ._wishes import Wishes as Wishes
