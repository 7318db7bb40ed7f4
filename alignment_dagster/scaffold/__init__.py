"""New projects, and the declarations of a first study in them."""

from alignment_dagster.scaffold.declarations import FIRST_STUDY, write_declarations, write_new
from alignment_dagster.scaffold.project import create_project

__all__ = ["FIRST_STUDY", "create_project", "write_declarations", "write_new"]
