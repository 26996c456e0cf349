"""Addresses opened over HTTPS, and never one that a redirect moves to another protocol."""

from __future__ import annotations

import errno
import http.client
import ipaddress
import socket
import ssl
import string
import urllib.error
import urllib.request
from urllib.parse import quote, urljoin, urlsplit

_REDIRECTS = 5


class Refused(Exception):
    """An address that will not give the file, however often it is asked."""


class Broken(Exception):
    """An attempt that failed and may succeed the next time."""


class BadRange(Broken):
    """A range was asked for that the file at the address does not have."""


def open_address(url: str, headers: dict[str, str], timeout: float) -> http.client.HTTPResponse:
    """Return the answer of an address, after at most five redirects.

    Accepted are https, and http on the machine itself (localhost, 127.0.0.0/8, ::1). A redirect
    keeps its protocol. The proxy that the system names is used, but not for the machine itself.

    Raises:
        Refused: for another protocol, too many redirects, an answer such as 404, a certificate
            that is not right, or a host that is not found.
        BadRange: when the server has no such range of the file.
        Broken: when the connection fails, or the server says that it cannot answer now.
    """
    scheme = _check(url)
    for _ in range(_REDIRECTS + 1):
        if _check(url) != scheme:
            raise Refused(f"a redirect to another protocol is not followed: {url}")
        try:
            return _opener(url).open(urllib.request.Request(url, headers=headers), timeout=timeout)
        except urllib.error.HTTPError as error:
            # Its body is not read: it may have no end.
            with error:
                location = error.headers.get("Location")
            if error.code in (301, 302, 303, 307, 308) and location:
                url = _follow(url, location)
                continue
            said = f"HTTP {error.code} {error.reason}".strip()
            if error.code == 416:
                raise BadRange(said) from error
            if error.code in (408, 425, 429) or error.code >= 500:
                raise Broken(said) from error
            raise Refused(said) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _judge(getattr(error, "reason", error)) from error
    raise Refused(f"more than {_REDIRECTS} redirects")


def _check(url: str) -> str:
    """Return the protocol of an address that may be opened."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError as error:
        raise Refused(f"not an address ({error}): {url}") from error
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_this_machine(host or "")):
        raise Refused(f"only https is opened, and http on this machine: {url}")
    if not host or parts.username is not None:
        raise Refused(f"not an address of a host: {url}")
    return parts.scheme


def _follow(url: str, location: str) -> str:
    try:
        return urljoin(url, quote(location, safe=string.punctuation))
    except ValueError as error:
        raise Refused(f"redirected to what is not an address ({error}): {location}") from error


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _opener(url: str) -> urllib.request.OpenerDirector:
    # Put together by hand: the usual one also opens file: and ftp:, and follows redirects there.
    opener = urllib.request.OpenerDirector()
    here = _is_this_machine(urlsplit(url).hostname or "")
    for handler in (
        urllib.request.ProxyHandler({} if here else None),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPDefaultErrorHandler(),
    ):
        opener.add_handler(handler)
    return opener


def _judge(error: object) -> Broken | Refused:
    if isinstance(error, socket.gaierror):
        return Refused(f"the host is not found ({error.strerror or error}); is there a network?")
    if isinstance(error, ssl.SSLCertVerificationError):
        return Refused(f"the certificate is not right ({error.verify_message})")
    if isinstance(error, TimeoutError):
        return Broken("no answer came in time")
    if isinstance(error, OSError) and error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH):
        return Refused(f"there is no way to the host ({error.strerror})")
    if isinstance(error, ValueError | http.client.InvalidURL):
        return Refused(f"not an address that can be opened ({error})")
    return Broken(f"the connection failed ({error or type(error).__name__})")
