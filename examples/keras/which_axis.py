"""Which axis does BatchNormalization want?

The one with the channels: -1, the default, for (height, width, channels), and 1 for (channels,
height, width). With the other one it keeps statistics for every row of the image.
"""

import keras

import normdrop

for axis in (-1, 1):
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Conv2D(16, 3, use_bias=False, data_format="channels_last"),
            keras.layers.BatchNormalization(axis=axis),
            keras.layers.Activation("relu"),
        ]
    )
    statistics = model.layers[1].moving_mean.shape[0]
    findings = [finding.code for finding in normdrop.check(model, (28, 28, 1))]
    print(f"axis={axis}: {statistics} means; {findings or 'nothing to say'}")
