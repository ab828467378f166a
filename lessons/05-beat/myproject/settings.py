import os
from pathlib import Path
from zoneinfo import ZoneInfo

import dj_database_url
from celery.schedules import crontab
from django.core.exceptions import ImproperlyConfigured
from kombu import Queue

from . import redis_url

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


def whole_number(name: str, value: str | int) -> int:
    """Return the value as a number.

    name: the name of the variable, for the error message.
    """
    if not str(value).strip().isdecimal():
        raise ImproperlyConfigured(f"{name} is {value!r}. Set it to a whole number.")
    return int(value)


DEBUG = is_on("DEBUG", os.environ.get("DEBUG", "1"))
SECRET_KEY = os.environ.get("SECRET_KEY", "for-development-only" if DEBUG else "")
if not SECRET_KEY:
    raise ImproperlyConfigured("Set SECRET_KEY in the environment when DEBUG is 0.")
ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]").replace(" ", "").split(",")

# Practice: `manage.py storage` and `manage.py mail` make services fail on purpose. Keep it off on a server.
PRACTICE = is_on("PRACTICE", os.environ.get("PRACTICE", "1" if DEBUG else "0"))

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "images",
    "upkeep",
]
if PRACTICE:
    INSTALLED_APPS += ["practice"]

MIDDLEWARE = [
    "myproject.logs.request_id",
    "images.middleware.request_seconds",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "upkeep.disk.KeepSpace",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

# Everyone who can open the site can upload and delete photos. So on a server, visitors log in first.
LOGIN_REQUIRED = is_on("LOGIN_REQUIRED", os.environ.get("LOGIN_REQUIRED", "0" if DEBUG else "1"))
if LOGIN_REQUIRED:
    # Before KeepSpace and CsrfViewMiddleware: a stranger's upload is refused before it is read.
    MIDDLEWARE.insert(
        MIDDLEWARE.index("upkeep.disk.KeepSpace"), "django.contrib.auth.middleware.LoginRequiredMiddleware"
    )
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "images:list"

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

# Uploads are refused if less than this would be free on the disk.
MIN_FREE_BYTES = 500_000_000

# Limits of an upload.
MAX_UPLOAD_BYTES = 20 * 1024 * 1024
MAX_UPLOAD_PIXELS = 50_000_000
MAX_UPLOAD_FILES = 50
# Above this number, Django responds with a bare error page. With fewer files, the form explains the error.
DATA_UPLOAD_MAX_NUMBER_FILES = 1000

# Celery. Each CELERY_ name is one of Celery's settings in uppercase, with this prefix.
REDIS_URL = redis_url.for_redis_py(os.environ.get("REDIS_URL", "redis://localhost:6379/0"))
CELERY_BROKER_URL = redis_url.for_celery(REDIS_URL)
CELERY_RESULT_BACKEND = CELERY_BROKER_URL
CELERY_BROKER_USE_SSL = redis_url.tls_options("CELERY_BROKER_URL", REDIS_URL)
CELERY_REDIS_BACKEND_USE_SSL = redis_url.tls_options("CELERY_RESULT_BACKEND", REDIS_URL)
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_RESULT_SERIALIZER = "json"
# Resizing a photo takes up to 200 MB of memory, and a large WebP takes four times as much. A process that
# exceeds this limit is replaced after its task, which frees the memory.
CELERY_WORKER_MAX_MEMORY_PER_CHILD = 400_000  # KiB
# A task that hangs must not block its process forever. Tasks that need another limit set their own.
CELERY_TASK_TIME_LIMIT = 300  # seconds
CELERY_TIMEZONE = os.environ.get("CELERY_TIMEZONE", "Asia/Shanghai")
try:
    ZoneInfo(CELERY_TIMEZONE)
except (KeyError, ValueError, OSError):
    raise ImproperlyConfigured(
        f"CELERY_TIMEZONE: {CELERY_TIMEZONE} is not a time zone. Set it to a time zone such as Europe/Berlin."
    ) from None

# Slow tasks have their own queue, so that quick tasks do not wait behind them. Both workers consume `upkeep`,
# and a worker takes from its queues in turn, so a backlog of photos does not delay the sweep. Celery refuses
# a queue that is not listed here, instead of creating a queue that no worker consumes.
CELERY_TASK_QUEUES = [Queue(name, routing_key=name) for name in ("celery", "slow", "upkeep")]
CELERY_TASK_CREATE_MISSING_QUEUES = False
CELERY_TASK_ROUTES = {
    "images.tasks.export_zip_task": {"queue": "slow"},
    "images.tasks.resize_again_task": {"queue": "slow"},
    "upkeep.tasks.sweep_task": {"queue": "upkeep"},
    "upkeep.tasks.report_task": {"queue": "upkeep"},
    "upkeep.tasks.mail_task": {"queue": "slow"},
    "upkeep.tasks.back_up_task": {"queue": "slow"},
    "upkeep.tasks.tidy_task": {"queue": "slow"},
}

# Send an event when a task is sent, received, started and finished. Flower listens to these events.
CELERY_WORKER_SEND_TASK_EVENTS = True
CELERY_TASK_SEND_SENT_EVENT = True
CELERY_TASK_TRACK_STARTED = True  # store the state STARTED in the result backend

# The page reads a result within seconds. But if a worker is killed, the header task of a chord that it was
# running is redelivered only after the visibility timeout of one hour. The results of the other header tasks
# must still be there.
CELERY_RESULT_EXPIRES = 3 * 3600  # seconds

# A visitor waits while a message is sent. If the broker is down, give up after a second instead of twenty.
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0, "interval_step": 0.1}
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_connect_timeout": 0.5, "socket_timeout": 5}

