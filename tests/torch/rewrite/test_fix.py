"""`fix` keeps what a model computes, its class and its keys, and mends its shifts."""

import copy
import math
import pickle
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from dropout_zoo import SHAPE, ZOO, PreResNet, perceptron, plain, settled
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import normdrop
from normdrop.errors import CaptureError, NormdropError, UsageError
from normdrop.mending.repairs import FOLDING_TOLERANCE, Fix, Move
from normdrop.torch import Block, Dropout, ResidualBlock, UniformDropout
from normdrop.torch.capture import capture
from normdrop.verbs import simulate

_SIMULATED = 0.03
"""How far two simulations of one network, and moments, may differ in log Δ."""


def logs(model: nn.Module, shape: tuple[int, ...] = SHAPE) -> dict[str, float]:
    """Log Δ at every norm layer, from running the model."""
    report = simulate(model, shape, blame=False)
    return {layer.path: math.log(layer.shift) for layer in report}


@cache
def before_and_after(name: str) -> tuple[nn.Module, Fix[nn.Module]]:
    """A network of the zoo with settled statistics, and what `fix` makes of it."""
    torch.manual_seed(0)
    model = settled(ZOO[name]())
    return model, normdrop.fix(model, SHAPE)


@pytest.mark.parametrize("name", ZOO)
def test_keeps_outputs_keys_and_class(name: str) -> None:
    """In eval mode the copy computes what the model does, which itself stays as it was."""
    model, mended = before_and_after(name)
    torch.manual_seed(0)
    untouched = settled(ZOO[name]())
    assert mended.changes
    assert type(mended.model) is type(model)
    assert list(mended.model.state_dict()) == list(model.state_dict())
    assert repr(untouched) == repr(model)
    for key, value in untouched.state_dict().items():
        assert torch.equal(value, model.state_dict()[key])
    x = torch.randn(4, *SHAPE)
    wanted, outputs = model(x), mended.model(x)
    folded = any(change.code == "ND201" for change in mended.changes)
    atol = FOLDING_TOLERANCE * wanted.abs().max().item() if folded else 0.0
    torch.testing.assert_close(outputs, wanted, rtol=0, atol=atol)


@pytest.mark.parametrize("name", ZOO)
def test_no_shift_is_farther_from_one(name: str) -> None:
    """Simulated, not carried: no norm layer is worse off, and none is far from 1.

    What dropout at the end of its branch adds to the norms of later blocks is the price of keeping
    it, and is told.
    """
    model, mended = before_and_after(name)
    before, after = logs(model), logs(mended.model)
    told = {path for each in normdrop.check(mended.model, SHAPE) for path in each.layers[1:]}
    assert set(before) == set(after)
    for path, log in after.items():
        assert abs(log) <= abs(before[path]) + _SIMULATED, path
        assert abs(log) < -math.log(0.78 if path in told else 0.88), path
    assert min(before.values()) < math.log(0.95)


@pytest.mark.parametrize("name", ZOO)
def test_what_is_left_cannot_be_mended_safely(name: str) -> None:
    """A second fix changes nothing; what is left of dropout that stands in its place is told."""
    _, mended = before_and_after(name)
    again = normdrop.fix(mended.model, SHAPE)
    assert not again.changes
    assert again.remaining.codes == mended.remaining.codes
    assert set(again.remaining.codes) <= {"ND101", "ND201"}
    for finding in again.remaining:
        if finding.code == "ND101":
            kept = f"{finding.layers[0]} is kept: it stands where guideline 1 puts it"
            assert any(line.startswith(kept) for line in again.advice)


def test_nothing_is_left_once_biases_may_go() -> None:
    """With `remove_bias` the model is clean."""
    _, mended = before_and_after("perceptron")
    assert not mended.is_complete
    clean = normdrop.fix(mended.model, SHAPE, remove_bias=True)
    assert clean.is_complete
    assert normdrop.check(clean.model, SHAPE).is_clean


orders = st.lists(
    st.sampled_from(["drop", "act", "pool", "bn", "gaussian"]), min_size=2, max_size=5
).map(lambda tokens: "-".join(["conv", *tokens]))


@settings(max_examples=5)
@given(first=orders, second=orders)
def test_any_order_is_no_worse_afterwards(first: str, second: str) -> None:
    """Whatever two blocks are made of, no simulated shift grows, and eval outputs stay."""
    no_worse(first, second)


