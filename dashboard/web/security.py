"""What every answer carries so that a browser helps to protect the page, and the CSRF check."""

import hashlib

from flask import Flask, Response, current_app, request
from flask_wtf.csrf import CSRFProtect

from ..config import Settings
from ..vault import vault

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "font-src 'self'",
        "frame-src 'none'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        # Only what static/js/trusted.js lets pass becomes HTML, and no string ever a script.
        "require-trusted-types-for 'script'",
        "trusted-types default",
    )
)
# What no page of ours does, nor the frame of a Web view in it.
NOT_USED = (
    "accelerometer",
    "autoplay",
    "browsing-topics",
    "camera",
    "clipboard-read",
    "display-capture",
    "encrypted-media",
    "fullscreen",
    "gamepad",
    "geolocation",
    "gyroscope",
    "hid",
    "idle-detection",
    "local-fonts",
    "magnetometer",
    "microphone",
    "midi",
    "payment",
    "picture-in-picture",
    "publickey-credentials-get",
    "screen-wake-lock",
    "serial",
    "usb",
    "window-management",
    "xr-spatial-tracking",
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    # Not no-referrer: over https the CSRF check compares the referrer.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": ", ".join(f"{name}=()" for name in NOT_USED),
}
# Only where people come by https alone. With the names below it, as ASVS asks for.
STRICT_TRANSPORT = "max-age=31536000; includeSubDomains"
STATIC_SECONDS = 365 * 24 * 3600

csrf = CSRFProtect()


def headers(settings: Settings) -> dict[str, str]:
    """Return what every answer carries."""
    if not settings.secure_cookies:
        return HEADERS
    return HEADERS | {"Strict-Transport-Security": STRICT_TRANSPORT}


def add_headers(response: Response) -> Response:
    """Add the headers that no answer may lack, errors and downloads included."""
    for name, value in current_app.extensions["headers"].items():
        response.headers.setdefault(name, value)
    caching = response.cache_control
    if request.endpoint == "static" and response.status_code < 400:
        if "v" in request.args:  # the address changes with the content
            caching.clear()
            caching.public, caching.immutable, caching.max_age = True, True, STATIC_SECONDS
    elif not (caching.private and caching.max_age):
        # A view may let the user's own browser keep an answer (`private` with an age), if it has
        # an address of its own for each content. Everything else is never kept.
        response.headers["Cache-Control"] = "no-store"
    return response


def secret_key() -> bytes:
    """Return what signs the CSRF tokens.

    Derived from the server key, so that open pages survive a restart and need no second file.
    """
    _, secret = vault.key_pair()
    return hashlib.blake2b(b"csrf tokens", digest_size=32, key=secret).digest()


def init_app(app: Flask) -> None:
    """Protect every answer and every unsafe request of *app*."""
    app.secret_key = secret_key()
    app.config["WTF_CSRF_TIME_LIMIT"] = None  # as long as the session: pages stay open for days
    csrf.init_app(app)
    app.extensions["headers"] = headers(app.config["SETTINGS"])
    app.after_request(add_headers)
