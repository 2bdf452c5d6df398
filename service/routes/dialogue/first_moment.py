"""When something was said first: what is sent again under its `Idempotency-Key` is of that moment.

What people say and what a class does is named by its content and its moment, and kept once under a name.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from fastapi import Request

from segue.service.admission import Caller
from segue.service.http.bodies import body_of, key_of
from segue.service.tenant.recommend_and_store import KEY_USED
from segue.workspace.storage.errors import DeclinedError
from segue.workspace.storage.replies import first_moment


async def moment_of(request: Request, caller: Caller, sent: datetime | None) -> datetime:
    """Return the moment a body names, else that of the first request under its key, else the present.

    Raises
    ------
    RefusedError
        409 when the key came with another request, 422 for one that is none.
    """
    key, now = key_of(request), datetime.now(UTC)
    if sent is not None or not key:
        return sent or now
    workspace = caller.space
    digest = workspace.keyring.digest("reply", f"{caller.key.key_id} {key}")
    said = f"{request.method} {request.url.path} ".encode() + await body_of(request)
    asked = hashlib.blake2b(said, digest_size=16).digest()

    def first() -> float:
        with workspace.store.write() as connection:
            found = first_moment(connection, digest, asked, now=now.timestamp())
        if found is None:
            raise DeclinedError("conflict", "key_used", KEY_USED)
        return found

    return datetime.fromtimestamp(await caller.tenant.do(first), UTC)
