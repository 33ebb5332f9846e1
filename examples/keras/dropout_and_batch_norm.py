"""Can I use dropout and BatchNormalization together?

Yes, in the right order. Where dropout feeds a norm layer, inference divides by a variance that only
training has: `normdrop.measure` shows the shift, what causes it and what it costs,
`normdrop.recalibrate` takes it away without training, and `normdrop.fix` before training.
"""

import keras

import normdrop
from normdrop.lab.data import load

keras.utils.set_random_seed(0)
data = load("digits")
x, y = data.train.inputs.reshape(-1, 64) / 255.0, data.train.targets
test = [(data.test.inputs.reshape(-1, 64) / 255.0, data.test.targets)]
model = keras.Sequential(
    [
        keras.Input((64,)),
        keras.layers.Dense(64, activation="relu"),
        keras.layers.Dropout(0.5, name="drop"),
        keras.layers.Dense(64, use_bias=False),
        keras.layers.BatchNormalization(name="norm", momentum=0.9),
        keras.layers.Activation("relu"),
        keras.layers.Dense(10),
    ]
)
model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
model.fit(x, y, batch_size=32, epochs=10, verbose=0)


def loss(outputs, targets):
    """Mean cross-entropy in nats."""
    return keras.ops.mean(
        keras.losses.sparse_categorical_crossentropy(targets, outputs, from_logits=True)
    )


report = normdrop.measure(model, test, loss, blame=True)
print(f"shift {report['norm'].shift:.1f}, caused by {', '.join(report['norm'].causes)}")
train = [(x[start : start + 128], y[start : start + 128]) for start in range(0, len(x), 128)]
normdrop.recalibrate(model, train)
after = normdrop.measure(model, test, loss)
print(f"recalibrated: shift {after['norm'].shift:.1f}")
print("test loss is lower:", bool(after.modes.eval_mode < report.modes.eval_mode))

fixed = normdrop.fix(model, (64,))
for change in fixed.changes:
    print(change)
