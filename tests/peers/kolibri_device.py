"""A real Kolibri of a test's own: a channel, classes, learners, attempts made as each learner, and a kill."""

from __future__ import annotations

import http.cookiejar
import json
import os
import random
import socket
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Json = Any
ADMIN, PASSWORD = "admin", "admin123"
CHANNEL = "c" * 32
LASTS = 300  # seconds; Kolibri ends a session after 1,200
PATIENCE = 600  # tries of a second to come up, on a machine that is busy
CONTENT = """
from kolibri.core.content.models import ChannelMetadata, ContentNode
def node(id, title, kind, parent, content_id):
    return ContentNode.objects.create(id=id, title=title, content_id=content_id, channel_id={channel!r},
        parent=parent, kind=kind, available=True, options={{}}, ancestors=[])
root = node({channel!r}, 'Fractions', 'topic', None, {channel!r})
ChannelMetadata.objects.create(id={channel!r}, name='Fractions', root=root, version=1, min_schema_version='5')
for number, item in enumerate({items!r}, 1):
    node(item['contentnode_id'], f'Fractions {{number}}', 'exercise', root, item['content_id'])
"""
DELETED = "from kolibri.core.content.models import ContentNode; ContentNode.objects.get(id={node!r}).delete()"


class Session:
    """Someone signed in; learners have no password in a school of this preset."""

    def __init__(self, address: str, user: str) -> None:
        self.address, self._user = address, user
        self._sign_in()

    def _sign_in(self) -> None:
        self._since = time.monotonic()
        self._cookies = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self._cookies))
        self.facility = self("GET", "/api/public/v1/facility/")[0]["id"]
        self.id = self("POST", "/api/auth/session/", login(self._user, self.facility))["user_id"]

    def __call__(self, method: str, path: str, body: Json = None) -> Json:
        if time.monotonic() - self._since > LASTS:  # nobody is refused then, but lists come back empty
            self._sign_in()
        headers = {"Content-Type": "application/json", "Referer": self.address}
        token = next((cookie.value for cookie in self._cookies if "csrf" in cookie.name), None)
        if token:
            headers["X-CSRFToken"] = token
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.address + path, data=data, headers=headers, method=method)
        with self._opener.open(request, timeout=60) as answer:
            content = answer.read()
        return json.loads(content) if content else None


def login(user: str, facility: str) -> dict[str, Json]:
    """Return what Kolibri's form for signing in sends."""
    known = {"password": PASSWORD} if user == ADMIN else {}
    browser = {"browser": {"name": "t", "major": "1"}, "os": {"name": "t"}}
    return {"username": user, "facility": facility, "active": True} | known | browser


@dataclass
class Learner:
    """A learner of the device and what was done: (content id, right, hinted) of each attempt."""

    id: str
    name: str
    did: list[tuple[str, int, bool]] = field(default_factory=list)


class Device:
    """The program, its folder and its port; `start` again after `kill` goes on with the same data."""

    def __init__(self, program: str, home: Path, *, n_items: int) -> None:
        self._program, self._home = program, home
        self._environment = os.environ | {"KOLIBRI_HOME": str(home)}
        home.mkdir()
        self._manage(
            *("provisiondevice", "--facility", "School", "--preset", "formal", "--language_id", "en"),
            *("--superusername", ADMIN, "--superuserpassword", PASSWORD, "--noinput"),
        )
        draw = random.Random(1)
        self.items = [
            {"content_id": _hex(draw), "channel_id": CHANNEL, "contentnode_id": _hex(draw)}
            for _ in range(n_items)
        ]
        self._manage("shell", "-c", CONTENT.format(channel=CHANNEL, items=self.items))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self.start()

    def _manage(self, *words: str) -> None:
        command = [self._program, "manage", *words]
        done = subprocess.run(command, env=self._environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]

    def delete(self, item: dict[str, str]) -> None:
        """Delete a resource on the device; a server that runs would go on showing it from its memory."""
        self.kill()
        self._manage("shell", "-c", DELETED.format(node=item["contentnode_id"]))
        self.start()

    def start(self) -> None:
        """Start the server and wait until it answers."""
        command = [self._program, "start", "--foreground", "--port", str(self.port)]
        with (self._home / "test.log").open("w") as log:
            self._server = subprocess.Popen(command, env=self._environment, stdout=log, stderr=log)
        for _ in range(PATIENCE):
            assert self._server.poll() is None, (self._home / "test.log").read_text()[-2000:]
            try:
                urllib.request.urlopen(f"{self.address}/api/public/info/", timeout=10).read()
            except OSError:
                time.sleep(1)
            else:
                return
        raise AssertionError("Kolibri did not come up")

    def kill(self) -> None:
        """End the server at once, as a power cut does."""
        self._server.kill()
        self._server.wait()

    def classroom(self, admin: Session, name: str, items: list[dict[str, str]]) -> str:
        """Make a class with its teacher's lesson, and return its id."""
        made = admin("POST", "/api/auth/classroom/", {"name": name, "parent": admin.facility})["id"]
        lesson = {"title": f"Practice {name}", "description": "", "resources": items, "collection": made}
        lesson |= {"created_by": admin.id, "active": True, "assignments": [made], "learner_ids": []}
        admin("POST", "/api/lessons/lesson/", lesson)
        return str(made)

    def learner(self, admin: Session, name: str, *classes: str) -> Learner:
        """Make a learner in some classes; the login is the name without its blanks, as far as fits."""
        sign = name.replace(" ", "")[:20]
        user = {"username": sign, "full_name": name, "password": "NOT_SPECIFIED"}
        made = admin("POST", "/api/auth/facilityuser/", user | {"facility": admin.facility})["id"]
        for classroom in classes:
            self.join(admin, made, classroom)
        return Learner(str(made), sign)

    def join(self, admin: Session, learner: str, classroom: str) -> None:
        """Put a learner into a class."""
        admin("POST", "/api/auth/membership/", {"user": learner, "collection": classroom})

    def leave(self, admin: Session, learner: str, classroom: str) -> None:
        """Take a learner out of a class."""
        admin("DELETE", f"/api/auth/membership/?user={learner}&collection={classroom}")

    def practise(self, learner: Learner, items: list[dict[str, str]], draw: random.Random) -> None:
        """Work on some exercises as this learner, two answers each."""
        room = Session(self.address, learner.name)
        for item in items:
            where = {name: item[name] for name in ("content_id", "channel_id")}
            where |= {"node_id": item["contentnode_id"], "kind": "exercise"}
            model = {"mastery_model": {"type": "m_of_n", "m": 5, "n": 5}}
            begun = room("POST", "/api/logger/trackprogress/", where | model)
            answers = []
            for _ in range(2):
                right = int(draw.random() < 0.6)
                hinted = not right and draw.random() < 0.5
                answers.append(
                    {"item": _hex(draw), "correct": right, "complete": True, "hinted": hinted, "answer": {}}
                    | {"time_spent": 9.0, "simple_answer": "", "error": False, "replace": False}
                )
                learner.did.append((item["content_id"], right, hinted))
            told = {"time_spent_delta": 18.0, "interactions": answers}
            room("PUT", f"/api/logger/trackprogress/{begun['session_id']}/", told)


def _hex(draw: random.Random) -> str:
    return uuid.UUID(int=draw.getrandbits(128)).hex
