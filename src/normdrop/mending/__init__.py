"""Repairs: what is edited in a model, patched in source, and told of it afterwards."""
