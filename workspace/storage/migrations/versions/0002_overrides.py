"""What teachers did with a step, with who and when, and which lists nobody received."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the table of overrides with its counter, and the mark of lists that were not received."""
    op.create_table(
        "overrides",
        sa.Column("override_id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("decision_id", sa.String(length=40), nullable=False),
        sa.Column("learner", sa.Integer(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("teacher", sa.String(length=32), nullable=False),
        sa.Column("action", sa.String(length=10), nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("taken", sa.Text(), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("undone", sa.BigInteger(), nullable=True),
        sa.Column("undone_by", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("override_id"),
        sa.UniqueConstraint("number"),
    )
    op.create_index("overrides_of_decision", "overrides", ["decision_id", "number"], unique=False)
    op.create_index("overrides_of_learner", "overrides", ["learner", "number"], unique=False)
    op.add_column(
        "playlists", sa.Column("undelivered", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    counters = sa.table("counters", sa.column("name", sa.String), sa.column("value", sa.BigInteger))
    op.bulk_insert(counters, [{"name": "overrides", "value": 1}])
