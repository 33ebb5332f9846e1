"""The order grammar: `"conv-bn-act-drop-pool"` as a value.

No framework is imported here; the blocks of `normdrop.torch` and `normdrop.keras` are built from
these values.
"""

from normdrop.order._activations import ACTIVATIONS as ACTIVATIONS
from normdrop.order._kinds import KINDS as KINDS
from normdrop.order._kinds import Kind as Kind
from normdrop.order._kinds import Role as Role
from normdrop.order._order import Order as Order
from normdrop.order._risks import Risk as Risk
from normdrop.order._token import Token as Token

__all__ = ["ACTIVATIONS", "KINDS", "Kind", "Order", "Risk", "Role", "Token"]
