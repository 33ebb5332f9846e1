"""Dropout as an ensemble: averaging one network's masks against averaging networks."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from normdrop.lab.metric import TEST_ERROR, TEST_LOSS, Metric
from normdrop.lab.recipe import Network, Tensor, TrialContext
from normdrop.lab.recipes._residual import SMALL, residual_recipe, three_stage_network
from normdrop.lab.trial import Setting
from normdrop.verbs import modes

_PASSES = {"masks-1": 1, "masks-3": 3, "masks-10": 10, "masks-30": 30}
_NETWORKS = {"network": 1, "networks-2": 2, "networks-3": 3, "networks-5": 5}
_MOST = max(_NETWORKS.values())

_TRAINED = Metric("trained", "networks trained", "", "trained", "networks trained", decimals=0)
_FORWARD = Metric("forward", "passes", "", "passes", "forward passes for one answer", decimals=0)


@dataclass(frozen=True)
class _Member:
    """What decides a trained network, and a trial that it is trained for."""

    seed: int
    settings: tuple[tuple[str, Setting], ...]
    circumstances: tuple[str, ...]
    context: TrialContext = field(compare=False)

    @classmethod
    def of(cls, context: TrialContext, number: int) -> "_Member":
        """A member of the trial's ensemble; no two seeds share one."""
        trial = context.trial
        settings = tuple(sorted(trial.settings.items()))
        circumstances = (trial.data, trial.data_checksum, trial.device, trial.precision)
        return cls(_MOST * context.seed + number, settings, circumstances, context)


@lru_cache(maxsize=_MOST)  # the variants of a seed, run one after another, share its networks
def _trained(member: _Member) -> Network:
    context = member.context
    settings = context.settings
    built = three_stage_network(
        context.data.shape, context.outputs, settings, dropout=settings["rate"], position="P5"
    )
    prepared = context.prepared(built, seed=member.seed)
    for _ in context.fit(seed=member.seed).epochs(prepared):
        pass
    return prepared.eval()


def _experiment(context: TrialContext) -> dict[str, float]:
    import torch

    networks, passes = _NETWORKS.get(context.variant, 1), _PASSES.get(context.variant, 0)
    epochs = context.training_settings.epochs
    members = []
    for number in range(networks):
        context.progress(epochs * number / networks)
        members.append(_trained(_Member.of(context, number)))
    torch.manual_seed(context.seed)  # whether a network was trained now or before
    error, loss = _scores(context, members, passes)
    return {
        TEST_ERROR.name: error,
        TEST_LOSS.name: loss,
        _TRAINED.name: networks,
        _FORWARD.name: max(networks, passes),
    }


def _scores(context: TrialContext, members: list[Network], passes: int) -> tuple[float, float]:
    """Test error in % and mean loss in nats of the averaged probabilities."""
    import torch

    wrong, loss = 0, 0.0
    with torch.inference_mode():
        for inputs, targets in context.test.batches(500):
            average = torch.stack(list(_probabilities(members, inputs, passes))).mean(0)
            wrong += int((average.argmax(1) != targets).sum())
            loss -= average.gather(1, targets[:, None]).log().sum().item()
    return 100 * wrong / len(context.test), loss / len(context.test)


def _probabilities(members: list[Network], inputs: Tensor, passes: int) -> Iterable[Tensor]:
    """One answer per network in eval mode; or, with passes, one per pass with dropout on."""
    for member in members:
        if not passes:
            yield member(inputs).double().softmax(1)
            continue
        with modes(member, dropout=True, norm="running"):
            for _ in range(passes):
                yield member(inputs).double().softmax(1)


RECIPE = residual_recipe(
    name="ensemble",
    version=1,
    title="Averaging masks or averaging networks",
    question="Is averaging over dropout's masks worth what averaging over networks is?",
    source="dropout as an average over networks, Srivastava et al., JMLR 2014",
    variants=("network", *_PASSES, *tuple(_NETWORKS)[1:]),
    baseline="network",
    seeds=9,
    settings={**SMALL, "limit_train": None, "rate": 0.2},
    experiment=_experiment,
    metrics=(TEST_LOSS, _TRAINED, _FORWARD),
    notes=(
        (
            "network: one in eval mode. masks-k: its probabilities averaged over k passes with "
            "dropout on and norm layers in eval mode. networks-k: those of k networks in eval "
            "mode, trained from other weights and in other orders. Error and loss are of the "
            "averaged probabilities. The variants of a seed share networks."
        ),
        (
            "The small setting trains pre-activation networks of 8 layers with dropout of rate 0.2 "
            "before the last weight of each branch, on 8×8 digits for 4 epochs; --paper is "
            "PreResNet-50 on CIFAR-10."
        ),
    ),
)
