"""Every token and activation of the grammar has its layer."""

from pathlib import Path

from normdrop.torch.blocks._layers import LAYERS, PARTS
from normdrop.values.order import ACTIVATIONS, KINDS

DOCUMENT = Path(__file__).parents[3] / "docs" / "blocks.md"


def test_every_token_has_a_layer() -> None:
    """Tokens of the grammar and layers of the blocks are the same set."""
    assert set(PARTS) == set(KINDS)


def test_every_activation_has_a_layer() -> None:
    """Activations of the grammar and their layers are the same set."""
    assert set(LAYERS) == set(ACTIVATIONS)


def test_every_token_and_activation_is_documented() -> None:
    """The page on blocks has a row for each token and names each activation."""
    text = DOCUMENT.read_text()
    assert [name for name in KINDS if f"\n| `{name}` |" not in text] == []
    assert [name for name in ACTIVATIONS if f"`{name}`" not in text] == []
