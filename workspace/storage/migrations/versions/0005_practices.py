"""What a class did together: groups, places drawn, reviews, scores by criterion, talks, feedback."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the table, and the counter that numbers its rows."""
    op.create_table(
        "practices",
        sa.Column("row_id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("learner", sa.Integer(), nullable=False),
        sa.Column("class_id", sa.String(length=20), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("act", sa.String(length=40), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("given_by", sa.String(length=24), nullable=False),
        sa.PrimaryKeyConstraint("row_id"),
        sa.UniqueConstraint("number"),
    )
    op.create_index("practices_of_learner", "practices", ["learner", "number"])
    op.bulk_insert(
        sa.table("counters", sa.column("name", sa.String()), sa.column("value", sa.BigInteger())),
        [{"name": "practices", "value": 1}],
    )
