"""The weekly report of a workspace: read, calculated and drawn in one call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from segue.experiments.evaluation.reports.weekly_page import pictures, report_page
from segue.workspace.reports.week.effectiveness import Effectiveness
from segue.workspace.reports.week.fairness import FairnessRow
from segue.workspace.reports.week.personalisation import Personalisation
from segue.workspace.reports.week.week_figures import week_figures
from segue.workspace.workspace import Workspace


@dataclass(frozen=True)
class WeeklyReport:
    """What a week showed, as figures, as a page, and as pictures by name."""

    effectiveness: Effectiveness
    personal: Personalisation
    fairness: tuple[FairnessRow, ...]
    page: str
    pictures: Mapping[str, Figure]
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the figures by name, null where there is none."""
        return self.effectiveness.to_dict() | {
            "personalisation": self.personal.to_dict(),
            "fairness": [row.to_dict() for row in self.fairness],
            "notes": list(self.notes),
        }


def weekly_report(
    workspace: Workspace,
    week: str,
    *,
    now: datetime,
    rng: np.random.Generator,
    roster: pd.DataFrame | None = None,
) -> WeeklyReport:
    """Return the report of an ISO week; what it takes and refuses is said at `week_figures`."""
    found = week_figures(workspace, week, now=now, rng=rng, roster=roster)
    told, fair = found.effectiveness, found.fairness
    read = told.called(found.skills)
    page = report_page(read, now=now, personal=found.personal, fairness=fair, notes=found.notes)
    return WeeklyReport(told, found.personal, fair, page, pictures(read, fair), found.notes)
