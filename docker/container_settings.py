"""The project's settings in a container: the site is at PUBLIC_URL and serves its files itself."""

import os
from urllib.parse import urlsplit

from kombu import Exchange, Queue

PUBLIC_URL = urlsplit(os.environ.get("PUBLIC_URL", "http://localhost:8000"))
# On localhost, only this machine can open the site, so visitors don't log in. With a public name, they do.
if PUBLIC_URL.hostname in ("localhost", "127.0.0.1"):
    os.environ.setdefault("LOGIN_REQUIRED", "0")

from myproject.settings import *  # noqa: E402, F403
from myproject.settings import DATA_DIR, MIDDLEWARE, STORAGES  # noqa: E402

# The public host name, and the names that the health check and other containers use.
ALLOWED_HOSTS = [PUBLIC_URL.hostname, "localhost", "127.0.0.1", "web"]
CSRF_TRUSTED_ORIGINS = [f"{PUBLIC_URL.scheme}://{PUBLIC_URL.netloc}"]

# With https://, a proxy terminates TLS, and the settings require HTTPS. http://localhost has no TLS.
if PUBLIC_URL.scheme == "http":
    SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = False
    SECURE_HSTS_SECONDS = 0

# Serve static files from the apps' folders. collectstatic couldn't write to the read-only file system anyway.
MIDDLEWARE = [
    *MIDDLEWARE[: MIDDLEWARE.index("django.middleware.security.SecurityMiddleware") + 1],
    "whitenoise.middleware.WhiteNoiseMiddleware",
    *MIDDLEWARE[MIDDLEWARE.index("django.middleware.security.SecurityMiddleware") + 1 :],
]
STATIC_ROOT = None
WHITENOISE_USE_FINDERS = True

ROOT_URLCONF = "container_urls"

# Receive large uploads on the volume, because /tmp is in memory. Storing an upload is then only a rename. ZIP
# exports and restores write their temporary files there, too.
FILE_UPLOAD_TEMP_DIR = DATA_DIR / "incoming"
FILE_UPLOAD_TEMP_DIR.mkdir(exist_ok=True)

# Profile s3: the browser and the workers use different host names for the bucket, and the browser fetches
# the resized photos from unsigned URLs. The originals stay private.
if os.environ.get("AWS_S3_CUSTOM_DOMAIN") and STORAGES["resized"]["BACKEND"].endswith("Bucket"):
    STORAGES["resized"]["OPTIONS"] |= {
        "custom_domain": os.environ["AWS_S3_CUSTOM_DOMAIN"],
        "default_acl": "public-read",
        "url_protocol": f"{PUBLIC_URL.scheme}:",
    }

# Profile rabbitmq: the settings of docs/examples/rabbitmq/quorum.py, for the queues of every lesson. With
# classic queues on RabbitMQ 4, messages that wait for a retry would block a worker.
if os.environ.get("CELERY_BROKER_URL", "").startswith("amqp"):
    CELERY_TASK_QUEUES = [
        Queue(
            queue.name,
            Exchange("photos", type="topic"),
            routing_key=queue.name,
            queue_arguments={"x-queue-type": "quorum", "x-consumer-timeout": 3 * 3600 * 1000},
        )
        for queue in globals().get("CELERY_TASK_QUEUES", [Queue("celery")])
    ]
    CELERY_TASK_DEFAULT_EXCHANGE = "photos"
    CELERY_TASK_DEFAULT_EXCHANGE_TYPE = "topic"
    CELERY_TASK_DEFAULT_ROUTING_KEY = "celery"
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        **globals().get("CELERY_BROKER_TRANSPORT_OPTIONS", {}),
        "confirm_publish": True,
        "read_timeout": 3,
    }

# With DEBUG=0, Django only emails errors to ADMINS. In a container, log them with a timestamp instead. From
# lesson 04 on, the project's own settings do this, in the format that LOG_FORMAT selects.
LOGGING = globals().get("LOGGING") or {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"timed": {"format": "[%(asctime)s: %(levelname)s] %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "timed"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
}
LOGGING.setdefault("filters", {})["strangers"] = {"()": "container_logs.WithoutStrangers"}
LOGGING["handlers"]["console"].setdefault("filters", []).append("strangers")
