"""A noise layer taken from one place of a model and put into another."""

from collections.abc import Iterable

from torch import nn
from torch.nn.modules.dropout import _DropoutNd

from normdrop.mending.repairs import Snapshot, Spot
from normdrop.shifts.graph import Node
from normdrop.torch import hooks
from normdrop.torch.layers import NoiseLayer
from normdrop.torch.rewrite._journal import ModuleJournal


def noise_module(model: nn.Module, snapshot: Snapshot, layer: str) -> nn.Module | str:
    """The module that is a noise layer, or why there is none that can be exchanged."""
    nodes = snapshot.nodes(layer)
    where = f" at {nodes[0].location}" if nodes and nodes[0].location else ""
    try:
        module = model.get_submodule(layer)
    except AttributeError:
        return f"its dropout is a function called in a forward{where}, not a module"
    if not isinstance(module, _DropoutNd | NoiseLayer):
        return f"it is a {type(module).__name__}, which is no dropout layer that normdrop knows"
    if _has_hooks(module):
        return "it has hooks of its own"
    return module


def realizable(
    model: nn.Module, snapshot: Snapshot, noise: Node, spots: Iterable[Spot]
) -> Spot | None:
    """The first spot into which the noise can be put without touching any `forward`."""
    for spot in spots:
        if spot.fits(snapshot.graph, noise) and _has_seat(model, snapshot, spot):
            return spot
    return None


def put(journal: ModuleJournal, model: nn.Module, noise: nn.Module, spot: Spot) -> None:
    """Put a noise layer into a spot that `realizable` has found.

    Beside a layer without state, the two become a `Sequential`; a layer with state holds the noise
    as its child, since its keys must stay.
    """
    seat = model.get_submodule(spot.node.layer)
    if getattr(noise, "inplace", False):
        # What stands before it now may need its output for the backward pass.
        journal.attribute(noise, "inplace", value=False)
    if _is_stateless(seat):
        pair = (noise, seat) if spot.side == "before" else (seat, noise)
        journal.replace(model, seat, nn.Sequential(*pair))
    elif spot.side == "before":
        journal.attach(
            seat, hooks.BEFORE, noise, lambda: seat.register_forward_pre_hook(hooks.apply_before)
        )
    else:
        journal.attach(
            seat, hooks.AFTER, noise, lambda: seat.register_forward_hook(hooks.apply_after)
        )


def _has_seat(model: nn.Module, snapshot: Snapshot, spot: Spot) -> bool:
    """Whether the node is a module that one line calls once."""
    node = spot.node
    if not node.layer or node.module != node.layer or snapshot.calls.get(node.layer) != 1:
        return False
    if len(snapshot.nodes(node.layer)) != 1:
        return False
    seat = model.get_submodule(node.layer)
    name = hooks.BEFORE if spot.side == "before" else hooks.AFTER
    return not isinstance(seat, _DropoutNd | NoiseLayer) and not hasattr(seat, name)


def _is_stateless(module: nn.Module) -> bool:
    """Whether wrapping it renames no key."""
    children = any(True for _ in module.children())
    return not children and not module.state_dict() and not any(True for _ in module.buffers())


def _has_hooks(module: nn.Module) -> bool:
    return any(
        getattr(module, name)
        for name in (
            "_forward_hooks",
            "_forward_pre_hooks",
            "_backward_hooks",
            "_backward_pre_hooks",
        )
    )
