"""Where do I call BatchNormalization?

Behind a weight and before or behind its activation, on the tensor that the weight made; never
behind a dropout, directly or through other layers. `normdrop.check` says what is wrong with a
model, and `normdrop.keras.Block` puts layers in any order, with the right axis and biases.
"""

import keras

import normdrop
from normdrop.keras import Block

inputs = keras.Input((28, 28, 1))
x = keras.layers.Conv2D(16, 3, use_bias=False)(inputs)
x = keras.layers.Dropout(0.3)(x)
x = keras.layers.BatchNormalization()(x)  # behind a dropout
wrong = keras.Model(inputs, keras.layers.Activation("relu")(x))

inputs = keras.Input((28, 28, 1))
x = keras.layers.Conv2D(16, 3, use_bias=False)(inputs)
x = keras.layers.BatchNormalization()(x)  # behind the weight
x = keras.layers.Activation("relu")(x)
right = keras.Model(inputs, keras.layers.Dropout(0.3)(x))

for name, model in {"behind the dropout": wrong, "behind the weight": right}.items():
    findings = normdrop.check(model, (28, 28, 1))
    print(f"{name}: {[finding.code for finding in findings] or 'nothing to say'}")

block = Block("conv-bn-act-drop", 16, dropout=0.3)  # the same as the second, in one string
block.build((None, 28, 28, 1))
print([layer.name for layer in block.parts])
