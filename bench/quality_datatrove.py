"""datatrove's side of `quality.py`: its filters' decisions, with the words split as there."""

import json
import sys
import time
from multiprocessing import Pool

import regex
from datatrove.data import Document
from datatrove.pipeline.filters import (
    c4_filters,
    fineweb_quality_filter,
    gopher_quality_filter,
    gopher_repetition_filter,
)

FILTERS = {
    "gopher_quality": gopher_quality_filter.GopherQualityFilter,
    "gopher_repetition": gopher_repetition_filter.GopherRepetitionFilter,
    "c4": c4_filters.C4QualityFilter,
    "fineweb": fineweb_quality_filter.FineWebQualityFilter,
}
CHUNK = 64


def prepare(sentence_break: str) -> None:
    """Split words and sentences as the other side does."""
    found = regex.compile(sentence_break)
    for module in (gopher_quality_filter, gopher_repetition_filter, fineweb_quality_filter):
        module.split_into_words = lambda text, _language: text.split()
    c4_filters.split_into_sentences = lambda line, _language: found.split(line)
    global filters
    filters = {name: make() for name, make in FILTERS.items()}


def decide(texts: list[str]) -> tuple[dict[str, list[bool]], float]:
    """Filter → whether each text is dropped, and the processor's seconds."""
    start = time.process_time()
    dropped = {name: [] for name in filters}
    for text in texts:
        for name, one in filters.items():
            dropped[name].append(one.filter(Document(text=text, id="")) is not True)
    return dropped, time.process_time() - start


def main() -> None:
    """Answer on the last line of the output, as JSON."""
    with open(sys.argv[1], encoding="utf-8") as file:
        job = json.load(file)
    texts = job["texts"]
    with Pool(job["workers"], prepare, (job["break"],)) as pool:
        pool.map(decide, [["a"]] * job["workers"], chunksize=1)
        start = time.perf_counter()
        parts = [texts[place : place + CHUNK] for place in range(0, len(texts), CHUNK)]
        found = pool.map(decide, parts, chunksize=1)
        seconds = time.perf_counter() - start
    dropped = {name: [one for part, _ in found for one in part[name]] for name in FILTERS}
    spent = sum(cpu for _, cpu in found)
    print(json.dumps({"dropped": dropped, "seconds": seconds, "processor_seconds": spent}))


if __name__ == "__main__":
    main()
