"""The LMSs that may launch this tool, and the hosts that belong to them."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from segue.lms.records.untrusted_values import NO_TEXT

FILE = "platforms.json"
IDS = re.compile(r"[A-Za-z0-9_.-]{1,40}")


class LtiError(ValueError):
    """What an LMS sent is not taken; the message is for the log and repeats nothing of a token.

    `status` is the HTTP status to answer with: 400 for a launch that is wrong, 403 for a role that may not,
    502 where the platform did not answer.
    """

    def __init__(self, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class CookieBlockedError(LtiError):
    """The browser kept no cookie of a login: in a tab of its own it may; `again` is what begins it there."""

    def __init__(self, platform: Platform, again: Mapping[str, str]) -> None:
        super().__init__("the browser kept no cookie of this login: it is offered in a tab")
        self.platform, self.again = platform, again


@dataclass(frozen=True)
class Platform:
    """One LMS this tool is registered with.

    `deployment_ids` are those it launches from; where its own registration named none, any of its own.
    `hosts` are further hosts it may be asked at: an LMS in the cloud signs in at one host
    and serves each school from another. `learner_claim` is the claim with the id that other doors know the
    learner by: `sub`, `lis.person_sourcedid`, `email`, or `custom.NAME`. `ids` sets the ids of its users and
    courses apart from those of another platform, "" where they are the same people.
    """

    issuer: str
    client_id: str
    deployment_ids: tuple[str, ...]
    auth_login_url: str
    auth_token_url: str
    key_set_url: str
    hosts: tuple[str, ...] = ()
    learner_claim: str = "sub"
    ids: str = ""

    def __post_init__(self) -> None:
        claim = self.learner_claim
        if claim not in ("sub", "lis.person_sourcedid", "email") and not claim.startswith("custom."):
            raise LtiError(
                f"the learner claim is sub, lis.person_sourcedid, email or custom.NAME: got {claim}"
            )

    @property
    def origins(self) -> tuple[str, ...]:
        """The places that people meet this platform at: only these may show its pages in a frame.

        >>> Platform("https://lms.example", "c", (), "https://lms.example/auth", "", "").origins
        ('https://lms.example',)
        """
        parts = [urlsplit(url) for url in (self.issuer, self.auth_login_url)]
        own = [f"{p.scheme}://{p.netloc}" for p in parts if p.scheme in ("http", "https") and p.netloc]
        return tuple(dict.fromkeys([*own, *(f"https://{host}" for host in self.hosts)]))

    def inside(self, said: str) -> str:
        """Return what a user or course of this platform is called inside.

        >>> Platform("https://lms.example", "c", (), "", "", "", ids="north").inside("42")
        'north:42'
        """
        return f"{self.ids}:{said}" if self.ids and said else said

    def checked(self, url: object, what: str) -> str:
        """Return an address that a launch brought, if it lies on a host of this platform.

        Raises
        ------
        LtiError
            For another host, another scheme than the platform's own, or no address at all.

        Examples
        --------
        >>> lms = Platform("https://lms.example", "c", (), "https://lms.example/auth", "", "")
        >>> lms.checked("https://lms.example/roster", "roster")
        'https://lms.example/roster'
        """
        own = [urlsplit(u) for u in (self.issuer, self.auth_login_url, self.auth_token_url, self.key_set_url)]
        places = {(part.scheme, part.netloc) for part in own} | {("https", host) for host in self.hosts}
        asked = urlsplit(url) if isinstance(url, str) and not NO_TEXT.search(url) else urlsplit("")
        if asked.scheme not in ("http", "https") or (asked.scheme, asked.netloc) not in places:
            raise LtiError(f"the {what} address is on no host of the registered platform")
        return asked.geturl()


def ids_apart(known: Sequence[Platform], hosts: Collection[str], said: str | None) -> str:
    """Return what sets the ids of a new platform on some hosts apart; `said` is a name, "same", or None.

    Raises
    ------
    LtiError
        Where another platform is registered and nobody said whether both mean the same people, and for a name
        that is none.
    """
    mine = [platform for platform in known if urlsplit(platform.issuer).netloc in hosts]
    if said is None and known and not mine:
        raise LtiError(
            "another platform is registered, and one id may be two people: say --ids NAME to set this one's "
            "apart as NAME:ID, or --ids same where both have the same people"
        )
    if said is None:
        return mine[0].ids if mine else ""
    if not IDS.fullmatch(said):
        raise LtiError(
            f"--ids is 'same' or a name of up to 40 letters, digits, dots and dashes: got {said!r}"
        )
    return "" if said == "same" else said


def read_platforms(folder: Path) -> tuple[Platform, ...]:
    """Return the platforms of a folder; none when nothing was registered."""
    path = folder / FILE
    rows = json.loads(path.read_text("utf-8")) if path.exists() else []
    tuples = ("deployment_ids", "hosts")
    return tuple(Platform(**row | {name: tuple(row.get(name, ())) for name in tuples}) for row in rows)


def write_platforms(folder: Path, platforms: Sequence[Platform]) -> Path:
    """Write the platforms of a folder in one step, and return the file."""
    path = folder / FILE
    draft = path.with_name(FILE + ".new")
    draft.write_text(json.dumps([asdict(platform) for platform in platforms], indent=1), "utf-8")
    draft.replace(path)
    return path
