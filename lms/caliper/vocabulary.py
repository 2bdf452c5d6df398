"""The vocabulary of Caliper 1.1 and 1.2: types, properties, and what each event may join to what.

Source: 1EdTech Caliper Analytics 1.2, information model and JSON-LD context; older names are kept for 1.1.
"""

from __future__ import annotations

from dataclasses import dataclass

_FAMILIES = {
    "Entity": (
        "Agent AggregateMeasure Annotation Attempt Collection Comment DigitalResource LearningObjective "
        "Membership Query Rating Response Result Scale Score SearchResponse Selector Session "
        "SurveyInvitation SystemIdentifier"
    ),
    "Agent": "Organization Person SoftwareApplication",
    "Organization": "CourseOffering Group",
    "CourseOffering": "CourseSection",
    "Annotation": "BookmarkAnnotation HighlightAnnotation SharedAnnotation TagAnnotation",
    "Collection": "AggregateMeasureCollection Survey",
    "DigitalResource": (
        "AssignableDigitalResource Chapter DigitalResourceCollection Document EpubChapter EpubPart "
        "EpubSubChapter EpubVolume Frame Link MediaLocation MediaObject Message Page Question "
        "QuestionnaireItem Reading WebPage"
    ),
    "AssignableDigitalResource": "Assessment AssessmentItem",
    "DigitalResourceCollection": "Forum Questionnaire Thread",
    "Link": "LtiLink",
    "MediaObject": "AudioObject ImageObject VideoObject",
    "Question": "DateTimeQuestion MultiselectQuestion OpenEndedQuestion RatingScaleQuestion",
    "Response": (
        "DateTimeResponse FillinBlankResponse MultipleChoiceResponse MultipleResponseResponse "
        "MultiselectResponse OpenEndedResponse RatingScaleResponse SelectTextResponse TrueFalseResponse"
    ),
    "Scale": "LikertScale MultiselectScale NumericScale",
    "Selector": "TextPositionSelector",
    "Session": "LtiSession",
}
SUPERTYPE = {child: parent for parent, children in _FAMILIES.items() for child in children.split()}
"""Each entity type's supertype; `Entity` itself has none."""


def is_a(kind: str, allowed: tuple[str, ...]) -> bool:
    """Whether an entity type is one of the allowed, or below one.

    >>> is_a("CourseSection", ("Organization",)), is_a("Person", ("DigitalResource",))
    (True, False)
    """
    while kind:
        if kind in allowed:
            return True
        kind = SUPERTYPE.get(kind, "")
    return False


ENTITIES = {
    "actor": "Agent",
    "annotated": "DigitalResource",
    "annotator": "Person",
    "assignable": "DigitalResource",
    "assignee": "Agent",
    "attempt": "Attempt",
    "client": "SoftwareApplication",
    "commentedOn": "Entity",
    "commenter": "Person",
    "creator": "Person",
    "edApp": "SoftwareApplication",
    "federatedSession": "LtiSession",
    "generated": "Entity",
    "group": "Organization",
    "isPartOf": "Entity",
    "member": "Agent",
    "membership": "Membership",
    "object": "Entity",
    "organization": "Organization",
    "query": "Query",
    "question": "Question",
    "rated": "Entity",
    "rater": "Person",
    "ratingComment": "Comment",
    "referrer": "DigitalResource SoftwareApplication",
    "replyTo": "Message",
    "scale": "Scale",
    "scoredBy": "Agent",
    "searchProvider": "SoftwareApplication",
    "searchTarget": "Entity",
    "selection": "Selector",
    "session": "Session",
    "source": "SoftwareApplication",
    "subOrganizationOf": "Organization",
    "survey": "Survey",
    "target": "Entity",
    "user": "Person",
}
"""Properties that hold an entity (or its IRI), and its type or types."""

LISTS = {
    "attachments": "DigitalResource",
    "creators": "Agent",
    "items": "Entity",
    "learningObjectives": "LearningObjective",
    "members": "Agent",
    "otherIdentifiers": "SystemIdentifier",
    "searchResults": "Entity",
    "withAgents": "Agent",
}
"""Properties that hold a list of entities (or IRIs), and their type."""

