"""The picture of one learner: each skill's chance with its range, coloured by band."""

from __future__ import annotations

from matplotlib.figure import Figure

from segue.features.learner_profile import EXCELLING, STRUGGLING, Band, LearnerProfile

COLOURS: dict[Band, str] = {
    "excelling": "#2f7d6d",
    "progressing": "#c9a227",
    "struggling": "#b4552d",
    "not enough evidence": "#9aa5b1",
}


def profile_figure(profile: LearnerProfile, *, most: int = 24) -> Figure:
    """Return the skills tried (at most `most`, surest last), one a line; nothing is shown or saved here."""
    skills = list(profile.skills())[:most]
    figure = Figure(figsize=(7.0, 1.0 + 0.32 * max(len(skills), 1)), layout="constrained")
    axes = figure.subplots()
    for row, skill in enumerate(skills):
        colour = COLOURS[skill.band]
        axes.plot([skill.low, skill.high], [row, row], color=colour, linewidth=2.0)
        axes.plot(skill.chance, row, "o", color=colour, label=skill.skill)
    axes.set_yticks(range(len(skills)), [f"{s.statement or s.skill} ({s.attempts})" for s in skills])
    for edge in (STRUGGLING, EXCELLING):
        axes.axvline(edge, color="#9aa5b1", linestyle="--", linewidth=1)
    axes.set_xlim(0.0, 1.0)
    axes.set_xlabel("chance on a standard item now, with its 80 % range (attempts in brackets)")
    return figure
