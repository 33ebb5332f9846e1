"""Made-up inputs: how many, through how many passes, and of which spectrum."""

import math

import numpy as np

SIMULATED_REPEATS = 2
"""Passes in train mode over the sample of a simulation."""
INVERTED_REPEATS = 8
"""Passes in train mode over the inputs that an inversion found."""
INVERTED_BLAMED = 32
"""Inputs of an inversion that blame is found with."""
RATE = 0.1
"""Of the optimiser that moves inputs."""
OTHER_NOISE = 1_000_000
"""Seeds from here on are those of the optimisation. The shift is measured with other noise: the
inputs come to fit the noise they have met."""

_SIMULATED_POSITIONS = 2**16
_SIMULATED = (32, 1024)
_INVERTED_POSITIONS = 2**14
_INVERTED = (32, 256)
_CORRECTED = (32, 512)
_BLAME_COST = 2
"""Forward passes of the whole sample that blame costs at most; the shift itself costs three."""


def simulated(positions: int) -> int:
    """Inputs of a simulation: enough positions for the statistics, between 32 and 1024 inputs.

    >>> simulated(1), simulated(32 * 32), simulated(224 * 224)
    (1024, 64, 32)
    """
    fewest, most = _SIMULATED
    wanted = _SIMULATED_POSITIONS / max(1, positions)
    return int(min(most, max(fewest, 2 ** math.floor(math.log2(wanted)))))


def simulated_blamed(count: int, noise_layers: int) -> int:
    """Inputs of a simulation of `count` that blame is found with.

    Train and eval mode run once with all noise layers and once without each.
    """
    runs = 2 * (1 + noise_layers)
    return max(_SIMULATED[0] // 4, min(count, _BLAME_COST * count // runs))


def inversion_inputs(positions: int) -> int:
    """Inputs of an inversion.

    >>> inversion_inputs(1), inversion_inputs(12 * 12), inversion_inputs(224 * 224)
    (256, 113, 32)
    """
    fewest, most = _INVERTED
    return int(min(most, max(fewest, _INVERTED_POSITIONS // positions)))


def recalibration_inputs(positions: int) -> int:
    """Inputs of each inversion that statistics are corrected by, channel by channel.

    >>> recalibration_inputs(1), recalibration_inputs(12 * 12), recalibration_inputs(224 * 224)
    (512, 227, 32)
    """
    fewest, most = _CORRECTED
    return int(min(most, max(fewest, 2 * _INVERTED_POSITIONS // positions)))


def radial_frequencies(extents: tuple[int, ...]) -> np.ndarray:
    """The length of every frequency of a discrete Fourier transform; 0 counts as the lowest.

    White noise divided by it is pink: its amplitude falls as 1/f, as natural images' does (Field
    1987).

    Args:
        extents: Of the axes that are transformed; at least one of them above 1.

    >>> radial_frequencies((4,))
    array([0.25, 0.25, 0.5 , 0.25])
    """
    axes = np.meshgrid(*(np.fft.fftfreq(extent) for extent in extents), indexing="ij")
    radius: np.ndarray = np.sqrt(np.sum(np.square(axes), axis=0))
    radius[radius == 0] = radius[radius > 0].min()
    return radius