# When beat sends each task. Crontab times are in the time zone CELERY_TIMEZONE. Workers skip a run that has
# not started within `expires` seconds: after an outage, the newest run is enough.
CELERY_BEAT_SCHEDULE = {
    # TODO 5.1: add a "sweep" entry that sends upkeep.tasks.sweep_task every 60 seconds. In its options, set
    # `expires` to 50 seconds: a run that has not started by then is skipped.
    # These tasks run once a day or once a week:
    # TODO 5.2: add a "nightly report" entry that sends upkeep.tasks.report_task every day at 6:00. Set
    # `expires` to six hours.
    "daily backup": {
        "task": "upkeep.tasks.back_up_task",
        "schedule": crontab(hour=3, minute=30),
        "options": {"expires": 12 * 3600},
    },
    "tidy up": {
        "task": "upkeep.tasks.tidy_task",
        "schedule": crontab(hour=4, minute=15, day_of_week="sunday"),
        "options": {"expires": 12 * 3600},
    },
    # Re-send the emails whose messages were lost:
    # TODO 5.6: add a "late reports" entry that sends upkeep.tasks.report_task at 7:00, 8:00, 9:00, 10:00 and
    # 11:00. Set `expires` to 50 minutes.
}
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "beat-schedule")
# A second beat process waits until the first one has stopped. It tries every five seconds.
# TODO 5.4: set CELERY_BEAT_SCHEDULER to OnlyScheduler in upkeep/beat.py, written as "module:class".
CELERY_BEAT_MAX_LOOP_INTERVAL = 5  # seconds
# If beat was down at the time of a run, it catches up on that run once, but not more than six hours later.
CELERY_BEAT_CRON_STARTING_DEADLINE = 6 * 3600  # seconds

# If a photo is still not resized after this time, the sweeper re-sends its task, at most three times.
SWEEP_AFTER = whole_number("SWEEP_AFTER", os.environ.get("SWEEP_AFTER", 600))  # seconds
SWEEP_TIMES = 3

BACKUP_DIR = DATA_DIR / "backups"

# If EMAIL_HOST is set, emails are sent. Otherwise they are written to files in data/mail.
EMAIL_HOST = os.environ.get("EMAIL_HOST", "")
if EMAIL_HOST:
    EMAIL_BACKEND = "upkeep.mail.PatientMail"
else:
    EMAIL_BACKEND = "practice.mail.PracticeMail" if PRACTICE else "upkeep.mail.FileMail"
EMAIL_PORT = whole_number("EMAIL_PORT", os.environ.get("EMAIL_PORT", 587))
EMAIL_USE_TLS = is_on("EMAIL_USE_TLS", os.environ.get("EMAIL_USE_TLS", "1"))
EMAIL_HOST_USER = os.environ.get("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = os.environ.get("EMAIL_HOST_PASSWORD", "")
EMAIL_TIMEOUT = 60  # seconds, until an email is being sent. Then PatientMail waits longer.
DEFAULT_FROM_EMAIL = os.environ.get("EMAIL_FROM", "photos@example.com")

# Log lines end with the task, photo and request that they are about. Use "json" if a program collects them.
LOG_FORMAT = os.environ.get("LOG_FORMAT", "plain")
if LOG_FORMAT not in ("plain", "json"):
    raise ImproperlyConfigured(f"LOG_FORMAT is {LOG_FORMAT!r}. Set it to plain or json.")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"context": {"()": "myproject.logs.ContextFilter"}},
    "formatters": {"context": {"()": "myproject.logs.formatter"}},
    "handlers": {
        "console": {"class": "logging.StreamHandler", "filters": ["context"], "formatter": "context"}
    },
    "root": {"handlers": ["console"]},
    "loggers": {"django": {"handlers": ["console"], "level": "INFO", "propagate": False}},
}

LANGUAGE_CODE = "en-us"
TIME_ZONE = os.environ.get("TIME_ZONE", "UTC")
USE_TZ = True

if not DEBUG:
    SECURE_SSL_REDIRECT = True
    SECURE_HSTS_SECONDS = 3600
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
