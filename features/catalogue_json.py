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
        "resources": [resource_out(resource) for resource in catalogue.resources],
        "skills": [asdict(skill) for skill in catalogue.skills],
        "prerequisites": catalogue.prerequisites.tolist(),
        "broken_edges": catalogue.broken_edges,
        "notes": catalogue.notes,
    }


def resource_out(resource: Resource) -> dict[str, Any]:
    """Return a resource as plain values."""
    out = dict(resource.__dict__)
    for name in ("available_from", "available_until"):
        out[name] = None if out[name] is None else out[name].isoformat()
    return out


def _resource_in(text: dict[str, Any]) -> Resource:
    for name in ("available_from", "available_until"):
        text[name] = None if text[name] is None else pd.Timestamp(text[name])
    lists = {name: tuple(text.get(name, ())) for name in ("skills", "tags", "courses")}
    return Resource(**{**text, **lists})


def change_out(before: Catalogue, after: Catalogue) -> dict[str, Any]:
    """Return what a catalogue has that another lacks or says otherwise, as plain values."""
    known = {r.resource_id: repr(resource_out(r)) for r in before.resources}
    skills, whole = {s.skill_id: s for s in before.skills}, catalogue_out(after)
    return whole | {
        "resources": [line for line in whole["resources"] if known.get(line["resource_id"]) != repr(line)],
        "skills": [asdict(s) for s in after.skills if skills.get(s.skill_id) != s],
    }


def change_in(before: Catalogue, text: dict[str, Any]) -> Catalogue:
    """Return the catalogue of which `change_out` said how it differs from `before`."""
    resources = {r.resource_id: r for r in before.resources}
    skills = {s.skill_id: s for s in before.skills}
    resources |= {line["resource_id"]: _resource_in(line) for line in text["resources"]}
    skills |= {line["skill_id"]: Skill(**line) for line in text["skills"]}
    return Catalogue(
        tuple(resources.values()),
        tuple(skills.values()),
        np.array(text["prerequisites"], dtype=np.int64).reshape(-1, 2),
        tuple((a, b) for a, b in text["broken_edges"]),
        tuple(text["notes"]),
    )


def catalogue_in(text: dict[str, Any]) -> Catalogue:
    """Return the catalogue that `catalogue_out` gave."""
    return Catalogue(
        tuple(_resource_in(resource) for resource in text["resources"]),
        tuple(Skill(**skill) for skill in text["skills"]),
        np.array(text["prerequisites"], dtype=np.int64).reshape(-1, 2),
        tuple((a, b) for a, b in text["broken_edges"]),
        tuple(text["notes"]),
    )
