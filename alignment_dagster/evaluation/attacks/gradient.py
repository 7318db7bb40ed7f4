"""Which token, put at which place of a string, would raise the objective: to first order."""

from collections.abc import Sequence

import torch

from alignment_dagster.evaluation.attacks.conversation import Conversation
from alignment_dagster.evaluation.attacks.objective import BROKEN, AttackedModel, item_error
from alignment_dagster.evaluation.attacks.templates import Target
from alignment_dagster.evaluation.model.token_trees import Continuation

Pair = tuple[Target, Conversation]
Place = tuple[int, int]
"""Where the string begins, and how many tokens it has."""


def token_gradients(
    subject: AttackedModel, pairs: Sequence[Pair], places: Sequence[Place], allowed: Sequence[int]
) -> list[torch.Tensor]:
    """For each conversation the gradient [string, allowed] of its objective (nats per token).

    An entry is the derivative with respect to the one-hot encoding of an allowed token at a place
    of the string. Rows times the longest stay within the token budget, or a batch is one item.

    Raises:
        DataError: names the item whose gradient is not finite.
    """
    rows = subject.renderer.continuations(
        [conversation for _, conversation in pairs], [target.answers for target, _ in pairs]
    )
    table = subject.model.get_input_embeddings().weight.detach()[list(allowed)]
    found: list[torch.Tensor] = []
    for begin, end in _batch_bounds(rows, subject.batch_tokens):
        part = slice(begin, end)
        wanted = [target.wanted for target, _ in pairs[part]]
        gradients = _embedding_gradients(subject, rows[part], wanted, places[part])
        found += [(gradient @ table.T).cpu() for gradient in gradients]
    for (target, _), gradient in zip(pairs, found, strict=True):
        if not bool(torch.isfinite(gradient).all()):
            raise item_error(target, f"the gradient is not finite: {BROKEN}")
    return found


def objective(
    subject: AttackedModel,
    row: Sequence[Continuation],
    wanted: int,
    place: Place,
    change: torch.Tensor,
) -> torch.Tensor:
    """The objective of one item with `change` [string, width] added to its string's embeddings."""
    return _objectives(subject, [row], [wanted], [place], [change])[0]


def _embedding_gradients(
    subject: AttackedModel,
    rows: Sequence[Sequence[Continuation]],
    wanted: Sequence[int],
    places: Sequence[Place],
) -> tuple[torch.Tensor, ...]:
    """The gradients with respect to the embeddings of the strings, each [string, width]."""
    table = subject.model.get_input_embeddings().weight
    changes = [
        torch.zeros(size, table.shape[1], dtype=table.dtype, device=table.device).requires_grad_()
        for _, size in places
    ]
    with torch.enable_grad():
        total = torch.stack(_objectives(subject, rows, wanted, places, changes)).sum()
        return torch.autograd.grad(total, changes)


def _objectives(
    subject: AttackedModel,
    rows: Sequence[Sequence[Continuation]],
    wanted: Sequence[int],
    places: Sequence[Place],
    changes: Sequence[torch.Tensor],
) -> list[torch.Tensor]:
    """Mean log-probability per token of the wanted answer minus the best other, for each item."""
    model = subject.model
    flat = [(owner, one) for owner, row in enumerate(rows) for one in row]
    width = max(one.inputs for _, one in flat)
    ids = torch.zeros((len(flat), width), dtype=torch.long)
    for number, (_, one) in enumerate(flat):
        ids[number, : one.inputs] = torch.tensor(one.tokens[:-1])
    embedded = model.get_input_embeddings()(ids.to(model.device)).detach()
    added = torch.stack(
        [
            torch.nn.functional.pad(changes[owner], (0, 0, begin, width - begin - size))
            for owner, _ in flat
            for begin, size in [places[owner]]
        ]
    )
    # Rows are padded on the right only, where nothing that is scored looks.
    hidden = model.base_model(inputs_embeds=embedded + added, use_cache=False).last_hidden_state
    means = iter(
        _mean_log_probability(model, hidden[number, one.start - 1 : one.inputs], one)
        for number, (_, one) in enumerate(flat)
    )
    objectives = []
    for row, index in zip(rows, wanted, strict=True):
        values = [next(means) for _ in row]
        own = values.pop(index)
        objectives.append(own - torch.stack(values).max() if values else own)
    return objectives


def _mean_log_probability(
    model: torch.nn.Module, hidden: torch.Tensor, one: Continuation
) -> torch.Tensor:
    """Mean log-probability of the scored tokens, from the states [scored, width] before them."""
    logits = model.get_output_embeddings()(hidden)  # type: ignore[operator]
    targets = torch.tensor(one.tokens[one.start :], device=logits.device)
    scores: torch.Tensor = torch.log_softmax(logits, dim=-1).gather(-1, targets.unsqueeze(-1))
    return scores.mean()


def _batch_bounds(
    rows: Sequence[Sequence[Continuation]], batch_tokens: int
) -> list[tuple[int, int]]:
    """Consecutive items together, as bounds."""
    bounds: list[tuple[int, int]] = []
    begin = 0
    for end in range(1, len(rows) + 1):
        flat = [one.inputs for row in rows[begin : end + 1] for one in row]
        if end == len(rows) or len(flat) * max(flat) > batch_tokens:
            bounds.append((begin, end))
            begin = end
    return bounds
