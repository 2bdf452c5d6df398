"""What an uncertain score counts beside a certain one."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the column; a row without a weight counts whole."""
    op.add_column("events", sa.Column("weight", sa.Double(), nullable=True))
