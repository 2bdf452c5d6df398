"""The tables of a workspace. Migrations make them; this is how the code speaks of them.

Facts: `learners`, `aliases`, `tombstones`, `events`, `statements`, `practices`, `playlists`, `decisions`,
`overrides` (what teachers did with steps, and undid), and `openings` (what purged events had come to).
Folds over them, each of which says how far it has come: `states`, `rewards`, `documents`
(catalogue, sums of the model). `replies` are answers that a caller may ask for again, for a day.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)

HEAD = "0007"
metadata = MetaData()

documents = Table(
    "documents",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("body", LargeBinary, nullable=False),
)

counters = Table(
    "counters",
    metadata,
    Column("name", String(20), primary_key=True),
    Column("value", BigInteger, nullable=False),
)

learners = Table(
    "learners",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("surrogate", String(20), nullable=False, unique=True),
    Column("opted_out", Boolean, nullable=False),
)

aliases = Table(
    "aliases",
    metadata,
    Column("domain", String(10), primary_key=True),
    Column("digest", LargeBinary(32), primary_key=True),
    Column("key_version", Integer, nullable=False),
    Column("surrogate", String(20), nullable=False),
    UniqueConstraint("domain", "surrogate"),
)

linked_ids = Table(
    "linked_ids",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("key_version", Integer, nullable=False),
    Column("surrogate", String(20), nullable=False),
    Index("linked_ids_of_learner", "surrogate"),
)

enrolments = Table(
    "enrolments",
    metadata,
    Column("class_id", String(20), primary_key=True),
    Column("learner", Integer, primary_key=True, autoincrement=False),
    Column("role", String(20), nullable=False),
    Column("begins", BigInteger),
    Column("ends", BigInteger),
    Index("enrolments_of_learner", "learner"),
)

tombstones = Table(
    "tombstones",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("key_version", Integer, nullable=False),
)

events = Table(
    "events",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("event_id", LargeBinary(16), nullable=False, unique=True),
    Column("learner", Integer, nullable=False),
    Column("kind", String(12), nullable=False),
    Column("resource", Text, nullable=False),
    Column("score", Double),
    Column("time", BigInteger),
    Column("seq", BigInteger, nullable=False),
    Column("seconds", Double),
    Column("class_id", String(20), nullable=False),
    Column("attempt_no", Double),
    Column("step", String(40), nullable=False),
    Column("completed", Double),
    Column("tags", Text, nullable=False),
    Column("supersedes", LargeBinary(16)),
    Column("voids", LargeBinary(16)),
    Column("weight", Double),
    Index("events_of_learner", "learner", "number"),
)

states = Table(
    "states",
    metadata,
    Column("learner", Integer, primary_key=True, autoincrement=False),
    Column("upto", BigInteger, nullable=False),
    Column("last_time", BigInteger),
    Column("last_seq", BigInteger),
    Column("parameters", String(40), nullable=False),
    Column("body", LargeBinary, nullable=False),
)

openings = Table(
    "openings",
    metadata,
    Column("learner", Integer, primary_key=True, autoincrement=False),
    Column("upto", BigInteger, nullable=False),
    Column("last_time", BigInteger),
    Column("last_seq", BigInteger),
    Column("layout", String(40), nullable=False),
    Column("body", LargeBinary, nullable=False),
)

playlists = Table(
    "playlists",
    metadata,
    Column("playlist_id", String(40), primary_key=True),
    Column("number", BigInteger, nullable=False, unique=True),
    Column("learner", Integer, nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("week", String(8), nullable=False),
    Column("surface", String(12), nullable=False),
    Column("purpose", String(12), nullable=False),
    Column("seed", Text, nullable=False),
    Column("request_no", Integer, nullable=False),
    Column("upto", BigInteger, nullable=False),
    Column("policy", Text, nullable=False),
    Column("fit_hash", String(40), nullable=False),
    Column("model_hash", String(40), nullable=False),
    Column("schema_hash", String(40), nullable=False),
    Column("candidates_hash", String(40), nullable=False),
    Column("certificate", Text, nullable=False),
    Column("notes", Text, nullable=False),
    Column("undelivered", Boolean, nullable=False, server_default=false()),
    Index("playlists_of_learner", "learner", "number"),
)

decisions = Table(
    "decisions",
    metadata,
    Column("decision_id", String(40), primary_key=True),
    Column("playlist_id", String(40), nullable=False),
    Column("number", BigInteger, nullable=False, unique=True),
    Column("learner", Integer, nullable=False),
    Column("position", Integer, nullable=False),
    Column("resource", Text, nullable=False),
    Column("propensity", Double, nullable=False),
    Column("joint_propensity", Double, nullable=False),
    Column("score", Double, nullable=False),
    Column("explored", Boolean, nullable=False),
    Column("relaxed", Text, nullable=False),
    Column("context", LargeBinary, nullable=False),
    Column("reasons", Text, nullable=False),
    Column("forecast", LargeBinary, nullable=False),
    Column("menu", Text, nullable=False),
    Column("override", Text, nullable=False),
    Column("settled", Boolean, nullable=False),
    Index("decisions_of_learner", "learner", "number"),
    Index("decisions_open", "settled", "number"),
)

overrides = Table(
    "overrides",
    metadata,
    Column("override_id", String(32), primary_key=True),
    Column("number", BigInteger, nullable=False, unique=True),
    Column("decision_id", String(40), nullable=False),
    Column("learner", Integer, nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("teacher", String(32), nullable=False),
    Column("action", String(10), nullable=False),
    Column("resource", Text, nullable=False),
    Column("taken", Text, nullable=False),
    Column("reason", String(20), nullable=False),
    Column("until", BigInteger),
    Column("undone", BigInteger),
    Column("undone_by", String(32)),
    Index("overrides_of_decision", "decision_id", "number"),
    Index("overrides_of_learner", "learner", "number"),
)

rewards = Table(
    "rewards",
    metadata,
    Column("decision_id", String(40), primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False, unique=True),
    Column("status", String(10), nullable=False),
    Column("value", Double),
    Column("parts", Text, nullable=False),
    Column("matured", BigInteger),
)

statements = Table(
    "statements",
    metadata,
    Column("statement_id", String(40), primary_key=True),
    Column("number", BigInteger, nullable=False, unique=True),
    Column("learner", Integer, nullable=False),
    Column("kind", String(12), nullable=False),
    Column("about", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("said_by", String(24), nullable=False),
    Column("playlist_id", String(40), nullable=False),
    Index("statements_of_learner", "learner", "number"),
)

practices = Table(
    "practices",
    metadata,
    Column("row_id", String(40), primary_key=True),
    Column("number", BigInteger, nullable=False, unique=True),
    Column("learner", Integer, nullable=False),
    Column("class_id", String(20), nullable=False),
    Column("kind", String(12), nullable=False),
    Column("about", Text, nullable=False),
    Column("act", String(40), nullable=False),
    Column("body", Text, nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("given_by", String(24), nullable=False),
    Index("practices_of_learner", "learner", "number"),
)

replies = Table(
    "replies",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("asked", LargeBinary(16), nullable=False),
    Column("learner", Integer, nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("replies_of_learner", "learner"),
    Index("replies_in_time", "time"),
)
