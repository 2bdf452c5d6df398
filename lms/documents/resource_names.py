"""Which of our resources an address of theirs means: the object, or the nearest activity around it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from segue.features.catalogue import Catalogue

PARTS = frozenset({"subcontentid", "attempt", "page", "showall", "slot", "forceview", "sesskey"})
"""Parameters of an address that say which part or which try, not which resource."""
PORTS = {"http": ":80", "https": ":443"}


class ResourceNames:
    """Our resource by what an LMS calls it.

    Parameters
    ----------
    catalogue : Catalogue
        A resource is known by its id, and by its `url` where no other has it.
    names : mapping of str to str
        Their id of a resource to ours; these come first.
    """

    def __init__(self, catalogue: Catalogue, names: Mapping[str, str]) -> None:
        ids = catalogue.resource_index
        self._known = {name: name for name in ids}
        at = Counter(resource.url for resource in catalogue.resources)
        single = {r.url: r.resource_id for r in catalogue.resources if r.url and at[r.url] == 1}
        self._known = single | self._known | dict(names)
        self._plain: dict[str, str] = {}
        clash: set[str] = set()
        for theirs, ours in self._known.items():
            for form in _forms(theirs):
                if self._plain.setdefault(form, ours) != ours:
                    clash.add(form)
        for form in clash:
            del self._plain[form]

    def ours(self, theirs: str, within: Sequence[str] = ()) -> str:
        """Return our id of a resource, or theirs when nothing in the catalogue is meant.

        Tried in turn: the object's address; the same without fragment, trailing slash, and in lower case
        where case means nothing; without the parameters that name a part or a try; then each activity of
        `within`, nearest first, in the same way.
        """
        for name in (theirs, *within):
            if name in self._known:
                return self._known[name]
            for form in _forms(name):
                if form in self._plain:
                    return self._plain[form]
        return theirs


def _forms(address: str) -> list[str]:
    """Return the plainer forms of a web address, nearest first; of anything else none.

    >>> _forms("HTTPS://LMS.example:443/mod/quiz/attempt.php/?attempt=7#q1")[-1]
    'https://lms.example/mod/quiz/attempt.php'
    >>> _forms("https://lms.example/h5p?id=3?subContentId=9")
    ['https://lms.example/h5p?id=3?subContentId=9', 'https://lms.example/h5p?id=3']
    """
    try:
        parts = urlsplit(address)
        scheme, host = parts.scheme.lower(), parts.netloc.lower()
    except ValueError:
        return []
    if scheme not in PORTS or not host:
        return []
    host, path = host.removesuffix(PORTS[scheme]), parts.path.rstrip("/")
    asked = parts.query.rstrip("/")
    whole = urlunsplit((scheme, host, path, asked, ""))
    query = parse_qsl(asked.replace("?", "&"), keep_blank_values=True)
    kept = [(name, value) for name, value in query if name.lower() not in PARTS]
    short = urlunsplit((scheme, host, path, urlencode(kept), ""))
    return list(dict.fromkeys((whole, short)))
