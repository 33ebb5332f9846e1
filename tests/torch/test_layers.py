"""The contract of every noise layer: a new layer passes it by being one more class."""

import copy
import io
import pickle
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import forward_ad, gradcheck, gradgradcheck
from torch.utils.checkpoint import checkpoint

import normdrop.torch
from normdrop.errors import NoiseError
from normdrop.torch import (
    Block,
    Dropout,
    GaussianDropout,
    Head,
    NoiseLayer,
    ResidualBlock,
    UniformDropout,
)
from normdrop.values.noise import Along

LAYERS: list[type[Any]] = NoiseLayer.__subclasses__()
ALONG: list[Along] = ["element", "channel", "sample"]

every_layer = pytest.mark.parametrize("kind", LAYERS)
every_along = pytest.mark.parametrize("along", ALONG)


def image(**options: object) -> Tensor:
    """Images whose units are all one, so that a layer's output is its mask."""
    return torch.ones(6, 4, 5, 7, **options)  # type: ignore[call-overload, no-any-return]


@every_layer
def test_is_exported(kind: type[Any]) -> None:
    """Each layer of the file stands in `normdrop.torch.__all__`."""
    assert kind.__name__ in normdrop.torch.__all__
    assert getattr(normdrop.torch, kind.__name__) is kind


@every_layer
@every_along
def test_second_moment_factor(kind: type[Any], along: Along) -> None:
    """Mean and second moment of the mask match the layer's word within 5 standard errors."""
    torch.manual_seed(0)
    layer = kind(along=along)
    mask = layer(torch.ones(4000, 5, 3, dtype=torch.float64))
    independent = mask[:, 0, 0] if along == "sample" else mask[:, :, 0].flatten()
    for power, expected in ((1, 1.0), (2, layer.second_moment_factor)):
        error = independent.pow(power).std() / independent.numel() ** 0.5
        assert abs(independent.pow(power).mean() - expected) < 5.0 * error


@every_layer
def test_shares_masks_along(kind: type[Any]) -> None:
    """Channel-wise masks are constant over positions, sample-wise ones over the whole sample."""
    torch.manual_seed(0)
    by_channel = kind(along="channel")(image()).flatten(2)
    by_sample = kind(along="sample")(image()).flatten(1)
    assert (by_channel == by_channel[..., :1]).all()
    assert by_channel[..., 0].unique().numel() > 1
    assert (by_sample == by_sample[:, :1]).all()
    assert by_sample[:, 0].unique().numel() > 1


@every_layer
@every_along
def test_eval_mode_passes_the_input_on(kind: type[Any], along: Along) -> None:
    """In eval mode the very input comes back, and no random number is drawn."""
    x, before = image(), torch.random.get_rng_state()
    assert kind(along=along).eval()(x) is x
    assert torch.equal(before, torch.random.get_rng_state())


@every_layer
@every_along
def test_gradient_is_the_same_mask(kind: type[Any], along: Along) -> None:
    """The gradient of `m·x` is m; nothing of the size of a mask is saved for it."""
    x = torch.ones(64, 8, 16, 16, requires_grad=True)
    saved: list[int] = []

    def note(tensor: Tensor) -> Tensor:
        saved.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        y = kind(along=along)(x)
    (gradient,) = torch.autograd.grad(y.sum(), x)
    assert torch.equal(gradient, y)
    assert sum(saved) <= x.numel() // 256


@every_layer
@every_along
def test_first_and_second_derivatives(kind: type[Any], along: Along) -> None:
    """Gradcheck and gradgradcheck in float64, the mask held by its seed."""
    layer = kind(along=along)

    def seeded(x: Tensor) -> Tensor:
        torch.manual_seed(5)
        out: Tensor = layer(x)
        return out

    x = torch.randn(3, 2, 4, dtype=torch.float64, requires_grad=True)
    assert gradcheck(seeded, x)
    assert gradgradcheck(seeded, x)


@every_layer
@every_along
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_types_and_shapes(kind: type[Any], along: Along, dtype: torch.dtype) -> None:
    """Type, shape and gradients of any layout come back as they came, empty tensors included."""
    layer = kind(along=along)
    x = torch.randn(4, 6, 5).to(dtype)
    for piece in (x, x.transpose(0, 2), x[:, ::2], x[:0], x[:1].expand(4, 6, 5)):
        leaf = piece.detach().requires_grad_()
        y = layer(leaf)
        assert (y.shape, y.dtype) == (piece.shape, dtype)
        y.sum().backward()
        assert leaf.grad is not None
        tolerance = 4.0 * torch.finfo(dtype).eps  # the mask is rounded in the gradient, not in y
        assert torch.allclose(leaf.grad * leaf, y, rtol=tolerance, atol=1e-3)


