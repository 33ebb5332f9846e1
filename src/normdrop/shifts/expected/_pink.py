"""The spectrum of made-up inputs."""

import numpy as np


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
