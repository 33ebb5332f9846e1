"""Running statistics estimated anew, dropout off."""

from normdrop.keras.recalibrate._recalibrate import recalibrate as recalibrate
