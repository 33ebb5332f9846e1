"""What a comparison says and what it does not, in plain sentences."""

from collections.abc import Iterator

import numpy as np

from normdrop.lab.comparison._agreement import agreement
from normdrop.lab.comparison._analysis import VariantSummary
from normdrop.lab.comparison._answers import Answer, answers, how_answered
from normdrop.lab.comparison._results import Results, versions_used
from normdrop.lab.measures import PRICE
from normdrop.lab.statistics import FEWEST_SEEDS, group_letter, seeds_needed
from normdrop.lab.trial import NO_DATA

_MOST_NAMED = 4  # pairs in one sentence: more are for the table


def conclusions(results: Results) -> list[str]:
    """The answers, then which differences are real, how the source has it, and what is missing."""
    answered = (answer.sentence for answer in own_answers(results))
    return [*answered, *_differences(results), *_agreement(results), *_missing(results)]


def caveats(results: Results) -> list[str]:
    """What the reader of the numbers must know."""
    return [
        *how_answered(own_answers(results)),
        *_reading(results),
        *results.description.data_notes,
    ]


def sentences(results: Results) -> list[str]:
    """The findings, then how to read them."""
    return [*conclusions(results), *caveats(results)]


def own_answers(results: Results) -> tuple[Answer, ...]:
    """Those of an experiment of one part; of several parts they stand above all of them."""
    return () if results.description.panel else answers([results])


def _differences(results: Results) -> Iterator[str]:
    groups = results.analysis.groups
    if not groups:
        yield from _too_few(results)
        return
    names = [summary.name for summary in results]
    found = agreement(results)
    yield (
        f"{found.apart} of {found.pairs} pairs can be told apart: those that share no letter. The "
        f"chance of any false claim among them is at most {100 * results.level:g} %."
    )
    for number, group in enumerate(groups):
        if len(group) > 1:
            members = ", ".join(names[row] for row in group)
            yield f"Cannot be told apart ({group_letter(number)}): {members}."
    yield from _baseline(results)


def _too_few(results: Results) -> Iterator[str]:
    rivals = len(results) - 1
    if not rivals:
        return
    needed = f"at least {seeds_needed(1, results.level)}"
    if results.description.baseline is not None and rivals > 1:
        against = seeds_needed(rivals, results.level)
        needed += f" ({against} against the baseline in {rivals} comparisons)"
    seeds = _count(results.analysis.pairs.most_seeds, "seed")
    yield (
        f"No pair can be told apart with {seeds}, however far apart they are: that takes {needed}."
    )
    if any(0 < len(summary.seeds) < FEWEST_SEEDS for summary in results):
        yield f"Fewer than {FEWEST_SEEDS} seeds bear no interval; each seed's value is shown."


def _baseline(results: Results) -> Iterator[str]:
    baseline = results.description.baseline
    if baseline is None:
        return
    others = [summary for summary in results if summary.p is not None]
    real = [summary for summary in others if (summary.p or 0) <= results.level]
    for word, sign in (("lower", -1), ("higher", 1)):
        found = [s.name for s in real if s.difference is not None and s.difference * sign > 0]
        if found:
            endpoint = _endpoint(results)
            yield f"{endpoint} {word} than the baseline's ({baseline}): {', '.join(found)}."
    rest = [summary.name for summary in others if summary not in real]
    if rest:
        yield f"Not told apart from the baseline ({baseline}): {', '.join(rest)}."
    needed = seeds_needed(max(1, len(others)), results.level)
    if max(len(summary.seeds) for summary in results) < needed:
        yield (
            f"Against the baseline nothing can be shown with fewer than {needed} seeds in "
            f"{_count(len(others), 'comparison')} (Holm's method)."
        )


def _agreement(results: Results) -> Iterator[str]:
    """How the published figures order the pairs that are told apart here."""
    about = results.description
    if not about.published and not about.claims:
        return
    if about.published:
        label = about.published_label or about.source
        yield f"Published: {label}." if label else "Published: the source's figures."
    found = agreement(results)
    if found.judged:
        pairs = "pair that differs" if found.judged == 1 else "pairs that differ"
        yield (
            f"Of {found.judged} {pairs} here, by their letters or from the baseline, the "
            f"source orders {found.agree} the same way{_source_noise(results)}."
        )
    if found.against:
        named = [f"{lower} before {higher}" for lower, higher in found.against[:_MOST_NAMED]]
        rest = len(found.against) - len(named)
        verb = "Contradicts the source" if about.like_source else "Differs from the source"
        why = "" if about.like_source else " Its settings differ too: that is no contradiction."
        more = f" and {rest} more" if rest else ""
        yield f"{verb}, here: {'; '.join(named)}{more}.{why}"


