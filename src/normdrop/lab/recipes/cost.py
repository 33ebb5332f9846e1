"""What batch norm and dropout cost: time per step, bytes kept for the way back, epochs to a goal.

Every trial times its own plain network beside its variant, their steps taking turns, and reports
the ratio: the machine's load, and how fast it is, are in both.
"""

from normdrop.lab.metric import Metric
from normdrop.lab.recipe import Network, Panel, Recipe, TrialContext
from normdrop.lab.recipes._settings import number, widths, word

_MEBI = 2**20

TIME = Metric(
    "time_ratio",
    "time of a step relative to plain",
    "",
    "time",
    "median time of a training step, in that of the plain network's beside it",
    decimals=2,
)
_STEP = Metric("step", "time of a step", "ms", "ms", decimals=2)
_KEPT = Metric(
    "kept_ratio", "bytes kept", "", "bytes", "kept for backward, plain network 1", decimals=2
)
_MEBIBYTES = Metric("kept", "bytes kept", "MiB", "MiB", decimals=2)
_EPOCHS = Metric(
    "epochs_to_goal", "epochs to the goal", "", "epochs", "until the test loss is low", decimals=1
)

# The token of the order, and whose dropout it is.
_VARIANTS = {
    "plain": ("act", ""),
    "bn": ("bn-act", ""),
    "drop (torch)": ("act-drop", "torch"),
    "drop (normdrop)": ("act-drop", "normdrop"),
    "bn + drop (torch)": ("bn-act-drop", "torch"),
    "bn + drop (normdrop)": ("bn-act-drop", "normdrop"),
}

_GARBIN = {"plain": 1.0, "bn": 1.86, "drop (torch)": 1.17}


def _network(variant: str, context: TrialContext) -> Network:
    from torch import nn

    from normdrop.lab.networks import convolutional_network, perceptron
    from normdrop.torch import Dropout

    layers, whose = _VARIANTS[variant]
    rate = number(context.settings, "dropout")
    weight = word(context.settings, "weight")
    make = convolutional_network if weight == "conv" else perceptron
    network = make(
        context.data.shape,
        context.outputs,
        order=f"{weight}-{layers}",
        widths=widths(context.settings),
        dropout=nn.Dropout(rate) if whose == "torch" else Dropout(rate),
    )
    return context.prepared(network)


def _experiment(context: TrialContext) -> dict[str, float]:
    from normdrop.lab.recipes._step_cost import bytes_kept, median_step_seconds

    batch = next(context.training.batches(context.training_settings.batch_size))
    pair = [_network(variant, context) for variant in ("plain", context.variant)]
    rounds = int(number(context.settings, "rounds"))
    plain, seconds = median_step_seconds(pair, context.task, batch, rounds=rounds)
    plainly, kept = (bytes_kept(network, context.task, batch) for network in pair)
    return {
        TIME.name: seconds / plain,
        _STEP.name: 1000 * seconds,
        _KEPT.name: kept / plainly,
        _MEBIBYTES.name: kept / _MEBI,
        _EPOCHS.name: _epochs_to_goal(context),
    }


def _epochs_to_goal(context: TrialContext) -> float:
    """How many epochs until the test loss is at most `goal`; one more than there are if never."""
    goal = number(context.settings, "goal")
    fit = context.fit()
    for epoch in fit.epochs(_network(context.variant, context), context.progress):
        if epoch.test_loss <= goal:
            return float(epoch.number)
    return fit.settings.epochs + 1.0


RECIPE = Recipe(
    name="cost",
    version=2,
    title="The cost of batch norm and dropout",
    question="How much time and memory do batch norm and dropout add to a training step?",
    source="Garbin et al. 2020 (training times of a perceptron on MNIST)",
    variants=tuple(_VARIANTS),
    baseline="plain",
    data="digits",
    seeds=8,
    settings={
        "epochs": 10,
        "batch_size": 64,
        "learning_rate": 1e-3,
        "initialisation": "he",
        "limit_train": None,
        "weight": "linear",
        "widths": "256 256",
        "dropout": 0.5,
        "rounds": 100,
        "goal": 0.15,
    },
    paper={"batch_size": 128, "epochs": 30, "rounds": 300},
    paper_data="mnist",
    experiment=_experiment,
    dimensions=3,
    endpoint=TIME,
    metrics=(_STEP, _KEPT, _MEBIBYTES, _EPOCHS),
    panels={
        "perceptron": Panel(published={TIME.name: _GARBIN}),
        "convolutional": Panel(settings={"weight": "conv", "widths": "16 32 32", "dropout": 0.2}),
    },
    published_label="Garbin et al., MNIST perceptron, time of the whole training",
    notes=(
        "Seconds are the process's own on a processor, the wall clock's on a GPU.",
        "They are not reproduced bit for bit: the spread of plain beside plain is their noise.",
        "Bytes: what autograd saves, each storage once, without parameters and inputs.",
        "Widths, epochs and rounds of --paper are ours: MNIST is the source's.",
        "The goal is a test loss of 0.15; never reached, it counts as one epoch more than trained.",
    ),
)
