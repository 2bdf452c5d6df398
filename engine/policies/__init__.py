"""Policies: scores in, the probability of every candidate out, and the one function that samples.

A decision can be evaluated later only when the probability it was drawn with is true. So a policy never
draws: it returns the whole vector, :func:`sample` draws from that very vector, and its entry is the
propensity that is logged. The ``repr`` of a policy names it with its parameters; log that too.

To add a policy: a frozen dataclass with defaults that extends :class:`Policy`, a ``weigh`` method, in a file
of its own, and its name in ``__all__``. The contract tests find it there.
"""

from __future__ import annotations

from segue.engine.policies.base import Choice, Policy
from segue.engine.policies.greedy import EpsilonGreedy, Greedy, Uniform
from segue.engine.policies.inverse_gap import Exponentiated, InverseGap
from segue.engine.policies.sampling import sample
from segue.engine.policies.softmax import Softmax
from segue.engine.policies.thompson import ThompsonSampling

__all__ = [
    "Choice",
    "EpsilonGreedy",
    "Exponentiated",
    "Greedy",
    "InverseGap",
    "Policy",
    "Softmax",
    "ThompsonSampling",
    "Uniform",
    "sample",
]
