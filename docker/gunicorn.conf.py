"""Settings for gunicorn. Usage: gunicorn myproject.wsgi --config docker/gunicorn.conf.py"""

from gunicorn.glogging import Logger

bind = "0.0.0.0:8000"
workers = 2
threads = 4
# Allow enough time to upload 1 GB over a slow connection.
timeout = 120
graceful_timeout = 30
# Each process regularly touches a heartbeat file. A busy disk could block it, so keep the file in memory.
worker_tmp_dir = "/dev/shm"
# gunicorn would create this socket in the home folder (see --no-control-socket in docs/guides/deploy.md).
control_socket_disable = True


class Visits(Logger):
    """Log one line for each request, except for the health checks, which arrive every few seconds."""

    def access(self, resp, req, environ, request_time):
        if environ.get("HTTP_USER_AGENT") != "health":
            super().access(resp, req, environ, request_time)


logger_class = Visits
accesslog = "-"
access_log_format = '%(t)s %(h)s "%(r)s" %(s)s %(b)s bytes %(M)s ms'
