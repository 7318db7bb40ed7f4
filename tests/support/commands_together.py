"""Commands of another copy or project, one after the other.

Each is a process of its own. Only imports and dbt, which take seconds, are shared.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from drills import warm
from tests.support.checkout import CHECKOUT

PROGRAM = """
import importlib, json, os, sys
from pathlib import Path
folder, socket, modules, name, commands = map(json.loads, sys.argv[1:])
imported = [importlib.import_module(module) for module in modules]
sys.path.append(CHECKOUT)
from drills.warm import dbt
codes = []
for number, arguments in enumerate(commands):
    child = os.fork()
    if child == 0:
        dbt.use(lambda: Path(socket))
        for output in (1, 2):
            to = os.open(f"{folder}/{number}.{output}", os.O_WRONLY | os.O_CREAT)
            os.dup2(to, output)
        sys.argv = [name, *arguments]
        sys.exit(imported[0].main())
    codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
print(json.dumps(codes))
""".replace("CHECKOUT", repr(str(CHECKOUT)))


def run_together(
    modules: Sequence[str],
    name: str,
    *commands: Sequence[str],
    cwd: Path,
    environment: Mapping[str, str],
) -> list["subprocess.CompletedProcess[str]"]:
    """What came of each command.

    Args:
        modules: what is imported before; `main` of the first is the command.
        name: what the command is called.
        commands: the arguments of each.
    """
    with tempfile.TemporaryDirectory() as folder:
        told = (folder, str(warm.shared().dbt_socket), modules, name, commands)
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, *map(json.dumps, told)],
            cwd=cwd,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        said = [
            [Path(folder, f"{number}.{output}").read_text(encoding="utf-8") for output in (1, 2)]
            for number in range(len(commands))
        ]
    results = zip(commands, json.loads(done.stdout), said, strict=True)
    return [
        subprocess.CompletedProcess([name, *arguments], code, *texts)
        for arguments, code, texts in results
    ]
