"""How far a source's documents are written."""

from dataclasses import dataclass

from alignment_dagster.language_models.cost import Cost


@dataclass(frozen=True)
class Progress:
    """Counts of requests of one call."""

    total: int | None
    """None where the plan's length is not known."""
    stored: int
    """Answered before, or equal to another one."""
    answered: int
    given_up: int
    in_flight: int
    spent: Cost
    """Of the source in all, with what is reserved."""
    seconds: float
    """Since the first request was sent."""

    @property
    def done(self) -> int:
        """With an end, however it came."""
        return self.stored + self.answered + self.given_up

    @property
    def per_second(self) -> float:
        """Answers that came, without the stored ones."""
        return self.answered / self.seconds if self.seconds else 0.0

    @property
    def seconds_left(self) -> float | None:
        """At the rate until now; None where it is not known."""
        ended = self.answered + self.given_up
        if self.total is None or not ended:
            return None
        return (self.total - self.done) * self.seconds / ended