def _source_noise(results: Results) -> str:
    about = results.description
    noise = []
    if about.published_noise:
        noise.append(f"its differences of up to {about.endpoint.text(about.published_noise)}")
    if about.published_runs:
        runs = "single runs" if about.published_runs == 1 else f"means of {about.published_runs}"
        noise.append(f"what {runs} differ by that scatter as ours do")
    return f"; {' and '.join(noise)} count as none" if noise else ""


def _missing(results: Results) -> Iterator[str]:
    for summary in results:
        if summary.diverged:
            yield _diverged(summary)
        if summary.failed:
            failed = f"{summary.name} failed with {_seed_list(summary.failed)}"
            yield f"{failed}: {_why(results, summary)}"
    finished = [len(summary.seeds) for summary in results]
    if len(results) > 1 and min(finished) < len(results.grid.seeds):
        pairs = results.analysis.pairs.seeds[np.triu_indices(len(finished), 1)].tolist()
        yield (
            "A seed enters a pair only where both variants finished: "
            f"{min(pairs)} to {max(pairs)} of {len(results.grid.seeds)}."
        )


def _diverged(summary: VariantSummary) -> str:
    text = f"{summary.name} diverged with {_seed_list(summary.diverged)} and is ranked behind "
    if not summary.seeds:
        return f"{text}the variants that did not."
    return (
        f"{text}those that did not; the mean of its other {len(summary.seeds)} seeds flatters it."
    )


def _why(results: Results, summary: VariantSummary) -> str:
    outcomes = results.grid.of(summary.name)
    messages = dict.fromkeys(o.message for o in outcomes if o.status == "failed" and o.message)
    return "; ".join(messages) or "no message."


def _reading(results: Results) -> Iterator[str]:
    finished = (o for o in results.outcomes if o.status == "finished" and o.epochs)
    epochs = sorted({outcome.epochs[-1].number for outcome in finished})
    if epochs:
        last = f" ({epochs[0]})" if len(epochs) == 1 else ""
        yield f"{_endpoint(results)} is the final epoch's{last}, never the best epoch's."
    if PRICE in results.description.metrics:
        yield (
            "price: test loss with the stored statistics less test loss with those of the training "
            "set, dropout off on both sides, same weights: what the stored statistics cost."
        )
    if results.analysis.groups and results.description.baseline is not None:
        yield (
            "Letters are of all pairs, tested together (max-T over sign flips); p is of each "
            "variant against the baseline alone (sign flips, Holm). A pair may differ by one and "
            "not by the other."
        )
    if any(len(summary.seeds) >= FEWEST_SEEDS for summary in results):
        drawn = results.outcomes[0].trial.data == NO_DATA
        yield "Intervals (95 %, Student's t) cover the spread over seeds" + (
            "."
            if drawn
            else " on this training and test set, not what another test set would give."
        )
    devices = sorted({outcome.trial.device for outcome in results.outcomes})
    if len(devices) > 1:
        yield f"Trials ran on different devices: {', '.join(devices)}."
    mixed = {name: values for name, values in versions_used(results).items() if len(values) > 1}
    for name, values in mixed.items():
        yield f"Trials ran with different versions of {name}: {', '.join(map(str, values))}."
    finished_how = {
        outcome.trial.variant: outcome.message
        for outcome in results.outcomes
        if outcome.status == "finished" and outcome.message
    }
    for variant, message in finished_how.items():
        yield f"{variant}: {message.rstrip('.')}."


def _endpoint(results: Results) -> str:
    """The endpoint's name, at the start of a sentence."""
    label = results.description.endpoint.label
    return label[:1].upper() + label[1:]


def _seed_list(seeds: tuple[int, ...]) -> str:
    return f"{'seed' if len(seeds) == 1 else 'seeds'} {', '.join(map(str, seeds))}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
