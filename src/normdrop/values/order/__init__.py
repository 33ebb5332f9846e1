"""The order grammar: `"conv-bn-act-drop-pool"` as a value.

No framework is imported here; the blocks of `normdrop.torch` and `normdrop.keras` are built from
these values.
"""

from normdrop.values.order._groups import group_count as group_count
from normdrop.values.order._head import HeadPosition as HeadPosition
from normdrop.values.order._head import head_orders as head_orders
from normdrop.values.order._kinds import ACTIVATIONS as ACTIVATIONS
from normdrop.values.order._kinds import KINDS as KINDS
from normdrop.values.order._kinds import Role as Role
from normdrop.values.order._kinds import TokenKind as TokenKind
from normdrop.values.order._order import Order as Order
from normdrop.values.order._residual import ResidualPosition as ResidualPosition
from normdrop.values.order._residual import ResidualStyle as ResidualStyle
from normdrop.values.order._residual import branch_order as branch_order
from normdrop.values.order._risks import Risk as Risk
from normdrop.values.order._token import Token as Token

__all__ = [
    "ACTIVATIONS",
    "KINDS",
    "HeadPosition",
    "Order",
    "ResidualPosition",
    "ResidualStyle",
    "Risk",
    "Role",
    "Token",
    "TokenKind",
    "branch_order",
    "group_count",
    "head_orders",
]
