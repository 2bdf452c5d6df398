"""Do learners learn more? Segue behind the classroom contract.

`Segue` has the methods of the contract and rests on Segue's public API alone, so that any classroom that
keeps the contract can drive it.
"""

from __future__ import annotations

from segue.experiments.tutor import ClassTutor


class Segue(ClassTutor):
    """Segue with its default settings and policy."""
