"""Networks of many kinds from public libraries, small enough to be trained in seconds.

The libraries are not among this project's dependencies: `requirements.txt` beside this file pins
them, to be installed with `pip install --no-deps --target FOLDER -r requirements.txt` and found
through the path.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from unittest.mock import MagicMock

import torch
from torch import Tensor, nn

_OPERATORS = torch.library.Library("torchvision", "FRAGMENT")


@dataclass(frozen=True)
class Member:
    """One network and what it is trained on.

    Attributes:
        name: Of its own.
        kind: What kind of network it is.
        library: Whose it is.
        build: Makes it, with fresh weights.
        data: A name that `data.load` knows.
        rate: Of the optimiser at first.
        steps: Of training.
        batch: Examples in each.
    """

    name: str
    kind: str
    library: str
    build: Callable[[], nn.Module]
    data: str
    rate: float = 3e-3
    steps: int = 160
    batch: int = 64


class _Classified(nn.Module):
    """Features with a linear layer behind them."""

    def __init__(self, body: nn.Module, width: int, classes: int) -> None:
        super().__init__()
        self.body = body
        self.head = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.body(x)
        y = y[0] if isinstance(y, tuple) else y
        return self.head(y.flatten(2).mean(2) if y.ndim > 2 else y)  # type: ignore[no-any-return] # noqa: PLR2004 - features, pooled


class _Speaker(nn.Module):
    """An ECAPA network on (batch, steps, features)."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        with _without_audio():
            from speechbrain.lobes.models.ECAPA_TDNN import ECAPA_TDNN

        self.body = ECAPA_TDNN(
            28,
            lin_neurons=48,
            channels=[48, 48, 48, 48, 96],
            attention_channels=24,
            res2net_scale=4,
            se_channels=24,
            dropout=dropout,
        )
        self.head = nn.Linear(48, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x)[:, 0])  # type: ignore[no-any-return] # a tensor


class _Recogniser(nn.Module):
    """Jasper without its audio front end, on (batch, features, steps)."""

    def __init__(self, dropout: float, repeat: int) -> None:
        super().__init__()
        with _torchvision():
            from pytorchcv.models.jasper import Jasper
        net = Jasper(
            [32, 32, 48, 48, 64, 64],
            [5, 5, 5, 5, 5, 1],
            1e-3,
            [dropout] * 6,
            repeat,
            use_dw=False,
            use_dr=False,
            from_audio=False,
            in_channels=28,
            num_classes=10,
        )
        self.body, self.head = net.features, nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        length = torch.full((len(x),), x.shape[2], dtype=torch.long)
        y, _ = self.body(x.transpose(1, 2), length)
        return self.head(y.mean(2))  # type: ignore[no-any-return] # a tensor


class _Graph(nn.Module):
    """A network on the graph of an image's patches, (batch, patches, features)."""

    def __init__(self, body: nn.Module, width: int, side: int = 7) -> None:
        super().__init__()
        cells = torch.arange(side * side).view(side, side)
        pairs = [(cells[:, 1:], cells[:, :-1]), (cells[1:], cells[:-1])]
        one = torch.cat([torch.stack([a.flatten(), b.flatten()]) for a, b in pairs], 1)
        self.register_buffer("edges", torch.cat([one, one.flip(0)], 1))
        self.body, self.head = body, nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        count, cells, width = x.shape
        assert isinstance(self.edges, Tensor)  # noqa: S101 - a buffer
        offsets = torch.arange(count).view(-1, 1, 1) * cells
        edges = (self.edges + offsets).movedim(1, 0).reshape(2, -1)
        y: Tensor = self.body(x.reshape(-1, width), edges)
        return self.head(y.view(count, cells, -1).mean(1))  # type: ignore[no-any-return] # a tensor


class _Stacked(nn.Module):
    """`DeepGCNLayer`s, as the library's examples stack them."""

    def __init__(self, kind: str, dropout: float, depth: int, width: int = 32) -> None:
        super().__init__()
        from torch_geometric.nn import BatchNorm, DeepGCNLayer, GENConv

        self.first = nn.Linear(16, width)
        self.layers = nn.ModuleList(
            DeepGCNLayer(
                GENConv(width, width, norm="batch"), BatchNorm(width), nn.ReLU(), kind, dropout
            )
            for _ in range(depth)
        )

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        x = self.first(x)
        for layer in self.layers:
            x = layer(x, edges)
        return x


