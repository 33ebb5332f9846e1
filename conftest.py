"""What the tests, the doctests of the sources and those of the documents share."""

import os

# Keras reads this once, when it is imported.
os.environ.setdefault("KERAS_BACKEND", "torch")

# The first process of pytest loads readline, which hands this down to those that run the tests;
# with it commands print as into a terminal of that width.
os.environ.pop("COLUMNS", None)
