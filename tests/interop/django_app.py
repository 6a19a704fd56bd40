# pyright: basic
# Django has no types.
"""Django: its application is inside ours, and its views emit, async ones and those in threads."""

from __future__ import annotations

from typing import Any

import django  # type: ignore[import-untyped] # has no types
from django.conf import settings  # type: ignore[import-untyped] # has no types
from django.core.asgi import get_asgi_application  # type: ignore[import-untyped] # has no types
from django.http import JsonResponse  # type: ignore[import-untyped] # has no types
from django.urls import path  # type: ignore[import-untyped] # has no types

from socketio_core import Server
from socketio_core.asgi import App
from tests.interop.under_uvicorn import run

urlpatterns: list[Any] = []


def create_app(io: Server) -> App:
    """Return our application around the framework's."""

    async def announce(_: object, text: str) -> object:
        await io.emit("said", text, None)
        return JsonResponse({"ok": True})

    def announce_from_a_thread(_: object, text: str) -> object:
        io.from_thread(io.emit, "said", text, None)
        return JsonResponse({"ok": True})

    settings.configure(
        SECRET_KEY="of this test",
        ALLOWED_HOSTS=["localhost"],
        ROOT_URLCONF=__name__,
        MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    )
    django.setup()
    urlpatterns.append(path("announce/<text>", announce))
    urlpatterns.append(path("announce from a thread/<text>", announce_from_a_thread))
    return App(io, get_asgi_application())


if __name__ == "__main__":
    run(create_app)
