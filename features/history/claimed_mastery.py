"""What a learner says of a skill, as evidence of limited weight: a shift that a check confirms or weakens.

A claim is an observation of the skill's mastery, at `CLAIMED` logits above or below the usual, with the noise
of `NOISE` (variance, logits²) divided by how far the learner's claims have been borne out. It moves the mean
as the Kalman filter would, and leaves the uncertainty as it is: saying does not make us surer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from segue.features.catalogue import Catalogue
from segue.features.history.learner_state import LearnerState
from segue.features.history.state_columns import MEAN, VARIANCE

Says = Literal["know", "help"]
CLAIMED, NOISE = 1.5, 2.0


def with_claims(
    state: LearnerState, catalogue: Catalogue, claims: Mapping[str, Says], *, trust: float
) -> LearnerState:
    """Return a copy of a state as it would be read if claims counted; without claims, the state itself.

    Parameters
    ----------
    claims : mapping of skill id to "know" or "help"
        A skill that the catalogue does not have is passed over.
    trust : float in [0, 1]
        1 before any check; see :func:`trust_of`.

    Examples
    --------
    >>> from segue.features.catalogue import Resource
    >>> catalogue = Catalogue.build([Resource("a", skills=("k",))])
    >>> state = LearnerState.fresh(catalogue)
    >>> float(with_claims(state, catalogue, {"k": "know"}, trust=1.0).skills[0, MEAN])
    0.5
    >>> float(with_claims(state, catalogue, {"k": "help"}, trust=0.25).skills[0, MEAN])
    -0.16666666666666666
    """
    known = {skill: says for skill, says in claims.items() if skill in catalogue.skill_index}
    if not known or trust <= 0.0:
        return state
    out = state.copy()
    for skill, says in known.items():
        row = out.rows[catalogue.skill_index[skill]]
        sign = 1.0 if says == "know" else -1.0
        surprise = max(sign * (sign * CLAIMED - row[MEAN]), 0.0)
        row[MEAN] += sign * surprise * row[VARIANCE] / (row[VARIANCE] + NOISE / trust)
    return out


def trust_of(confirmed: int, failed: int) -> float:
    """Return how far a learner's claims are believed, in (0, 1], after checks that bore them out or did not.

    >>> trust_of(0, 0), trust_of(0, 1), trust_of(3, 1)
    (1.0, 0.3333333333333333, 0.6666666666666666)
    """
    return (1.0 + confirmed) / (1.0 + confirmed + 2.0 * failed)