@pytest.mark.slow
@settings(max_examples=60)
@given(first=orders, second=orders)
def test_very_many_orders_are_no_worse_afterwards(first: str, second: str) -> None:
    """The same over many more."""
    no_worse(first, second)


def no_worse(first: str, second: str) -> None:
    """Fix two blocks of these orders, and hold simulation against it."""
    torch.manual_seed(0)
    try:
        model = nn.Sequential(Block(first, 3, 16, dropout=0.4), Block(second, 16, 16, dropout=0.4))
        model(torch.zeros(2, *SHAPE))
    except (NormdropError, RuntimeError):
        return
    mended = normdrop.fix(model, SHAPE)
    x = torch.randn(2, *SHAPE)
    torch.testing.assert_close(mended.model.eval()(x), model.eval()(x), rtol=1e-3, atol=1e-3)
    before, after = logs(model), logs(mended.model)
    assert all(abs(after[path]) <= abs(before[path]) + 2 * _SIMULATED for path in before)


def test_uniform_noise_is_as_strong_as_the_norms_bear() -> None:
    """Directly before a norm of mean 0, Δ = 3 / (3 + β²) is 0.98 at β = 0.247 (Li et al.)."""
    model = nn.Sequential(nn.Linear(8, 256, bias=False), nn.Dropout(0.5), nn.BatchNorm1d(256))
    noise = normdrop.fix(model, (8,), move="uniform").model[1]
    assert isinstance(noise, UniformDropout)
    assert noise.beta == pytest.approx(math.sqrt(3 / 0.98 - 3), abs=0.01)


def test_uniform_noise_is_no_stronger_than_what_it_replaces() -> None:
    """At rate 0.01 the noise of equal variance has β = √(3 · 0.01 / 0.99)."""
    model = nn.Sequential(nn.Linear(8, 256, bias=False), nn.Dropout(0.01), nn.BatchNorm1d(256))
    noise = normdrop.fix(model, (8,), select=["ND101"], move="uniform").model[1]
    assert isinstance(noise, UniformDropout)
    assert noise.beta == pytest.approx(math.sqrt(3 * 0.01 / 0.99), abs=0.001)


@pytest.mark.parametrize(
    ("move", "path"),
    [("branch", "blocks.1.conv2.dropout_before"), ("uniform", "blocks.1.drop")],
)
def test_the_user_may_insist(move: Move, path: str) -> None:
    """One move for all layers; what it leaves is listed with its figure."""
    mended = normdrop.fix(PreResNet(), SHAPE, move=move)
    assert path in {change.becomes for change in mended.changes}
    left = [each for each in mended.remaining if each.code == "ND101"]
    assert bool(left) == (move == "branch")
    for finding in left:
        stays = f"{finding.layers[0]} still reaches {finding.layers[1]}"
        assert any(stays in line and f"{finding.shift:.3g}" in line for line in mended.advice)


def test_moves_by_path() -> None:
    """A module's path speaks for the layers inside; what is kept is kept."""
    mended = normdrop.fix(PreResNet(), SHAPE, move={"blocks.0": "keep", "blocks.1.drop": "uniform"})
    assert isinstance(mended.model.blocks[0], nn.Module)
    assert isinstance(mended.model.get_submodule("blocks.0.drop"), nn.Dropout)
    assert isinstance(mended.model.get_submodule("blocks.1.drop"), UniformDropout)


def test_what_one_layer_insists_on_is_not_blamed_on_another() -> None:
    """A move that makes a shift grow does not keep another layer from being mended."""
    mended = normdrop.fix(PreResNet(), SHAPE, move={"blocks.0": "branch"})
    assert isinstance(mended.model.get_submodule("blocks.1.drop"), UniformDropout)
    assert any("against advice" in line for line in mended.advice)


def test_stochastic_depth_stays_at_the_end_of_its_branch() -> None:
    """Noise that drops whole samples is replaced, never moved into its branch."""
    model = nn.Sequential(
        ResidualBlock(8, dropout=Dropout(0.3, along="sample"), position="P7"),
        *(nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2)),
    )
    mended = normdrop.fix(model, (8, 16, 16))
    noise = mended.model.get_submodule("0.branch.drop")
    assert isinstance(noise, UniformDropout)
    assert noise.along == "sample"


