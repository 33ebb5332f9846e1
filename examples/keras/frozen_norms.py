"""What happens to norm layers that I freeze, or fine-tune?

`trainable = False` makes a Keras norm layer go by its moving statistics in training, too, and learn
nothing of the new data. `normdrop.measure` shows how far those are from what now reaches the layer;
`normdrop.recalibrate` estimates the statistics of the others and leaves frozen ones alone.
"""

import keras
import numpy as np

import normdrop

keras.utils.set_random_seed(0)
rng = np.random.default_rng(0)
model = keras.Sequential(
    [
        keras.Input((8,)),
        keras.layers.BatchNormalization(name="frozen"),
        keras.layers.Dense(16, use_bias=False),
        keras.layers.BatchNormalization(name="tuned"),
    ]
)
new_data = [rng.normal(0, 3, size=(256, 8)).astype("float32") for _ in range(8)]
model.get_layer("frozen").trainable = False

before = normdrop.measure(model, new_data)
recalibration = normdrop.recalibrate(model, new_data)
after = normdrop.measure(model, new_data)
for name in ("frozen", "tuned"):
    print(f"{name}: shift {before[name].shift:.1f}, then {after[name].shift:.1f}")
recalibration.undo()
print(f"undone: {normdrop.measure(model, new_data)['tuned'].shift:.1f}")
