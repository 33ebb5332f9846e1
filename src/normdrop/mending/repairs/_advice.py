"""What to do after a fix, in sentences."""

from collections.abc import Iterator, Sequence

from normdrop.mending.repairs._editor import Bench
from normdrop.mending.repairs._fix import Change
from normdrop.mending.repairs._refusal import Refusal

_NOISE = {"ND101", "ND106", "ND107", "ND108"}


def advice(
    bench: Bench, changes: Sequence[Change], refused: Sequence[Refusal], sentences: Sequence[str]
) -> Iterator[str]:
    """The next steps, then what is worth knowing, then what was left and why."""
    codes = {change.code for change in changes}
    if codes & _NOISE:
        yield (
            "Train again, or call normdrop.recalibrate with data: the stored statistics are those "
            "of the noise as it was. Until then eval outputs are what they were."
        )
    if "ND206" in codes:
        yield (
            "Call normdrop.recalibrate with data: the stored statistics are those of the last "
            "batches alone."
        )
    biases = [change for change in changes if change.code == "ND201"]
    if any(change.what.endswith("zero") for change in biases):
        yield (
            "A folded bias stays zero but for rounding, as its gradient is none; the momentum of "
            "an optimizer that has run already may still move it, which changes no output in train "
            "mode: make the optimizer anew, or pass remove_bias=True."
        )
    if any(change.what.endswith("removed") for change in biases):
        yield (
            f"A removed bias is no longer among the weights: {bench.older_files}, and an optimizer "
            "must be made anew."
        )
    yield from sentences
    yield from map(str, refused)
