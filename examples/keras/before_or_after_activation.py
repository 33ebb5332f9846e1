"""Before or after the activation?

Either works: without dropout neither order shifts anything between training and inference. With
dropout behind it the order before the activation stays clean. After the activation, a dropout that
stands between the two feeds the norm. Which order trains better is a question for your data and
several seeds: `normdrop compare` answers it.
"""

import keras

import normdrop
from normdrop.keras import Block

for order in ("conv-bn-act", "conv-act-bn", "conv-bn-act-drop", "conv-act-drop-bn"):
    model = keras.Sequential([keras.Input((28, 28, 1)), Block(order, 16, dropout=0.3)])
    (layer,) = normdrop.predict(model, (28, 28, 1), method="moments")
    findings = [finding.code for finding in normdrop.check(model, (28, 28, 1))]
    print(f"{order:17} expected shift {layer.shift:.2f}  {' '.join(findings) or 'nothing to say'}")
