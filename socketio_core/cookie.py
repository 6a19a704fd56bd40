"""The session cookie that a server may set. Spec: PROTOCOL 1.5."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from socketio_core.checks import TOKEN, check_count, check_switch

_DOMAIN = re.compile(r"\.?[0-9A-Za-z_]([0-9A-Za-z_.-]*[0-9A-Za-z])?")
_HTTP_DATE = re.compile(  # RFC 9110, 5.6.7
    r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cookie:
    """The session cookie; the defaults are those of the reference (PROTOCOL 1.5)."""

    name: str = "io"
    path: str | None = "/"
    domain: str | None = None
    max_age_s: int | None = None
    expires: str | None = None
    http_only: bool = True
    secure: bool = False
    same_site: Literal["lax", "strict", "none"] | None = "lax"

    def __post_init__(self) -> None:
        """Refuse attributes that would break out of the header, and cookies that no browser keeps or sends back."""
        for name in ("name", "path", "domain", "expires"):
            value: object = getattr(self, name)
            if value is None and name != "name":
                continue
            if not isinstance(value, str):
                raise TypeError(f"cookie {name} must be a string, not: {value!r}")
            if not (value.isascii() and value.isprintable()) or ";" in value:
                raise ValueError(f"illegal character in a cookie attribute: {value!r}")
        for name in ("http_only", "secure"):
            check_switch(f"cookie {name}", getattr(self, name))
        if self.max_age_s is not None:
            check_count("cookie max_age_s", self.max_age_s)  # with 0 it is gone at once
        self._check_texts()
        self._check_demands()

    def _check_texts(self) -> None:
        if not TOKEN.fullmatch(self.name):
            raise ValueError(f"cookie name must be a token without spaces and '=', as in 'io': {self.name!r}")
        if self.path is not None and not self.path.startswith("/"):
            raise ValueError(f"cookie path must begin with '/', as in '/': {self.path!r}")
        if self.domain is not None and not _DOMAIN.fullmatch(self.domain):
            raise ValueError(
                f"cookie domain must be a name without scheme and port, as in 'a.example': {self.domain!r}"
            )
        if self.expires is not None and not _HTTP_DATE.fullmatch(self.expires):
            example = "Thu, 01 Jan 2026 00:00:00 GMT"
            raise ValueError(f"cookie expires must be a date as in '{example}' (or use max_age_s): {self.expires!r}")

    def _check_demands(self) -> None:
        """Check what browsers demand of some cookies, and drop them silently otherwise (RFC 6265bis, 5.7)."""
        same_site: Any = self.same_site  # not everybody checks types
        if same_site is not None and not (
            isinstance(same_site, str) and same_site.lower() in ("lax", "strict", "none")
        ):
            raise ValueError(f"cookie same_site must be 'lax', 'strict', 'none' or None, not: {same_site!r}")
        if isinstance(same_site, str) and same_site.lower() == "none" and not self.secure:
            raise ValueError("cookie same_site='none' needs secure=True")
        prefix = self.name.lower()
        if prefix.startswith(("__secure-", "__host-")) and not self.secure:
            raise ValueError(f"cookie of this name needs secure=True: {self.name!r}")
        if prefix.startswith("__host-") and (self.path != "/" or self.domain is not None):
            raise ValueError(f"cookie of this name needs path='/' and no domain: {self.name!r}")

    def header_value(self, sid: str) -> bytes:
        """Return the value of `Set-Cookie`, e.g. `b"io=Xk3...; Path=/; HttpOnly; SameSite=Lax"`."""
        parts = [f"{self.name}={sid}"]
        if self.max_age_s is not None:
            parts.append(f"Max-Age={self.max_age_s}")
        if self.domain is not None:
            parts.append(f"Domain={self.domain}")
        if self.path is not None:
            parts.append(f"Path={self.path}")
        if self.expires is not None:
            parts.append(f"Expires={self.expires}")
        if self.http_only:
            parts.append("HttpOnly")
        if self.secure:
            parts.append("Secure")
        if self.same_site is not None:
            parts.append(f"SameSite={self.same_site.capitalize()}")
        return "; ".join(parts).encode("ascii")
