"""Networks of public libraries that keep running statistics, with their dropout switched on.

The libraries are not among this project's dependencies: `requirements.txt` beside this file pins
some, the others are `torch_geometric braindecode speechbrain pytorch-tabnet efficientnet_pytorch
vit-pytorch conformer transformers` and what these import. What they import and these networks do
not need, readers of recordings and of sound, is stood in for: `stand_in`.
"""

import importlib
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from unittest.mock import MagicMock

import torch
from torch import nn

_UNUSED = [
    *("local_attention", "linformer", "wfdb", "edfio", "edflib", "pymatreader", "zarr"),
    *("seaborn", "torchinfo"),
    *("mne_bids", "mne_bids.path", "moabb", "moabb.datasets", "moabb.paradigms"),
    *("torchaudio", "torchaudio.transforms", "torchaudio.functional"),
]
"""Modules that libraries import and these networks do not use."""
_IMAGE = (3, 64, 64)
_SMALL = (3, 32, 32)


@dataclass(frozen=True)
class Noisy:
    """A network with noise in it.

    Attributes:
        name: Library and network.
        build: Makes it, without stored weights.
        example: Shapes without the batch axis, or real inputs.
    """

    name: str
    build: Callable[[], nn.Module]
    example: Any


def stand_in() -> None:
    """Let the libraries be imported without what these networks do not use of them.

    torchvision's compiled part, which is for another build of torch, defines operations on boxes;
    without their names it does not load.
    """
    try:
        importlib.import_module("torchvision")
    except ImportError:
        return
    except RuntimeError:
        library = torch.library.Library("torchvision", "DEF")
        library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _KEPT.append(library)
    missing = [n for n in _UNUSED if importlib.util.find_spec(n.partition(".")[0]) is None]
    for name in missing:
        module = MagicMock()
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)
        sys.modules[name] = module


_KEPT: list[Any] = []


def every(only: Sequence[str] = ()) -> Iterator[Noisy]:
    """All networks, library by library; those of a library that does not load are left out.

    Args:
        only: Libraries, by name; all where none is named.
    """
    for name, source in SOURCES.items():
        if only and name not in only:
            continue
        try:
            yield from source()
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a library
            print(f"{name} does not load: {type(error).__name__}: {error}")


def _words(text: str) -> list[str]:
    return text.split()


def _timm() -> Iterator[Noisy]:
    import timm

    depth = {"drop_path_rate": 0.3}
    for name, options in {
        "resnet18": depth,
        "resnet26d": {"drop_block_rate": 0.2},
        "seresnet18": depth,
        "skresnet18": depth,
        "resnest14d": depth,
        "regnetx_002": depth,
        "regnety_002": depth,
        "efficientnet_b0": depth,
        "mobilenetv3_small_050": depth,
        "mnasnet_small": depth,
        "densenet121": {"drop_rate": 0.2},
        "vovnet39a": depth,
        "ese_vovnet19b_slim": depth,
        "dla34": {"drop_rate": 0.3},
        "levit_128s": depth,
        "mobilevit_xxs": {"drop_path_rate": 0.3, "drop_rate": 0.2},
        "edgenext_xx_small": depth,
        "fastvit_t8": depth,
        "repvit_m0_9": {"drop_rate": 0.3},
        "ghostnet_050": {"drop_rate": 0.2},
        "hardcorenas_a": depth,
        "lcnet_050": depth,
        "efficientformer_l1": depth,
        "poolformer_s12": depth,
        "cspresnet50": depth,
        "darknet17": depth,
        "inception_v3": {"drop_rate": 0.3},
        "vgg11_bn": {"drop_rate": 0.5},
        "selecsls42": {"drop_rate": 0.3},
        "res2net50_14w_8s": depth,
        "rexnetr_200": depth,
        "tinynet_e": depth,
        "coatnet_pico_rw_224": depth,
        "starnet_s1": depth,
        "mobileone_s0": depth,
        "convit_tiny": depth,
        "visformer_tiny": depth,
        "tresnet_m": depth,
    }.items():
        shape = (3, 75, 75) if "inception" in name else (3, 224, 224) if "coat" in name else _IMAGE
        more = {"img_size": 64} if name in {"visformer_tiny", "convit_tiny"} else {}
        if name in {"levit_128s", "efficientformer_l1"}:
            shape = (3, 224, 224)
        yield Noisy(f"timm {name}", partial(timm.create_model, name, **options, **more), shape)


