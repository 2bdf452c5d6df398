"""Standards for resources that have none: the nearest statements, for a person to confirm.

Titles and descriptions are compared with the statements of a framework by the cosine of their tf-idf vectors
(words and word pairs, sublinear term frequency; Salton and Buckley 1988). A suggestion is never applied here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer

from segue.features.catalogue import Catalogue, Resource, Skill


def suggest(
    resources: Sequence[Resource],
    skills: Sequence[Skill],
    *,
    descriptions: Mapping[str, str],
    per_resource: int = 3,
    least: float = 0.1,
) -> pd.DataFrame:
    """Return the nearest skills of every resource without skills (but its own), nearest first.

    Parameters
    ----------
    resources, skills : sequences
        Of a catalogue, and of a framework (a statement each).
    descriptions : mapping of resource id to text
        What is known of a resource beyond its title and tags.
    per_resource : int
        Suggestions for each resource, at most.
    least : float
        Cosine in [0, 1] below which nothing is suggested.

    Returns
    -------
    DataFrame
        Columns resource_id, title, skill_id, code, statement, similarity (0 to 1), rank (from 1).
    """
    if not 0 <= least <= 1:
        raise ValueError(f"least must be in [0, 1], got {least}")
    bare = [r for r in resources if r.skills in ((), (f"resource:{r.resource_id}",))]
    stated = [skill for skill in skills if skill.statement]
    texts = [" ".join([r.title, *r.tags, descriptions.get(r.resource_id, "")]) for r in bare]
    similarity = _cosines(texts, [f"{skill.code} {skill.statement}" for skill in stated])
    rows = []
    for resource, row in zip(bare, similarity, strict=True):
        nearest = np.argsort(-row, kind="stable")[:per_resource]
        for rank, index in enumerate(nearest[row[nearest] >= max(least, 1e-12)], 1):
            skill = stated[index]
            names = (resource.resource_id, resource.title, skill.skill_id, skill.code, skill.statement)
            rows.append((*names, float(row[index]), rank))
    columns = ["resource_id", "title", "skill_id", "code", "statement", "similarity", "rank"]
    return pd.DataFrame(rows, columns=columns)


def confirm(catalogue: Catalogue, kept: pd.DataFrame) -> Catalogue:
    """Return the catalogue with the suggestions that a person kept: their skills in place of none.

    Parameters
    ----------
    catalogue : Catalogue
        With the resources that suggestions were made for.
    kept : DataFrame
        Rows of :func:`suggest` that hold, columns resource_id, skill_id and, if there, code and statement.

    Raises
    ------
    ValueError
        When a row names a resource that the catalogue lacks.
    """
    catalogue.resource_codes(kept["resource_id"].astype(str).drop_duplicates().tolist())
    chosen = kept.astype(str).groupby("resource_id")["skill_id"].agg(list).to_dict()
    skills = {
        row["skill_id"]: Skill(row["skill_id"], row.get("code", ""), row.get("statement", ""))
        for row in kept.astype(str).to_dict("records")
    } | {skill.skill_id: skill for skill in catalogue.skills if not skill.skill_id.startswith("resource:")}
    resources = [
        replace(r, skills=tuple(dict.fromkeys(chosen[r.resource_id]))) if r.resource_id in chosen else r
        for r in catalogue.resources
    ]
    names = [skill.skill_id for skill in catalogue.skills]
    edges = [(names[a], names[b]) for a, b in catalogue.prerequisites.tolist()]
    return Catalogue.build(resources, list(skills.values()), edges)


def _cosines(texts: Sequence[str], statements: Sequence[str]) -> np.ndarray:
    """Return the cosine of every text with every statement, shape (texts, statements)."""
    vectorizer = TfidfVectorizer(
        stop_words="english", ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w[\w.\-]*\b"
    )
    if not statements or not texts:
        return np.zeros((len(texts), len(statements)))
    try:
        known = vectorizer.fit_transform(statements)
    except ValueError:  # statements of stop words only
        return np.zeros((len(texts), len(statements)))
    return np.asarray((vectorizer.transform(texts) @ known.T).todense())
