"""How help is laid out: 80 columns and a screen and a half without a terminal, commands by topic."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from typer.core import TyperCommand, TyperGroup

WIDEST_NAME = 28
"""Characters of an option's name and kind; the help of a longer one stands on the next line."""

EVERY_DAY = ("demo", "init", "import", "fit", "recommend", "week", "profile", "list", "evaluate", "serve")
TOPICS: Mapping[str, tuple[str, ...]] = {
    "people": ("lists", "choose", "rate", "override", "undo", "link", "print", "calendar", "class"),
    "learning": ("learn", "weekly", "batch", "resources", "report", "vectors"),
    "the catalogue": ("catalogue",),
    "other systems": ("lms", "pull", "push", "lti", "export", "keys"),
    "evidence": ("experiment", "trial", "policy", "trace", "trace-interests"),
    "the store": ("doctor", "rebuild", "backup", "purge"),
    "privacy": ("export-data", "erase", "opt-out", "rotate-key"),
}


_CLOSED = (
    r"'(?P<got>[^']+)' is not one of (?P<words>.+)",
    r"must be (?:one of|among) (?P<words>.+), got '?(?P<got>[\w-]+)",
)


def nearest(word: str, words: Iterable[str]) -> str:
    """Return a question that names the words of a closed set nearest to a mistyped one, "" without any.

    >>> nearest("resorces", ["resources", "skills"])
    ' Did you mean resources?'
    """
    near = difflib.get_close_matches(word, list(words), n=3, cutoff=0.5)
    return f" Did you mean {' or '.join(near)}?" if near else ""


def with_nearest(said: str) -> str:
    """Return a sentence about a word that is not in a closed set, with the nearest ones of the set."""
    found = next(filter(None, (re.search(pattern, said) for pattern in _CLOSED)), None)
    hint = nearest(found["got"], re.findall(r"[\w-]+", found["words"])) if found else ""
    return said.rstrip(".") + "." + hint if hint else said


class FittingCommand(TyperCommand):
    """A command whose help fits, and that names the nearest word where one of a closed set is mistyped."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the words of a call (of types that typer keeps private)."""
        try:
            return super().parse_args(ctx, args)
        except Exception as error:
            if isinstance(said := getattr(error, "message", None), str):
                error.message = with_nearest(said.replace("Value error, ", ""))  # type: ignore[attr-defined]
            raise

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments and options (of types that typer keeps private)."""
        write_parameters(self, ctx, formatter)


class TopicGroup(TyperGroup):
    """A group of commands whose help fits: everyday commands in a line each, the others by topic."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write options, then commands (of types that typer keeps private)."""
        write_parameters(self, ctx, formatter)
        self.format_commands(ctx, formatter)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands; a small group's in a line each."""
        if ctx.parent is not None:
            super().format_commands(ctx, formatter)
            formatter.write_paragraph()
            formatter.write_text(f"Example: {ctx.command_path} {self.list_commands(ctx)[0]} --help")
            return
        names = set(self.list_commands(ctx))
        daily = [name for name in EVERY_DAY if name in names]
        room = formatter.width - max(map(len, daily)) - 6
        with formatter.section("Every day"):
            formatter.write_dl([(name, self.commands[name].get_short_help_str(room)) for name in daily])
        by_topic = {topic: [name for name in of if name in names] for topic, of in TOPICS.items()}
        rest = names.difference(daily, *by_topic.values())
        by_topic["others"] = sorted(rest)
        with formatter.section("And by topic (segue COMMAND -h says more)"):
            formatter.write_dl([(topic, ", ".join(of)) for topic, of in by_topic.items() if of])


def write_parameters(command: Any, ctx: Any, formatter: Any) -> None:
    """Write the parameters of a command; a switch that is off by itself without its opposite."""
    arguments: list[tuple[str, str]] = []
    options: list[tuple[str, str]] = []
    for parameter in command.get_params(ctx):
        record = parameter.get_help_record(ctx)
        if record is None or parameter.name == "help":  # who reads this has found it
            continue
        name, said = record
        if getattr(parameter, "secondary_opts", None) and not parameter.default:
            name, said = ", ".join(parameter.opts), said.partition("  [default:")[0]
        name = name.replace("<list[", "<").replace("]>", ">").lower() if "<list[" in name else name
        (arguments if parameter.param_type_name == "argument" else options).append((name, said))
    for title, rows in (("Arguments", arguments), ("Options", options)):
        if rows:
            with formatter.section(title):
                formatter.write_dl(rows, col_max=WIDEST_NAME)
