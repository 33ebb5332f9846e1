"""What a rule may declare to mend its findings; `normdrop.mending` carries it out."""

from enum import Enum


class SourceMend(Enum):
    """An edit of a file, at the place where a finding points."""

    MOVE_LATER = "the layer goes behind a layer that follows it"
    MOVE_EARLIER = "the layer goes before a layer that it follows"
    PLAIN_DROPOUT = "the layer becomes the plain dropout of its library"
    LEAVE_OUT_BIAS = "a weight layer is made without its bias"
    LEAVE_OUT_ARGUMENT = "an argument goes, so that its default holds"
    TURN_MOMENTUM = "a momentum becomes one minus itself"
    RENAME_ARGUMENT = "an argument gets the name it has today, or goes"
    HAND_ON_MODE = "a call is handed the mode of the module around it"
    MAKE_IN_CONSTRUCTOR = "a module is made in `__init__` and called where it was made"
    USE_OUTPUT = "what a layer yields is kept"
    MULTIPLY_NOISE = "added noise becomes a factor"
    ASK_FOR_MODE = "a noise layer returns its input as it is unless it is in training"


class ModelMend(Enum):
    """A change of a model that leaves what it computes in eval mode as it is."""

    MOVE_NOISE = "noise goes behind the norms that it shifts, or becomes noise they bear"
    MOVE_BEFORE_WEIGHT = "noise goes before the weight whose output it takes"
    MOVE_BEHIND_POOL = "noise goes behind the max-pool that it reaches"
    PLAIN_DROPOUT = "channel-wise dropout becomes plain dropout of the same rate"
    TURN_MOMENTUM = "a momentum becomes one minus itself"
    FOLD_BIAS = "a bias that a norm cancels goes into its running mean"
