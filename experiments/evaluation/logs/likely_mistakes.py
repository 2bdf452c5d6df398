"""What cells of a log probably are where they are not what they should be: said with the fault."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pandas as pd
from pandas.api.types import is_numeric_dtype

from segue.experiments.evaluation.estimators.single_step import SINGLE, Floats

VOWPAL_WABBIT = re.compile(r"\s*\d+:-?[\d.e-]+:[\d.e-]+\s*$|shared\s*$|\d+:-?[\d.e-]+:[\d.e-]+\s")
SHOWN = 12  # columns that a sentence names
TEXTS = {
    r"-?\d{1,3}(?:,\d{3})+": "thousands apart? write 1000",
    r"-?\d+,\d+": "a decimal comma? write a point",
    r"-?[\d.,]+\s*%": "a percent sign? write 0.3 for 30 %",
    r"(?i:yes|no|y|n|t|f|true|false)": "yes or no? write 1 and 0",
}


def no_number(column: pd.Series, name: str) -> str:
    """Return the sentence for cells that are no numbers.

    >>> no_number(pd.Series(["0,5", "1"]), "r")
    'r is not a number (a decimal comma? write a point)'
    """
    texts = pd.Series(dtype=str) if is_numeric_dtype(column) else column.dropna().astype(str)
    bad = texts[pd.to_numeric(texts, errors="coerce").isna()]
    likely = next((said for form, said in TEXTS.items() if len(bad) and bad.str.fullmatch(form).all()), "")
    return f"{name} is not a number" + (f" ({likely})" if likely else "")


def outside(name: str, probability: Floats, allowed: str) -> str:
    """Return the sentence for numbers that are no probabilities, of which NaN says nothing.

    >>> import numpy as np
    >>> outside("p", np.array([-1.2, -0.1]), "(0, 1]")
    'p outside (0, 1] (a logarithm? take exp)'
    """
    above, below = probability > 1 + SINGLE, probability < 0
    likely = ""
    if above.mean() > 0.5 and not below.any() and (probability[above] <= 100).all():
        likely = " (percent? divide by 100; 1 / p? give p)"
    elif below.mean() > 0.5 and not above.any():
        likely = " (a logarithm? take exp)"
    return f"{name} outside {allowed}{likely}"


def no_column(missing: str, names: Iterable[object]) -> str:
    """Return the sentence for a column that is not there, among those that are.

    >>> no_column("r", ["2:-1:0.3 ", " x:1.5"])
    'the log looks like text for Vowpal Wabbit (action:cost:probability): write it as CSV'
    """
    there = [str(name) for name in names]
    if there and VOWPAL_WABBIT.match(there[0]):
        return "the log looks like text for Vowpal Wabbit (action:cost:probability): write it as CSV"
    alike = next((name for name in there if name.strip().lower() == missing.strip().lower()), "")
    hint = f" (it is written {alike!r})" if alike else ""
    more = ", …" if len(there) > SHOWN else ""
    return f"the log has no column {missing!r}{hint}; it has {', '.join(there[:SHOWN])}{more}"
