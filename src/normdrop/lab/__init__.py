"""Experiments with paired seeds: recipe, trials, store, statistics."""