def test_a_moved_dropout_stands_where_the_guideline_puts_it() -> None:
    """In a perceptron the dropout goes behind the last norm's activation, and drops there."""
    mended = normdrop.fix(perceptron(), SHAPE)
    assert [type(each).__name__ for each in mended.model.children()] == [
        *("Flatten", "Linear", "Identity", "BatchNorm1d", "Sequential", "Linear")
    ]
    relu, dropout = mended.model.get_submodule("4").children()
    assert isinstance(relu, nn.ReLU)
    assert isinstance(dropout, nn.Dropout)
    assert not dropout.inplace
    mended.model.train()(torch.randn(8, *SHAPE)).sum().backward()


def test_survives_what_models_go_through(tmp_path: Path) -> None:
    """Copies, pickles, state dicts, modes and dtypes; the dropout goes along each time."""
    model = settled(PreResNet(blocks=1))
    mended = normdrop.fix(model, SHAPE, move="branch").model
    x = torch.randn(2, *SHAPE)
    wanted = mended.eval()(x)
    torch.save(mended.state_dict(), tmp_path / "weights.pt")
    fresh = normdrop.fix(settled(PreResNet(blocks=1), 1), SHAPE, move="branch").model.eval()
    fresh.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))
    for other in (copy.deepcopy(mended), pickle.loads(pickle.dumps(mended)), fresh):  # noqa: S301 - made on the line
        assert torch.equal(other(x), wanted)
        noise = other.train().get_submodule("blocks.0.conv2.dropout_before")
        assert noise.training
        assert not torch.equal(other(x), other(x))
        assert other.eval() is other
        assert not noise.training
        assert other.double()(x.double()).dtype == torch.float64
    compiled = torch.fx.symbolic_trace(mended)
    assert torch.equal(compiled(x), wanted)


def test_in_place_changes_the_very_model() -> None:
    """The same object comes back, with the same parameters, so that an optimizer goes on."""
    model = PreResNet()
    parameters = list(model.parameters())
    mended = normdrop.fix(model, SHAPE, in_place=True)
    assert mended.model is model
    assert all(a is b for a, b in zip(model.parameters(), parameters, strict=True))
    assert isinstance(model.get_submodule("blocks.0.drop"), UniformDropout)


