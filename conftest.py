"""What the tests, the doctests of the sources and those of the documents share."""

import os

# Keras reads this once, when it is imported.
os.environ.setdefault("KERAS_BACKEND", "torch")
