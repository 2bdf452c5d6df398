"""The recommender as an MLflow pyfunc: requests as a table in, playlists as a table out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from segue.engine.recommender import Recommender
from segue.engine.requests.request import Request


class PlaylistModel:
    """Recommends for a table of learners that the model does not know: the cold start of each."""

    def __init__(self, recommender: Recommender) -> None:
        self.recommender = recommender

    def predict(self, model_input: pd.DataFrame) -> pd.DataFrame:
        """Return one row per learner and position.

        Parameters
        ----------
        model_input : DataFrame
            Columns `learner`, `now` (UTC-aware), `seed`, and optionally `interests` (list of tags), `k`.
        """
        nothing: list[tuple[str, ...]] = [()] * len(model_input)
        requests = [
            Request(learner=str(learner), now=now.to_pydatetime(), interests=tuple(tags), k=int(k))
            for learner, now, tags, k in zip(
                model_input["learner"],
                pd.to_datetime(model_input["now"], utc=True),
                model_input.get("interests", nothing),
                model_input.get("k", [10] * len(model_input)),
                strict=True,
            )
        ]
        rngs = [np.random.default_rng(int(seed)) for seed in model_input["seed"]]
        playlists = self.recommender.recommend_batch(requests, rngs=rngs)
        return pd.DataFrame(
            [
                {
                    "learner": playlist.learner,
                    "position": step.position,
                    "resource": step.resource,
                    "propensity": step.propensity,
                    "score": step.score,
                }
                for playlist in playlists
                for step in playlist.steps
            ]
        )


def _load_pyfunc(path: str) -> PlaylistModel:
    """Return the model in folder `path`; the name is the one MLflow asks a loader module for."""
    return PlaylistModel(Recommender.load(Path(path)))
