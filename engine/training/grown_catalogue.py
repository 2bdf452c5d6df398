"""A fitted kernel over a catalogue that has grown or changed since: nothing is fitted again.

What was fitted stays as it is. A new resource is as hard as its skills and its label suggest, teaches as its
kind does, and nobody has used it yet; answers given to it then count like all others. Everything else that a
decision reads of a resource (its skills, minutes, language, when it is open) is read from the catalogue.
"""

from __future__ import annotations

from dataclasses import replace

from segue.engine.pipeline import Kernel
from segue.features.catalogue import Catalogue, CatalogueError
from segue.features.contexts.population import crowd_over
from segue.features.history.difficulty import easiness_of_new


def kernel_over(kernel: Kernel, catalogue: Catalogue) -> Kernel:
    """Return the same knowledge over another catalogue.

    Raises
    ------
    CatalogueError
        When a resource or skill of before is missing or has another place: its numbers would be others'.
    """
    before = kernel.catalogue
    if catalogue.hash == before.hash:
        return kernel
    for said, old, new in (
        ("resource", list(before.resource_index), list(catalogue.resource_index)),
        ("skill", list(before.skill_index), list(catalogue.skill_index)),
    ):
        if new[: len(old)] != old:
            raise CatalogueError(
                f"the catalogue must keep every {said} of the model's in its place: fit a new model"
            )
    parameters = easiness_of_new(catalogue, kernel.parameters)
    effects = kernel.effects
    return replace(
        kernel,
        catalogue=catalogue,
        parameters=parameters,
        success=kernel.success.over(kernel.parameters, parameters),
        crowd=crowd_over(kernel.crowd, before, catalogue),
        effects=None if effects is None else effects.widened(len(catalogue.resources)),
    )