class _Series(nn.Module):
    """A transformer with batch norm on (batch, steps, channels)."""

    def __init__(self, which: str, dropout: float) -> None:
        super().__init__()
        with _torchvision():
            import transformers

        common = {
            "context_length": 28,
            "num_input_channels": 28,
            "num_targets": 10,
            "scaling": None,
        }
        common |= {"patch_length": 7, "patch_stride": 7, "d_model": 32, "dropout": dropout}
        if which == "tst":
            config = transformers.PatchTSTConfig(
                **common,
                num_hidden_layers=4,
                num_attention_heads=4,
                ffn_dim=64,
                norm_type="batchnorm",
                ff_dropout=dropout,
                path_dropout=dropout,
                attention_dropout=dropout,
                head_dropout=dropout,
                pooling_type="mean",
            )
            self.body: nn.Module = transformers.PatchTSTForClassification(config)
        else:
            config = transformers.PatchTSMixerConfig(
                **common,
                num_layers=4,
                norm_mlp="BatchNorm",
                mode="mix_channel",
                head_dropout=dropout,
                head_aggregation="avg_pool",
            )
            self.body = transformers.PatchTSMixerForTimeSeriesClassification(config)
        self.which = which

    def forward(self, x: Tensor) -> Tensor:
        out = self.body(x)
        return out.prediction_logits if self.which == "tst" else out.prediction_outputs  # type: ignore[no-any-return] # a tensor


def _postnet(dropout: float) -> nn.Module:
    with _torchvision():
        from transformers import SpeechT5Config
        from transformers.models.speecht5.modeling_speecht5 import SpeechT5SpeechDecoderPostnet

    class Postnet(SpeechT5SpeechDecoderPostnet):  # type: ignore[misc] # it publishes no types
        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = self.postnet(x)
            return self.out(y.mean(1))  # type: ignore[no-any-return] # a tensor

    config = SpeechT5Config(
        num_mel_bins=28,
        reduction_factor=2,
        speech_decoder_postnet_units=48,
        speech_decoder_postnet_layers=8,
        speech_decoder_postnet_dropout=dropout,
    )
    net = Postnet(config)
    net.out = nn.Linear(28, 10)
    return net


def _conformer(dropout: float) -> nn.Module:
    with _torchvision():
        from transformers import Wav2Vec2ConformerConfig
        from transformers.models.wav2vec2_conformer.modeling_wav2vec2_conformer import (
            Wav2Vec2ConformerEncoder,
        )

    config = Wav2Vec2ConformerConfig(
        hidden_size=32,
        num_hidden_layers=10,
        num_attention_heads=4,
        intermediate_size=64,
        conv_depthwise_kernel_size=7,
        hidden_dropout=dropout,
        attention_dropout=dropout,
        activation_dropout=dropout,
        conformer_conv_dropout=dropout,
        layerdrop=0.0,
        position_embeddings_type=None,
    )

    class Conformer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.body = nn.Linear(28, 32), Wav2Vec2ConformerEncoder(config)
            self.head = nn.Linear(32, 10)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.body(self.first(x)).last_hidden_state.mean(1))  # type: ignore[no-any-return] # a tensor

    return Conformer()


def _densenet(**settings: object) -> nn.Module:
    with _torchvision():
        from torchvision import models
    return models.DenseNet(num_classes=10, **settings)


def _perceptron(
    inputs: int, depth: int, dropout: float, outputs: int = 10, width: int = 64
) -> nn.Module:
    with _torchvision():
        from torchvision.ops import MLP
    whole = MLP(inputs, [*[width] * depth, outputs], nn.BatchNorm1d, dropout=dropout)
    return nn.Sequential(
        nn.Flatten(), *list(whole)[:-1]
    )  # without the dropout behind the last layer


def _timm(family: str, **settings: object) -> nn.Module:
    with _torchvision():
        import timm
        from timm.models import densenet, resnet
    if family == "resnet":
        return resnet.ResNet(
            resnet.BasicBlock, (2, 2, 2, 2), 10, 3, channels=(16, 24, 32, 48), **settings
        )
    if family == "densenet":
        return densenet.DenseNet(8, (4, 4, 4), 10, 3, **settings)
    found: nn.Module = timm.create_model(family, num_classes=10, **settings)
    return found


