"""Running statistics estimated anew, dropout off."""

from normdrop.torch.recalibrate._recalibrate import recalibrate as recalibrate
