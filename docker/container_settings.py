"""The project's settings, in a container: the site is at PUBLIC_URL, and hands out its files itself."""

import os
from urllib.parse import urlsplit

PUBLIC_URL = urlsplit(os.environ.get("PUBLIC_URL", "http://localhost:8000"))
# The ports are open to this machine alone, so nobody has to log in. With a public name, visitors do.
if PUBLIC_URL.hostname in ("localhost", "127.0.0.1"):
    os.environ.setdefault("LOGIN_REQUIRED", "0")

from myproject.settings import *  # noqa: E402, F403
from myproject.settings import DATA_DIR, MIDDLEWARE, STORAGES  # noqa: E402

# Beside the visitors' name: this container's health check, and other containers.
ALLOWED_HOSTS = [PUBLIC_URL.hostname, "localhost", "127.0.0.1", "web"]
CSRF_TRUSTED_ORIGINS = [f"{PUBLIC_URL.scheme}://{PUBLIC_URL.netloc}"]

# With https:// a proxy in front speaks TLS, and the settings insist on it. On http://localhost nobody could.
if PUBLIC_URL.scheme == "http":
    SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = False
    SECURE_HSTS_SECONDS = 0

# Static files out of the apps' folders: nothing to collect, and the container cannot write there.
MIDDLEWARE = [
    *MIDDLEWARE[: MIDDLEWARE.index("django.middleware.security.SecurityMiddleware") + 1],
    "whitenoise.middleware.WhiteNoiseMiddleware",
    *MIDDLEWARE[MIDDLEWARE.index("django.middleware.security.SecurityMiddleware") + 1 :],
]
STATIC_ROOT = None
WHITENOISE_USE_FINDERS = True

ROOT_URLCONF = "container_urls"

# A large upload waits on the volume and not in /tmp, which is memory; keeping it is then a rename.
FILE_UPLOAD_TEMP_DIR = DATA_DIR / "incoming"
FILE_UPLOAD_TEMP_DIR.mkdir(exist_ok=True)

# A bucket whose resized photos the browser fetches under another name than the workers do, and unsigned:
# profile s3. The originals stay private.
if os.environ.get("AWS_S3_CUSTOM_DOMAIN") and STORAGES["resized"]["BACKEND"].endswith("Bucket"):
    STORAGES["resized"]["OPTIONS"] |= {
        "custom_domain": os.environ["AWS_S3_CUSTOM_DOMAIN"],
        "default_acl": "public-read",
        "url_protocol": f"{PUBLIC_URL.scheme}:",
    }

# With DEBUG=0 Django sends errors by mail to ADMINS alone. Here they go into the log, with their time. From
# lesson 04 on, the project's own settings do that, in the format that LOG_FORMAT names.
LOGGING = globals().get("LOGGING") or {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"timed": {"format": "[%(asctime)s: %(levelname)s] %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "timed"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
}
LOGGING.setdefault("filters", {})["strangers"] = {"()": "container_logs.WithoutStrangers"}
LOGGING["handlers"]["console"].setdefault("filters", []).append("strangers")
