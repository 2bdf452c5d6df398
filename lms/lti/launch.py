"""What a checked launch says: who, in which role, where, and which services of the platform it may use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from segue.features.events.event_records import LONGEST_ID
from segue.lms.lti.platforms import LtiError, Platform
from segue.lms.records.untrusted_values import NO_TEXT, is_id, learner_id

CLAIM = "https://purl.imsglobal.org/spec/lti/claim/"
AGS = "https://purl.imsglobal.org/spec/lti-ags/"
NRPS = "https://purl.imsglobal.org/spec/lti-nrps/"
DEEP_LINK = "https://purl.imsglobal.org/spec/lti-dl/claim/"
MEMBERSHIP = "http://purl.imsglobal.org/vocab/lis/v2/membership"
TEST_USER = "http://purl.imsglobal.org/vocab/lti/system/person#TestUser"
LINK = "ltiResourceLink"
Role = Literal["learner", "teacher", "mentor", "other"]
MOST_NAMED = 50  # children of a mentor


@dataclass(frozen=True)
class Launch:
    """A launch whose token was checked.

    Attributes
    ----------
    user : str
        The person's id on the platform (`sub`), whatever the role.
    learner : str
        The same as it is called inside (see :meth:`Platform.inside`).
    known_as : str
        The id that other doors know the person by, "" where it is `sub` itself or the launch has none.
    role : str
        "learner", "teacher" (instructor or teaching assistant), "mentor", or "other": content developers,
        administrators, test users, nobody in particular.
    children : tuple of str
        The ids that a mentor may see.
    roster_url, score_url : str
        Where the course's members are listed and scores are taken, "" where the platform offers neither.
    return_url, data, takes_grades : str, str, bool
        For deep linking: where the answer goes, what it must repeat, and whether it may ask for a grade.
    """

    platform: Platform
    user: str
    learner: str
    role: Role
    class_id: str = ""
    known_as: str = ""
    children: tuple[str, ...] = ()
    locale: str = ""
    name: str = field(default="", repr=False)
    deployment: str = ""
    is_deep_link: bool = False
    return_url: str = ""
    data: str | None = None
    takes_grades: bool = False
    roster_url: str = ""
    score_url: str = ""


def role_of(roles: Iterable[str]) -> Role:
    """Return what somebody is in a course; only the course's own roles count, not those of the institution.

    >>> role_of(["http://purl.imsglobal.org/vocab/lis/v2/membership#Learner"])
    'learner'
    >>> role_of(["http://purl.imsglobal.org/vocab/lis/v2/institution/person#Student"])
    'other'
    """
    said = set(roles)
    names = {r.rsplit("#", 1)[-1] for r in said if r.startswith(MEMBERSHIP) or "/" not in r}
    if TEST_USER in said:
        return "other"
    if names & {"Instructor", "TeachingAssistant"}:
        return "teacher"
    if "Learner" in names:
        return "learner"
    return "mentor" if "Mentor" in names else "other"


def launch_of(claims: Mapping[str, Any], platform: Platform) -> Launch:
    """Return what the claims of a checked token say.

    Raises
    ------
    LtiError
        For a claim of a wrong type, an address on another host, or deep linking by anybody but a teacher, or
        where no link can be put.
    """
    _check_message(claims, platform)
    role = role_of(_texts(claims.get(CLAIM + "roles"), "roles"))
    deep = claims.get(CLAIM + "message_type") == "LtiDeepLinkingRequest"
    if deep and role != "teacher":
        raise LtiError("deep linking is for teachers", status=403)
    context = _object(claims.get(CLAIM + "context"), "context")
    settings = _object(claims.get(DEEP_LINK + "deep_linking_settings"), "deep linking settings")
    taken = _texts(settings.get("accept_types"), "accepted types")
    if taken and LINK not in taken:
        raise LtiError("this place of the course takes no links to a tool")
    data = settings.get("data")
    user = _text(claims.get("sub"), "sub")
    children = _texts(claims.get(CLAIM + "role_scope_mentor"), "mentor's scope")[:MOST_NAMED]
    return Launch(
        platform=platform,
        user=user,
        learner=platform.inside(user),
        role=role,
        known_as=claimed(claims, platform.learner_claim),
        class_id=platform.inside(_text(context.get("id", ""), "context id", least=0)),
        children=tuple(platform.inside(child) for child in children if is_id(child)),
        locale=str(_object(claims.get(CLAIM + "launch_presentation"), "presentation").get("locale", ""))[:35],
        name=called(claims.get("name")),
        deployment=str(claims[CLAIM + "deployment_id"]),
        is_deep_link=deep,
        return_url=platform.checked(settings.get("deep_link_return_url"), "return") if deep else "",
        data=None if data is None else str(data),
        takes_grades=deep and settings.get("accept_lineitem") is not False,
        roster_url=_roster_url(claims, platform),
        score_url=_score_url(claims, platform),
    )


def claimed(claims: Mapping[str, Any], name: str) -> str:
    """Return the id in a claim (an address becomes its hash), "" where there is none or a variable unfilled.

    >>> claimed({CLAIM + "custom": {"user_id": "s-17"}}, "custom.user_id"), claimed({"sub": "9"}, "sub")
    ('s-17', '')
    """
    if name == "sub":
        return ""
    home, _, inner = name.rpartition(".")
    value = _object(claims.get(CLAIM + home), home).get(inner) if home else claims.get(inner)
    told = learner_id(value)
    return told if is_id(told) and not told.startswith("$") else ""


def _check_message(claims: Mapping[str, Any], platform: Platform) -> None:
    if claims.get(CLAIM + "version") != "1.3.0":
        raise LtiError("the launch is of another version of LTI")
    if claims.get(CLAIM + "message_type") not in ("LtiResourceLinkRequest", "LtiDeepLinkingRequest"):
        raise LtiError("the launch is of a kind that this tool does not know")
    deployment, known = claims.get(CLAIM + "deployment_id"), platform.deployment_ids
    if not isinstance(deployment, str) or (known and deployment not in known):
        raise LtiError("the launch is of another deployment")


def _roster_url(claims: Mapping[str, Any], platform: Platform) -> str:
    service = _object(claims.get(NRPS + "claim/namesroleservice"), "roster")
    url = service.get("context_memberships_url")
    return platform.checked(url, "roster") if url else ""


def _score_url(claims: Mapping[str, Any], platform: Platform) -> str:
    endpoint = _object(claims.get(AGS + "claim/endpoint"), "gradebook")
    url = endpoint.get("lineitem")
    if not url or AGS + "scope/score" not in _texts(endpoint.get("scope"), "gradebook's scope"):
        return ""
    return platform.checked(url, "score")


def _object(value: object, what: str) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise LtiError(f"the claim {what} must be an object")
    return value


def _texts(value: object, what: str) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise LtiError(f"the claim {what} must be a list of texts")
    return value


def called(name: object) -> str:
    """Return what somebody is called, "" when it is not told."""
    return NO_TEXT.sub("", name[:LONGEST_ID]) if isinstance(name, str) else ""


def _text(value: object, what: str, *, least: int = 1) -> str:
    if not isinstance(value, str) or not (is_id(value) or least == len(value) == 0):
        raise LtiError(f"the claim {what} must be a text of {least} to 200 characters")
    return value
