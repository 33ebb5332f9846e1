"""Whether a model computes in eval mode what it did."""

from typing import Any

import torch
from torch import Tensor, nn

from normdrop.torch._synthetic import synthetic
from normdrop.torch.capture._trees import tensors_in
from normdrop.torch.simulate import device_of
from normdrop.torch.watch._untouched import untouched

_SEED = 20190
_COUNT = 2


class Witness:
    """The outputs of a model in eval mode on made-up inputs.

    A model that does not run in eval mode, or whose tensors are on `meta`, has none, and nothing
    is said of it.
    """

    def __init__(self, model: nn.Module, example: object) -> None:
        self._model = model
        self._example = example
        self._outputs = self._run()

    def agrees(self, tolerance: float = 0.0) -> bool:
        """Whether the model still yields these outputs.

        Args:
            tolerance: The largest difference, as a share of the largest output; 0 for the same
                outputs to the last bit.
        """
        if self._outputs is None:
            return True
        now = self._run()
        if now is None or len(now) != len(self._outputs):
            return False
        pairs = zip(self._outputs, now, strict=True)
        return all(_close(was, is_now, tolerance) for was, is_now in pairs)

    def _run(self) -> list[Tensor] | None:
        device = device_of(self._model)
        if device.type == "meta":
            return None
        generator = torch.Generator().manual_seed(_SEED)
        args, kwargs = synthetic(self._example, _COUNT, generator, device)
        with untouched(self._model), torch.no_grad():
            self._model.eval()
            torch.manual_seed(_SEED)
            try:
                outputs: Any = self._model(*args, **kwargs)
            except Exception:  # noqa: BLE001 - any model may refuse made-up inputs in its own way
                return None
            return [each.detach().clone() for each in tensors_in(outputs)]


def _close(was: Tensor, is_now: Tensor, tolerance: float) -> bool:
    if was.shape != is_now.shape:
        return False
    if not was.is_floating_point():
        return torch.equal(was, is_now)
    finite = was[was.isfinite()].abs()
    scale = finite.max().item() if finite.numel() else 1.0
    return torch.allclose(was, is_now, rtol=0.0, atol=tolerance * scale, equal_nan=True)
