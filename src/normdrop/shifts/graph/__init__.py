"""A model as a graph: nodes, kinds, paths. No framework is known here."""

from normdrop.shifts.graph._details import Activation as Activation
from normdrop.shifts.graph._details import Along as Along
from normdrop.shifts.graph._details import Attention as Attention
from normdrop.shifts.graph._details import Concatenate as Concatenate
from normdrop.shifts.graph._details import Details as Details
from normdrop.shifts.graph._details import Distribution as Distribution
from normdrop.shifts.graph._details import Matmul as Matmul
from normdrop.shifts.graph._details import Noise as Noise
from normdrop.shifts.graph._details import Norm as Norm
from normdrop.shifts.graph._details import Pool as Pool
from normdrop.shifts.graph._details import Product as Product
from normdrop.shifts.graph._details import Recurrent as Recurrent
from normdrop.shifts.graph._details import Resample as Resample
from normdrop.shifts.graph._details import Reshape as Reshape
from normdrop.shifts.graph._details import Sum as Sum
from normdrop.shifts.graph._details import Weight as Weight
from normdrop.shifts.graph._graph import Captured as Captured
from normdrop.shifts.graph._graph import Graph as Graph
from normdrop.shifts.graph._graph import Kind as Kind
from normdrop.shifts.graph._graph import Layer as Layer
from normdrop.shifts.graph._graph import Mode as Mode
from normdrop.shifts.graph._graph import Node as Node
from normdrop.shifts.graph._graph import Parameter as Parameter
