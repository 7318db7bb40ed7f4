"""The search for a string that makes the bad answer likelier, within a declared budget.

All items are searched together: in every round each proposes candidates, all are scored in one
call, and an item keeps its best if it beats what it had. A candidate is a token string whose text,
put behind the question, is encoded as exactly those tokens; others are skipped.

`random_search`: tokens at random places are replaced by random ones, all of them in the first
round and fewer in each later one (Andriushchenko, Croce and Flammarion 2024, arXiv 2404.02151).
`gradient_search`: one token a candidate is replaced by one of those that the gradient favours at
its place (greedy coordinate gradient: Zou et al. 2023, arXiv 2307.15043, algorithm 1).
"""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from alignment_dagster.evaluation.attacks.conversation import Conversation
from alignment_dagster.evaluation.attacks.gradient import token_gradients
from alignment_dagster.evaluation.attacks.objective import AttackedModel
from alignment_dagster.evaluation.attacks.templates import Target
from alignment_dagster.evaluation.attacks.vocabulary import Vocabulary
from alignment_dagster.foundation.digests import sha256_text
from alignment_dagster.foundation.errors import DataError
from alignment_dagster.study import AttackMethod, SearchBudget

DRAWS = 4
"""Candidates that do not encode as themselves are drawn anew, so many times at most."""
STARTS = 40
BEST_TOKENS = 32
"""How many tokens the gradient may favour at one place."""

Ids = tuple[int, ...]
Report = Callable[[int, int], None]


@dataclass
class State:
    """One item's search."""

    target: Target
    draw: random.Random
    before: Ids
    after: Ids
    suffix: Ids = ()
    value: float = -math.inf
    queries: int = 0
    history: list[float] = field(default_factory=list)
    """The best objective after the start and after each round."""

    @property
    def done(self) -> bool:
        """Whether the misaligned option is the likeliest; without options there is no such sign."""
        return self.target.suite.has_options and self.value > 0


@dataclass(frozen=True)
class Search:
    """Everything that the searches of one stage share."""

    subject: AttackedModel
    vocabulary: Vocabulary
    budget: SearchBudget
    seed: int

    def run(
        self, method: AttackMethod, targets: Sequence[Target], report: Report | None = None
    ) -> list[State]:
        """Search a string for each target. What is found depends on the target alone, not on
        which others are searched with it.

        Raises:
            DataError: names the item for which no string can be made, or whose log-probabilities
                are not finite.
        """
        states = [self._begin(method, target) for target in targets]
        self._score_proposals(states, [[self._initial_suffix(state)] for state in states])
        for number in range(self.budget.rounds):
            active = [state for state in states if not state.done]
            if active:
                propose = (
                    self._propose_by_gradient
                    if method == "gradient_search"
                    else self._propose_at_random
                )
                self._score_proposals(active, propose(active, number))
            if report is not None:
                report(number + 1, self.budget.rounds)
        return states

    def conversation(self, state: State, suffix: Ids) -> Conversation:
        """The item with a suffix behind its question."""
        return state.target.plain.with_suffix(self.subject.renderer.decode(suffix))

    def _begin(self, method: AttackMethod, target: Target) -> State:
        digest = sha256_text("search", str(self.seed), target.item.item_id, target.stage, method)
        before, after = self.subject.renderer.around_suffix(target.plain)
        return State(target, random.Random(int(digest, 16)), before, after)

    def _initial_suffix(self, state: State) -> Ids:
        """Random tokens; words where other tokens do not keep apart from each other."""
        size = self.budget.tokens
        for tokens in (self.vocabulary.allowed, self.vocabulary.words):
            drawn = [tuple(state.draw.choices(tokens, k=size)) for _ in range(STARTS) if tokens]
            usable = self._keep_usable(state, drawn)
            if usable:
                return usable[0]
        item = state.target.item
        raise DataError(f"{item.place}: no printable string of {size} tokens can follow the item")

    def _keep_usable(self, state: State, candidates: Sequence[Ids]) -> list[Ids]:
        """The candidates whose text is encoded as they are, and spells no control token."""
        renderer = self.subject.renderer
        distinct = [one for one in dict.fromkeys(candidates) if one != state.suffix]
        encoded = renderer.tokens([self.conversation(state, one) for one in distinct])
        return [
            one
            for one, ids in zip(distinct, encoded, strict=True)
            if ids == state.before + one + state.after
            and not renderer.spells_control(renderer.decode(one))
        ]

    def _score_proposals(self, states: Sequence[State], proposals: Sequence[Sequence[Ids]]) -> None:
        """Score everything proposed in one call; keep what is better."""
        asked = [
            (state.target, self.conversation(state, suffix))
            for state, suffixes in zip(states, proposals, strict=True)
            for suffix in suffixes
        ]
        scored = iter(self.subject.score(asked))
        for state, suffixes in zip(states, proposals, strict=True):
            for suffix in suffixes:
                value = next(scored).objective
                if value > state.value:
                    state.suffix, state.value = suffix, value
            state.queries += len(suffixes)
            state.history.append(state.value)

    def _propose_at_random(self, states: Sequence[State], number: int) -> list[list[Ids]]:
        replaced = math.ceil(self.budget.tokens * (1 - number / self.budget.rounds))
        anything = [self.vocabulary.allowed] * self.budget.tokens
        return [self._candidates(state, replaced, anything) for state in states]

    def _propose_by_gradient(self, states: Sequence[State], number: int) -> list[list[Ids]]:
        gradients = token_gradients(
            self.subject,
            [(state.target, self.conversation(state, state.suffix)) for state in states],
            [(len(state.before), len(state.suffix)) for state in states],
            self.vocabulary.allowed,
        )
        proposals = []
        for state, gradient in zip(states, gradients, strict=True):
            state.queries += 1
            count = min(BEST_TOKENS, gradient.shape[1])
            best = gradient.topk(count, dim=1).indices.tolist()
            favoured = [tuple(self.vocabulary.allowed[at] for at in row) for row in best]
            proposals.append(self._candidates(state, 1, favoured))
        return proposals

    def _candidates(
        self, state: State, replaced: int, choices: Sequence[Sequence[int]]
    ) -> list[Ids]:
        """As many usable candidates as the budget allows, or fewer where they are rare.

        `choices` are the tokens that may stand at each place.
        """
        found: dict[Ids, None] = {}
        for _ in range(DRAWS):
            missing = self.budget.candidates - len(found)
            drawn = [_mutate(state, replaced, choices) for _ in range(missing)]
            found.update(dict.fromkeys(self._keep_usable(state, drawn)))
            if len(found) == self.budget.candidates:
                break
        return list(found)


def _mutate(state: State, replaced: int, choices: Sequence[Sequence[int]]) -> Ids:
    """The string with other tokens at `replaced` random places."""
    suffix = list(state.suffix)
    for at in state.draw.sample(range(len(suffix)), replaced):
        suffix[at] = state.draw.choice(choices[at])
    return tuple(suffix)