@every_layer
@every_along
def test_channels_last_is_kept(kind: type[Any], along: Along) -> None:
    """Images and volumes stay channels-last, and so do their gradients."""
    for shape, layout in (
        ((2, 3, 4, 5), torch.channels_last),
        ((2, 3, 4, 5, 6), torch.channels_last_3d),
    ):
        x = torch.randn(shape).to(memory_format=layout).requires_grad_()
        y = kind(along=along)(x)
        y.backward(torch.ones(shape))
        assert y.is_contiguous(memory_format=layout)
        assert x.grad is not None
        assert torch.allclose(x.grad * x, y)


@every_layer
@every_along
def test_seeds_decide(kind: type[Any], along: Along) -> None:
    """A seed repeats masks; calls and layers differ; `fork_rng` leaves no trace."""
    layer, other = kind(along=along), kind(along=along)
    x = torch.ones(50, 8, 3)
    torch.manual_seed(7)
    first, second = layer(x), other(x)
    torch.manual_seed(7)
    with torch.random.fork_rng():
        assert torch.equal(layer(x), first)
    assert torch.equal(layer(x), first)
    assert torch.equal(layer(x), second)
    assert not torch.equal(first, second)


@every_layer
@every_along
@pytest.mark.parametrize("use_reentrant", [True, False])
def test_checkpointing_replays_the_mask(
    kind: type[Any],
    along: Along,
    use_reentrant: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """The recomputed forward pass has the mask of the first one."""
    layer = kind(along=along)
    x = torch.ones(20, 6, 3, requires_grad=True)
    y = checkpoint(layer, x, use_reentrant=use_reentrant)
    y.sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, y)


@every_layer
@every_along
def test_vmap_has_torchs_randomness(kind: type[Any], along: Along) -> None:
    """Different masks, the same mask, or a refusal: as the caller says."""
    layer = kind(along=along)
    x = torch.ones(5, 8, 6, 3)
    same = torch.func.vmap(layer, randomness="same")(x)
    different = torch.func.vmap(layer, randomness="different")(x)
    assert torch.equal(same, same[:1].expand_as(same))
    assert not torch.equal(different, different[:1].expand_as(different))
    with pytest.raises(RuntimeError, match="randomness"):
        torch.func.vmap(layer)(x)
    moved = torch.func.vmap(layer, in_dims=2, out_dims=2, randomness="different")(x)
    assert moved.shape == x.shape
    nested = torch.func.vmap(torch.func.vmap(layer, randomness="different"), randomness="different")
    masks = nested(torch.ones(3, 4, 8, 6, 3)).flatten(2).flatten(0, 1)
    assert masks.unique(dim=0).shape[0] > 3


@every_layer
@every_along
def test_function_transforms(kind: type[Any], along: Along) -> None:
    """`grad` inside and outside of `vmap`, and `vjp`, see the mask as the gradient."""
    layer = kind(along=along)
    x = torch.ones(5, 8, 6)

    def total(x: Tensor) -> tuple[Tensor, Tensor]:
        y = layer(x)
        return y.sum(), y

    gradient, y = torch.func.grad(total, has_aux=True)(x)
    assert torch.equal(gradient, y)
    mapped: Any = torch.func.vmap(torch.func.grad(total, has_aux=True), randomness="different")
    gradient, y = mapped(torch.ones(4, 5, 8, 6))
    assert torch.equal(gradient, y)
    pulled: Any = torch.func.vjp(layer, x)
    assert torch.equal(pulled[1](torch.ones_like(x))[0], pulled[0])


# torch scripts its own decompositions on the first use of forward mode, and warns about it.
forward_mode = pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")


@forward_mode
@every_layer
def test_transforms_in_any_order(kind: type[Any]) -> None:
    """A gradient or a tangent through `vmap` sees its masks."""
    layer = kind()

    def total(x: Tensor) -> tuple[Tensor, Tensor]:
        y = torch.func.vmap(layer, randomness="different")(x)
        return y.sum(), y

    gradient, y = torch.func.grad(total, has_aux=True)(torch.ones(4, 5, 6))
    assert torch.equal(gradient, y)
    inputs = (torch.ones(4, 5, 6),)
    pushed: Any = torch.func.jvp(lambda x: total(x)[1], inputs, inputs)
    assert torch.equal(*pushed)


# torch's tracer makes an instance of the autograd function, and warns about it.
quiet_tracer = pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")