def _torchvision() -> Iterator[Noisy]:
    from torchvision import models

    for name, options in {
        "densenet121": {"drop_rate": 0.2},
        "efficientnet_b0": {"stochastic_depth_prob": 0.4},
        "efficientnet_v2_s": {},
        "mobilenet_v2": {"dropout": 0.5},
        "mobilenet_v3_small": {"dropout": 0.5},
        "mnasnet0_5": {"dropout": 0.5},
        "googlenet": {"init_weights": False, "aux_logits": False, "dropout": 0.5},
        "vgg11_bn": {"dropout": 0.5},
        "shufflenet_v2_x0_5": {},
        "lraspp_mobilenet_v3_large": {"weights_backbone": None},
        "deeplabv3_mobilenet_v3_large": {"weights_backbone": None},
        "fcn_resnet50": {"weights_backbone": None},
    }.items():
        yield Noisy(f"torchvision {name}", partial(models.get_model, name, **options), _IMAGE)


def _segmentation() -> Iterator[Noisy]:
    import segmentation_models_pytorch as smp

    for kind, options in {
        "Unet": {},
        "UnetPlusPlus": {},
        "FPN": {"decoder_dropout": 0.3},
        "PSPNet": {"psp_dropout": 0.3},
        "DeepLabV3": {},
        "DeepLabV3Plus": {},
        "Linknet": {},
        "MAnet": {},
        "PAN": {},
        "Segformer": {},
        "UPerNet": {},
    }.items():
        for encoder in ("resnet18", "efficientnet-b0"):
            build = partial(getattr(smp, kind), encoder, encoder_weights=None, **options)
            yield Noisy(f"segmentation {kind} {encoder}", build, _IMAGE)


def _monai() -> Iterator[Noisy]:
    from monai.networks import nets

    two: dict[str, Any] = {"spatial_dims": 2, "in_channels": 1}
    plain: dict[str, Any] = {**two, "out_channels": 2}
    unet = {**plain, "channels": (8, 16, 32), "strides": (2, 2)}
    builds: dict[str, Callable[[], nn.Module]] = {
        "UNet": lambda: nets.UNet(**unet, norm="batch", num_res_units=2, dropout=0.3),
        "UNet plain": lambda: nets.UNet(**unet, norm="batch", dropout=0.3),
        "AttentionUnet": lambda: nets.AttentionUnet(**unet, dropout=0.3),
        "DynUNet": lambda: nets.DynUNet(
            2, 1, 2, (3, 3, 3), (1, 2, 2), (2, 2), norm_name="batch", dropout=0.3
        ),
        "DenseNet": lambda: nets.DenseNet(
            **plain, init_features=16, growth_rate=8, block_config=(3, 3, 3), dropout_prob=0.3
        ),
        "BasicUNet": lambda: nets.BasicUNet(
            **plain, features=(8, 8, 16, 16, 32, 8), norm="batch", dropout=0.3
        ),
        "SegResNet": lambda: nets.SegResNet(
            2, 8, 1, 2, dropout_prob=0.3, norm=("batch", {}), blocks_down=(1, 2), blocks_up=(1,)
        ),
        "VNet": lambda: nets.VNet(2, 1, 2, dropout_prob_down=0.5, dropout_prob_up=(0.5, 0.5)),
        "EfficientNetBN": lambda: nets.EfficientNetBN("efficientnet-b0", pretrained=False, **two),
        "FlexibleUNet": lambda: nets.FlexibleUNet(
            1, 2, "efficientnet-b0", spatial_dims=2, dropout=0.3
        ),
        "BasicUNetPlusPlus": lambda: nets.BasicUNetPlusPlus(
            **plain, features=(8, 8, 16, 16, 32, 8), norm="batch", dropout=0.3
        ),
        "Classifier": lambda: nets.Classifier(
            (1, 32, 32), 2, (8, 16), (2, 2), norm="batch", dropout=0.3
        ),
        "VarAutoEncoder": lambda: nets.VarAutoEncoder(
            2, (1, 32, 32), 2, 8, (8, 16), (2, 2), norm="batch", dropout=0.3
        ),
        "AutoEncoder": lambda: nets.AutoEncoder(
            2, 1, 2, (8, 16), (2, 2), norm="batch", dropout=0.3, num_res_units=2
        ),
    }
    for name, build in builds.items():
        yield Noisy(f"monai {name}", build, (1, 32, 32))


