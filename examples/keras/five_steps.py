"""What does BatchNormalization do, step by step?

In training: mean, variance, normalise, scale and shift, and a moving average of the first two for
inference. Done by hand on one batch, it gives what the layer gives.
"""

import keras
import numpy as np

rng = np.random.default_rng(0)
x = rng.normal(3, 2, size=(32, 5)).astype("float32")
layer = keras.layers.BatchNormalization(gamma_initializer="normal", beta_initializer="normal")
layer.build(x.shape)
gamma, beta = (keras.ops.convert_to_numpy(each) for each in (layer.gamma, layer.beta))

mean = x.mean(axis=0)  # 1. the batch's mean per channel
variance = x.var(axis=0)  # 2. its variance, divided by n
normalised = (x - mean) / np.sqrt(variance + layer.epsilon)  # 3. mean 0 and variance 1
by_hand = gamma * normalised + beta  # 4. what scale and shift the network has learned
moving_mean = layer.momentum * 0 + (1 - layer.momentum) * mean  # 5. remembered for inference
moving_variance = layer.momentum * 1 + (1 - layer.momentum) * variance

of_layer = keras.ops.convert_to_numpy(layer(x, training=True))
for name, ours, theirs in (
    ("outputs", by_hand, of_layer),
    ("moving mean", moving_mean, layer.moving_mean),
    ("moving variance", moving_variance, layer.moving_variance),
):
    same = np.allclose(ours, keras.ops.convert_to_numpy(theirs), atol=1e-5)
    print(f"{name}: {'equal' if same else 'NOT equal'}")
