"""What practitioners ask of batch norm and dropout, each answered in a sentence, with grounds.

`normdrop results FOLDERS --verdicts FILE` writes the page; what was measured is taken from the
results, and an answer that they no longer bear is refused.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from normdrop.errors import UsageError
from normdrop.values.display import in_markdown

if TYPE_CHECKING:
    from normdrop.lab.comparison import Answer, Comparison

Strength: TypeAlias = Literal["theorem", "definition", "measured", "published", "opinion"]
"""By what an answer is borne: the strongest first."""


@dataclass(frozen=True)
class Measured:
    """One answer of an experiment that a verdict rests on.

    Attributes:
        recipe: Its name.
        number: Which of its contrasts, from 1.
        verdict: What it has to say for the answer to stand.
    """

    recipe: str
    number: int
    verdict: Literal["higher", "lower", "none", "open"]


@dataclass(frozen=True)
class Verdict:
    """A question, its answer, and what that is worth.

    Attributes:
        question: As practitioners ask it.
        answer: One sentence.
        strength: What bears it.
        limits: Where it does not hold, or was not tried.
        measured: The experiments' answers behind it.
        sources: What else is behind it, in the literature.
        rules: Names of the rules that find it.
        verbs: What to type.
        pages: Pages of `docs/` with more.
    """

    question: str
    answer: str
    strength: Strength
    limits: str
    measured: tuple[Measured, ...] = ()
    sources: str = ""
    rules: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ()
    pages: tuple[str, ...] = ()


_STRENGTHS = (
    "*Theorem*: proved, and tested here against simulation. *Definition*: it follows from what "
    "the layer or the framework does, and is tested here. *Measured*: trained here with paired "
    "seeds, on small networks and data. *Published*: from the literature, not repeated here at "
    "its size. *Opinion*: experience and judgement."
)


def asked() -> dict[str, str]:
    """What practitioners ask of each rule, and the answers: items of a Markdown list, by its name.

    Figures stand on the page of verdicts alone, so nothing but normdrop itself is needed.

    >>> asked()["wrong-axis"][:70]
    '- *33. Which axis?* That of the channels, or features: −1 for channels'
    """
    found: dict[str, list[str]] = {}
    verdicts = (verdict for each in VERDICTS.values() for verdict in each)
    for number, verdict in enumerate(verdicts, 1):
        question, answer = in_markdown(verdict.question), in_markdown(verdict.answer)
        for name in verdict.rules:
            found.setdefault(name, []).append(
                f"- *{number}. {question}* {answer} {verdict.strength.capitalize()}."
            )
    return {name: "\n".join(items) for name, items in found.items()}


def verdict_page(results: "Mapping[str, Sequence[Comparison]]", codes: Mapping[str, str]) -> str:
    """The page of all verdicts in Markdown.

    Args:
        results: The comparisons of every recipe, by its name.
        codes: The code of every rule, by its name.

    Raises:
        UsageError: When results are missing, or no longer say what a verdict rests on.
    """
    from normdrop.lab.comparison import answers  # scipy, which `asked` goes without

    found = {name: answers(comparisons) for name, comparisons in results.items()}
    lines = [
        "# Verdicts",
        "",
        "What practitioners ask about batch norm and dropout, each answered in one sentence.",
        "",
        _STRENGTHS,
        "",
        "Written by `normdrop results FOLDERS --verdicts FILE` from the tables in `results/`.",
        "",
    ]
    number = 0
    for heading, verdicts in VERDICTS.items():
        lines += [f"## {heading}", ""]
        for verdict in verdicts:
            number += 1
            lines += [*_lines(number, verdict, found, codes), ""]
    return "\n".join(lines[:-1]) + "\n"


def _lines(
    number: int,
    verdict: Verdict,
    found: "Mapping[str, Sequence[Answer]]",
    codes: Mapping[str, str],
) -> Iterator[str]:
    yield f"### {number}. {in_markdown(verdict.question)}"
    yield ""
    yield f"{in_markdown(verdict.answer)} *{verdict.strength.capitalize()}.*"
    yield ""
    yield f"- Limits: {in_markdown(verdict.limits)}"
    for measured in verdict.measured:
        answer = _answer(measured, found)
        page = f"[{measured.recipe}](experiments/{measured.recipe}.md)"
        yield f"- Measured, {page}: {in_markdown(answer.sentence)}"
    if verdict.sources:
        yield f"- Sources: {in_markdown(verdict.sources)}."
    more = [
        *(f"[{name}](rules/{name}.md) ({codes[name]})" for name in verdict.rules),
        *(f"`{verb}`" for verb in verdict.verbs),
        *(f"[{page}]({page}.md)" for page in verdict.pages),
    ]
    if more:
        yield f"- More: {', '.join(more)}."


def _answer(measured: Measured, found: "Mapping[str, Sequence[Answer]]") -> "Answer":
    try:
        answer = found[measured.recipe][measured.number - 1]
    except LookupError as error:
        raise UsageError(
            f"a verdict rests on answer {measured.number} of {measured.recipe}: there is none"
        ) from error
    if answer.verdict != measured.verdict:
        raise UsageError(
            f"a verdict rests on {measured.recipe}, {answer.contrast.what!r}, being "
            f"{measured.verdict}, and it is {answer.verdict} now: write the verdict anew"
        )
    return answer


_LI = "Li et al., CVPR 2019"
_KIM = "Kim et al., UAI 2023"
_SMALL = "Small networks on small images; deep networks and long training were not tried here."

_ORDER = (
    Verdict(
        "Does the order of batch norm and dropout matter at all?",
        "Yes, for evaluation: dropout that feeds a norm makes its stored variance too large, and "
        "dropout behind the last norm does not; in test loss of a small net with little dropout "
        "that alone may be too little to see.",
        "theorem",
        "The theorem is of the variance; what it costs depends on network, rate and training.",
        (Measured("ten-orders", 1, "none"), Measured("rates", 4, "higher")),
        f"{_LI}; {_KIM}",
        ("noise-before-norm",),
        ("normdrop predict", "normdrop measure"),
        ("theory",),
    ),
    Verdict(
        "Dropout straight before batch norm: are the stored statistics wrong in evaluation?",
        "Yes: the evaluation variance is v / ((c² + v) / keep − c²) of the stored one, at most "
        "keep, so at most half at rate 0.5.",
        "theorem",
        "Exact for independent masks directly before the norm; the mean is unharmed there.",
        (),
        _LI,
        ("noise-before-norm",),
        ("normdrop measure",),
        ("theory",),
    ),
    Verdict(
        "Does a framework's batch norm layer compensate for that by itself?",
        "No: neither torch's nor Keras' layer knows of dropout, and both store what training "
        "passes through them.",
        "definition",
        "Of the layers as they are; a layer of one's own may.",
        rules=("noise-before-norm",),
        verbs=("normdrop doctor", "normdrop recalibrate"),
        pages=("recalibrate",),
    ),
    Verdict(
        "What else goes wrong when both are used together?",
        "Modes: dropout that stays on, norms that are thawed or keep batch statistics in "
        "evaluation, statistics refreshed with dropout on.",
        "definition",
        "Each is a mistake in the code, not a property of the two layers.",
        rules=(
            "always-on-dropout",
            "monte-carlo-through-train",
            "refreshed-with-dropout",
            "norm-always-training",
            "frozen-norm-thawed",
        ),
        verbs=("normdrop check",),
        pages=("check", "modes"),
    ),
    Verdict(
        "Is it worse with many layers that have both: does the deviation accumulate with depth?",
        "In plain chains each norm divides by its own wrong variance and passes the error on; on a "
        "residual trunk the branches add to it.",
        "theorem",
        "By the residual formula for fresh weights; what training makes of it is measured only on "
        "networks of 8 to 14 layers.",
        sources=f"{_KIM}, section 4; {_LI}, its figure of the shift by layer",
        rules=("noise-before-norm", "dropout-on-trunk"),
        verbs=("normdrop predict",),
        pages=("story", "theory"),
    ),
    Verdict(
        "Does validation loss rise while training loss falls when dropout comes before batch norm, "
        "and not the other way round?",
        "Not shown: on 200 images neither order's loss is shown to rise more than the other's.",
        "measured",
        "Two conv modules, 200 digits, 30 epochs, rates 0.2 and 0.3.",
        (Measured("schemes", 3, "open"),),
    ),
    Verdict(
        "Must dropout come before batch norm, because otherwise what it blocks leaks through the "
        "statistics?",
        "No: statistics over a batch hardly single out one example, and dropout is no wall against "
        "information but noise that trains redundancy.",
        "opinion",
        "Nobody has measured the leak; it vanishes with the batch size.",
    ),
    Verdict(
        "Does conv-bn-act-drop overfit more than conv-act-drop-bn?",
        "Not shown in either direction on 200 images.",
        "measured",
        "As for the rise of the loss.",
        (Measured("schemes", 3, "open"),),
    ),
    Verdict(
        "Should batch norm always come before dropout?",
        "Yes where the choice is free: it costs nothing that was measured and leaves the stored "
        "statistics right; further norms behind the dropout still feel it.",
        "theorem",
        "For the last dropout before the output; a norm in the next block is fed by it all the "
        "same.",
        (Measured("reestimate", 1, "higher"),),
        _LI,
        ("noise-before-norm", "residual-dropout-placement"),
        ("normdrop fix",),
        ("fix",),
    ),
    Verdict(
        "Is conv, norm, activation, dropout, pooling the right order?",
        "Nearly: dropout goes behind max pooling, not before it.",
        "measured",
        "MNIST, two conv modules, 5 epochs; of average pooling the opposite holds for the shift.",
        (Measured("ten-orders", 2, "higher"), Measured("pooling", 1, "higher")),
        rules=("dropout-before-max-pool",),
    ),
    Verdict(
        "Which of the ten orders of conv, bn, act, drop, pool wins on MNIST, and by how much?",
        "None alone: six orders cannot be told apart within about 0.01 nats, and those with "
        "dropout before max pooling or the norm behind the activation lose some 0.013.",
        "measured",
        "5 epochs, 11 seeds; the much-read table has one run of each.",
        (
            Measured("ten-orders", 1, "none"),
            Measured("ten-orders", 2, "higher"),
            Measured("ten-orders", 3, "higher"),
        ),
    ),
    Verdict(
        "Does batch norm make dropout unnecessary?",
        "Often for convolutions, not as a rule: on one table dropout still helped behind batch "
        "norm, on the other it hurt.",
        "measured",
        "Two tables and small images; of large fully connected layers only the literature speaks.",
        (Measured("tabular", 3, "lower"), Measured("tabular", 6, "higher")),
        "Ioffe and Szegedy 2015 say so; Garbin et al. 2020 find both together below batch norm "
        "alone",
    ),
    Verdict(
        "Do modern residual and dense networks leave dropout out for this reason?",
        "They leave it out because it did not help them; the shift is one cause of that, and Kim "
        "et al. get gains by placing it behind the last norm of the branch.",
        "published",
        "Gains of 0.1 to 1 point, means of 3 runs without deviations.",
        (Measured("residual-positions", 1, "open"),),
        f"{_KIM}; Zagoruyko and Komodakis 2016",
        ("residual-dropout-placement",),
    ),
    Verdict(
        "Without dropout: faster, but does it generalise worse?",
        "Faster, yes: fewer epochs to a goal; worse, no: on 200 digits the test loss is lower "
        "without dropout.",
        "measured",
        "Small images; the claim is of MNIST at 20 epochs, one run each.",
        (Measured("cost", 5, "higher"), Measured("schemes", 4, "higher")),
    ),
    Verdict(
        "Do both together give less than each alone?",
        "It depends on the data: on one table both together beat batch norm alone, on the other "
        "they lose to it.",
        "measured",
        "Two tables, three layers, rate 0.2.",
        (Measured("tabular", 3, "lower"), Measured("tabular", 6, "higher")),
        "Garbin et al. 2020: CIFAR-10 none .804, dropout .758, batch norm .845, both .809",
    ),
    Verdict(
        "Without dropout, do the stored variances fit evaluation?",
        "Yes, once the running average has caught up with the weights: the mean shift is then "
        "within 1 % of none.",
        "measured",
        "Where the last steps are large, or few, the running average lags behind the weights.",
        verbs=("normdrop measure",),
        pages=("measure", "experiments/rates"),
    ),
    Verdict(
        "Does dropout behind the last batch norm avoid the problem, or merely evade it?",
        "It avoids it: no statistics follow, so none can be wrong; whether it also helps is not "
        "shown here.",
        "theorem",
        "Gains of the source, of at most 0.7 points, are below what the digits can show.",
        (Measured("last-layer", 1, "open"), Measured("last-layer", 2, "open")),
        _LI,
        verbs=("normdrop compare last-layer",),
    ),
    Verdict(
        "Are Gaussian and uniform noise (Uout) less harmful?",
        "Gaussian noise of the same second moment shifts as much as dropout; Uout shifts little "
        "only because it is small.",
        "theorem",
        "The shift depends on a noise through its second moment alone.",
        (
            Measured("noise-families", 1, "open"),
            Measured("uout", 2, "open"),
            Measured("uout", 3, "none"),
        ),
        _LI,
        ("uniform-dropout-added",),
        pages=("theory",),
    ),
    Verdict(
        "How much of the damage does re-estimating the statistics undo?",
        "A part: about 1 of 2.4 points where dropout precedes a norm; the rest is what dropout "
        "costs a short training anyway.",
        "measured",
        "Digits, 6 epochs; in the source 47 to 71 % on CIFAR-10.",
        (Measured("reestimate", 1, "higher"), Measured("reestimate", 2, "higher")),
        f"{_LI}; Hendrycks and Gimpel 2016",
        verbs=("normdrop recalibrate", "normdrop doctor"),
        pages=("recalibrate",),
    ),
    Verdict(
        "How does the damage grow with the dropout rate, and with the width of the layers?",
        "It grows faster than the rate, and shrinks with width in both places.",
        "measured",
        "Three small networks; the widest has ten times the channels of the narrowest.",
        (
            Measured("rates", 4, "higher"),
            Measured("width", 1, "lower"),
            Measured("width", 2, "lower"),
        ),
        _LI,
    ),
    Verdict(
        "Does the same happen with layer norm, group norm, or without a norm?",
        "Not through stored statistics, for they have none: but their output too changes in "
        "evaluation, since they divide by the spread of each noisy example.",
        "definition",
        "How much it costs was not measured here.",
        verbs=("normdrop check",),
    ),
)

_ACTIVATION = (
    Verdict(
        "Does batch norm go before or after the activation? Does it depend on the activation?",
        "Before, on MNIST with dropout and max pooling behind it; else not decided, and that it "
        "depends on the activation is not shown either.",
        "measured",
        "Plain nets on 500 digits can show differences of 2 to 3 points, no smaller ones.",
        (
            Measured("ten-orders", 3, "higher"),
            Measured("bn-placement", 1, "open"),
            Measured("bn-placement", 2, "open"),
        ),
    ),
    Verdict(
        "Is batch norm after ReLU better, as single runs say?",
        "Not shown: single runs say so of one network and the opposite of another.",
        "published",
        "ImageNet at 128 pixels, one run each; nothing here can see 1.5 points.",
        (Measured("bn-placement", 1, "open"),),
        "ducha-aiki, caffenet-benchmark",
    ),
    Verdict(
        "Should it be the input of the next layer that is normalised?",
        "There is no shown gain: it is the same as the norm after the activation.",
        "opinion",
        "The IC layer of Chen et al. 2019 adds dropout behind the norm, which is another thing.",
        (Measured("bn-placement", 1, "open"),),
    ),
    Verdict(
        "Does γ = √2 at the start help before ReLU; does it disturb networks that mix sigmoid and "
        "ReLU?",
        "It keeps the mean square at 1 behind ReLU, and no gain in error or speed is shown.",
        "theorem",
        "The theorem is of the mean square, for a standard normal input; networks that mix sigmoid "
        "and ReLU, and dead units, were not tried.",
        (Measured("gamma-init", 1, "open"), Measured("gamma-init", 2, "open")),
    ),
)

_MOMENTS = (
    Verdict(
        "By how much does dropout change the standard deviation, and when the mean?",
        "The variance becomes (c² + v) / keep − c², so at mean 0 the deviation grows by 1 / √keep; "
        "the mean stays, until something non-linear follows.",
        "theorem",
        "Inverted dropout with independent masks.",
        verbs=("normdrop predict",),
        pages=("theory",),
    ),
    Verdict(
        "Does multiplying by √keep restore it; what of non-zero means and other distributions?",
        "At mean 0, exactly, whatever the distribution; with another mean it shrinks the mean and "
        "misleads the next norm, though less than plain dropout did.",
        "theorem",
        "In trained nets no gain in error is shown.",
        (
            Measured("rescale", 1, "lower"),
            Measured("rescale", 2, "lower"),
            Measured("rescale", 3, "open"),
        ),
    ),
    Verdict(
        "Max pooling is non-linear, average pooling is linear: what does that mean for dropout "
        "before or behind it?",
        "Before max pooling dropout moves the mean too, so it goes behind; before average pooling "
        "the mean stays and the noise is averaged away, so it goes before.",
        "theorem",
        "Windows of equally correlated normal values.",
        (
            Measured("pooling", 1, "higher"),
            Measured("pooling", 2, "lower"),
            Measured("pooling", 3, "none"),
        ),
        rules=("dropout-before-max-pool", "dropout-after-global-pool"),
    ),
    Verdict(
        "Does β = −3.5 make a sparse autoencoder with sigmoid units learn faster, and what are the "
        "side effects?",
        "Yes, some 20 epochs of 40 sooner to the goal, and with a little less unexplained in the "
        "end.",
        "measured",
        "One layer of 64 units on digits; dead units were not counted.",
        (Measured("sparse-autoencoder", 1, "lower"), Measured("sparse-autoencoder", 2, "lower")),
    ),
)

_PRACTICE = (
    Verdict(
        "Where is BatchNormalization called in Keras: once, at the start, per layer?",
        "Once for every place that is to be normalised, each a layer of its own.",
        "definition",
        "One layer called in two places mixes two statistics.",
        rules=("shared-norm",),
        pages=("keras-questions",),
    ),
    Verdict(
        "What does a layer do that is made and not added?",
        "Nothing.",
        "definition",
        "Unless its result is used.",
        rules=("layer-thrown-away", "never-called", "modules-in-plain-list"),
        verbs=("normdrop check",),
        pages=("keras-questions",),
    ),
    Verdict(
        "Does use_bias=False change anything before batch norm?",
        "Not the function: the norm subtracts the bias with the mean; it saves a parameter that "
        "nothing trains.",
        "theorem",
        "Where the norm follows directly, or behind max or unpadded average pooling.",
        rules=("bias-before-norm", "missing-bias"),
        verbs=("normdrop fix",),
        pages=("keras-questions",),
    ),
    Verdict(
        "Which axis?",
        "That of the channels, or features: −1 for channels last, 1 for channels first.",
        "definition",
        "Of Keras; torch always takes axis 1.",
        rules=("wrong-axis",),
        pages=("keras-questions",),
    ),
    Verdict(
        "How does one write the usual conv-bn-act block once?",
        'As a string: `Block("conv-bn-act-drop", 16)` builds it in torch and in Keras.',
        "definition",
        "For chains; residual blocks have a class of their own.",
        pages=("blocks",),
    ),
    Verdict(
        "Validation accuracy stands still since batch norm was added: why, and how does one know "
        "that it works?",
        "Most often the running statistics lag, were never updated, or the mode is wrong; that "
        "they fit is seen by measuring the shift, which is then 1.",
        "definition",
        "Small batches and few steps have the same look.",
        rules=(
            "momentum-convention",
            "initial-statistics",
            "validation-in-train-mode",
            "statistics-never-updated",
        ),
        verbs=("normdrop measure", "normdrop doctor"),
        pages=("keras-questions",),
    ),
    Verdict(
        "What are the steps that batch norm computes?",
        "Mean, biased variance, normalise, scale by γ and shift by β, and a running average of "
        "mean and variance for evaluation.",
        "definition",
        "torch stores the unbiased variance, Keras the biased one.",
        pages=("keras-questions",),
    ),
    Verdict(
        "Dropout 0.5 and batch norm in every layer of a small network on 14 columns, batch norm "
        "before softmax: sensible?",
        "No: a norm before softmax bounds the logits, dropout feeds the next norm, and 0.5 is much "
        "for a small network.",
        "opinion",
        "That so few columns bear little dropout is experience; the two rules are theorems.",
        (Measured("tabular", 6, "higher"),),
        rules=("norm-before-softmax", "noise-before-norm", "dropout-on-logits"),
        verbs=("normdrop check",),
    ),
    Verdict(
        "What happens when eval() is forgotten; when weights are loaded after it; with batches of "
        "one?",
        "Dropout stays on and outputs depend on the batch; loading changes weights, not modes; a "
        "batch of one normalises each map by itself, and of vectors it is an error.",
        "definition",
        "torch; Keras passes the mode with each call.",
        rules=("validation-in-train-mode", "one-value-per-channel", "train-mode-not-restored"),
        pages=("modes",),
    ),
    Verdict(
        "What do frozen norm layers need in fine-tuning?",
        "Eval mode as well as frozen weights: freezing γ and β does not stop the statistics.",
        "definition",
        "In Keras `trainable = False` does both.",
        rules=("frozen-norm-thawed",),
        pages=("keras-questions", "modes"),
    ),
    Verdict(
        "Monte Carlo dropout with batch norm: how?",
        "Dropout alone in train mode, the norms in eval mode; it is worth less than a second "
        "network.",
        "measured",
        "Rate 0.2, digits; of uncertainty nothing was measured.",
        (Measured("ensemble", 1, "open"), Measured("ensemble", 3, "higher")),
        rules=("monte-carlo-through-train", "monte-carlo-overruled"),
        pages=("modes",),
    ),
    Verdict(
        "Do averages of weights (SWA, EMA) need new statistics?",
        "Yes: the averaged weights have other activations than those whose statistics were stored.",
        "definition",
        "Re-estimate with dropout off.",
        rules=("averaged-without-statistics", "refreshed-with-dropout"),
        verbs=("normdrop recalibrate",),
    ),
)

_TRAINING = (
    Verdict(
        "Does batch norm permit higher learning rates without vanishing or exploding gradients?",
        "Published widely; not repeated here.",
        "published",
        "No sweep of learning rates was run.",
        sources="Ioffe and Szegedy 2015; Santurkar et al. 2018",
    ),
    Verdict(
        "Does it need fewer epochs; does it rescue a training that hangs?",
        "Fewer epochs, yes: about one of four less to the goal.",
        "measured",
        "A perceptron and a small convolutional net on digits; that it rescues is not measured, "
        "but deep sigmoid nets learn with it in 16 epochs and hardly without.",
        (Measured("cost", 4, "lower"),),
    ),
    Verdict(
        "What do batch norm and dropout cost in time and memory?",
        "A step takes some 16 % longer with batch norm and some 70 % with torch's dropout on a "
        "processor, a third of that with normdrop's; batch norm and "
        "normdrop's dropout keep one more copy of the activations each, torch's dropout two.",
        "measured",
        "Small networks on a processor; on a GPU the shares differ.",
        (
            Measured("cost", 1, "higher"),
            Measured("cost", 2, "higher"),
            Measured("cost", 3, "lower"),
        ),
        "Garbin et al. 2020: training time +86 % for batch norm, +17 % for dropout",
    ),
    Verdict(
        "At which batch size does batch norm turn unstable?",
        "Not shown down to batches of 1 on images of 8×8, where each map still has 64 values.",
        "measured",
        "Differences of 1.6 to 2.6 points could have been shown; maps of one position cannot be "
        "normalised at batch size 1 at all.",
        (Measured("small-batches", 1, "open"), Measured("small-batches", 3, "open")),
        "Wu and He 2018 on ImageNet: batches below 16",
        ("one-value-per-channel",),
    ),
    Verdict(
        "Can batch norm replace scaling the inputs?",
        "In front of the network nearly: better on one table, worse on the other; norms inside "
        "made up for raw inputs within what could be shown.",
        "measured",
        "Two tables, one learning rate.",
        (
            Measured("tabular", 1, "lower"),
            Measured("tabular", 4, "higher"),
            Measured("tabular", 2, "open"),
            Measured("tabular", 5, "open"),
        ),
    ),
    Verdict(
        "Does dropout break up conspiracies of weights; is it an ensemble?",
        "As an ensemble it is weak: averaging masks gains nothing that was shown, a second network "
        "gains a point.",
        "measured",
        "Rate 0.2 on digits; conspiracies were not measured.",
        (Measured("ensemble", 1, "open"), Measured("ensemble", 2, "lower")),
        "Srivastava et al. 2014",
    ),
    Verdict(
        "Does dropout lengthen training, and lose information?",
        "It lengthens it: about three epochs more to a goal that takes four without; what is "
        "dropped in one step is there in the next.",
        "measured",
        "Rate 0.5 in a perceptron, 0.2 in a convolutional net, on digits.",
        (Measured("cost", 5, "higher"),),
    ),
    Verdict(
        "Does batch norm after the activation make training more stable?",
        "Not shown, and on MNIST it costs test loss.",
        "measured",
        "Stability was not measured by itself.",
        (Measured("ten-orders", 3, "higher"),),
    ),
    Verdict(
        "Dropout early or late in training only?",
        "Published: early dropout helps networks that underfit, late dropout those that overfit.",
        "published",
        "Not repeated here.",
        sources="Liu et al., Dropout Reduces Underfitting, ICML 2023",
    ),
)

_RESIDUAL = (
    Verdict(
        "Where in a residual block does one dropout help, and where does it hurt?",
        "On the trunk it hurts; that it helps before the last weight is published, and too little "
        "to be shown here.",
        "published",
        "8×8 digits, 4 epochs: what helps long trainings costs short ones.",
        (Measured("residual-positions", 3, "higher"), Measured("residual-positions", 1, "open")),
        _KIM,
        ("residual-dropout-placement", "dropout-on-trunk"),
        ("normdrop fix",),
    ),
    Verdict(
        "Does the answer hold over depths, pre- and post-activation, bottlenecks, data sets?",
        "That the trunk is the worst place holds over the five networks; the best place is not "
        "decided for any.",
        "measured",
        "One data set, 8 to 14 layers.",
        (Measured("residual-positions", 3, "higher"), Measured("residual-positions", 4, "open")),
        _KIM,
    ),
    Verdict(
        "In the head: before or after global pooling; is the output more stable?",
        "Before it the pooled feature has less noise, by up to the number of positions; in error "
        "no difference is shown.",
        "theorem",
        "The source's gains, 0.1 to 0.4 points on ImageNet, are far below what this can show.",
        (Measured("head-positions", 1, "open"),),
        f"{_KIM}, section 5",
        ("dropout-after-global-pool",),
        pages=("theory",),
    ),
    Verdict(
        "One dropout or several in a branch?",
        "One: a second, behind the last weight, only adds noise.",
        "published",
        "Not repeated here.",
        sources=_KIM,
        rules=("two-dropouts-in-branch",),
    ),
)

VERDICTS: Mapping[str, tuple[Verdict, ...]] = {
    "Order and disharmony": _ORDER,
    "Before or after the activation": _ACTIVATION,
    "What dropout does to mean and deviation": _MOMENTS,
    "Keras and PyTorch practice": _PRACTICE,
    "Training": _TRAINING,
    "Residual networks and heads": _RESIDUAL,
}
"""All verdicts, by the heading under which they stand."""
