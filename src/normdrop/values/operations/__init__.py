"""One vocabulary of operations: what there is, under which names, with which arguments.

No framework is imported here. Whatever recognises an operation, in a model of torch's or Keras', in
source or in an order, and whatever carries moments through it, reads these values.
"""

from normdrop.values.operations._activations import ACTIVATIONS as ACTIVATIONS
from normdrop.values.operations._activations import ActivationOperation as ActivationOperation
from normdrop.values.operations._noises import ATTENTIONS as ATTENTIONS
from normdrop.values.operations._noises import CALLS_OF_NOISE as CALLS_OF_NOISE
from normdrop.values.operations._noises import DRAWS as DRAWS
from normdrop.values.operations._noises import KERAS_STRENGTHS as KERAS_STRENGTHS
from normdrop.values.operations._noises import NOISES as NOISES
from normdrop.values.operations._noises import NoiseOperation as NoiseOperation
from normdrop.values.operations._norms import NORMS as NORMS
from normdrop.values.operations._norms import NormOperation as NormOperation
from normdrop.values.operations._pools import KERAS_RESAMPLINGS as KERAS_RESAMPLINGS
from normdrop.values.operations._pools import POOLS as POOLS
from normdrop.values.operations._pools import RESAMPLINGS as RESAMPLINGS
from normdrop.values.operations._pools import PoolOperation as PoolOperation
from normdrop.values.operations._shapes import SHAPES as SHAPES
from normdrop.values.operations._spelling import Function as Function
from normdrop.values.operations._weights import PRODUCTS as PRODUCTS
from normdrop.values.operations._weights import WEIGHTS as WEIGHTS
from normdrop.values.operations._weights import WeightOperation as WeightOperation
