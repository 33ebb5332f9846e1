"""Why does my BatchNormalization do nothing?

Often it was built and never added. The model cannot know of such a layer, but the source does:
`normdrop check` reads it without running it.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = """
from keras import Input, Model, layers

inputs = Input((28, 28, 1))
x = layers.Conv2D(16, 3)(inputs)
layers.BatchNormalization()
x = layers.Activation("relu")(x)
outputs = layers.Dense(10)(layers.Flatten()(x))
model = Model(inputs, outputs)
"""

with tempfile.TemporaryDirectory() as folder:
    Path(folder, "net.py").write_text(SOURCE)
    done = subprocess.run(
        [sys.executable, "-m", "normdrop", "check", "net.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
print(done.stdout.strip())
