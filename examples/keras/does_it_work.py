"""How do I know that it works?

Before training a norm layer's statistics are 0 and 1, which fit nothing. Afterwards what reaches it
must have the mean and the variance that it has stored: `normdrop.measure` compares them, and 1
means that inference divides by the right number.
"""

import keras

import normdrop
from normdrop.lab.data import load

keras.utils.set_random_seed(0)
digits = load("digits").train
x, y = digits.inputs.reshape(len(digits.inputs), 8, 8, 1) / 255.0, digits.targets
model = keras.Sequential(
    [
        keras.Input((8, 8, 1)),
        keras.layers.Conv2D(16, 3, use_bias=False),
        keras.layers.BatchNormalization(name="norm", momentum=0.9),
        keras.layers.Activation("relu"),
        keras.layers.Flatten(),
        keras.layers.Dense(10),
    ]
)
model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
batches = [x[start : start + 256] for start in range(0, len(x), 256)]
print(f"untrained: shift {normdrop.measure(model, batches)['norm'].shift:.2f}")
model.fit(x, y, batch_size=32, epochs=3, verbose=0)
print(f"trained:   shift {normdrop.measure(model, batches)['norm'].shift:.1f}")
