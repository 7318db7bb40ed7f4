"""Alterations of the study's journal."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from alignment_dagster.lineage.journal_lines import START, Entry, read_line, sign
from alignment_dagster.lineage.lake import label
from alignment_dagster.lineage.signing import Signer
from drills.tamper.cell import Cell, Names, named
from drills.tamper.place import Place

GROUP = "journal"


def entries(place: Place) -> list[Entry]:
    """The journal's lines: the study that is altered has no remarks."""
    lines = [read_line(line) for line in place.journal.read_text().split("\n")[:-1]]
    return [line for line in lines if isinstance(line, Entry)]


def write_entries(
    place: Place, lines: list[Entry], *, chained: bool = False, signer: Signer | None = None
) -> None:
    """The lines as they are, or numbered and chained anew, and signed by whoever has a key."""
    written: list[Entry] = []
    for line in lines:
        if chained:
            previous = written[-1].link if written else START
            line = replace(line, number=len(written) + 1, previous=previous)
        if signer is not None:
            line = sign(line, place.study, signer)
        written.append(line)
    text = "".join(line.text + "\n" for line in written)
    place.journal.write_text(text, encoding="utf-8")


def _at(number: int, entry: Entry) -> Names:
    """The line, the one after it (whose link it breaks), or the artifact of the line."""
    name = label(entry.asset, entry.partition, entry.version)
    return (
        (f"journal.jsonl line {number}",),
        (f"journal.jsonl line {number + 1}",),
        (name, "journal"),
    )


def _edit_line(chained: bool, place: Place) -> Names:
    lines = entries(place)
    at = len(lines) // 2
    lines[at] = replace(lines[at], digest="0" * 64)
    write_entries(place, lines, chained=chained)
    return _at(at + 1, lines[at])


def _remove_line(back: int, chained: bool, place: Place) -> Names:
    lines = entries(place)
    at = len(lines) - back
    removed = lines.pop(at)
    write_entries(place, lines, chained=chained)
    return _at(at + 1, removed)


def _swap_lines(chained: bool, place: Place) -> Names:
    lines = entries(place)
    at = len(lines) // 2
    lines[at], lines[at + 1] = lines[at + 1], lines[at]
    write_entries(place, lines, chained=chained)
    return (*_at(at + 1, lines[at]), *_at(at + 2, lines[at + 1]))


def _swap_versions(place: Place) -> Names:
    """An older version of a partition becomes the current one."""
    lines = entries(place)
    places = [number for number, line in enumerate(lines) if line.asset == "eval_report"]
    if len(places) < 2:
        raise LookupError("the report was made only once")
    one, other = places[-2:]
    lines[one], lines[other] = lines[other], lines[one]
    write_entries(place, lines, chained=True)
    return (*_at(one + 1, lines[one]), *_at(other + 1, lines[other]), ("eval_report",))


def _cut_journal(place: Place) -> Names:
    text = place.journal.read_text()
    last = entries(place)[-1]
    place.journal.write_text(text[:-10])
    return _at(len(text.splitlines()), last)


def _no_journal(place: Place) -> Names:
    place.journal.unlink()
    return named("journal.jsonl")


def _add_line(place: Place) -> Names:
    """The first artifact becomes current once more, in the run of the last line."""
    lines = entries(place)
    run = lines[-1].dagster_run_id
    lines.append(replace(lines[0], dagster_run_id=run, reused=True))
    write_entries(place, lines, chained=True)
    first = lines[0]
    name = label(first.asset, first.partition, first.version)
    return (*_at(len(lines), first), (name, run))


def _swap_signature(place: Place) -> Names:
    """The signature of another line, in a chain that is written anew behind it."""
    lines = entries(place)
    at = len(lines) // 2
    lines[at] = replace(lines[at], signature=lines[at - 1].signature)
    write_entries(place, lines, chained=True)
    return _at(at + 1, lines[at])


def _no_signatures(place: Place) -> Names:
    """As a journal from before lines were signed, with an older artifact current again."""
    lines = [replace(line, signed_by="", signature="") for line in entries(place)]
    write_entries(place, [*lines, replace(lines[0], reused=True)], chained=True)
    return named(f"journal.jsonl line {len(lines) + 1}", "is not signed")


def cells() -> Iterator[Cell]:
    """Of single lines, of two, and of the whole file."""
    of = "journal.jsonl"
    for chained, how in ((False, ""), (True, ", chain written anew")):
        yield Cell(GROUP, f"line edited{how}", of, partial(_edit_line, chained))
        yield Cell(GROUP, f"line removed{how}", of, partial(_remove_line, 8, chained))
        yield Cell(GROUP, f"two lines swapped{how}", of, partial(_swap_lines, chained))
    mutation = "two versions of a report swapped, chain written anew"
    yield Cell(GROUP, mutation, of, _swap_versions, always=False)
    yield Cell(GROUP, "last line removed", of, partial(_remove_line, 1, False))
    yield Cell(GROUP, "last line cut short", of, _cut_journal)
    yield Cell(GROUP, "line added, chain written anew", of, _add_line)
    yield Cell(GROUP, "journal removed", of, _no_journal)
    yield Cell(GROUP, "signature of another line, chain written anew", of, _swap_signature)
    yield Cell(GROUP, "all signatures taken out, chain written anew", of, _no_signatures)
