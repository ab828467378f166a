"""The settings for all four versions."""

import os

broker_url = os.environ.get("REDIS_URL", "redis://localhost:6379/0")
task_default_queue = "upgrade"
task_ignore_result = True
accept_content = os.environ.get("ACCEPT", "json").split(",")
task_serializer = os.environ.get("SERIALIZER", "json")
worker_soft_shutdown_timeout = float(os.environ.get("SOFT", 0))