@pytest.mark.parametrize("calls", range(1, 8))
def test_in_place_is_all_or_nothing(calls: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever look at the model fails, the model is as it was."""
    model = settled(plain())
    before, text = copy.deepcopy(model.state_dict()), repr(model)
    modes = [module.training for module in model.modules()]
    left = [calls]

    def failing(model: nn.Module, example: object) -> object:
        left[0] -= 1
        if left[0] == 0:
            raise MemoryError
        return capture(model, example)

    monkeypatch.setattr("normdrop.torch.rewrite._editor.capture", failing)
    try:
        normdrop.fix(model, SHAPE, in_place=True)
    except MemoryError:
        assert repr(model) == text
        assert [module.training for module in model.modules()] == modes
        after = model.state_dict()
        assert list(after) == list(before)
        assert all(torch.equal(after[key], before[key]) for key in before)
        assert not any(module._forward_pre_hooks for module in model.modules())  # noqa: SLF001 - no public view
    else:
        assert left[0] > 0


def test_functional_dropout_gets_an_instruction() -> None:
    """What has no module is named with its line and its place, and the model stays."""

    class Functional(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(8, 8, bias=False)
            self.norm = nn.BatchNorm1d(8)
            self.head = nn.Linear(8, 2)

        def forward(self, x: Tensor) -> Tensor:
            x = nn.functional.dropout(self.linear(x), 0.5, self.training)
            y: Tensor = self.head(nn.functional.relu(self.norm(x)))
            return y

    mended = normdrop.fix(Functional(), (8,))
    assert not mended.changes
    assert mended.remaining.codes == ("ND101",)
    (advice,) = mended.advice
    assert "dropout()" in advice
    assert "test_fix.py:" in advice
    assert "move it to the head, behind `relu()`" in advice


def test_a_forward_that_reads_the_dropout_is_left_alone() -> None:
    """Where the dropout cannot be taken out, uniform noise cannot take its place either."""

    class Reading(nn.Sequential):
        def forward(self, x: Tensor) -> Tensor:
            assert isinstance(self[1], nn.Dropout)
            y: Tensor = super().forward(x)  # type: ignore[no-untyped-call] # torch types no forward
            return y

    model = Reading(nn.Linear(8, 8, bias=False), nn.Dropout(0.5), nn.BatchNorm1d(8), nn.ReLU())
    mended = normdrop.fix(model, (8,))
    assert not mended.changes
    assert isinstance(mended.model[1], nn.Dropout)
    assert any("does not run with the change" in line for line in mended.advice)


def test_a_dropout_of_several_places_is_not_moved() -> None:
    """One module in two places: replaced, since it cannot stand in two new ones."""
    drop = nn.Dropout(0.5)
    model = nn.Sequential(
        *(nn.Linear(8, 8, bias=False), drop, nn.BatchNorm1d(8), nn.ReLU()),
        *(nn.Linear(8, 8, bias=False), drop, nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2)),
    )
    mended = normdrop.fix(model, (8,))
    assert isinstance(mended.model[1], UniformDropout)
    assert mended.model[1] is mended.model[5]


def test_only_one_dropout_goes_to_the_head() -> None:
    """A head that has one already gets no second."""
    model = nn.Sequential(
        *(nn.Linear(8, 8, bias=False), nn.Dropout(0.5), nn.BatchNorm1d(8), nn.ReLU()),
        *(nn.Dropout(0.5), nn.Linear(8, 2)),
    )
    assert isinstance(normdrop.fix(model, (8,)).model[1], UniformDropout)


def test_select_mends_the_selected_alone() -> None:
    """Codes by their beginnings; a note is mended when it is asked for."""
    model = plain()
    assert {each.code for each in normdrop.fix(model, SHAPE, select=["ND2"]).changes} <= {"ND201"}
    with pytest.raises(UsageError, match="no rule"):
        normdrop.fix(model, SHAPE, select=["XY1"])


def test_sealed_models_are_refused() -> None:
    """Scripts and models without values: the error names what to fix instead."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch deprecates it
        script = torch.jit.trace(nn.Linear(2, 2), torch.zeros(1, 2))  # type: ignore[no-untyped-call] # torch types no trace
    with pytest.raises(UsageError, match="scripted from"):
        normdrop.fix(script, (2,))
    with pytest.raises(UsageError, match="weight is on the meta device"):
        normdrop.fix(nn.Linear(2, 2, device="meta"), (2,))


@pytest.mark.slow
def test_compiled_models_are_refused() -> None:
    """The error names the module inside."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the compiler warns of torch itself
        compiled = torch.compile(nn.Linear(2, 2))
    with pytest.raises(UsageError, match="compiled from"):
        normdrop.fix(compiled, (2,))  # type: ignore[type-var] # a module all the same


def test_a_norm_straight_before_a_weight() -> None:
    """The head is between them; where a norm is the output itself, nothing moves behind it."""
    mended = normdrop.fix(
        nn.Sequential(
            nn.Linear(8, 8, bias=False), nn.Dropout(0.5), nn.BatchNorm1d(8), nn.Linear(8, 2)
        ),
        (8,),
    )
    assert [change.becomes for change in mended.changes] == ["3.dropout_before"]
    last = nn.Sequential(nn.Linear(8, 8, bias=False), nn.Dropout(0.5), nn.BatchNorm1d(8))
    assert isinstance(normdrop.fix(last, (8,)).model[1], UniformDropout)


@pytest.mark.slow
def test_distributed_training_goes_on(tmp_path: Path) -> None:
    """The wrapper of a process group runs the hooks, and averages the same parameters."""
    model = normdrop.fix(PreResNet(0.1, blocks=1), SHAPE, move="branch").model
    torch.distributed.init_process_group(
        "gloo", f"file://{tmp_path / 'group'}", world_size=1, rank=0
    )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the wrapper's imports warn of torch itself
            wrapped = nn.parallel.DistributedDataParallel(model)
        wrapped(torch.randn(2, *SHAPE)).sum().backward()
    finally:
        torch.distributed.destroy_process_group()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_a_model_that_cannot_be_copied_is_mended_in_place() -> None:
    """The error says so, and in place it works."""

    class Locked(nn.Sequential):
        def __deepcopy__(self, memo: object) -> "Locked":
            message = "one of a kind"
            raise TypeError(message)

    model = Locked(nn.Linear(8, 8, bias=False), nn.Dropout(0.5), nn.BatchNorm1d(8))
    with pytest.raises(UsageError, match=r"one of a kind.*in_place=True"):
        normdrop.fix(model, (8,))
    assert normdrop.fix(model, (8,), in_place=True).changes


def test_bad_input_leaves_the_model() -> None:
    """Unknown moves and paths, wrong inputs: an error that names the way out."""
    model = plain()
    before = repr(model)
    with pytest.raises(UsageError, match="no move is called 'up'"):
        normdrop.fix(model, SHAPE, move="up")  # type: ignore[arg-type] # wrong on purpose
    with pytest.raises(UsageError, match="no layer 'nowhere'"):
        normdrop.fix(model, SHAPE, move={"nowhere": "head"})
    with pytest.raises(CaptureError):
        normdrop.fix(model, (7, 16, 16), in_place=True)
    with pytest.raises(UsageError, match="fix takes a torch"):
        normdrop.fix("model.pt", SHAPE)  # type: ignore[type-var] # wrong on purpose
    assert repr(model) == before


def test_tells_what_it_did() -> None:
    """As a table of 80 columns, as HTML with everything escaped, and as JSON."""
    mended = normdrop.fix(PreResNet(), SHAPE, move="branch")
    text = mended.to_table().to_text(80)
    assert max(map(len, text.splitlines())) <= 80
    assert "moved to behind" in text.replace("\n", " ")
    html = mended._repr_html_()
    assert "blocks.1.conv2.dropout_before" in html
    plainly = mended.to_dict()
    assert set(plainly) == {"changes", "advice", "remaining", "shifts"}
    assert repr(mended).startswith("Fix(PreResNet, changes=")


@pytest.mark.parametrize("meant", ["branch", "head", "uniform", "keep"])
@pytest.mark.parametrize("by_path", [False, True])
def test_a_misspelt_move_is_told_the_one_that_was_meant(meant: str, *, by_path: bool) -> None:
    """One letter is missing, for all layers or for one."""
    wrong: Any = meant[:1] + meant[2:]
    model = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(8))
    with pytest.raises(UsageError, match=f"{wrong!r}.*did you mean '{meant}'"):
        normdrop.fix(model, (8,), move={"0": wrong} if by_path else wrong)


@pytest.mark.parametrize("name", ZOO)
@pytest.mark.parametrize("move", ["branch", "head", "uniform", "remove"])
def test_options_say_what_a_move_comes_to(name: str, move: Move) -> None:
    """Worked out on graphs alone, the figures are those of the model that is really changed."""
    torch.manual_seed(0)
    model = settled(ZOO[name]())
    offered = {each.layer: each for each in before_and_after(name)[1].options if each.move == move}
    if not offered:
        return
    moves: dict[str, Move] = dict.fromkeys(offered, move)
    mended = normdrop.fix(model, SHAPE, select=["ND101"], move=moves)
    becomes = {each.layer: each.becomes for each in mended.changes}
    for layer, choice in offered.items():
        if layer not in becomes:
            continue  # what cannot be done was told
        parts = [
            each.causes.get(becomes[layer], 0.0) * math.log(each.shift) for each in mended.after
        ]
        assert choice.shift == pytest.approx(math.exp(max(parts, key=abs)), abs=0.02)


def test_one_option_is_chosen_for_each_layer() -> None:
    """The one that was carried out; where nothing was, the layer is kept."""
    for name in ZOO:
        mended = before_and_after(name)[1]
        done = {each.layer for each in mended.changes if each.code == "ND101"}
        layers = {each.layer for each in mended.options}
        assert done <= layers
        for layer in layers:
            (chosen,) = [each for each in mended.options.of(layer).values() if each.chosen]
            assert (chosen.move != "keep") == (layer in done)
            assert not chosen.harm


@pytest.mark.parametrize("prefer", ["lower", "uniform", "remove", "keep"])
def test_what_is_preferred_comes_first(prefer: Move) -> None:
    """Where it does no harm, it is what each layer gets, and is what the options say."""
    model = settled(PreResNet())
    mended = normdrop.fix(model, SHAPE, select=["ND101"], prefer=prefer)
    assert {each.move for each in mended.options if each.chosen} == {prefer}
    left = [each for each in mended.remaining if each.code == "ND101"]
    assert bool(left) == (prefer == "keep")
    assert [each.shift for each in mended.options if each.move == "remove"] == [1.0, 1.0]


def test_a_misspelt_path_is_told_the_one_that_was_meant() -> None:
    """Of a layer the nearest name; of none that is near, the noise layers."""
    model = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5), nn.BatchNorm1d(8))
    with pytest.raises(UsageError, match="no layer '11': did you mean '1'"):
        normdrop.fix(model, (8,), move={"11": "head"})
