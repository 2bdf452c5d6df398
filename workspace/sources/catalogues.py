"""The catalogue of a workspace: read where it stands, changed at once for everybody."""

from __future__ import annotations

import json
from abc import ABC
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from segue.features.catalogue import Catalogue, Resource, merged, with_resources
from segue.features.catalogue_json import catalogue_in, catalogue_out
from segue.workspace.records.list_rows import RETIRED
from segue.workspace.storage.database import Connection, Store, get_document, put_document
from segue.workspace.storage.errors import DeclinedError, WorkspaceError
from segue.workspace.storage.pseudonyms import Keyring

CATALOGUE, CATALOGUE_HASH = "catalogue", "catalogue_hash"
CHANGEABLE = tuple(field.name for field in fields(Resource) if field.name not in ("resource_id", "retired"))


class CatalogueSource:
    """Reads the catalogue of a workspace's folder as a transaction sees it; what was parsed once is kept."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._parsed: tuple[bytes, Catalogue] | None = None

    def __call__(self, connection: Connection) -> Catalogue:
        """Return the catalogue as it stands.

        Raises
        ------
        WorkspaceError
            When there is none yet.
        """
        said = get_document(connection, CATALOGUE_HASH)
        if said is None or self._parsed is None or self._parsed[0] != said:
            body = get_document(connection, CATALOGUE)
            if body is None:
                raise WorkspaceError(
                    f"{self._path} has no catalogue yet: segue import --catalogue resources.csv"
                )
            key = body if said is None else said  # a store of an older version says no hash
            if self._parsed is None or self._parsed[0] != key:
                self._parsed = (key, catalogue_in(json.loads(body)))
        return self._parsed[1]

    def keep(self, connection: Connection, catalogue: Catalogue) -> None:
        """Keep a catalogue, within a write."""
        text = json.dumps(catalogue_out(catalogue), ensure_ascii=False)
        retired = [r.resource_id for r in catalogue.resources if r.retired]
        said = catalogue.hash.encode()
        put_document(connection, CATALOGUE, text.encode())
        put_document(connection, CATALOGUE_HASH, said)
        put_document(connection, RETIRED, json.dumps(retired).encode())
        self._parsed = (said, catalogue)

    def there(self, connection: Connection) -> Catalogue | None:
        """Return the same, None before there is one."""
        return None if get_document(connection, CATALOGUE) is None else self(connection)


class CatalogueMethods(ABC):
    """The part of a workspace that keeps its catalogue: what is said here holds from the next list on."""

    store: Store
    keyring: Keyring
    catalogue_in: CatalogueSource

    def catalogue(self) -> Catalogue:
        """Return the catalogue as it stands.

        Raises
        ------
        WorkspaceError
            When there is none yet.
        """
        with self.store.read() as connection:
            return self.catalogue_in(connection)

    def set_catalogue(self, catalogue: Catalogue) -> Catalogue:
        """Keep a catalogue and return it; resources of the one before that it lacks stay, and a note says so.

        What is new can be recommended at once: as hard as its skills and its label suggest until it has been
        tried, and a fit has seen it.
        """
        with self.store.write() as connection:
            before = self.catalogue_in.there(connection)
            whole = catalogue if before is None else merged(before, catalogue)
            self._keep(connection, whole)
        return whole

    def put_resource(self, resource: Resource) -> bool:
        """Add a resource, or put it in the place of the one of its id; return whether it is new.

        What was retired stays so.

        Raises
        ------
        CatalogueError
            When it cannot be in this catalogue.
        DeclinedError
            When it would never be open.
        """
        _check_open(resource)
        with self.store.write() as connection:
            catalogue = self.catalogue_in.there(connection) or Catalogue.build([])
            place = catalogue.resource_index.get(resource.resource_id)
            retired = place is not None and catalogue.resources[place].retired
            self._keep(connection, with_resources(catalogue, [replace(resource, retired=retired)]))
        return place is None

    def change_resource(self, resource_id: str, changes: Mapping[str, Any]) -> Resource:
        """Change some fields of a resource (those of ``Resource``) and return it.

        Raises
        ------
        DeclinedError
            For another id or field, or when it would never be open.
        """
        if wrong := set(changes) - set(CHANGEABLE):
            message = f"{min(wrong)} is no field of a resource: {', '.join(CHANGEABLE)}"
            raise DeclinedError("invalid", "no_field", message)
        return self._changed(resource_id, dict(changes))

    def retire_resource(self, resource_id: str) -> bool:
        """Take a resource out of every list, now and later; return False when it was retired before.

        What was done with it stays, and counts. `restore_resource` brings it back.

        Raises
        ------
        DeclinedError
            For another id.
        """
        return self._retired(resource_id, retired=True)

    def restore_resource(self, resource_id: str) -> bool:
        """Bring a retired resource back; return False when it was there.

        Raises
        ------
        DeclinedError
            For another id.
        """
        return self._retired(resource_id, retired=False)

    def listed_resources(self, *, after: str = "", limit: int | None = None) -> tuple[Resource, ...]:
        """Return resources in the catalogue's order, which never changes: `limit` at most, those `after` one.

        Raises
        ------
        DeclinedError
            When there is no resource `after`.
        """
        catalogue = self._there()
        first = 1 + catalogue.resource_index[_known(catalogue, after)] if after else 0
        return catalogue.resources[first : None if limit is None else first + limit]

    def listed_resource(self, resource_id: str) -> Resource:
        """Return a resource as it stands, retired or not.

        Raises
        ------
        DeclinedError
            When there is none of this id.
        """
        catalogue = self._there()
        return catalogue.resource(_known(catalogue, resource_id))

    def _there(self) -> Catalogue:
        with self.store.read() as connection:
            return self.catalogue_in.there(connection) or Catalogue.build([])

    def _retired(self, resource_id: str, *, retired: bool) -> bool:
        if self.listed_resource(resource_id).retired == retired:
            return False
        self._changed(resource_id, {"retired": retired})
        return True

    def _changed(self, resource_id: str, changes: dict[str, Any]) -> Resource:
        with self.store.write() as connection:
            catalogue = self.catalogue_in.there(connection) or Catalogue.build([])
            place = catalogue.resource_index[_known(catalogue, resource_id)]
            changed = replace(catalogue.resources[place], **changes)
            _check_open(changed)
            whole = with_resources(catalogue, [changed])
            self._keep(connection, whole)
        return whole.resources[place]

    def _keep(self, connection: Connection, catalogue: Catalogue) -> None:
        self.catalogue_in.keep(connection, catalogue)
        self.store.forget()


def _known(catalogue: Catalogue, resource_id: str) -> str:
    if resource_id not in catalogue.resource_index:
        raise DeclinedError("absent", "no_resource", f"there is no resource {resource_id!r} in the catalogue")
    return resource_id


def _check_open(resource: Resource) -> None:
    begins, ends = resource.available_from, resource.available_until
    if begins is not None and ends is not None and ends <= begins:
        message = "available_until must lie after available_from: it would never be open"
        raise DeclinedError("invalid", "never_open", message)