def _monai(name: str, **settings: object) -> nn.Module:
    from monai.networks import nets

    found: nn.Module = getattr(nets, name)(**settings)
    return found


def _segmentation(name: str, encoder: str, **settings: object) -> nn.Module:
    with _torchvision():
        import segmentation_models_pytorch as library
    net: nn.Module = getattr(library, name)(
        encoder, encoder_weights=None, in_channels=3, classes=10, **settings
    )
    return nn.Sequential(net, nn.AdaptiveAvgPool2d(1), nn.Flatten())


def _pytorchcv(module: str, name: str, **settings: object) -> nn.Module:
    with _torchvision():
        import importlib

        kind = getattr(importlib.import_module(f"pytorchcv.models.{module}"), name)
    net: nn.Module = kind(**settings)
    return net


def _erfnet(dropout: float) -> nn.Module:
    net = _pytorchcv(
        "erfnet",
        "ERFNet",
        channels=[8, 24, 32],
        dilations=[[1], [1, 1, 1], [1, 2, 4]],
        dropout_rates=[[0.0], [dropout] * 3, [dropout] * 3],
        downs=[1, 1, 1],
        in_size=(32, 32),
        num_classes=10,
    )
    return nn.Sequential(net, nn.AdaptiveAvgPool2d(1), nn.Flatten())


def _graphs(name: str, dropout: float, depth: int = 4) -> nn.Module:
    from torch_geometric.nn import models

    body = getattr(models, name)(16, 32, depth, 32, dropout=dropout, norm="batch_norm")
    return _Graph(body, 32)


def _classified(name: str, width: int, **settings: object) -> nn.Module:
    return _Classified(_monai(name, **settings), width, 10)


