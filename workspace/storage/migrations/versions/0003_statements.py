"""What people say about themselves and each other's plans: claims, goals, own plans and their answers."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the table, and the counter that numbers its rows."""
    op.create_table(
        "statements",
        sa.Column("statement_id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("learner", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("said_by", sa.String(length=24), nullable=False),
        sa.Column("playlist_id", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("statement_id"),
        sa.UniqueConstraint("number"),
    )
    op.create_index("statements_of_learner", "statements", ["learner", "number"])
    op.bulk_insert(
        sa.table("counters", sa.column("name", sa.String()), sa.column("value", sa.BigInteger())),
        [{"name": "statements", "value": 1}],
    )
