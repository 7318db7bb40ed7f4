"""The home folder, its lake and MLflow's tracker, as Dagster's resources."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import dagster as dg
from pydantic import Field

from alignment_dagster.foundation.home import Home
from alignment_dagster.foundation.placement import Placement, choose_placement
from alignment_dagster.graph.stores import Stores
from alignment_dagster.lineage.lake import Lake
from alignment_dagster.study import Study


class HomeResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The folder that holds everything computed: the lake and the databases."""

    def open(self) -> Home:
        """Where the environment says, for runs and sensors alike."""
        return Home.from_environment()


class LakeResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The lake of content-addressed artifacts."""

    home: dg.ResourceDependency[HomeResource]

    def open(self) -> Lake:
        return Lake(self.home.open().lake)


class TrackerResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """MLflow, where every artifact has its run."""

    home: dg.ResourceDependency[HomeResource]

    def stores(self, lake: LakeResource, study: Study) -> Stores:
        """Everything that a build of the study reads from and publishes to."""
        from alignment_dagster.lineage.mlflow_runs import Tracker  # MLflow takes seconds to import

        home = self.home.open()
        return Stores(home, lake.open(), Tracker.introduced(home, study))


class PlacementResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Where a run's heavy jobs run; what is not said here says the home's `placement.yaml`.

    It changes no artifact's inputs.
    """

    device: str = Field(default="", description="auto, cpu, cuda or mps.")
    determinism: str = Field(default="", description="exact or fast.")

    def choose(self, home: Home) -> Placement:
        """This run's placement.

        Raises:
            DeclarationError: if the home's file is wrong.
            AlignmentError: if the run's configuration names what is none.
        """
        return choose_placement(home, device=self.device, determinism=self.determinism)


KEYS = {"lake", "tracker", "placement"}
"""What an asset asks for."""


def stores(context: dg.AssetExecutionContext, study: Study) -> Stores:
    """From the resources of a run."""
    tracker: TrackerResource = context.resources.tracker
    return tracker.stores(context.resources.lake, study)


@cache
def resources() -> Mapping[str, Any]:
    """By the keys that assets ask for; the same ones for all studies of a code location.

    Dagster merges definitions of two components only where a key has one resource.
    """
    home = HomeResource()
    return {
        "home": home,
        "lake": LakeResource(home=home),
        "tracker": TrackerResource(home=home),
        "placement": PlacementResource(),
    }
