"""A model as a graph: nodes, kinds, paths. No framework is known here."""

from ._details import Activation as Activation
from ._details import Attention as Attention
from ._details import Concatenate as Concatenate
from ._details import Details as Details
from ._details import Matmul as Matmul
from ._details import Noise as Noise
from ._details import Norm as Norm
from ._details import Pool as Pool
from ._details import Product as Product
from ._details import Recurrent as Recurrent
from ._details import Resample as Resample
from ._details import Reshape as Reshape
from ._details import Sum as Sum
from ._details import Weight as Weight
from ._graph import Captured as Captured
from ._graph import Graph as Graph
from ._graph import Layer as Layer
from ._kind import Along as Along
from ._kind import Distribution as Distribution
from ._kind import Kind as Kind
from ._kind import Mode as Mode
from ._node import Node as Node
from ._parameter import Parameter as Parameter
