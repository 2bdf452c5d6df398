"""Runs and models in MLflow; the only module that imports it.

A tracking store is a folder: ``mlflow.db`` (SQLite) and ``artifacts``. Show it with
``mlflow ui --backend-store-uri sqlite:///FOLDER/mlflow.db``.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

# Nothing about a school's runs leaves the machine: MLflow reads this once, when it is imported.
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"

import mlflow
import mlflow.pyfunc
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from segue.engine.recommender import Recommender

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MODEL = "segue-recommender"
CHAMPION, CHALLENGER = "champion", "challenger"
HOW = {
    CHALLENGER: "`segue experiment challenger` registers one",
    CHAMPION: "`segue experiment gate --promote` makes the challenger one",
}


@dataclass(frozen=True)
class Run:
    """One run to record.

    `metrics` may hold ``name``, ``name_low`` and ``name_high`` of an interval. Nothing here may name a
    learner.
    """

    name: str
    parameters: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    figures: Mapping[str, Figure] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    model: Recommender | None = None


class Tracker:
    """A tracking store and model registry in `folder` (created when missing)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        if strange := sorted(set("%?#") & set(str(self.folder))):
            raise ValueError(
                f"a tracking store's address cannot hold {' '.join(strange)}: choose another than {folder}"
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        self.uri = f"sqlite:///{self.folder / 'mlflow.db'}"
        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.WARNING)
        self._client = MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)

    @classmethod
    def existing(cls, folder: Path) -> Tracker:
        """Return the store of a folder that has one: to look for something makes none.

        Raises
        ------
        ValueError
            If there is none.
        """
        if not (folder / "mlflow.db").is_file():
            raise ValueError(f"{folder} is no tracking store: `segue experiment challenger` makes one")
        return cls(folder)

    def record(self, experiment: str, run: Run) -> str:
        """Write one run into `experiment` and return its run id; a failure marks the run as failed."""
        run_id: str = self._client.create_run(self._experiment(experiment), run_name=run.name).info.run_id
        try:
            self._write(run_id, run)
        except Exception:
            self._client.set_terminated(run_id, status="FAILED")
            raise
        self._client.set_terminated(run_id)
        return run_id

    def _write(self, run_id: str, run: Run) -> None:
        for name, parameter in run.parameters.items():
            self._client.log_param(run_id, name, parameter)
        for name, value in run.metrics.items():
            self._client.log_metric(run_id, name, float(value))
        for name, figure in run.figures.items():
            self._client.log_figure(run_id, figure, name)
        for name, text in run.texts.items():
            self._client.log_text(run_id, text, name)
        if run.model is not None:
            self._log_model(run_id, run.model)

    def _log_model(self, run_id: str, model: Recommender) -> None:
        """Store the recommender as a pyfunc that is loaded by our own code, without pickle."""
        with tempfile.TemporaryDirectory() as scratch:
            folder, packed = Path(scratch) / "recommender", Path(scratch) / "model"
            model.save(folder)
            mlflow.pyfunc.save_model(
                path=packed,
                loader_module="segue.experiments.tracking.mlflow_pyfunc",
                data_path=str(folder),
                pip_requirements=["segue"],
            )
            self._client.log_artifacts(run_id, str(packed), "model")

    def _experiment(self, name: str) -> str:
        found = self._client.get_experiment_by_name(name)
        if found is not None:
            return str(found.experiment_id)
        artifacts = (self.folder / "artifacts").as_uri()
        return str(self._client.create_experiment(name, artifact_location=artifacts))

    def register(self, run_id: str, alias: str = CHALLENGER) -> str:
        """Make the run's model a version of the registry under `alias`; return the version."""
        try:
            self._client.create_registered_model(MODEL)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        source = f"{self._client.get_run(run_id).info.artifact_uri}/model"
        version = self._client.create_model_version(MODEL, source, run_id=run_id).version
        self.alias(str(version), alias)
        return str(version)

    def alias(self, version: str, alias: str) -> None:
        """Point `alias` at `version`."""
        self._client.set_registered_model_alias(MODEL, alias, version)

    def version(self, alias: str) -> str:
        """Return the version behind `alias`.

        Raises
        ------
        ValueError
            When no version carries the alias.
        """
        try:
            return str(self._client.get_model_version_by_alias(MODEL, alias).version)
        except MlflowException:
            how = HOW.get(alias, f"aliases are {CHALLENGER} and {CHAMPION}")
            raise ValueError(f"no model is registered as {alias!r} in {self.folder}: {how}") from None

    def fetch(self, alias: str) -> tuple[str, Recommender]:
        """Return the version behind `alias`, and its recommender."""
        version = self.version(alias)
        source = self._client.get_model_version_download_uri(MODEL, version)
        with tempfile.TemporaryDirectory() as scratch:
            packed = Path(mlflow.artifacts.download_artifacts(source, dst_path=scratch))
            return version, Recommender.load(next((packed / "data").iterdir()))

    def runs(self, experiment: str) -> pd.DataFrame:
        """Return the finished runs of `experiment`, oldest first: name, parameters, metrics."""
        found = self._client.get_experiment_by_name(experiment)
        if found is None:
            return pd.DataFrame(columns=["run"])
        rows = [
            {"run": run.info.run_name, **run.data.params, **run.data.metrics}
            for run in self._pages(str(found.experiment_id))
        ]
        return pd.DataFrame(rows, columns=None if rows else ["run"])

    def _pages(self, experiment_id: str) -> list[mlflow.entities.Run]:
        token: str | None = None
        runs: list[mlflow.entities.Run] = []
        while True:
            page = self._client.search_runs(
                [experiment_id],
                "attributes.status = 'FINISHED'",
                order_by=["attributes.start_time ASC"],
                max_results=1000,
                page_token=token,
            )
            runs += page
            token = page.token
            if not token:
                return runs
