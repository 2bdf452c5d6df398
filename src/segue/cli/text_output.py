"""Answers as plain text for a terminal, and as plain values for JSON."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from segue.engine.explanations.why import Explanation
    from segue.engine.sampling.playlists import Playlist, Step
    from segue.features.catalogue import Catalogue
    from segue.features.learner_profile import LearnerProfile, SkillProfile
    from segue.workspace.playlists.answering import Given
    from segue.workspace.reports.class_report import SkillOfClass

BAR = 20
LEAST_COLUMN = 8
WIDE = 100


def playlist_json(given: Given, learner: str, words: Sequence[Explanation]) -> dict[str, Any]:
    """Return a stored playlist as plain values, each step also in words."""
    playlist = given.playlist
    steps = zip(playlist.steps, given.decision_ids, words, strict=True)
    return {
        "playlist_id": given.playlist_id,
        "learner": learner,
        "model": playlist.model_hash,
        "policy": playlist.policy,
        "steps": [_step_json(step, decision_id, said) for step, decision_id, said in steps],
        "rules": dict(playlist.certificate),
        "notes": list(playlist.notes),
    }


def _step_json(step: Step, decision_id: str, said: Explanation) -> dict[str, Any]:
    out: dict[str, Any] = {
        "position": step.position,
        "decision_id": decision_id,
        "resource": step.resource,
        "propensity": step.propensity,
        "joint_propensity": step.joint_propensity,
        "score": step.score,
        "reasons": dict(step.reasons),
        "why": {"student": said.student, "teacher": said.teacher},
        "explored": step.explored,
        "relaxed": list(step.relaxed),
    }
    if step.menu:
        out |= {"menu": list(step.menu), "menu_propensities": list(step.menu_propensities)}
    if step.override:
        out["override"] = dict(step.override)
    return out


def playlist_text(
    playlist: Playlist, catalogue: Catalogue, words: Sequence[Explanation], *, title: str
) -> str:
    """Return a playlist as a table, the reason under each step in the words a student reads."""
    rows = [("", "what", "skill", "min", "p")]
    for step in playlist.steps:
        resource = catalogue.resource(step.resource)
        rows.append(
            (
                str(step.position + 1),
                _short(resource.title or resource.resource_id, 60),
                _short(", ".join(resource.skills), 40),
                f"{resource.minutes:g}",
                chance(step.propensity),
            )
        )
    head, *lines = table(rows)
    pairs = zip(lines, words, strict=True)
    said = [part for line, why in pairs for part in (line, prose(why.student, indent=6))]
    notes = [prose(f"note: {note}") for note in playlist.notes]
    relaxed = [prose(f"rule {name}: {how}") for name, how in playlist.certificate.items() if how != "held"]
    return "\n".join([title, head, *said, *notes, *relaxed])


def alternatives_text(
    others: Sequence[tuple[str, Mapping[str, float]]], catalogue: Catalogue, *, title: str
) -> str:
    """Return what was not chosen, best first, and where most of its points were lost."""
    from segue.engine.explanations.why import lost

    rows = [("what", "skill", "points lost")]
    for resource_id, reasons in others:
        resource = catalogue.resource(resource_id)
        rows.append((_short(resource.title, 50), _short(", ".join(resource.skills), 26), lost(reasons)))
    return "\n".join([title, *table(rows)])


def beside_text(first: Playlist, second: Playlist, catalogue: Catalogue, *, titles: tuple[str, str]) -> str:
    """Return two playlists side by side; what the second repeats is marked."""
    before = {step.resource for step in first.steps}
    rows: list[tuple[str, ...]] = [("", *titles)]
    for place in range(max(len(first.steps), len(second.steps))):
        cells = []
        for playlist in (first, second):
            if place >= len(playlist.steps):
                cells.append("")
                continue
            resource = catalogue.resource(playlist.steps[place].resource)
            mark = "again: " if playlist is second and resource.resource_id in before else ""
            cells.append(_short(mark + (resource.title or resource.resource_id), 46))
        rows.append((str(place + 1), *cells))
    return "\n".join(table(rows))


def profile_text(profile: LearnerProfile, *, title: str, most: int = 8) -> str:
    """Return a profile as short tables: chance, band and trend of each skill, and what says so."""
    skills = (("Strengths", profile.strengths), ("Needs", profile.needs), ("Others", profile.others))
    parts = [f"{title}: {profile.attempts} attempts"]
    for name, lines in skills:
        parts += ["", name, *(table([_line(line) for line in lines[:most]]) or ["  none yet"])]
    following = [
        (_short(n.statement or n.skill, 60), bar(n.chance), f"{n.chance:.0%}", f"{n.ready:.0%} ready")
        for n in profile.next_steps
    ]
    interests = [
        f"{i.tag} {i.weight:.2f} ({'named' if i.stated else 'seen'}"
        f"{f', {i.uses} tries' if i.uses else ''}{_last(i.last)})"
        for i in profile.interests[:most]
    ]
    parts += ["", "Next", *(table(following) or ["  none"])]
    return "\n".join([*parts, "", "Interests", prose(", ".join(interests) or "none known", indent=2)])


def _line(line: SkillProfile) -> tuple[str, ...]:
    wide = columns() >= WIDE
    cells = (
        _short(line.statement or line.skill, 60),
        bar(line.chance) if wide else "",
        f"{line.chance:.0%} ({line.low:.0%} to {line.high:.0%})",
        line.trend if line.band != "not enough evidence" else "few tries",
        f"fades below by {line.fades_on}" if line.fades_on and wide else "",
        f"{line.successes:g} of {line.attempts}{_last(line.last) if wide else ''}",
    )
    return tuple(cell for at, cell in enumerate(cells) if wide or at not in (1, 4))


def _last(day: str | None) -> str:
    return f", last {day}" if day else ""


def class_text(view: Sequence[SkillOfClass], *, most: int = 8) -> str:
    """Return who is stuck where."""
    rows = [("skill", "class", "", "tried", "stuck")]
    for row in view[:most]:
        chance = row.mean_chance
        shown = ("(under five)", "") if chance is None else (bar(chance), f"{chance:.0%}")
        who = ", ".join(row.stuck[:4]) + (f" and {len(row.stuck) - 4} more" if len(row.stuck) > 4 else "")
        rows.append((_short(row.statement or row.skill, 52), *shown, str(row.tried), who or "nobody"))
    return "\n".join(table(rows))


def table(rows: Sequence[Sequence[str]], *, width: int | None = None, keep: int = 0) -> list[str]:
    """Return rows as aligned lines no wider than the terminal; numbers stand right, texts left.

    Where they are too wide, the widest column of text gives way first; the first `keep` columns (ids, to be
    used again) only where the others have given all they can.

    >>> table([("what", "n"), ("a long title indeed", "12")], width=17)
    ['  what         n', '  a long tit…  12']
    """
    if not rows:
        return []
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    over = 2 * len(widths) + sum(widths) - (width or columns())
    while over > 0:
        soft = [at for at in range(keep, len(widths)) if widths[at] > LEAST_COLUMN] or range(len(widths))
        widest = max(soft, key=lambda at: widths[at])
        rest = max([w for at, w in enumerate(widths) if at != widest], default=0)
        cut = min(over, max(widths[widest] - max(rest, LEAST_COLUMN), 1))
        if widths[widest] <= LEAST_COLUMN:
            break
        widths[widest] -= cut
        over -= cut
    return [
        "  "
        + "  ".join(
            cell.rjust(width) if _is_number(cell) else _short(cell, width).ljust(width)
            for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]


def columns() -> int:
    """Return how wide the terminal is; 80 without one."""
    return shutil.get_terminal_size((80, 24)).columns


def prose(text: str, *, indent: int = 0) -> str:
    """Return a text in lines no wider than the terminal, `indent` blanks before each."""
    margin = " " * indent
    return textwrap.fill(
        text, columns(), initial_indent=margin, subsequent_indent=margin, break_on_hyphens=False
    )


def tell(text: str, *, err: bool = False) -> None:
    """Print a text in lines no wider than the terminal; a path or an address stays whole."""
    typer.echo("\n".join(wrapped(line) for line in text.split("\n")), err=err)


def wrapped(line: str) -> str:
    """Return a line broken between words where it is too wide, what follows set in by two.

    >>> wrapped("short")
    'short'
    """
    if len(line) <= columns():
        return line
    margin = " " * (len(line) - len(line.lstrip()))
    return textwrap.fill(
        line.strip(),
        columns(),
        initial_indent=margin,
        subsequent_indent=margin + "  ",
        break_on_hyphens=False,
        break_long_words=False,
    )


def chance(probability: float) -> str:
    """Return a probability for people: never 0 for what can happen.

    >>> chance(0.8694), chance(0.0004)
    ('0.869', '0.0004')
    """
    return f"{probability:.3f}" if probability >= 0.01 else f"{probability:.1g}"


def bar(share: float) -> str:
    """Return a share as a bar, half as long in a narrow terminal.

    >>> bar(0.5) in ("█████·····", "██████████··········")
    True
    """
    size = BAR if columns() >= WIDE else BAR // 2
    full = round(size * min(max(share, 0.0), 1.0))
    return "█" * full + "·" * (size - full)


def _is_number(cell: str) -> bool:
    return cell.replace(".", "").replace("%", "").isdigit()


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