ITEMS = {
    "AggregateMeasureCollection": "AggregateMeasure",
    "Assessment": "AssessmentItem",
    "DigitalResourceCollection": "DigitalResource",
    "Forum": "Thread",
    "Questionnaire": "QuestionnaireItem",
    "Survey": "Questionnaire",
    "Thread": "Message",
}
"""What the `items` of some types are, more narrowly."""

VALUES = {
    "string": (
        "academicSession body bookmarkNotes category comment courseNumber description host identifier "
        "ipAddress lisSourcedId maxLabel mediaType minLabel name questionPosed searchTerms selectionText "
        "storageName userAgent value version volumeLevel volumeMax volumeMin"
    ),
    "strings": "categories itemLabels itemValues keywords selections tags values roles",
    "time": (
        "dateCreated dateModified datePublished dateSent dateTimeSelected dateToActivate dateToShow "
        "dateToStartOn dateToSubmit endedAtTime eventTime maxDateTime minDateTime sendTime startedAtTime"
    ),
    "duration": "duration currentTime",
    "integer": (
        "count end index maxAttempts maxSelections maxSubmits minSelections points scalePoints "
        "searchResultsItemCount sentCount start"
    ),
    "decimal": (
        "maxMetricValue maxResultScore maxScore maxValue metricValue minValue resultScore scoreGiven step "
        "weight"
    ),
    "boolean": "isOrderedSelection isTimeDependent muted",
    "map": "extensions messageParameters",
}
DATATYPE = {name: kind for kind, names in VALUES.items() for name in names.split()}
"""Properties that hold a value, and its kind."""

REQUIRED = {
    "AggregateMeasure": ("metric", "metricValue"),
    "SystemIdentifier": ("identifier", "identifierType"),
}
WITHOUT_ID = ("SystemIdentifier", "Selector")

_ROLES = "Administrator ContentDeveloper Instructor Learner Manager Member Mentor Officer"
ROLES = frozenset(_ROLES.split())
_PROFILES = (
    "Annotation Assessment Assignable Basic Feedback Forum General Grading Media Reading "
    "ResourceManagement Search Session Survey ToolLaunch ToolUse"
)
_WORDS = {
    "metric": (
        "AssessmentsPassed AssessmentsSubmitted MinutesOnTask SkillsMastered StandardsMastered "
        "UnitsCompleted UnitsPassed WordsRead"
    ),
    "identifierType": (
        "AccountUserName EmailAddress LisSourcedId LtiContextId LtiDeploymentId LtiPlatformId LtiToolId "
        "LtiUserId OneRosterSourcedId Other SisSourcedId SystemId"
    ),
    "status": "Active Inactive",
    "profile": " ".join(f"{name}Profile" for name in _PROFILES.split()),
}
WORDS = {name: frozenset(words.split()) for name, words in _WORDS.items()}
"""Properties whose words are a closed list."""


@dataclass(frozen=True)
class Shape:
    """What an event may be: its actions, and the types of what it joins ('' where anything goes)."""

    actions: str
    object: tuple[str, ...] = ("Entity",)
    generated: tuple[str, ...] = ("Entity",)
    target: tuple[str, ...] = ("Entity",)
    actor: tuple[str, ...] = ("Person",)


