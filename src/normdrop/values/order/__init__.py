"""The order grammar: `"conv-bn-act-drop-pool"` as a value.

No framework is imported here; the blocks of `normdrop.torch` and `normdrop.keras` are built from
these values.
"""

from normdrop.values.order._kinds import ACTIVATIONS as ACTIVATIONS
from normdrop.values.order._kinds import KINDS as KINDS
from normdrop.values.order._kinds import Role as Role
from normdrop.values.order._kinds import Token as Token
from normdrop.values.order._order import Order as Order
from normdrop.values.order._order import group_count as group_count
from normdrop.values.order._positions import HeadPosition as HeadPosition
from normdrop.values.order._positions import ResidualPosition as ResidualPosition
from normdrop.values.order._positions import ResidualStyle as ResidualStyle
from normdrop.values.order._positions import branch_order as branch_order
from normdrop.values.order._positions import head_orders as head_orders
from normdrop.values.order._risks import Risk as Risk
