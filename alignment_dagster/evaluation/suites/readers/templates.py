"""Templates of published tasks, rendered as lm-evaluation-harness renders them, in a sandbox.

The rows are variables, never a part of the template, so their text is not evaluated. The sandbox
bounds what a template reaches, and not what it costs: it is rendered in a process of its own.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PROGRAM = Path(__file__).with_name("template_process.py")


class TemplateFault(ValueError):
    """A template that cannot be rendered with a row; the message says why."""


class TemplateCost(ValueError):
    """A template that takes more time or memory than any may; the message says which."""


class _Process:
    """The one process in which this one renders; it ends with it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: tuple[int, subprocess.Popen[bytes]] | None = None

    def ask(self, request: bytes) -> bytes:
        """The answer to a request; empty where the process ended over it."""
        with self._lock:
            process = self._start()
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                process.stdin.write(request)
                process.stdin.flush()
                answer = process.stdout.readline()
            except BrokenPipeError:
                answer = b""
            if not answer.endswith(b"\n"):
                self._end(process)
                return b""
            return answer

    def _start(self) -> "subprocess.Popen[bytes]":
        """The one that runs; another one after a fork, which shares its pipes."""
        if self._running is None or self._running[0] != os.getpid():
            process = subprocess.Popen(
                [sys.executable, "-I", str(PROGRAM)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            self._running = (os.getpid(), process)
        return self._running[1]

    def _end(self, process: "subprocess.Popen[bytes]") -> None:
        self._running = None
        process.kill()
        process.communicate()


_process = _Process()


def render(template: str, fields: Mapping[str, Any]) -> str:
    """A template filled with a row's fields.

    Raises:
        TemplateFault: for bad syntax, for a field that the row lacks, and for whatever the sandbox
            forbids.
        TemplateCost: if it takes more time or memory than any may.
    """
    answer = _process.ask(json.dumps([template, dict(fields)]).encode() + b"\n")
    if not answer:
        raise TemplateCost("the template takes more time or memory than any may")
    told: dict[str, str] = json.loads(answer)
    if "cost" in told:
        raise TemplateCost(f"the template {told['cost']}")
    if "fault" in told:
        raise TemplateFault(f"the template cannot be rendered: {told['fault']}")
    return told["text"]
