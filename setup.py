"""A wheel holds, inside the package, what a checkout keeps in sight at its top.

Everything else about the package is declared in `pyproject.toml`. An editable installation reads
the checkout's own files (`alignment_dagster/foundation/shipped.py` finds either).
"""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

SHIPPED = (
    "dagster.yaml",
    "workspace.yaml",
    "docs/glossary.md",
    "assets/classifiers/*.yaml",
    "assets/lexicons/**/*.txt",
    "assets/prompts/**/*.yaml",
    "assets/recipes/*.yaml",
    "assets/scenarios/*.yaml",
    "assets/schemas/*.json",
    "assets/sources/*.yaml",
    "assets/specifications/*.yaml",
    "assets/suites/**/*.yaml",
    "assets/suites/items/*.jsonl",
    "dbt_project/*.yml",
    "dbt_project/macros/**/*.sql",
    "dbt_project/models/**/*.sql",
    "dbt_project/models/**/*.yml",
    "dbt_project/tests/**/*.sql",
)


class BuildWithShippedFiles(build_py):
    """Copies them beside the modules; an editable build has nothing to copy."""

    def run(self) -> None:
        """Build the modules, then copy."""
        super().run()
        if self.editable_mode:
            return
        for pattern in SHIPPED:
            for source in sorted(Path().glob(pattern)):
                target = Path(self.build_lib, "alignment_dagster", "shipped", source)
                self.mkpath(str(target.parent))
                self.copy_file(str(source), str(target))


setup(cmdclass={"build_py": BuildWithShippedFiles})