def _braindecode() -> Iterator[Noisy]:
    from braindecode import models

    names = _words("""
    ATCNet AttentionBaseNet BDTCN CTNet ContraWR
    Deep4Net DeepSleepNet EEGConformer EEGITNet EEGInceptionERP
    EEGInceptionMI EEGNeX EEGNet EEGSimpleConv EEGTCNet
    EEGMiner FBCNet FBLightConvNet FBMSNet IFNet
    MSVTNet SCCNet SPARCNet ShallowFBCSPNet SincShallowNet
    SleepStagerBlanco2020 SleepStagerChambon2018 SleepStagerEldele2021 SyncNet TCN
    TIDNet TSception USleep AttnSleep EEGResNet
    MEDFormer PBT BrainModule
    """)
    for name in names:
        kind = getattr(models, name, None)
        if kind is not None:
            times, rate = (3000, 100) if "Sleep" in name else (750, 250)
            build = partial(kind, n_chans=8, n_outputs=4, n_times=times, sfreq=rate)
            yield Noisy(f"braindecode {name}", build, (8, times))


def _graphs() -> Iterator[Noisy]:
    from torch_geometric.nn import models

    graph = (torch.randn(200, 16), torch.randint(200, (2, 800)))
    for name in ("GCN", "GraphSAGE", "GIN", "GAT", "EdgeCNN"):
        for first in (False, True):
            build = partial(
                getattr(models, name),
                *(16, 32, 3, 4),
                dropout=0.5,
                norm="batch_norm",
                act_first=first,
            )
            yield Noisy(f"graphs {name} {'act' if first else 'norm'} first", build, graph)
    for jumps in ("cat", "max", "lstm"):
        build = partial(models.GCN, 16, 32, 3, 4, dropout=0.5, norm="batch_norm", jk=jumps)
        yield Noisy(f"graphs GCN {jumps}", build, graph)
    yield Noisy("graphs MLP", partial(models.MLP, [16, 32, 32, 4], dropout=0.5), (16,))


def _pytorchcv() -> Iterator[Noisy]:
    from pytorchcv.model_provider import get_model

    for name in _words("""
    shakedropresnet20_cifar10 shakeshakeresnet20_2x16d_cifar10 wrn16_10_cifar10
    densenet40_k12_cifar10 xdensenet40_2_k24_bc_cifar10
    ror3_56_cifar10 rir_cifar10 resdropresnet20_cifar10 diapreresnet20_cifar10
    """):
        yield Noisy(f"pytorchcv {name}", partial(get_model, name, pretrained=False), _SMALL)
    for name in _words("""
    erfnet_cityscapes lednet_cityscapes enet_cityscapes esnet_cityscapes edanet_cityscapes
    contextnet_cityscapes fastscnn_cityscapes dabnet_cityscapes cgnet_cityscapes linknet_cityscapes
    unet_cityscapes bisenet_resnet18_celebamaskhq nasnet_4a1056 xception inceptionv4
    dpn68 mobilenetv3_small_w7d20 efficientnet_b0 polynet
    """):
        shape = (3, 128, 128) if "cityscapes" in name or "bisenet" in name else (3, 96, 96)
        build = partial(get_model, name, pretrained=False)
        if "cityscapes" in name:
            build = partial(build, in_size=shape[1:])
        yield Noisy(f"pytorchcv {name}", build, shape)


