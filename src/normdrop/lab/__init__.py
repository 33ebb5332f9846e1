"""Experiments with paired seeds: recipe, trials, store, statistics."""

from normdrop.lab.experiment import compare as compare
