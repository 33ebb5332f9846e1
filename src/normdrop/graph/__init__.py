"""The model as a graph: nodes, kinds, paths."""
