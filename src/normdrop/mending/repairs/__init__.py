"""How a model is mended: where its noise may go, what was changed, and what is left."""

from normdrop.mending.repairs._choices import Choices as Choices
from normdrop.mending.repairs._choices import Outlook as Outlook
from normdrop.mending.repairs._editor import Editor as Editor
from normdrop.mending.repairs._editor import Journal as Journal
from normdrop.mending.repairs._fix import Change as Change
from normdrop.mending.repairs._fix import Fix as Fix
from normdrop.mending.repairs._places import MOVES as MOVES
from normdrop.mending.repairs._places import Destination as Destination
from normdrop.mending.repairs._places import GraphEdge as GraphEdge
from normdrop.mending.repairs._places import Move as Move
from normdrop.mending.repairs._places import before_weight as before_weight
from normdrop.mending.repairs._places import behind_pool as behind_pool
from normdrop.mending.repairs._places import branch_place as branch_place
from normdrop.mending.repairs._places import head_place as head_place
from normdrop.mending.repairs._proof import LEVEL as LEVEL
from normdrop.mending.repairs._proof import Proof as Proof
from normdrop.mending.repairs._repair import FOLDING_TOLERANCE as FOLDING_TOLERANCE
from normdrop.mending.repairs._repair import repair as repair
from normdrop.mending.repairs._request import Request as Request
from normdrop.mending.repairs._snapshot import Snapshot as Snapshot
from normdrop.mending.repairs._uniform import KEPT as KEPT
from normdrop.mending.repairs._uniform import UNWARNED as UNWARNED
