"""The model in charge of a workspace: a fitted artefact on disk, and what logged decisions have taught since.

The artefact never changes; it lies in ``models/<hash>``, written to another name first. The sums that logged
rewards add to its reward model lie in the database, in the same transaction as the rewards they count.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from segue.engine.pipeline import UNTESTED, Learned
from segue.engine.policies.policy_version import PolicyVersion, policy_from
from segue.engine.recommender import Recommender
from segue.engine.serialization import base_of, outline
from segue.engine.training.reward_model import fresh_model
from segue.features.catalogue import Catalogue, Floats
from segue.features.contexts.context_columns import SkillFacts
from segue.features.contexts.context_facts import skill_facts
from segue.features.history.learner_state import LearnerState, StateBlock
from segue.features.vectors.learner_vector import NAMES
from segue.features.vectors.success_model import SuccessModel
from segue.models.bayesian_linear import BayesianLinear
from segue.workspace.records.decision_queries import unsettled_fits
from segue.workspace.records.learner_states import Fold
from segue.workspace.records.matured_rewards import Change, fits_gone, rewarded
from segue.workspace.records.practices.manners import FIXED, FixedManners, fixed_in
from segue.workspace.records.rosters.arms import DECIDING, WeekArms, arms_in
from segue.workspace.records.taught_effects import EFFECTS, Since, counted_since
from segue.workspace.storage.database import Connection, get_arrays, get_document, put_arrays, put_document
from segue.workspace.storage.errors import WorkspaceError
from segue.workspace.storage.flushing import flush, flush_one

MODELS = 32  # held in memory: a month of nightly fits decided what is still open
POINTER, SUMS, OPENING_SUMS, HISTORY = "model", "sums", "opening_sums", "policy_versions"
PRIOR = "prior"


@dataclass(frozen=True, eq=False)
class Champion:
    """What decides: `fitted` is the artefact, `recommender` the same with the rewards since.

    `fixed` is what teachers have fixed of the manner of teaching, by class; `arms` says who is in which arm
    of an experiment, and `rivals` decides for the arms with a policy of their own. `fit` is the artefact that
    was put in charge, whatever became of the catalogue since, and `ranking` a digest of all that ranks.
    """

    fitted: Recommender
    recommender: Recommender
    fixed: FixedManners = field(default_factory=dict)
    arms: WeekArms | None = None
    rivals: Mapping[str, Recommender] = field(default_factory=dict)
    fit: str = ""
    ranking: str = ""

    @classmethod
    def of(cls, fitted: Recommender, sums: BayesianLinear, *, since: Since | None = None) -> Champion:
        """Return a fitted artefact with the sums of logged rewards, and of attempts since, added to it."""
        live = fitted if since is None else since.added_to(fitted)
        if sums.n == 0:
            return cls(fitted, live)
        kernel = live.kernel
        learned = kernel.learned
        arrays = (learned.model if learned else fresh_model()).to_arrays()
        more = sums.to_arrays()
        model = BayesianLinear.from_arrays(arrays | {k: arrays[k] + more[k] for k in ("A", "b")})
        model.n += sums.n
        trust = learned.trust if learned else UNTESTED
        eta = kernel.settings.learned_weight(model.n, trust)
        value_range = learned.value_range if learned else _range_before_rewards(model)
        live = Recommender(kernel.with_learned(Learned(model, value_range, eta, trust)), fitted.fitted)
        return cls(fitted, live)

    def beside(self, fixed: FixedManners, arms: WeekArms | None) -> Champion:
        """Return the same with what teachers have fixed, and with the arms of an experiment."""
        said = arms.configurations if arms else {}
        rivals = {
            name: self.recommender.deciding_by(policy_from(one["policy"]))
            for name, one in said.items()
            if "policy" in one
        }
        return replace(self, fixed=fixed, arms=arms, rivals=rivals)

    def of_arm(self, arm: str) -> Champion:
        """Return what decides for an arm."""
        return replace(self, recommender=self.rivals[arm]) if arm in self.rivals else self

    @cached_property
    def fold(self) -> Fold:
        """How events become the states that this model reads."""
        return Fold(self.fitted.catalogue, self.fitted.kernel.parameters)

    def skill_facts(self, block: StateBlock, now: float) -> SkillFacts:
        """Return what a block of learners' histories says of each skill at `now` (UTC epoch seconds)."""
        return skill_facts(block, self.fitted.kernel.reader.reading(block, np.full(len(block), now)))

    def chances(self, known: Sequence[LearnerState], now: datetime) -> Floats:
        """Return the chance of success of each learner (row) on a standard item of each skill (column)."""
        return self.skill_facts(StateBlock.of(list(known)), now.timestamp()).chance