@quiet_tracer
@every_layer
@every_along
def test_compiles_whole(kind: type[Any], along: Along) -> None:
    """`torch.compile` takes the layer without a graph break, forward and backward, any mode."""
    torch.compiler.reset()
    layer = kind(along=along)
    compiled: Any = torch.compile(layer, fullgraph=True, backend="aot_eager")
    x = torch.ones(9, 8, 6, requires_grad=True)
    torch.manual_seed(2)
    y = compiled(x)
    (gradient,) = torch.autograd.grad(y.sum(), x)
    assert torch.equal(gradient, y)
    assert not torch.equal(compiled(x), y)
    torch.manual_seed(2)
    assert torch.equal(compiled(x), y)
    layer.eval()
    assert torch.equal(compiled(x), x)


@quiet_tracer
@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")  # inductor's own
@pytest.mark.slow
@every_layer
def test_compiles_with_inductor(kind: type[Any]) -> None:
    """The default compiler keeps mask and gradient together, too."""
    layer = nn.Sequential(nn.Conv2d(3, 4, 3), kind(), nn.ELU())
    x = torch.randn(2, 3, 8, 8, requires_grad=True)
    compiled: Any = torch.compile(layer, fullgraph=True)
    compiled(x).sum().backward()
    assert x.grad is not None


@every_layer
def test_has_no_state(kind: type[Any]) -> None:
    """The state dict is empty; copies and pickles print and draw alike."""
    layer = kind(along="channel")
    assert not layer.state_dict()
    buffer = io.BytesIO()
    torch.save(layer, buffer)
    buffer.seek(0)
    twins = [
        copy.deepcopy(layer),
        pickle.loads(pickle.dumps(layer)),  # noqa: S301 - made a moment ago
        torch.load(buffer, weights_only=False),
    ]
    torch.manual_seed(1)
    expected = layer(image())
    for twin in twins:
        torch.manual_seed(1)
        assert repr(twin) == repr(layer)
        assert torch.equal(twin(image()), expected)


@every_layer
def test_repr_prints_the_call_back(kind: type[Any]) -> None:
    """Evaluating the text builds the layer again."""
    layer = kind(along="sample")
    again = eval(repr(layer), {kind.__name__: kind})  # noqa: S307 - the text under test
    assert repr(again) == repr(layer)


@every_layer
def test_refuses_what_it_cannot_multiply(kind: type[Any]) -> None:
    """Integers, missing axes and unknown words are refused, each in words."""
    with pytest.raises(NoiseError, match="int64"):
        kind()(torch.arange(3))
    with pytest.raises(NoiseError, match=r"\(N, C, \.\.\.\)"):
        kind(along="channel")(torch.ones(3))
    with pytest.raises(NoiseError, match="'row'"):
        kind(along="row")


@every_layer
def test_works_on_other_devices(kind: type[Any]) -> None:
    """On the meta device, as in any framework that only follows shapes, the shape comes back."""
    x = image(device="meta")
    for along in ALONG:
        y = kind(along=along)(x)
        assert (y.shape, y.device.type) == (x.shape, "meta")


