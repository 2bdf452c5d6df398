"""The first schema: learners behind aliases, events, decisions, and the folds over them."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
NAMES = ("events", "learners", "playlists", "decisions", "rewards")


def upgrade() -> None:
    """Make the tables, and the counters that number their rows."""
    op.create_table(
        "aliases",
        sa.Column("domain", sa.String(length=10), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("key_version", sa.Integer(), nullable=False),
        sa.Column("surrogate", sa.String(length=20), nullable=False),
        sa.PrimaryKeyConstraint("domain", "digest"),
        sa.UniqueConstraint("domain", "surrogate"),
    )
    op.create_table(
        "counters",
        sa.Column("name", sa.String(length=20), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "decisions",
        sa.Column("decision_id", sa.String(length=40), nullable=False),
        sa.Column("playlist_id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("learner", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("propensity", sa.Double(), nullable=False),
        sa.Column("joint_propensity", sa.Double(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("explored", sa.Boolean(), nullable=False),
        sa.Column("relaxed", sa.Text(), nullable=False),
        sa.Column("context", sa.LargeBinary(), nullable=False),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("forecast", sa.LargeBinary(), nullable=False),
        sa.Column("menu", sa.Text(), nullable=False),
        sa.Column("override", sa.Text(), nullable=False),
        sa.Column("settled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("decision_id"),
        sa.UniqueConstraint("number"),
    )
    op.create_index("decisions_of_learner", "decisions", ["learner", "number"], unique=False)
    op.create_index("decisions_open", "decisions", ["settled", "number"], unique=False)
    op.create_table(
        "documents",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "events",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("event_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("learner", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("time", sa.BigInteger(), nullable=True),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=True),
        sa.Column("class_id", sa.String(length=20), nullable=False),
        sa.Column("attempt_no", sa.Double(), nullable=True),
        sa.Column("step", sa.String(length=40), nullable=False),
        sa.Column("completed", sa.Double(), nullable=True),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("supersedes", sa.LargeBinary(length=16), nullable=True),
        sa.Column("voids", sa.LargeBinary(length=16), nullable=True),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("event_id"),
    )
    op.create_index("events_of_learner", "events", ["learner", "number"], unique=False)
    op.create_table(
        "learners",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("surrogate", sa.String(length=20), nullable=False),
        sa.Column("opted_out", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("surrogate"),
    )
    op.create_table(
        "openings",
        sa.Column("learner", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("upto", sa.BigInteger(), nullable=False),
        sa.Column("last_time", sa.BigInteger(), nullable=True),
        sa.Column("last_seq", sa.BigInteger(), nullable=True),
        sa.Column("layout", sa.String(length=40), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("learner"),
    )
    op.create_table(
        "playlists",
        sa.Column("playlist_id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("learner", sa.Integer(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("week", sa.String(length=8), nullable=False),
        sa.Column("surface", sa.String(length=12), nullable=False),
        sa.Column("purpose", sa.String(length=12), nullable=False),
        sa.Column("seed", sa.Text(), nullable=False),
        sa.Column("request_no", sa.Integer(), nullable=False),
        sa.Column("upto", sa.BigInteger(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("fit_hash", sa.String(length=40), nullable=False),
        sa.Column("model_hash", sa.String(length=40), nullable=False),
        sa.Column("schema_hash", sa.String(length=40), nullable=False),
        sa.Column("candidates_hash", sa.String(length=40), nullable=False),
        sa.Column("certificate", sa.Text(), nullable=False),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("playlist_id"),
        sa.UniqueConstraint("number"),
    )
    op.create_index("playlists_of_learner", "playlists", ["learner", "number"], unique=False)
    op.create_table(
        "rewards",
        sa.Column("decision_id", sa.String(length=40), nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("parts", sa.Text(), nullable=False),
        sa.Column("matured", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("decision_id", "revision"),
        sa.UniqueConstraint("number"),
    )
    op.create_table(
        "states",
        sa.Column("learner", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("upto", sa.BigInteger(), nullable=False),
        sa.Column("last_time", sa.BigInteger(), nullable=True),
        sa.Column("last_seq", sa.BigInteger(), nullable=True),
        sa.Column("parameters", sa.String(length=40), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("learner"),
    )
    op.create_table(
        "tombstones",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("key_version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    counters = sa.table("counters", sa.column("name", sa.String), sa.column("value", sa.BigInteger))
    op.bulk_insert(counters, [{"name": name, "value": 1} for name in NAMES])
