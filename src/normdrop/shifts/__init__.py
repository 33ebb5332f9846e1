"""Shifts: the model as a graph, moments carried through it, what batches show, and reports."""
