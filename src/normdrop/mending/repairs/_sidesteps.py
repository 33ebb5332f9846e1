"""Places one step away: before the weight that yields logits, behind a max-pool."""

from normdrop.mending.repairs._places import Place, Spot
from normdrop.shifts.graph import Graph, Kind, Node, Pool


def before_weight(graph: Graph, noise: Node) -> Place | None:
    """Before the weight layer whose output the noise takes."""
    sources = graph.sources(noise)
    if len(sources) != 1 or sources[0].kind is not Kind.WEIGHT:
        return None
    weight = sources[0]
    return Place("branch", (Spot("before", weight),), f"to before `{weight.layer}`")


def behind_pool(graph: Graph, noise: Node) -> Place | None:
    """Behind the max-pool that the noise reaches through activations."""
    following = graph.consumers(noise)
    while len(following) == 1 and following[0].kind is Kind.ACTIVATION:
        following = graph.consumers(following[0])
    if len(following) != 1:
        return None
    pool = following[0]
    if not isinstance(pool.details, Pool) or pool.details.method != "max":
        return None
    return Place("branch", (Spot("after", pool),), f"to behind `{pool.layer}`")
