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

# Practice: `manage.py storage` makes the photo storage fail on purpose. Keep it off on a server.
PRACTICE = is_on("PRACTICE", os.environ.get("PRACTICE", "1" if DEBUG else "0"))

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "images",
]
if PRACTICE:
    INSTALLED_APPS += ["practice"]

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
    "default": {"BACKEND": "images.storage.UploadStorage"},
    "resized": {
        "BACKEND": "practice.storage.PracticeStorage" if PRACTICE else "images.storage.AtomicStorage",
        "OPTIONS": {"allow_overwrite": True},
    },
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# With a bucket, the workers and the site need no shared disk. boto3 finds the access keys on its own.
if os.environ.get("AWS_STORAGE_BUCKET_NAME"):
    AWS_STORAGE_BUCKET_NAME = os.environ["AWS_STORAGE_BUCKET_NAME"]
    AWS_S3_ENDPOINT_URL = os.environ.get("AWS_S3_ENDPOINT_URL")  # None: Amazon S3
    AWS_S3_REGION_NAME = os.environ.get("AWS_S3_REGION_NAME")
    STORAGES["default"] = {"BACKEND": "images.buckets.Bucket", "OPTIONS": {"file_overwrite": False}}
    STORAGES["resized"] = {
        "BACKEND": "practice.buckets.PracticeBucket" if PRACTICE else "images.buckets.Bucket",
        "OPTIONS": {"file_overwrite": True},
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
CELERY_BROKER_URL = REDIS_URL
CELERY_RESULT_BACKEND = REDIS_URL
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_RESULT_SERIALIZER = "json"
# Resizing a photo takes up to 200 MB of memory, and a large WebP takes four times as much. A process that
# exceeds this limit is replaced after its task, which frees the memory.
CELERY_WORKER_MAX_MEMORY_PER_CHILD = 400_000  # KiB
CELERY_TIMEZONE = os.environ.get("CELERY_TIMEZONE", "Asia/Shanghai")

# The page reads a result within seconds. After an hour, the result expires.
CELERY_RESULT_EXPIRES = 3600  # seconds

# A visitor waits while a message is sent. If the broker is down, give up after a second instead of twenty.
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0, "interval_step": 0.1}
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_connect_timeout": 0.5, "socket_timeout": 5}

LANGUAGE_CODE = "en-us"
TIME_ZONE = os.environ.get("TIME_ZONE", "UTC")
USE_TZ = True

if not DEBUG:
    SECURE_SSL_REDIRECT = True
    SECURE_HSTS_SECONDS = 3600
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
