"""Files as a beginner writes them: what practitioners report is found, and mended it is gone."""

import textwrap

import pytest

from normdrop.lint.rules import check_text, selected
from normdrop.values.findings import Finding

FUNCTIONAL = (
    """
    from keras.layers import Input, Dense, Conv2D, MaxPooling2D, Flatten, Dropout
    from keras.layers import BatchNormalization, Activation
    from keras.models import Model

    inputs = Input(shape=(28, 28, 1))
    x = Conv2D(32, (3, 3), border_mode="same")(inputs)
    x = BatchNormalization(mode=0, momentum=0.1)(x)
    x = Activation("relu")(x)
    x = MaxPooling2D((2, 2))(x)
    x = Dropout(p=0.25)(x)
    x = Conv2D(64, (3, 3), activation="relu")(x)
    BatchNormalization()
    x = Dropout(0.5)(x)
    x = BatchNormalization()(x)
    x = Flatten()(x)
    outputs = Dense(10, activation="softmax")(x)
    model = Model(inputs, outputs)
    model.fit(images, labels, nb_epoch=10)
    """,
    {"ND101": 2, "ND201": 1, "ND206": 1, "ND403": 1, "ND404": 4},
    """
    from keras.layers import Input, Dense, Conv2D, MaxPooling2D, Flatten, Dropout
    from keras.layers import BatchNormalization, Activation
    from keras.models import Model

    inputs = Input(shape=(28, 28, 1))
    x = Conv2D(32, (3, 3), padding="same", use_bias=False)(inputs)
    x = BatchNormalization(momentum=0.9)(x)
    x = Activation("relu")(x)
    x = MaxPooling2D((2, 2))(x)
    x = Conv2D(64, (3, 3), activation="relu")(x)
    x = BatchNormalization()(x)
    x = Dropout(0.5)(x)
    x = Flatten()(x)
    outputs = Dense(10, activation="softmax")(x)
    model = Model(inputs, outputs)
    model.fit(images, labels, epochs=10)
    """,
)
SEQUENTIAL = (
    """
    import tensorflow as tf

    def make(rate=0.4):
        model = tf.keras.Sequential()
        model.add(tf.keras.layers.Dense(128, activation="relu"))
        model.add(tf.keras.layers.Dropout(rate))
        for _ in range(2):
            model.add(tf.keras.layers.Dense(64))
            model.add(tf.keras.layers.BatchNormalization())
            model.add(tf.keras.layers.Activation("relu"))
        model.add(tf.keras.layers.Dense(10))
        model.add(tf.keras.layers.Dropout(rate))
        model.add(tf.keras.layers.Softmax())
        return model
    """,
    {"ND101": 1, "ND106": 1, "ND201": 1},
    """
    import tensorflow as tf

    def make(rate=0.4):
        model = tf.keras.Sequential()
        model.add(tf.keras.layers.Dense(128, activation="relu"))
        for _ in range(2):
            model.add(tf.keras.layers.Dense(64, use_bias=False))
            model.add(tf.keras.layers.BatchNormalization())
            model.add(tf.keras.layers.Activation("relu"))
        model.add(tf.keras.layers.Dropout(rate))
        model.add(tf.keras.layers.Dense(10))
        model.add(tf.keras.layers.Softmax())
        return model
    """,
)
TORCH_SEQUENTIAL = (
    """
    import torch.nn as nn

    def block(inside, outside, dropout):
        return nn.Sequential(
            nn.Conv2d(inside, outside, 3), nn.BatchNorm2d(outside, momentum=0.9), nn.ReLU(),
        )

    layers = [block(3, 16, 0.1), block(16, 32, 0.1)]
    layers += [nn.Dropout2d(0.2), nn.Conv2d(32, 32, 3, bias=False), nn.BatchNorm2d(32)]
    model = nn.Sequential(*layers)
    """,
    {"ND101": 1, "ND201": 1, "ND206": 1, "ND402": 1},
    """
    import torch.nn as nn

    def block(inside, outside):
        return nn.Sequential(
            nn.Conv2d(inside, outside, 3, bias=False), nn.BatchNorm2d(outside), nn.ReLU(),
        )

    layers = [block(3, 16), block(16, 32)]
    layers += [nn.Conv2d(32, 32, 3, bias=False), nn.BatchNorm2d(32), nn.Dropout2d(0.2)]
    model = nn.Sequential(*layers)
    """,
)
TORCH_CLASS = (
    """
    import torch
    import torch.nn as nn
    import torch.nn.functional as F

    class Net(nn.Module):
        def __init__(self, hidden=64):
            super(Net, self).__init__()
            self.fc1 = nn.Linear(784, hidden)
            self.bn1 = nn.BatchNorm1d(hidden)
            self.fc2 = nn.Linear(hidden, hidden, bias=False)
            self.bn2 = nn.BatchNorm1d(hidden)
            self.fc3 = nn.Linear(hidden, 10)

        def forward(self, x):
            x = torch.flatten(x, 1)
            x = F.dropout(F.relu(self.bn1(self.fc1(x))), 0.5)
            x = nn.Dropout(0.2)(F.relu(self.bn2(self.fc2(x))))
            return self.fc3(x)
    """,
    {"ND201": 1, "ND301": 1, "ND302": 1},
    """
    import torch
    import torch.nn as nn
    import torch.nn.functional as F

    class Net(nn.Module):
        def __init__(self, hidden=64):
            super(Net, self).__init__()
            self.fc1 = nn.Linear(784, hidden, bias=False)
            self.bn1 = nn.BatchNorm1d(hidden)
            self.fc2 = nn.Linear(hidden, hidden, bias=False)
            self.bn2 = nn.BatchNorm1d(hidden)
            self.drop = nn.Dropout(0.2)
            self.fc3 = nn.Linear(hidden, 10)

        def forward(self, x):
            x = torch.flatten(x, 1)
            x = F.relu(self.bn1(self.fc1(x)))
            x = self.drop(F.relu(self.bn2(self.fc2(x))))
            return self.fc3(F.dropout(x, 0.5, training=self.training))
    """,
)
_FILES = {
    "keras functional": FUNCTIONAL,
    "keras sequential": SEQUENTIAL,
    "torch sequential": TORCH_SEQUENTIAL,
    "torch class": TORCH_CLASS,
}


def found(source: str) -> list[Finding]:
    """What all rules but opinions find."""
    return check_text("net.py", textwrap.dedent(source), selected())


def counted(source: str) -> dict[str, int]:
    """How often each rule finds something."""
    counts: dict[str, int] = {}
    for finding in found(source):
        counts[finding.code] = counts.get(finding.code, 0) + 1
    return counts


@pytest.mark.parametrize("name", _FILES)
def test_what_practitioners_report_is_found_and_mended(name: str) -> None:
    """A beginner's file has the findings one expects, and none once it is mended as they say."""
    source, expected, mended = _FILES[name]
    assert counted(source) == expected
    assert counted(mended) == {}


@pytest.mark.parametrize("name", _FILES)
def test_every_finding_says_what_to_do(name: str) -> None:
    """Each finding in a beginner's file has a line and a fix in words."""
    for finding in found(_FILES[name][0]):
        assert finding.location is not None
        assert finding.fix is not None
        assert finding.fix.what
