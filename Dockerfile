# One image for all processes in docker-compose.yml. The argument of docker/run selects the process.

FROM python:3.13-slim AS packages
WORKDIR /build
COPY requirements.txt docker/runtime_requirements.py ./
RUN --mount=type=cache,target=/root/.cache/pip \
    python runtime_requirements.py requirements.txt > runtime.txt \
 && python -m venv /venv \
 && /venv/bin/pip install --require-hashes -r runtime.txt

# The docs, as static files that any web server can serve.
FROM packages AS docs
WORKDIR /srv/workshop
COPY . .
RUN PYTHONPATH=src /venv/bin/python -P -m workshop docs --build --no-run-notebooks

# An S3 store for testing (profile s3), built from the test packages.
FROM packages AS s3
RUN --mount=type=cache,target=/root/.cache/pip \
    python runtime_requirements.py requirements.txt moto flask flask-cors > s3.txt \
 && /venv/bin/pip install --require-hashes -r s3.txt
RUN useradd --system --uid 10001 photos
USER photos
COPY docker/s3_store.py /s3_store.py
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp
CMD ["/venv/bin/python", "/s3_store.py"]

FROM python:3.13-slim AS workshop
# pg_dump for the nightly backup. Debian's version is 17, like the server's. An older one would refuse to run.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends postgresql-client \
 && rm -rf /var/lib/apt/lists/*
# Use a fixed user ID so that the files on a volume keep their owner when the image changes.
RUN useradd --system --uid 10001 --no-create-home --home-dir /tmp photos \
 && install --directory --owner photos --group photos /data /notebooks
COPY --from=packages /venv /venv
COPY --from=docs /srv/workshop/site /srv/docs
COPY . /srv/workshop
# PYTHONUNBUFFERED: log lines appear immediately. HOME: the only folder that is always writable.
# PRACTICE: nothing in a container fails on purpose.
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONPATH=/srv/workshop/docker:/srv/workshop/src \
    DJANGO_SETTINGS_MODULE=container_settings \
    DATA_DIR=/data \
    PRACTICE=0 \
    HOME=/tmp
WORKDIR /srv/workshop
USER photos
# Use the exec form so that SIGTERM reaches the process. A shell in between wouldn't forward it.
ENTRYPOINT ["/srv/workshop/docker/run"]
CMD ["web"]
