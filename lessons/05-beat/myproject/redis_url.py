"""Parse the address of a Redis server. redis-py and Celery write sockets and TLS differently: accept both."""

import os
from typing import NamedTuple, NoReturn
from urllib.parse import parse_qsl, urlencode, urlsplit

from django.core.exceptions import ImproperlyConfigured

SOCKETS = ("unix", "redis+socket")  # redis-py's name and Celery's
FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
VERIFY = ("required", "optional", "none")
FORM = (
    "Write it like redis://:password@host:6379/0. In the password, write %40 for @, %2F for / and %3B for ;."
)


class Address(NamedTuple):
    scheme: str
    place: str  # user:password@host:port, or user:password@/path of a socket
    database: str
    tls: dict[str, str | bool]  # options of redis-py for rediss://


def for_redis_py(url: str) -> str:
    """The address in redis-py's spelling. Raises ImproperlyConfigured if it cannot work."""
    scheme, place, database, tls = parse(url)
    if scheme in SOCKETS:
        return f"unix://{place}?db={database or 0}"
    return f"{scheme}://{place}" + (database and f"/{database}") + (f"?{urlencode(tls)}" if tls else "")


def for_celery(url: str) -> str:
    """The address in Celery's spelling. Celery gets the TLS options separately, from tls_options()."""
    scheme, place, database, _ = parse(url)
    if scheme in SOCKETS:
        return f"redis+socket://{place}?virtual_host={database or 0}"
    return f"{scheme}://{place}" + (database and f"/{database}")


def tls_options(variable: str, url: str) -> dict[str, str | bool] | None:
    """The TLS options for Celery if the address is rediss://, otherwise None.

    variable: Celery reads this environment variable itself; it may name another broker, such as RabbitMQ.
    url: the address that Celery uses if the variable is not set.
    """
    own = os.environ.get(variable)
    if own and own.startswith("unix:"):
        refuse(variable, "Celery spells the address of a socket redis+socket:///path")
    if own and not own.startswith(("redis", "sentinel")):
        return None
    return parse(own or url, variable if own else "REDIS_URL").tls or None


def parse(url: str, variable: str = "REDIS_URL") -> Address:
    """Take the address apart. Raises ImproperlyConfigured, without the password, if it cannot work."""
    if url.startswith("sentinel:"):
        refuse(variable, "Sentinel is not supported. Use the address of the primary or of a proxy before it.")
    try:
        split = urlsplit(url)
        _, query = split.port, dict(parse_qsl(split.query, strict_parsing=bool(split.query)))
    except ValueError:
        refuse(variable, FORM)
    if split.scheme not in ("redis", "rediss", *SOCKETS) or split.fragment or ";" in url:
        refuse(variable, FORM)
    place, database = split.netloc, split.path.strip("/")
    if split.scheme in SOCKETS:
        if not database or split.netloc.rpartition("@")[2]:
            refuse(variable, "The address of a socket has three slashes: unix:///run/redis/redis.sock?db=0")
        place, database = f"{split.netloc}{split.path}", ""
    database = query.pop("db", "") or query.pop("virtual_host", "") or database
    if database and not database.isdecimal():
        refuse(
            variable, "The part after the slash must be the number of a database, as in redis://host:6379/0"
        )
    if split.scheme == "rediss":
        return Address(split.scheme, place, database, tls(query, variable))
    if query:
        refuse(variable, "Only rediss:// takes options after a question mark.")
    return Address(split.scheme, place, database, {})


def tls(query: dict[str, str], variable: str) -> dict[str, str | bool]:
    """Check the options of a rediss:// address. Without options, the server's certificate is verified."""
    found: dict[str, str | bool] = {"ssl_cert_reqs": "required"}
    for option, value in query.items():
        if option == "ssl_cert_reqs":
            found[option] = value.lower().removeprefix("cert_")  # Celery: CERT_REQUIRED; redis-py: required
            if found[option] not in VERIFY:
                refuse(variable, f"ssl_cert_reqs must be one of {', '.join(VERIFY)}, not {value!r}.")
        elif option == "ssl_check_hostname" and value.lower() in ("true", "false"):
            found[option] = value.lower() == "true"
        elif option in FILES:
            if not os.access(value, os.R_OK):
                refuse(variable, f"The file {value} of {option} does not exist or cannot be read.")
            found[option] = value
        else:
            refuse(variable, f"The options are ssl_cert_reqs, ssl_check_hostname, {', '.join(FILES)}.")
    return found


def refuse(variable: str, why: str) -> NoReturn:
    raise ImproperlyConfigured(f"The address in {variable} is invalid. {why}")
