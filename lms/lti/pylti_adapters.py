"""What pylti1p3next asks of a web framework, as plain forms and cookies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pylti1p3.cookie import CookieService
from pylti1p3.launch_data_storage.base import LaunchDataStorage
from pylti1p3.message_launch import MessageLaunch
from pylti1p3.oidc_login import OIDCLogin
from pylti1p3.redirect import Redirect
from pylti1p3.request import Request
from pylti1p3.service_connector import ServiceConnector
from pylti1p3.session import SessionService
from pylti1p3.tool_config.dict import ToolConfDict

LOGIN_SECONDS = 300


class Form(Request):
    """The fields of a posted form."""

    def __init__(self, form: Mapping[str, str]) -> None:
        self._values = form

    @property
    def session(self) -> dict[str, Any]:
        return {}

    def is_secure(self) -> bool:
        return True

    def get_param(self, key: str) -> str:
        return self._values.get(key, "")


class Cookies(CookieService):
    """The cookies a browser sent, and those to set."""

    def __init__(self, sent: Mapping[str, str]) -> None:
        self._sent = sent
        self.to_set: dict[str, str] = {}

    def get_cookie(self, name: str) -> str | None:
        return self._sent.get(f"{self._cookie_prefix}-{name}")

    def set_cookie(self, name: str, value: str | int, exp: int | None = LOGIN_SECONDS) -> None:
        self.to_set[f"{self._cookie_prefix}-{name}"] = str(value)


class NoStorage(LaunchDataStorage[Any]):
    """Keeps nothing: the tool checks a nonce together with its state, and a token's claims are not kept."""

    def get_session_cookie_name(self) -> None:
        return None

    def can_set_keys_expiration(self) -> bool:
        return False

    def get_value(self, key: str) -> None:
        return None

    def set_value(self, key: str, value: Any, exp: int | None = None) -> None:
        return None

    def check_value(self, key: str) -> bool:
        return True


class Location(Redirect[str]):
    """A redirect that is only its address."""

    def __init__(self, location: str) -> None:
        self._location = location

    def do_redirect(self) -> str:
        return self._location

    def do_js_redirect(self) -> str:
        return self._location

    def set_redirect_url(self, location: str) -> None:
        self._location = location

    def get_redirect_url(self) -> str:
        return self._location


class LoginFlow(OIDCLogin[Form, ToolConfDict, SessionService, Cookies, str]):
    """The library's login, answered by an address."""

    def get_redirect(self, url: str) -> Redirect[str]:
        return Location(url)


class Connector(ServiceConnector):
    """Asks the platform for a fresh token per launch: nothing is cached across people."""

    def _get_cached_access_token(self, scope_key: str) -> str | None:
        return None

    def _cache_access_token(self, scope_key: str, access_token: str, expires_in: float) -> None:
        return None


class LaunchMessage(MessageLaunch[Form, ToolConfDict, SessionService, Cookies]):
    """The library's launch, read from a form."""

    def __init__(
        self,
        request: Form,
        config: ToolConfDict,
        *,
        session_service: SessionService,
        cookie_service: Cookies,
    ) -> None:
        super().__init__(
            request,
            config,
            session_service=session_service,
            cookie_service=cookie_service,
            service_connector_cls=Connector,
        )

    def _get_request_param(self, key: str) -> str:
        return self._request.get_param(key)
