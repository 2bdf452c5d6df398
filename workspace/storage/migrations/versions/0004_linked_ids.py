"""Further ids of a learner at other doors, and who is in which class from when until when."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make both tables."""
    op.create_table(
        "linked_ids",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("key_version", sa.Integer(), nullable=False),
        sa.Column("surrogate", sa.String(length=20), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_index("linked_ids_of_learner", "linked_ids", ["surrogate"])
    op.create_table(
        "enrolments",
        sa.Column("class_id", sa.String(length=20), nullable=False),
        sa.Column("learner", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("begins", sa.BigInteger(), nullable=True),
        sa.Column("ends", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("class_id", "learner"),
    )
    op.create_index("enrolments_of_learner", "enrolments", ["learner"])