_RESOURCE, _APP = ("DigitalResource",), ("SoftwareApplication",)
EVENTS = {
    "Event": Shape("", actor=("Agent",)),
    "AnnotationEvent": Shape("Bookmarked Highlighted Shared Tagged", _RESOURCE, ("Annotation",)),
    "AssessmentEvent": Shape(
        "Started Paused Resumed Restarted Reset Submitted", ("Assessment",), ("Attempt",)
    ),
    "AssessmentItemEvent": Shape("Started Skipped Completed", ("AssessmentItem",), ("Attempt", "Response")),
    "AssignableEvent": Shape(
        "Activated Deactivated Started Completed Submitted Reviewed",
        ("AssignableDigitalResource",),
        ("Attempt",),
        ("Frame",),
    ),
    "FeedbackEvent": Shape("Commented Ranked", generated=("Comment", "Rating"), target=("Frame",)),
    "ForumEvent": Shape("Subscribed Unsubscribed", ("Forum",)),
    "GradeEvent": Shape("Graded", ("Attempt",), ("Score", "Result"), actor=("Agent",)),
    "MediaEvent": Shape(
        "Started Ended Paused Resumed Restarted ForwardedTo JumpedTo Rewound ChangedResolution ChangedSize "
        "ChangedSpeed ChangedVolume EnabledClosedCaptioning DisabledClosedCaptioning EnabledCloseCaptioning "
        "DisabledCloseCaptioning EnteredFullScreen ExitedFullScreen Muted Unmuted OpenedPopout ClosedPopout",
        ("MediaObject",),
        target=("MediaLocation",),
    ),
    "MessageEvent": Shape("MarkedAsRead MarkedAsUnRead MarkedAsUnread Posted", ("Message",)),
    "NavigationEvent": Shape("NavigatedTo", _RESOURCE + _APP, target=_RESOURCE),
    "OutcomeEvent": Shape("Graded", ("Attempt",), ("Score", "Result"), actor=("Agent",)),
    "QuestionnaireEvent": Shape("Started Submitted", ("Questionnaire",)),
    "QuestionnaireItemEvent": Shape("Started Skipped Completed", ("QuestionnaireItem",), ("Response",)),
    "ReadingEvent": Shape("NavigatedTo Viewed Searched", _RESOURCE),
    "ResourceManagementEvent": Shape(
        "Archived Copied Created Deleted Described Downloaded Modified Printed Published Restored Retrieved "
        "Saved Unpublished Uploaded",
        _RESOURCE,
        _RESOURCE,
    ),
    "SearchEvent": Shape("Searched", generated=("SearchResponse",)),
    "SessionEvent": Shape(
        "LoggedIn LoggedOut TimedOut", ("Session", *_APP), target=_RESOURCE, actor=("Person", *_APP)
    ),
    "SurveyEvent": Shape("OptedIn OptedOut", ("Survey",)),
    "SurveyInvitationEvent": Shape("Accepted Declined Sent", ("SurveyInvitation",)),
    "ThreadEvent": Shape("MarkedAsRead MarkedAsUnRead MarkedAsUnread", ("Thread",)),
    "ToolLaunchEvent": Shape("Launched Returned", _APP, _RESOURCE, ("Link",)),
    "ToolUseEvent": Shape("Used", _APP, ("AggregateMeasureCollection",), _APP),
    "ViewEvent": Shape("Viewed", _RESOURCE, target=("Frame",)),
}
"""Event types with their shapes (appendix A of the specification)."""

_IN_OUT = {"actor": ("Person",), "object": _APP}
BY_ACTION = {
    ("SessionEvent", "LoggedIn"): _IN_OUT,
    ("SessionEvent", "LoggedOut"): _IN_OUT,
    ("SessionEvent", "TimedOut"): {"actor": _APP, "object": ("Session",)},
    ("FeedbackEvent", "Commented"): {"generated": ("Comment",)},
    ("FeedbackEvent", "Ranked"): {"generated": ("Rating",)},
}
"""Where an action narrows what its event may join."""

NEEDED = {
    ("ToolLaunchEvent", "Launched"): "federatedSession",
    ("ResourceManagementEvent", "Copied"): "generated",
}
"""Properties that an action asks for."""

OTHER_ACTIONS = (
    "Abandoned Added Attached Classified Disliked Hid Identified Liked Linked Questioned Recommended "
    "Removed Retracted Showed Unliked"
)
ACTIONS = frozenset(" ".join([OTHER_ACTIONS, *(shape.actions for shape in EVENTS.values())]).split())
"""Every action; a plain `Event` may have any."""