@pytest.mark.parametrize("inplace", [False, True])
def test_dropout_at_the_ends_is_torchs(
    inplace: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """Rates 0 and 1 give what `torch.nn.Dropout` gives, values and gradients."""
    for p in (0.0, 1.0):
        results = []
        for kind in (Dropout, nn.Dropout):
            x = torch.randn(10, generator=torch.Generator().manual_seed(0), requires_grad=True)
            y = kind(p, inplace)(x * 1.0)
            results.append((y, torch.autograd.grad(y.sum(), x)[0]))
        assert all(map(torch.equal, *results))


def test_dropout_in_place() -> None:
    """The input itself holds the result, and its gradient is right."""
    leaf = torch.ones(1000, requires_grad=True)
    x = leaf * 1.0
    y = Dropout(0.5, inplace=True)(x)
    assert y is x
    (gradient,) = torch.autograd.grad(y.sum(), leaf)
    assert torch.equal(gradient, y)
    with pytest.raises(RuntimeError, match="in-place"):
        Dropout(0.5, inplace=True)(leaf)


@pytest.mark.parametrize("kind", [Dropout, GaussianDropout])
def test_rate_can_change_between_calls(kind: type[Dropout] | type[GaussianDropout]) -> None:
    """A schedule that sets `p` on the layer takes effect at once."""
    layer = kind(0.5)
    layer.p = 0.2
    assert layer.second_moment_factor == 1.25
    assert layer(torch.ones(100_000)).square().mean().item() == pytest.approx(1.25, abs=0.02)


@pytest.mark.parametrize(
    ("kind", "value"), [(Dropout, 1.5), (GaussianDropout, 1.0), (UniformDropout, -1.0)]
)
def test_parameters_out_of_range(
    kind: type[Dropout] | type[GaussianDropout] | type[UniformDropout], value: float
) -> None:
    """A wrong parameter is refused when the layer is built."""
    with pytest.raises(NoiseError, match=str(value)):
        kind(value)


@forward_mode
@every_layer
@every_along
def test_forward_mode(kind: type[Any], along: Along) -> None:
    """The tangent meets the mask that its tensor meets, in both of torch's forward modes."""
    layer, x = kind(0.4, along=along), torch.rand(6, 4, 5) + 1
    pushed: Any = torch.func.jvp(layer, (x,), (torch.ones_like(x),))
    torch.testing.assert_close(pushed[0], x * pushed[1])
    with forward_ad.dual_level():
        dual = layer(forward_ad.make_dual(x, x.sin()))  # type: ignore[no-untyped-call]
        y, tangent = forward_ad.unpack_dual(dual)  # type: ignore[no-untyped-call]
    torch.testing.assert_close(y * x.sin(), x * tangent)


@forward_mode
@every_layer
def test_second_derivatives(kind: type[Any]) -> None:
    """Forward over reverse mode: the second derivative of Σ (m·x)² is 2 m², on the diagonal."""
    layer, x = kind(0.4), torch.rand(5) + 1

    def gradient(x: Tensor) -> Tensor:
        torch.manual_seed(0)
        slope: Tensor = torch.func.grad(lambda x: layer(x).square().sum())(x)
        return slope

    curvature = torch.func.jacfwd(gradient, randomness="same")(x)
    torch.testing.assert_close(curvature, torch.diag(gradient(x) / x))


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
@every_layer
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_script_is_refused_in_one_line(kind: type[Any], depth: int) -> None:
    """Alone or in a model, of either mode: one line names the layer and what to do instead."""
    model = kind()
    for _ in range(depth):
        model = nn.Sequential(model)
    for training in (True, False):
        with pytest.raises(NoiseError, match=rf"{kind.__name__}.*torch\.export") as refused:
            torch.jit.script(model.train(training))
        assert len(str(refused.value).splitlines()) == 1
    traced: Any = torch.jit.trace(model, image())  # type: ignore[no-untyped-call] # torch types it so
    assert torch.equal(traced(image()), image())


@pytest.mark.parametrize(
    "block",
    [
        Block("conv-bn-act-drop", 4),
        Head(4, 10, dropout=0.4),
        ResidualBlock(4, dropout=0.4),
    ],
)
@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_blocks_export_and_refuse_script(block: nn.Module) -> None:
    """`torch.export` keeps eval outputs, and draws in train mode; TorchScript refuses in words."""
    x = torch.randn(4, 4, 8, 8)
    with pytest.raises(NoiseError, match=r"Dropout.*torch\.export"):
        torch.jit.script(block)
    block.eval()
    exported: Any = torch.export.export(block, (x,)).module()
    torch.testing.assert_close(exported(x), block(x))


@quiet_tracer
@every_layer
@every_along
def test_exports_in_both_modes(kind: type[Any], along: Along) -> None:
    """An exported layer passes its input on in eval mode, and draws anew in train mode."""
    for training in (False, True):
        layer = kind(along=along).train(training)
        exported: Any = torch.export.export(layer, (image(),)).module()
        one, other = exported(image()), exported(image())
        assert torch.equal(one, other) is not training
        assert training or torch.equal(one, image())


def test_traced_model_keeps_both_modes() -> None:
    """torch.fx keeps layers and blocks such that what it makes can go to eval mode and back."""
    network = nn.Sequential(
        *(kind(0.4, along=along) for kind in LAYERS for along in ALONG),
        Block("conv-bn-act-drop", 4),
        ResidualBlock(4, dropout=0.3, position="P0"),
        Head(4, 3, dropout=0.5),
    )
    traced = torch.fx.symbolic_trace(network)
    assert traced.state_dict().keys() == network.state_dict().keys()
    for mode in (True, False):
        torch.manual_seed(0)
        expected = network.train(mode)(image())
        torch.manual_seed(0)
        torch.testing.assert_close(traced.train(mode)(image()), expected)
    assert not torch.equal(traced.train()(image()), traced(image()))


def test_traced_functions_keep_their_arguments() -> None:
    """torch.fx records a function as it was called."""

    class Functions(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            x = normdrop.torch.dropout(x, 0.2, inplace=True)
            x = normdrop.torch.gaussian_dropout(x, 0.3, along="channel")
            return normdrop.torch.uniform_dropout(x, 0.4, training=False)

    traced = torch.fx.symbolic_trace(Functions())
    torch.manual_seed(0)
    expected = Functions()(image())
    torch.manual_seed(0)
    assert torch.equal(traced(image()), expected)
