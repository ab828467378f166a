"""The settings of the sweeper and of beat. Add them to the settings of your project."""

SWEEP_AFTER = 600  # seconds. Choose a time that is longer than a task normally waits.
SWEEP_TIMES = 3
CELERY_BEAT_SCHEDULE = {
    "sweep": {"task": "upkeep.tasks.sweep_task", "schedule": 60, "options": {"expires": 50}},
}
CELERY_BEAT_SCHEDULER = "upkeep.beat:OnlyScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 5  # seconds