class Charge(NamedTuple):
    """The model in charge; `trouble` says why it is not the fitted one ("" when it is)."""

    champion: Champion
    trouble: str


CatalogueIn = Callable[[Connection], Catalogue]


def note_version(
    connection: Connection,
    version: PolicyVersion,
    now: datetime,
    before: Callable[[Connection], PolicyVersion | None],
    *,
    by: str = "",
    reason: str = "",
) -> None:
    """Write into the history that a version is put in force; the first time, also the one `before` it."""
    saved = json.loads(get_document(connection, HISTORY) or b"[]")
    notes = [(version, by, reason)]
    with suppress(RuntimeError):  # there is none yet, or it cannot be read
        if not saved and (was := before(connection)):
            notes.insert(0, (was, "", "as it was"))
    for one, who, why in notes:
        saved.append({"version": one.to_dict(), "time": now.isoformat(), "by": who, "reason": why})
    put_document(connection, HISTORY, json.dumps(saved).encode())


class Library:
    """The artefacts of a folder, loaded once, and which of them decides."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.artefact: Callable[[str], Recommender] = lru_cache(maxsize=MODELS)(self._load)
        self._known: tuple[tuple[str, str, tuple[bytes | None, ...]], Champion] | None = None
        self._grown: tuple[tuple[str, str], Recommender] | None = None

    def champion(self, connection: Connection, catalogue: CatalogueIn) -> Champion:
        """Return the model in charge over the catalogue as it stands, with what has been learned up to now.

        Raises
        ------
        WorkspaceError
            Before the first fit, or when the artefact cannot be read.
        """
        fit_hash = current_fit(connection)
        if fit_hash is None:
            raise WorkspaceError(f"{self.folder.parent} has no model yet: segue fit {self.folder.parent}")
        now = catalogue(connection)
        changing = tuple(get_document(connection, name) for name in (SUMS, EFFECTS, FIXED, DECIDING))
        key = (fit_hash, now.hash, changing)
        if self._known is None or self._known[0] != key:
            fitted = self._over(fit_hash, now)
            since = counted_since(connection, fit_hash, fitted)
            champion = Champion.of(fitted, load_sums(connection), since=since)
            champion = champion.beside(fixed_in(changing[-2]), arms_in(changing[-1]))
            ranking = hashlib.blake2b(f"{fit_hash} {now.bare_hash}".encode(), digest_size=16)
            ranking.update(b" ".join(learned or b"" for learned in changing[:2]))
            self._known = (key, replace(champion, fit=fit_hash, ranking=ranking.hexdigest()))
        return self._known[1]

    def _over(self, fit_hash: str, catalogue: Catalogue) -> Recommender:
        """Return an artefact over a catalogue, kept on disk too: the decisions that it makes name it."""
        base = self.artefact(fit_hash)
        if self._grown is None or self._grown[0] != (fit_hash, catalogue.hash):
            grown = base.over(catalogue)
            if grown.model_hash != base.model_hash:
                save_artefact(grown, self.folder, base=base)
            self._grown = ((fit_hash, catalogue.hash), grown)
        return self._grown[1]

    def going_on(self, connection: Connection) -> PolicyVersion | None:
        """Return how the model in charge decides, which the next fit goes on with; None before the first."""
        fit_hash = current_fit(connection)
        return None if fit_hash is None else self.artefact(fit_hash).version

    def in_charge(self, connection: Connection, catalogue: CatalogueIn) -> Charge:
        """Return the same without trouble: a model that cannot be read is an error."""
        return Charge(self.champion(connection, catalogue), "")

    def keep(self, recommender: Recommender) -> str:
        """Write an artefact under its hash and return it; one that is there already is the same."""
        return save_artefact(recommender, self.folder)

    def _load(self, fit_hash: str) -> Recommender:
        try:
            return Recommender.load(self.folder / fit_hash)
        except (OSError, EOFError, ValueError, KeyError, BadZipFile) as error:
            message = (
                f"model {fit_hash} cannot be read ({error}): put models/ back; or segue fit --policy FILE "
                "makes another (FILE by segue policy show, or {} for how a first fit decides)"
            )
            raise WorkspaceError(message) from None


def _range_before_rewards(model: BayesianLinear) -> tuple[float, float]:
    """Return a range of the predicted reward for a fit that saw none: two standard deviations of a reward."""
    spread = 2.0 * float(np.sqrt(model.noise_variance))
    return -spread, spread


def current_fit(connection: Connection) -> str | None:
    """Return the hash of the fitted artefact in charge, None before the first."""
    body = get_document(connection, POINTER)
    return None if body is None else str(json.loads(body)["fit"])


def promote(connection: Connection, fit_hash: str) -> None:
    """Put an artefact in charge, within a write."""
    put_document(connection, POINTER, json.dumps({"fit": fit_hash}).encode())


def load_sums(connection: Connection, *, name: str = SUMS) -> BayesianLinear:
    """Return the sums of all logged rewards (or of the purged ones), zero before the first."""
    arrays = get_arrays(connection, name)
    return fresh_model() if arrays is None else BayesianLinear.from_arrays(arrays)


def add_to_sums(connection: Connection, change: Change) -> None:
    """Count a change of rewards, within the write that records it."""
    if len(change.given) or len(change.taken):
        model = load_sums(connection)
        model.update_many(change.given_contexts, change.given)
        model.forget(change.taken_contexts, change.taken)
        save_sums(connection, model)


def counted(connection: Connection, schema_hash: str) -> BayesianLinear:
    """Return the sums counted anew from the rewards stored, on top of those of purged ones."""
    model = load_sums(connection, name=OPENING_SUMS)
    model.update_many(*rewarded(connection, schema_hash))
    return model


def save_sums(connection: Connection, model: BayesianLinear, *, name: str = SUMS) -> None:
    """Keep the sums, within a write."""
    put_arrays(connection, name, model.to_arrays())


def keep_prior(connection: Connection, prior: SuccessModel | None) -> None:
    """Keep the model of another school that fits start from, within a write; None: pedagogy alone.

    Only what speaks of histories goes along, not what speaks of the other school's resources.
    """
    if prior is None:
        put_document(connection, PRIOR, b"")
    else:
        put_arrays(connection, PRIOR, prior.of_histories().to_arrays())


def prior_in(connection: Connection) -> SuccessModel | None:
    """Return what fits start from; None: nothing but pedagogy, or a prior of other columns than today's."""
    arrays = get_arrays(connection, PRIOR)
    prior = None if arrays is None else SuccessModel.from_arrays(arrays)
    return prior if prior is not None and len(prior.weights) == len(NAMES) else None