def members() -> tuple[Member, ...]:
    """All of them."""
    thin = {"growth_rate": 8, "num_init_features": 16}
    return (
        Member(
            "densenet-0.2",
            "dense",
            "torchvision",
            partial(_densenet, block_config=(4, 4, 4), drop_rate=0.2, **thin),
            "cifar",
        ),
        Member(
            "mlp-12-0.1", "perceptron", "torchvision", partial(_perceptron, 784, 12, 0.1), "fashion"
        ),
        Member(
            "mlp-wine-0.2",
            "table, raw columns",
            "torchvision",
            partial(_perceptron, 11, 10, 0.2, 1, 48),
            "wine-raw",
        ),
        Member("gin-0.3", "graph", "torch_geometric", partial(_graphs, "GIN", 0.3), "patches"),
        Member(
            "densenet-raw-0.1",
            "dense, 0 to 255",
            "timm",
            partial(_timm, "densenet", proj_drop_rate=0.1),
            "cifar-raw",
        ),
        Member(
            "sage-0.5", "graph", "torch_geometric", partial(_graphs, "GraphSAGE", 0.5, 6), "patches"
        ),
        Member(
            "mlp-12-raw-0.2",
            "perceptron, 0 to 255",
            "torchvision",
            partial(_perceptron, 784, 10, 0.2),
            "fashion-raw",
        ),
        Member(
            "mlp-concrete-0.1",
            "table, raw columns",
            "torchvision",
            partial(_perceptron, 8, 10, 0.1, 1, 48),
            "concrete-raw",
        ),
        Member(
            "densenet-3d-0.2",
            "3-D",
            "monai",
            partial(
                _monai,
                "DenseNet",
                spatial_dims=3,
                in_channels=1,
                out_channels=10,
                init_features=16,
                growth_rate=8,
                block_config=(3, 4),
                dropout_prob=0.2,
            ),
            "volumes",
            batch=24,
        ),
        Member("erfnet-0.3", "segmentation", "pytorchcv", partial(_erfnet, 0.3), "cifar"),
        Member(
            "deepgcn-0.2",
            "graph",
            "torch_geometric",
            lambda: _Graph(_Stacked("res+", 0.2, 6), 32),
            "patches",
        ),
        Member(
            "resnet-block-0.1",
            "residual, drop block",
            "timm",
            partial(_timm, "resnet", drop_block_rate=0.1, zero_init_last=False),
            "cifar-raw",
        ),
        Member(
            "unet-0.2",
            "U-shaped",
            "monai",
            partial(
                _classified,
                "BasicUNet",
                16,
                spatial_dims=2,
                in_channels=3,
                out_channels=16,
                features=(8, 16, 16, 24, 32, 16),
                norm="batch",
                dropout=0.2,
            ),
            "cifar",
            batch=24,
        ),
        Member(
            "levit-path-0.1",
            "transformer",
            "timm",
            partial(
                _timm,
                "levit_128s",
                embed_dim=(32, 48, 64),
                num_heads=(2, 3, 4),
                key_dim=8,
                img_size=32,
                drop_path_rate=0.1,
            ),
            "cifar",
        ),
        Member(
            "patchtst-0.2",
            "transformer",
            "transformers",
            partial(_Series, "tst", 0.2),
            "rows",
            batch=24,
        ),
        Member(
            "resnet-path-0.2",
            "residual, drop path",
            "timm",
            partial(_timm, "resnet", drop_path_rate=0.2, zero_init_last=False),
            "cifar",
        ),
        Member("ecapa-0.1", "speaker, 1-D", "speechbrain", partial(_Speaker, 0.1), "rows"),
        Member("ecapa-0.3", "speaker, 1-D", "speechbrain", partial(_Speaker, 0.3), "rows"),
        Member("jasper-0.2", "speech, 1-D", "pytorchcv", partial(_Recogniser, 0.2, 3), "rows"),
        Member("postnet-0.5", "speech, 1-D", "transformers", partial(_postnet, 0.3), "rows"),
        Member(
            "conformer-0.1",
            "transformer",
            "transformers",
            partial(_conformer, 0.1),
            "rows",
            batch=24,
        ),
        Member(
            "unet-3d-raw-0.1",
            "3-D, 0 to 255",
            "monai",
            partial(
                _classified,
                "UNet",
                16,
                spatial_dims=3,
                in_channels=1,
                out_channels=16,
                channels=(8, 16, 32),
                strides=(2, 2),
                norm="batch",
                num_res_units=2,
                dropout=0.1,
            ),
            "volumes-raw",
            batch=24,
        ),
        Member(
            "deeplab-0.5",
            "segmentation",
            "segmentation_models_pytorch",
            partial(
                _segmentation,
                "DeepLabV3",
                "timm-mobilenetv3_small_minimal_100",
                decoder_channels=32,
                decoder_atrous_rates=(1, 2, 3),
                decoder_aspp_dropout=0.5,
            ),
            "cifar",
            batch=24,
        ),
        Member(
            "shakedrop",
            "residual, shake-drop",
            "pytorchcv",
            partial(
                _pytorchcv,
                "shakedropresnet_cifar",
                "CIFARShakeDropResNet",
                channels=[[16, 16], [24, 24], [32, 32]],
                init_block_channels=16,
                bottleneck=False,
                life_probs=[0.95, 0.9, 0.85, 0.8, 0.75, 0.7],
            ),
            "cifar",
            batch=24,
        ),
        Member(
            "segresnet-3d-0.2",
            "3-D",
            "monai",
            partial(
                _classified,
                "SegResNet",
                16,
                spatial_dims=3,
                init_filters=8,
                out_channels=16,
                norm="batch",
                dropout_prob=0.2,
                blocks_down=(1, 2),
                blocks_up=(1,),
            ),
            "volumes",
            batch=24,
        ),
        Member(
            "patchmixer-0.2",
            "transformer",
            "transformers",
            partial(_Series, "mixer", 0.2),
            "rows",
            batch=24,
        ),
    )


@contextmanager
def _torchvision() -> Iterator[None]:
    """Let torchvision be imported without its compiled operators: no network here calls one."""
    for name in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, name):
            _OPERATORS.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    yield


@contextmanager
def _without_audio() -> Iterator[None]:
    """Let speechbrain be imported without torchaudio, which reads files alone."""
    import transformers  # asks for torchaudio itself, and must not find what stands in for it

    del transformers
    stand_in = MagicMock(__version__="2.11.0")
    names = dict.fromkeys(
        ("torchaudio", "torchaudio.transforms", "torchaudio.functional"), stand_in
    )
    missing = [name for name in names if name not in sys.modules]
    sys.modules.update({name: names[name] for name in missing})
    try:
        yield
    finally:
        for name in missing:
            del sys.modules[name]
