import os
from pathlib import Path

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent

# The folder of the database and the photos. The workshop's checks use a temporary folder.
DATA_DIR = Path(os.environ.get("DATA_DIR") or BASE_DIR / "data")
DATA_DIR.mkdir(parents=True, exist_ok=True)


def is_on(name: str, value: str) -> bool:
    """Return True for 1, true, yes and on, and False for 0, false, no and off.

    name: the name of the variable, for the error message.
    """
    on, off = ("1", "true", "yes", "on"), ("0", "false", "no", "off")
    word = value.strip().lower()
    if word not in on + off:
        raise ImproperlyConfigured(f"{name} is {value!r}. Set it to one of: {', '.join(on + off)}.")
    return word in on


DEBUG = is_on("DEBUG", os.environ.get("DEBUG", "1"))
SECRET_KEY = os.environ.get("SECRET_KEY", "for-development-only" if DEBUG else "")
if not SECRET_KEY:
    raise ImproperlyConfigured("Set SECRET_KEY in the environment when DEBUG is 0.")
ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]").replace(" ", "").split(",")

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "images",
]

MIDDLEWARE = [
    "images.middleware.request_seconds",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "myproject.urls"
WSGI_APPLICATION = "myproject.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# With WAL, other processes can read while one process writes. IMMEDIATE takes the write lock at the start of
# a transaction, so that a second writer waits instead of failing.
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATA_DIR / "db.sqlite3",
        "OPTIONS": {
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
        },
    }
}
# Use a database server if there is more than one machine: postgres://name:password@host:5432/photos
if os.environ.get("DATABASE_URL"):
    DATABASES["default"] = dj_database_url.config(conn_max_age=60, conn_health_checks=True)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "resized": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
MEDIA_ROOT = DATA_DIR / "media"
MEDIA_URL = "media/"
STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"

# Limits of an upload.
MAX_UPLOAD_BYTES = 20 * 1024 * 1024
MAX_UPLOAD_PIXELS = 50_000_000
MAX_UPLOAD_FILES = 50
# Above this number, Django responds with a bare error page. With fewer files, the form explains the error.
DATA_UPLOAD_MAX_NUMBER_FILES = 1000

# Celery. Each CELERY_ name is one of Celery's settings in uppercase, with this prefix.
REDIS_URL = os.environ.get("REDIS_URL", "redis://localhost:6379/0")
# TODO 2.1: set CELERY_BROKER_URL and CELERY_RESULT_BACKEND to REDIS_URL. To accept and send only JSON, set
# CELERY_ACCEPT_CONTENT (a list), CELERY_TASK_SERIALIZER and CELERY_RESULT_SERIALIZER. Read CELERY_TIMEZONE
# from the environment, with "Asia/Shanghai" as the default.

# The page reads a result within seconds. After an hour, the result expires.
# TODO 2.8: let results expire after an hour. Celery's default is a day.

LANGUAGE_CODE = "en-us"
TIME_ZONE = os.environ.get("TIME_ZONE", "UTC")
USE_TZ = True

if not DEBUG:
    SECURE_SSL_REDIRECT = True
    SECURE_HSTS_SECONDS = 3600
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