def needed(connection: Connection) -> set[str]:
    """Return the artefacts that decide, or that decided something not settled yet."""
    return {*unsettled_fits(connection), current_fit(connection) or ""}


def gone(connection: Connection, models: Path) -> set[str]:
    """Return the artefacts that decided something and cannot be read any more."""
    return fits_gone(connection, Library(models).artefact)


def prune(models: Path, keep: Collection[str]) -> int:
    """Remove the artefacts that are not among `keep`; return how many."""
    return _remove(models, (folder for folder in models.iterdir() if folder.is_dir()), keep)


def prune_grown(models: Path, keep: Collection[str]) -> int:
    """Remove artefacts over other catalogues that are not among `keep`; return how many."""
    if not models.exists():
        return 0
    grown = [f for f in models.iterdir() if f.is_dir() and not (f / "arrays.npz").exists()]
    return _remove(models, (folder for folder in grown if folder.suffix != ".new"), keep)


def _remove(models: Path, folders: Iterable[Path], keep: Collection[str]) -> int:
    """Remove folders of artefacts but those kept and what they rest on, one over the other.

    A fit on the same events makes what has grown already: what grows from that is over it, and over its base.
    """
    kept, left = set[str](), [*keep]
    while left:
        name = left.pop()
        kept.add(name)
        if (models / name / "recommender.json").exists():
            left += {base_of(models / name)} - kept
    gone = [folder for folder in folders if folder.name not in kept]
    for folder in gone:
        shutil.rmtree(folder)
    return len(gone)