def _transformers() -> Iterator[Noisy]:
    import transformers as library

    def made(name: str, **options: Any) -> Callable[[], nn.Module]:  # noqa: ANN401 - a configuration's
        def build() -> nn.Module:
            config = getattr(library, f"{name}Config")(**options)
            model: nn.Module = getattr(library, f"{name}Model")(config)
            return model

        return build

    depth = {"drop_path_rate": 0.3}
    small = {"hidden_size": 32, "num_attention_heads": 2, "num_hidden_layers": 2}
    image = {"pixel_values": _IMAGE}
    for name, options, example in (
        ("SwiftFormer", depth, image),
        ("EfficientNet", {"width_coefficient": 0.5, "depth_coefficient": 0.5}, image),
        ("MobileViT", {"image_size": 64}, image),
        ("MobileViTV2", {"image_size": 64}, image),
        ("MobileNetV2", {}, image),
        ("RegNet", {}, image),
        ("ResNet", {"embedding_size": 16, "hidden_sizes": [16, 32], "depths": [2, 2]}, image),
        ("Cvt", {"drop_path_rate": [0.0, 0.1, 0.3]}, image),
        ("Levit", {"image_size": 224}, {"pixel_values": (3, 224, 224)}),
        ("TextNet", {}, image),
        (
            "PatchTST",
            {"context_length": 64, "d_model": 32, "num_hidden_layers": 2, "dropout": 0.3,
             "attention_dropout": 0.2, "ff_dropout": 0.2, "num_input_channels": 3},
            {"past_values": (64, 3)},
        ),
        (
            "PatchTSMixer",
            {"context_length": 64, "d_model": 32, "num_layers": 2, "dropout": 0.3,
             "num_input_channels": 3, "norm_mlp": "BatchNorm", "patch_length": 8,
             "patch_stride": 8},
            {"past_values": (64, 3)},
        ),
        (
            "Wav2Vec2Conformer",
            {**small, "intermediate_size": 64, "conv_dim": (16,) * 7, "mask_time_prob": 0.0,
             "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 2},
            {"input_values": (4000,)},
        ),
    ):  # fmt: skip
        yield Noisy(f"transformers {name}", made(name, **options), example)


def _others() -> Iterator[Noisy]:
    def speech(path: str, name: str, **options: Any) -> Callable[[], nn.Module]:  # noqa: ANN401 - a layer's
        def build() -> nn.Module:
            found: Any = importlib.import_module(path)
            for part in name.split("."):
                found = getattr(found, part)
            model: nn.Module = found(**options)
            return model

        return build

    lobes = "speechbrain.lobes.models"
    yield Noisy(
        "speechbrain CRDNN",
        speech(f"{lobes}.CRDNN", "CRDNN", input_size=40, cnn_blocks=1, rnn_layers=1,
               rnn_neurons=32, dnn_neurons=32, dropout=0.3),
        (30, 40),
    )  # fmt: skip
    yield Noisy(
        "speechbrain ECAPA",
        speech(f"{lobes}.ECAPA_TDNN", "ECAPA_TDNN", input_size=40, lin_neurons=16,
               channels=[16, 16, 16, 16, 48], attention_channels=16, dropout=0.3),
        (60, 40),
    )  # fmt: skip
    yield Noisy(
        "speechbrain Xvector",
        speech(f"{lobes}.Xvector", "Xvector", in_channels=40, tdnn_channels=[32] * 5,
               lin_neurons=32),
        (60, 40),
    )  # fmt: skip
    yield Noisy(
        "efficientnet_pytorch b0",
        speech("efficientnet_pytorch", "EfficientNet.from_name", model_name="efficientnet-b0"),
        _IMAGE,
    )
    yield Noisy(
        "conformer ConformerBlock",
        speech("conformer", "ConformerBlock", dim=32, dim_head=16, heads=2, attn_dropout=0.2,
               ff_dropout=0.2, conv_dropout=0.2),
        (40, 32),
    )  # fmt: skip
    yield Noisy(
        "conformer Conformer",
        speech("conformer", "Conformer", dim=32, depth=3, dim_head=16, heads=2, attn_dropout=0.2,
               ff_dropout=0.2, conv_dropout=0.2),
        (40, 32),
    )  # fmt: skip
    yield Noisy(
        "vit_pytorch LeViT",
        speech("vit_pytorch.levit", "LeViT", image_size=64, num_classes=4, stages=2,
               dim=(32, 64), depth=2, heads=(2, 4), mlp_mult=2, dropout=0.3),
        _IMAGE,
    )  # fmt: skip
    yield Noisy(
        "vit_pytorch CvT", speech("vit_pytorch.cvt", "CvT", num_classes=4, dropout=0.2), _IMAGE
    )
    yield Noisy(
        "pytorch_tabnet TabNet",
        speech("pytorch_tabnet.tab_network", "TabNet", input_dim=12, output_dim=3,
               group_attention_matrix=torch.eye(12)),
        (12,),
    )  # fmt: skip
    yield Noisy(
        "torch tabular",
        lambda: nn.Sequential(
            *(layer for width in (12, 32, 32)
              for layer in (nn.Linear(width, 32), nn.BatchNorm1d(32), nn.SiLU(), nn.Dropout(0.3))),
            nn.Linear(32, 2),
        ),
        (12,),
    )  # fmt: skip


SOURCES = {
    "timm": _timm,
    "torchvision": _torchvision,
    "segmentation": _segmentation,
    "monai": _monai,
    "braindecode": _braindecode,
    "graphs": _graphs,
    "pytorchcv": _pytorchcv,
    "transformers": _transformers,
    "others": _others,
}
