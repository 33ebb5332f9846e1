"""A repair on trial, with real data: paired, within its time, and honest about what it shows."""

import time

import keras
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

import normdrop
from normdrop.errors import UsageError
from normdrop.lab import try_fix

_X, _Y = load_digits(return_X_y=True)
_IMAGES = (_X / 16).astype("float32")


def _batches(count: int = 600) -> list[tuple[torch.Tensor, torch.Tensor]]:
    rows = range(0, count, 50)
    images, labels = torch.from_numpy(_IMAGES), torch.from_numpy(_Y)
    return [(images[at : at + 50], labels[at : at + 50]) for at in rows]


def _faulty() -> nn.Module:
    return nn.Sequential(
        *(nn.Linear(64, 32), nn.ReLU(), nn.Dropout(0.6), nn.BatchNorm1d(32)),
        *(nn.Linear(32, 32), nn.Dropout(0.6), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 10)),
    )


def test_a_repair_that_helps() -> None:
    """A fault that costs: lower loss with every seed, by the proof that `Fix` then holds."""
    torch.manual_seed(0)
    mended = normdrop.fix(_faulty(), (64,))
    before = torch.get_rng_state()
    tried = try_fix(_faulty, mended, _batches(), seeds=6, epochs=4)
    assert torch.equal(torch.get_rng_state(), before)
    proof = tried.proof
    assert proof is not None
    assert proof.verdict == "helps"
    assert all(now < was for was, now in zip(proof.before, proof.after, strict=True))
    assert str(proof) in " ".join(str(tried).split())
    assert tried.to_dict()["proof"] == proof.to_dict()
    assert tried.model is mended.model
    assert mended.proof is None


def test_the_same_seeds_give_the_same() -> None:
    """A run is repeated to the last bit, and the model that is given stays as it is."""
    torch.manual_seed(0)
    model = _faulty()
    mended = normdrop.fix(model, (64,))
    kept = {key: value.clone() for key, value in model.state_dict().items()}
    first, second = (
        try_fix(model, mended, _batches(200), seeds=2, epochs=1).proof for _ in range(2)
    )
    assert first == second
    assert first is not None
    assert first.verdict == "too few seeds"
    assert all(torch.equal(value, kept[key]) for key, value in model.state_dict().items())


def test_a_keras_model_that_ends_in_softmax() -> None:
    """Its probabilities are scored as such."""
    layers = keras.layers
    model = keras.Sequential(
        [
            *(keras.Input((64,)), layers.Dense(32), layers.Dropout(0.6)),
            *(layers.BatchNormalization(), layers.ReLU(), layers.Dense(10, activation="softmax")),
        ]
    )
    weights = [weight.copy() for weight in model.get_weights()]
    mended = normdrop.fix(model)
    proof = try_fix(model, mended, [(_IMAGES[:300], _Y[:300])], seeds=1, epochs=2).proof
    assert proof is not None
    assert proof.loss == "cross-entropy"
    assert 0 < proof.after[0] < 4
    assert all((a == b).all() for a, b in zip(weights, model.get_weights(), strict=True))


def test_what_does_not_fit_is_left_out() -> None:
    """Time is kept, and what was trained is said."""
    torch.manual_seed(0)
    mended = normdrop.fix(_faulty(), (64,))
    start = time.monotonic()
    proof = try_fix(_faulty, mended, _batches(), seeds=2, epochs=10_000, minutes=0.05).proof
    assert time.monotonic() - start < 12
    assert proof is not None
    assert "10000 epochs" not in proof.training


def test_what_cannot_be_tried_is_refused() -> None:
    """In words that name it."""
    clean = nn.Sequential(nn.Linear(64, 10))
    with pytest.raises(UsageError, match="nothing was changed"):
        try_fix(clean, normdrop.fix(clean, (64,)), _batches())
    mended = normdrop.fix(_faulty(), (64,))
    with pytest.raises(UsageError, match="with targets"):
        try_fix(_faulty, mended, [torch.zeros(8, 64)])
    with pytest.raises(UsageError, match="positive"):
        try_fix(_faulty, mended, _batches(), seeds=0)
    with pytest.raises(UsageError, match="do not fit"):
        try_fix(_faulty, mended, _batches(), minutes=1e-7)
