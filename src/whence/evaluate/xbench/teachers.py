"""Teachers: who writes the reference explanations of a benchmark."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from whence.core.errors import OptionError, unknown_name
from whence.evaluate.xbench.answer import Answerer, pictures_of
from whence.evaluate.xbench.files import Benchmark
from whence.evaluate.xbench.types import ReferenceExplanation, Sentence
from whence.explain.match import MatchExplanation

TEACHERS = ("templates", "openai")
"""``templates`` says the matcher's claims by catalogues; ``openai`` asks the endpoint of the environment."""


def teach(
    benchmark: Benchmark,
    answerer: Answerer,
    teachers: Sequence[str] = ("templates",),
    report: Callable[[int, int], None] | None = None,
) -> Iterator[ReferenceExplanation]:
    """Explain every item, by each teacher in each language of the answerer.

    A teacher speaks from the matcher's claims. Where the matcher is wrong about an item, its explanation would be too:
    such items are left to people, and have no reference explanation until the review.

    Args:
        benchmark: whose items are explained.
        answerer: whose matches and claims are told.
        teachers: of `TEACHERS`.
        report: called with the number of items done and of all.

    Raises:
        OptionError: an unknown teacher, or an endpoint is asked for and none is configured.
        EndpointError: it does not answer.
    """
    for name in teachers:
        if name not in TEACHERS:
            raise unknown_name("teacher", name, TEACHERS)
    narrate = _endpoint() if "openai" in teachers else None
    for number, item in enumerate(benchmark.items, 1):
        query, reference = pictures_of(benchmark.folder, item)
        match = answerer.match(query, reference, item.query.gsd_m_per_px)
        if match.accepted == item.match:
            said = answerer.explain(match)
            for language in answerer.languages:
                if "templates" in teachers:
                    told = tuple(Sentence(s.text, s.claims) for s in said.words[language])
                    yield ReferenceExplanation(item.name, "templates", language, told)
                if narrate is not None:
                    model, told = narrate(said, language)
                    yield ReferenceExplanation(item.name, f"openai {model}", language, told)
        if report is not None:
            report(number, len(benchmark.items))


def _endpoint() -> Callable[[MatchExplanation, str], tuple[str, tuple[Sentence, ...]]]:
    """The endpoint of the environment; sentences that the claims do not carry are left out."""
    from whence.explain.match.lmm import URL_VARIABLE, endpoint_from_environment, narrate

    endpoint = endpoint_from_environment()
    if endpoint is None:
        raise OptionError(
            f"The teacher openai needs an endpoint: set {URL_VARIABLE}. Both pictures of every item are sent there; "
            "the teacher templates sends nothing."
        )

    def ask(said: MatchExplanation, language: str) -> tuple[str, tuple[Sentence, ...]]:
        found = narrate(said, endpoint, language)
        return found.model, tuple(Sentence(s.text, s.claims) for s in found.sentences if s.supported)

    return ask
