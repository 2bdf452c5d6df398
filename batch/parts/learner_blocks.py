"""Who is in which block of a week, which blocks a folder holds already, and who is in none of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segue.batch.parts import output
from segue.workspace.records.decision_log import Rows
from segue.workspace.records.decision_queries import heads_of
from segue.workspace.records.learners import Learner
from segue.workspace.storage.database import Connection

Named = tuple[Learner, str]  # a learner, and what they are called in the output


@dataclass(frozen=True)
class Block:
    """Some learners, by their names in the output; where their file goes; which courses they take.

    `taken` are places in the plan's courses, each with a list of its own; `courses` the ids of those that
    resources name (None: not known).
    """

    number: int
    people: tuple[Learner, ...]
    names: tuple[str, ...]
    folder: Path
    taken: tuple[tuple[int, ...], ...] = ()
    courses: tuple[tuple[str, ...] | None, ...] = ()

    @property
    def path(self) -> Path:
        """Path of the block's file."""
        return output.part_path(self.folder, self.number)

    @property
    def said(self) -> dict[str, str]:
        """Who is in it, and what tells it from another block of the same learners, as plain values."""
        told = repr((self.names, self.taken, self.courses)).encode()
        numbers = " ".join(str(person.number) for person in self.people)
        return {"learners": numbers, "digest": hashlib.blake2b(told, digest_size=8).hexdigest()}


def cut(people: Sequence[Named], size: int) -> list[Sequence[Named]]:
    """Return learners in parts of a size."""
    return [people[i : i + size] for i in range(0, len(people), size)]


def blocks_of(
    folder: Path,
    taken: Mapping[str, tuple[int, ...]],
    courses: Mapping[int, tuple[str, ...]],
    parts: Sequence[Sequence[Named]],
) -> list[Block]:
    """Return the blocks of parts of the learners; `taken` by name, `courses` by number: see `Block`."""
    return [
        Block(
            number,
            tuple(p for p, _ in part),
            tuple(name for _, name in part),
            folder,
            tuple(taken.get(name, ()) for _, name in part),
            tuple(courses.get(p.number) for p, _ in part),
        )
        for number, part in enumerate(parts)
    ]


def grown(
    out: Path,
    people: Sequence[Named],
    in_blocks: Callable[[Sequence[Sequence[Named]]], list[Block]],
    *,
    size: int,
    whole: bool,
) -> tuple[list[Block], dict[str, Any]] | None:
    """Return the blocks that stand in `out`, behind them those of who is in none of them; and the manifest.

    None where no such run is there or, of a `whole` roster, where it is not that roster with some more.
    """
    there = output.read_record(out / output.MANIFEST) or {}
    parts = there.get("parts")
    if not isinstance(parts, list):
        return None
    found = {person.number: (person, name) for person, name in people}
    placed = [[int(number) for number in part["learners"].split()] for part in parts]
    stands = [[found.pop(number) for number in part if number in found] for part in placed]
    blocks = in_blocks([*stands, *cut(list(found.values()), size)])
    if whole and [block.said for block in blocks[: len(parts)]] != parts:
        return None
    if len(blocks) == len(parts):
        return blocks, there
    del there["name"]
    said = there | {"parts": parts + [block.said for block in blocks[len(parts) :]]}
    return blocks, {"name": output.run_name(said["week"], said), **said}


def one_of(rows: Rows, block: Block) -> str:
    """Return the id of a list of a block that is stored, "" where none is."""
    stored = {person.number for person in block.people if not person.opted_out}
    ids = zip(rows.playlists.get("playlist_id", ()), rows.playlists.get("learner", ()), strict=True)
    return next((name for name, learner in ids if learner in stored), "")


def done_in(connection: Connection, blocks: Sequence[Block]) -> set[int]:
    """Return the blocks whose file is there whole, and whose lists are in the store: it may be a backup."""
    notes = [(block.number, output.sealed(block.path)) for block in blocks]
    named = {number: note.get("list", "") for number, note in notes if note is not None}
    there = heads_of(connection, set(named.values()))
    return {number for number, name in named.items() if not name or name in there}
