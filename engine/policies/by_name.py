"""Policies as plain values, for files: by name and parameters, an own one by where it is imported from."""

from __future__ import annotations

import importlib
from dataclasses import fields, is_dataclass
from inspect import isclass
from typing import Any

from segue.engine import policies
from segue.engine.policies.base import Policy


def described(policy: Policy) -> dict[str, Any]:
    """Return a policy as its name and parameters.

    A policy of ``segue.engine.policies`` is named as there, an own one as "module:Class".

    Raises
    ------
    ValueError
        When the policy is no dataclass: its parameters could not be read back.

    Examples
    --------
    >>> described(policies.Softmax(temperature=0.1))
    {'name': 'Softmax', 'parameters': {'temperature': 0.1, 'floor': 0.05}}
    >>> named(described(policies.Exponentiated(policies.InverseGap(gamma=5.0))))
    Exponentiated(policy=InverseGap(gamma=5.0, alpha=0.25))
    """
    kind: type[Any] = type(policy)
    if not is_dataclass(kind):
        raise ValueError(f"policy {policy!r} cannot be saved: make {kind.__name__} a frozen dataclass")
    own = getattr(policies, kind.__name__, None) is not kind
    name = f"{kind.__module__}:{kind.__qualname__}" if own else kind.__name__
    values = {field.name: getattr(policy, field.name) for field in fields(kind)}
    return {
        "name": name,
        "parameters": {k: described(v) if isinstance(v, Policy) else v for k, v in values.items()},
    }


def named(text: Any) -> Policy:
    """Return the policy that `text` describes; the reverse of :func:`described`.

    A "module:Class" is imported: read only files that you would also run.

    Raises
    ------
    ValueError
        When there is no such policy, or a parameter is unknown or out of range.
    """
    if not isinstance(text, dict) or not isinstance(text.get("name"), str):
        raise ValueError(f'a policy is {{"name": …, "parameters": {{…}}}}, got {text!r}')
    if stray := sorted(set(text) - {"name", "parameters"}):
        raise ValueError(
            f'{stray[0]!r} stands beside the policy\'s name: parameters go into "parameters": {{…}}'
        )
    kind: type[Any] = _kind(text["name"])
    given = text.get("parameters", {})
    if not isinstance(given, dict):
        raise ValueError(f"parameters of policy {text['name']} must be an object, got {given!r}")
    known = [field.name for field in fields(kind)] if is_dataclass(kind) else []
    if unknown := sorted(set(given) - set(known)):
        raise ValueError(
            f"policy {text['name']} has no parameter {unknown[0]!r}: it has {', '.join(known) or 'none'}"
        )
    try:
        made: Policy = kind(**{k: named(v) if isinstance(v, dict) else v for k, v in given.items()})
    except TypeError as error:
        raise ValueError(f"policy {text['name']} does not take {given!r}: {error}") from error
    return made


def _kind(name: str) -> type[Policy]:
    module, _, attribute = name.rpartition(":")
    if module:
        try:
            found = getattr(importlib.import_module(module), attribute, None)
        except ImportError as error:
            raise ValueError(
                f"policy {name!r} cannot be imported: {error} (install its package wherever Segue runs, "
                "or put its folder on PYTHONPATH)"
            ) from error
    else:
        found = getattr(policies, name, None) if name in policies.__all__ else None
    if not (isclass(found) and issubclass(found, Policy) and found is not Policy):
        kinds = [n for n in policies.__all__ if isclass(k := getattr(policies, n)) and issubclass(k, Policy)]
        names = ", ".join(n for n in kinds if n != "Policy")
        raise ValueError(f"unknown policy {name!r}: known are {names}, or an own one as module:Class")
    return found
