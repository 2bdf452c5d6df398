"""The structure of the product, measured from its imports: rooms, floors, arrows and circles of each folder.

Run: ``python -m tests.architecture``. A room is a file or a folder seen from its parent; an arrow says that
something in one imports something in the other (imports under TYPE_CHECKING count); a room stands one floor
above the highest that it imports; a circle is a group of rooms that import each other in a loop.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("features", "models", "engine", "workspace", "batch", "lms", "experiments", "service", "sample")


@dataclass(frozen=True)
class Plan:
    """What one folder looks like from above."""

    rooms: int
    floors: int
    arrows: int
    circles: int


@cache
def sources() -> dict[str, Path]:
    """Return every module of the product by its dotted name."""
    found = {_dotted(path): path for path in sorted((ROOT / "src" / "segue" / "cli").rglob("*.py"))}
    found["segue"] = ROOT / "src" / "segue" / "__init__.py"
    for folder in FOLDERS:
        found |= {_dotted(path): path for path in sorted((ROOT / folder).rglob("*.py"))}
    return {name: path for name, path in found.items() if "migrations" not in name}


def _dotted(path: Path) -> str:
    relative = path.relative_to(ROOT).with_suffix("")
    parts = relative.parts[1:] if relative.parts[0] == "src" else ("segue", *relative.parts)
    return ".".join(parts).removesuffix(".__init__")


@cache
def tree(path: Path) -> ast.Module:
    """Return a file as Python reads it; each is read once."""
    return ast.parse(path.read_text())


def imported(tree: ast.AST) -> Iterator[str]:
    """Yield every dotted name that a module imports, from anywhere in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def arrows() -> frozenset[tuple[str, str]]:
    """Return every import of a module of the product by another, as (from, to)."""
    known = sources()
    return frozenset(
        (name, target)
        for name, path in known.items()
        for target in imported(tree(path))
        if target in known and target != name and not _is_face(target, name)
    )


def _is_face(target: str, name: str) -> bool:
    """Tell whether an import names a package only on the way to one of its modules."""
    return (
        sources()[target].name == "__init__.py"
        and target != "segue.sample"
        and not name.startswith("segue.cli")
    )


def circles() -> list[list[str]]:
    """Return the groups of files that import each other in a loop."""
    return loops(set(sources()), arrows())


def loops(rooms: set[str], edges: Iterable[tuple[str, str]]) -> list[list[str]]:
    """Return the groups of rooms that reach each other (strongly connected, more than one)."""
    names = sorted(rooms)
    place = {name: n for n, name in enumerate(names)}
    pairs = np.array([(place[a], place[b]) for a, b in edges], dtype=int).reshape(-1, 2)
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(names),) * 2)
    _, label = connected_components(graph, directed=True, connection="strong")
    groups = [
        [n for n, own in zip(names, label, strict=True) if own == group] for group in set(label.tolist())
    ]
    return [group for group in groups if len(group) > 1]


def height(rooms: set[str], edges: set[tuple[str, str]]) -> int:
    """Return the number of floors; rooms in a circle stand on one."""
    group = {name: tuple(loop) for loop in loops(rooms, edges) for name in loop}
    below: dict[tuple[str, ...], set[tuple[str, ...]]] = {group.get(n, (n,)): set() for n in rooms}
    for a, b in edges:
        if group.get(a, (a,)) != group.get(b, (b,)):
            below[group.get(a, (a,))].add(group.get(b, (b,)))
    floor: dict[tuple[str, ...], int] = {}
    for room in TopologicalSorter(below).static_order():
        floor[room] = 1 + max((floor[other] for other in below[room]), default=0)
    return max(floor.values(), default=0)


def plan(folder: str) -> Plan:
    """Return the plan of a package ("segue" is the whole house)."""
    prefix = folder + "."

    def room(name: str) -> str:
        return name[len(prefix) :].split(".", maxsplit=1)[0] if name.startswith(prefix) else ""

    rooms = {room(name) for name in sources() if room(name)}
    edges = {(room(a), room(b)) for a, b in arrows() if room(a) and room(b) and room(a) != room(b)}
    return Plan(len(rooms), height(rooms, edges), len(edges), len(loops(rooms, edges)))


def folders() -> list[str]:
    """Return every package of the product that holds more than its face."""
    return sorted({name.rpartition(".")[0] for name in sources() if "." in name})


def main() -> None:
    """Print the plan of every folder."""
    print(f"{'folder':44} rooms floors arrows circles")
    for folder in folders():
        p = plan(folder)
        print(f"{folder:44} {p.rooms:5} {p.floors:6} {p.arrows:6} {p.circles:7}")
    for circle in circles():
        print("circle:", " -> ".join(circle))


if __name__ == "__main__":
    main()
