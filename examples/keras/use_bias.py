"""Do I need a bias before BatchNormalization?

No: the norm subtracts the batch's mean, and any bias with it. `normdrop.check` finds such a bias,
and `normdrop.fix` moves what it is worth into the moving mean: the model computes the same, and one
number per unit is no longer trained for nothing.
"""

import keras
import numpy as np

import normdrop

keras.utils.set_random_seed(0)
model = keras.Sequential(
    [
        keras.Input((8,)),
        keras.layers.Dense(16, bias_initializer="normal"),
        keras.layers.BatchNormalization(),
        keras.layers.Activation("relu"),
        keras.layers.Dense(2),
    ]
)
for finding in normdrop.check(model, (8,)):
    print(finding.code, finding.message)

fixed = normdrop.fix(model, (8,))
for change in fixed.changes:
    print(change)
x = np.random.default_rng(0).normal(size=(64, 8)).astype("float32")
difference = np.abs(model.predict(x, verbose=0) - fixed.model.predict(x, verbose=0)).max()
print("same outputs:", bool(difference < 1e-4))