def save_artefact(recommender: Recommender, models: Path, *, base: Recommender | None = None) -> str:
    """Write an artefact under its hash and return it; one that is there already is the same.

    Of one that is `base` over another catalogue, only the change is written.
    """
    fit_hash = recommender.model_hash
    folder = models / fit_hash
    if not folder.exists():
        draft = models / f"{fit_hash}.{secrets.token_hex(4)}.new"
        models.mkdir(parents=True, exist_ok=True)
        with _drafting(models):
            try:
                recommender.save(draft, base=base)
                flush(draft)
                draft.rename(folder)
                flush_one(models)
            except (OSError, MemoryError):
                shutil.rmtree(draft, ignore_errors=True)
                if not folder.exists():  # else another process or thread was quicker, with the same bytes
                    raise
    return fit_hash


@contextmanager
def _drafting(models: Path) -> Iterator[None]:
    """Hold a folder of models while a draft is written there; drafts that nobody writes any more go first."""
    handle = os.open(models, os.O_RDONLY)
    try:
        with suppress(OSError):  # others write there, or the file system (NFS) locks no folders
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for left in models.glob("*.new"):
                shutil.rmtree(left)
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_SH)
        yield
    finally:
        os.close(handle)


SAID = ("attempts", "rewards", "policy")
"""What a row says of how a model was fitted."""


def kept_models(place: Path, current: str | None) -> list[dict[str, Any]]:
    """Return a line for each model of a folder: `version`, `current` (in charge), `made`, `fitted` …"""
    folders = (
        [one for one in place.iterdir() if one.is_dir() and one.suffix != ".new"] if place.exists() else []
    )
    made = sorted(((one.stat().st_mtime, one) for one in folders), reverse=True)
    return [_line(folder, at, current) for at, folder in made]


def model_frame(place: Path, current: str | None) -> pd.DataFrame:
    """Return one row a model that is kept."""
    lines = kept_models(place, current)
    rows = [
        {name: line[name] for name in ("version", "current", "made", "readable", "resources", "skills")}
        | {name: line["fitted"].get(name, "") for name in SAID}
        for line in lines
    ]
    return pd.DataFrame(rows)


def _line(folder: Path, made: float, current: str | None) -> dict[str, Any]:
    moment = datetime.fromtimestamp(made, UTC).isoformat(timespec="seconds")
    line: dict[str, Any] = {"version": folder.name, "current": folder.name == current, "made": moment}
    try:
        fitted, resources, skills = outline(folder)
    except (OSError, ValueError, KeyError):
        return line | {"readable": False, "fitted": {}, "resources": 0, "skills": 0}
    return line | {"readable": True, "fitted": fitted, "resources": len(resources), "skills": len(skills)}
