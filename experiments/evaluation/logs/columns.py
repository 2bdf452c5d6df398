"""Which columns of a frame hold what."""

from __future__ import annotations

from dataclasses import dataclass

DECISION = "decision_id"


@dataclass(frozen=True)
class Columns:
    """Which columns of a frame hold what; empty means "not there".

    The target policy is either `target`, its probability of the logged action, or `target_prefix` with
    `action`: column ``<prefix><action>`` holds its probability of that action. `qhat_prefix` does the same
    for predicted rewards; columns that start with `context_prefix` describe the round. `decision` holds the
    id of each row's decision (see `ids`).
    """

    reward: str
    propensity: str
    target: str = ""
    action: str = ""
    target_prefix: str = ""
    qhat_prefix: str = ""
    context_prefix: str = ""
    cluster: str = ""
    group: str = ""
    slate: str = ""
    position: str = ""
    decision: str = ""

    def __post_init__(self) -> None:
        """Check that the target policy is given in one complete way."""
        if not self.target and not self.target_prefix:
            raise ValueError("give the target policy: target, or target_prefix together with action")
        if (self.target_prefix or self.qhat_prefix) and not self.action:
            raise ValueError("target_prefix and qhat_prefix need action, the column of the logged action")
        if self.qhat_prefix and not self.target_prefix:
            raise ValueError("qhat_prefix needs target_prefix: the direct method averages over every action")
        if bool(self.slate) != bool(self.position):
            raise ValueError("slates need both slate (id) and position")

    @property
    def single(self) -> tuple[str, ...]:
        """The named columns, without the prefixed ones."""
        names = (self.reward, self.propensity, self.target, self.action, self.cluster, self.group)
        return tuple(name for name in (*names, self.slate, self.position, self.decision) if name)

    @property
    def ids(self) -> str:
        """The column of decision ids: `decision`, else that of the usual name if it has no other role."""
        return self.decision or ("" if DECISION in self.single else DECISION)

    def reads(self, name: str) -> bool:
        """Return whether a column of that name is read."""
        prefixes = filter(None, (self.target_prefix, self.qhat_prefix, self.context_prefix))
        return name in (*self.single, self.ids) or name.startswith(tuple(prefixes) or "\0")

    @property
    def labels(self) -> tuple[str, ...]:
        """The named columns that hold labels: text, as it stands."""
        return tuple(name for name in (self.action, self.cluster, self.group, self.slate, self.ids) if name)
