"""A catalogue as plain values, for JSON, and back."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from segue.features.catalogue import Catalogue, Resource, Skill


def catalogue_out(catalogue: Catalogue) -> dict[str, Any]:
    """Return a catalogue as plain values, for JSON."""
    return {
        "resources": [_resource_out(resource) for resource in catalogue.resources],
        "skills": [asdict(skill) for skill in catalogue.skills],
        "prerequisites": catalogue.prerequisites.tolist(),
        "broken_edges": catalogue.broken_edges,
        "notes": catalogue.notes,
    }


def _resource_out(resource: Resource) -> dict[str, Any]:
    out = dict(resource.__dict__)
    for name in ("available_from", "available_until"):
        out[name] = None if out[name] is None else out[name].isoformat()
    return out


def _resource_in(text: dict[str, Any]) -> Resource:
    for name in ("available_from", "available_until"):
        text[name] = None if text[name] is None else pd.Timestamp(text[name])
    return Resource(**{**text, "skills": tuple(text["skills"]), "tags": tuple(text["tags"])})


def catalogue_in(text: dict[str, Any]) -> Catalogue:
    """Return the catalogue that `catalogue_out` gave."""
    return Catalogue(
        tuple(_resource_in(resource) for resource in text["resources"]),
        tuple(Skill(**skill) for skill in text["skills"]),
        np.array(text["prerequisites"], dtype=np.int64).reshape(-1, 2),
        tuple((a, b) for a, b in text["broken_edges"]),
        tuple(text["notes"]),
    )
