"""A kernel on disk: plain arrays in one ``.npz``, the rest as JSON; an own policy is imported."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from segue.engine.pipeline import Kernel, Learned
from segue.engine.policies.by_name import described, named
from segue.engine.settings import Limits, Settings, Weights
from segue.features.catalogue import WeighedManner
from segue.features.catalogue_json import catalogue_in, catalogue_out, change_in, change_out
from segue.features.contexts.context_columns import COLUMNS
from segue.features.contexts.population import Crowd
from segue.features.history.streaming_update import HistoryParameters
from segue.features.vectors.success_model import SuccessModel
from segue.models.bayesian_linear import BayesianLinear
from segue.models.next_answers import USUAL, NextAnswers
from segue.models.resource_effects import EffectSums

FORMAT = 2
_CROWD = tuple(field.name for field in fields(Crowd))


def save(kernel: Kernel, folder: Path, *, fitted: Mapping[str, str]) -> None:
    """Write a kernel, and what to know of its fit, to `folder` (made when needed)."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {
        "item_logit": kernel.parameters.item_logit,
        "skill_logit": kernel.parameters.skill_logit,
        "scalars": np.array([kernel.parameters.global_logit, *kernel.span]),
        **{f"success_{name}": array for name, array in kernel.success.to_arrays().items()},
        **{name: getattr(kernel.crowd, name) for name in _CROWD},
    }
    if kernel.learned:
        arrays |= {f"reward_{name}": array for name, array in kernel.learned.model.to_arrays().items()}
        arrays["learned"] = np.array([*kernel.learned.value_range, kernel.learned.eta, kernel.learned.trust])
    if kernel.effects:
        arrays |= {f"effects_{name}": array for name, array in kernel.effects.to_arrays().items()}
    with (folder / "arrays.npz").open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
    text = {
        "format": FORMAT,
        "catalogue": catalogue_out(kernel.catalogue),
        "settings": asdict(kernel.settings),
        "policy": described(kernel.policy),
        "fitted": dict(fitted),
        "answers": list(kernel.answers),
        "liking": kernel.liking,
        "hash": kernel.hash,
    }
    if kernel.manners:
        text["manners"] = [asdict(manner) for manner in kernel.manners]
    (folder / "recommender.json").write_text(json.dumps(text, ensure_ascii=False), encoding="utf-8")


def save_over(kernel: Kernel, folder: Path, *, fitted: Mapping[str, str], base: Kernel) -> None:
    """Write a kernel that is another, `base`, over a changed catalogue: what changed, and whose it is.

    `base` is found under its hash beside `folder` when it is loaded.
    """
    folder.mkdir(parents=True, exist_ok=True)
    text = {
        "format": FORMAT,
        "over": base.hash,
        "change": change_out(base.catalogue, kernel.catalogue),
        "fitted": dict(fitted),
        "hash": kernel.hash,
    }
    (folder / "recommender.json").write_text(json.dumps(text, ensure_ascii=False), encoding="utf-8")


def base_of(folder: Path) -> str:
    """Return the hash of the kernel that the one in `folder` is over another catalogue, "" when none."""
    text = json.loads((folder / "recommender.json").read_text(encoding="utf-8"))
    return str(text.get("over", ""))


def outline(folder: Path) -> tuple[Mapping[str, str], set[str], set[str]]:
    """Return what to know of the fit in `folder`, and its resources and skills by id: no array is read.

    Raises
    ------
    ValueError, OSError or KeyError
        When the folder was written by another format, or misses a file.
    """
    text = _text_of(folder)
    if "over" in text:
        _, resources, skills = outline(folder.parent / text["over"])
    else:
        (folder / "arrays.npz").stat()
        resources, skills = set(), set()
    said = text.get("change") or text["catalogue"]
    resources |= {one["resource_id"] for one in said["resources"]}
    return text["fitted"], resources, skills | {one["skill_id"] for one in said["skills"]}


def load(folder: Path) -> tuple[Kernel, Mapping[str, str]]:
    """Return what `save` wrote: a kernel of the same hash, and what to know of its fit.

    Raises
    ------
    ValueError
        When the folder was written by another format, or its files do not belong together.
    """
    text = _text_of(folder)
    if "over" in text:
        base, _ = load(folder.parent / text["over"])
        return _checked(base.over(change_in(base.catalogue, text["change"])), text, folder)
    with (folder / "arrays.npz").open("rb") as stored, np.load(stored, allow_pickle=False) as file:
        arrays = dict(file)
    catalogue = catalogue_in(text["catalogue"])
    global_logit, low, high = arrays["scalars"].tolist()
    parameters = HistoryParameters.of(
        catalogue,
        item_logit=arrays["item_logit"],
        skill_logit=arrays["skill_logit"],
        global_logit=global_logit,
    )
    kernel = Kernel(
        catalogue,
        parameters,
        SuccessModel.from_arrays(_under(arrays, "success_")),
        Crowd(**{name: arrays[name] for name in _CROWD}),
        _settings_in(text["settings"]),
        named(text["policy"]),
        _learned_in(arrays, folder),
        (low, high),
        EffectSums.from_arrays(_under(arrays, "effects_")) if "effects_count" in arrays else None,
        tuple(WeighedManner(**one) for one in text.get("manners", ())),
        NextAnswers(*text.get("answers", USUAL)),
        float(text.get("liking", 0.0)),
    )
    return _checked(kernel, text, folder)


def _text_of(folder: Path) -> dict[str, Any]:
    text: dict[str, Any] = json.loads((folder / "recommender.json").read_text(encoding="utf-8"))
    if text["format"] != FORMAT:
        raise ValueError(f"{folder} has format {text['format']}, this version reads {FORMAT}: fit again")
    return text


def _checked(kernel: Kernel, text: Mapping[str, Any], folder: Path) -> tuple[Kernel, Mapping[str, str]]:
    if kernel.hash != text["hash"]:
        raise ValueError(
            f"the files of {folder} do not belong together, or another version wrote them: fit again"
        )
    return kernel, text["fitted"]


def _learned_in(arrays: dict[str, Any], folder: Path) -> Learned | None:
    if "learned" not in arrays:
        return None
    model = BayesianLinear.from_arrays(_under(arrays, "reward_"))
    if model.n_features != len(COLUMNS):
        raise ValueError(
            f"{folder} learned from {model.n_features} context columns of {len(COLUMNS)} today: fit again"
        )
    low, high, *weights = arrays["learned"].tolist()  # eta, and trust in artefacts of late
    return Learned(model, (low, high), *weights)


def _under(arrays: dict[str, Any], stem: str) -> dict[str, Any]:
    """Return the arrays whose names begin with `stem`, without it."""
    return {name[len(stem) :]: array for name, array in arrays.items() if name.startswith(stem)}


def _settings_in(text: dict[str, Any]) -> Settings:
    return Settings(**{**text, "weights": Weights(**text["weights"]), "limits": Limits(**text["limits"])})
