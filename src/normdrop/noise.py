"""Noise that multiplies activations, and its moments."""
