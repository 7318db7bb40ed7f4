"""A study in a Dagster project of somebody else: `alignment_dagster.StudyComponent`."""

from dataclasses import dataclass
from pathlib import Path

import dagster as dg
from dagster.components.component_scaffolding import scaffold_component

from alignment_dagster.definitions import definitions_of
from alignment_dagster.foundation.home import assets_folder, enter_project, find_project
from alignment_dagster.preflight.studies import load_study
from alignment_dagster.scaffold import write_declarations


class StudyScaffolder(dg.Scaffolder):
    """Writes `defs.yaml` and, where the project does not declare it yet, a study that runs."""

    def scaffold(self, request: dg.ScaffoldRequest) -> None:
        """Declare a study with the name that the component is given."""
        study = request.target_path.name
        project = find_project(request.target_path) or request.project_root or Path.cwd()
        write_declarations(project / "assets", study)
        scaffold_component(request, {"study": study})


@dg.scaffold_with(StudyScaffolder)
@dataclass
class StudyComponent(dg.Component, dg.Resolvable):
    """All assets, checks, jobs, schedules and sensors of one study.

    The study is declared in `assets/studies/` at or above the folder of its `defs.yaml`; all
    studies of a code location lie in one such project. A run happens in one process, so the
    component brings the in-process executor: a project that declares another one gives studies a
    code location of their own.
    """

    study: str
    """The name of a file in `assets/studies/`, without its ending."""

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """What Dagster knows of the study.

        Raises:
            AlignmentError: if there is no project, or the study is not declared well.
        """
        enter_project(context.path)
        return definitions_of([load_study(self.study, assets_folder())])
