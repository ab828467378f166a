"""gunicorn reads this file: gunicorn myproject.wsgi --config docker/gunicorn.conf.py"""

from gunicorn.glogging import Logger

bind = "0.0.0.0:8000"
workers = 2
threads = 4
# The longest upload is a thousand megabytes, on a slow line.
timeout = 120
graceful_timeout = 30
# Each process writes to a file now and then ("I am alive"). On a disk that could wait; this is memory.
worker_tmp_dir = "/dev/shm"
# gunicorn would create the socket in the home folder: see --no-control-socket in docs/guides/deploy.md.
control_socket_disable = True


class Visits(Logger):
    """One line for each request, but for those of the health check, which comes every few seconds."""

    def access(self, resp, req, environ, request_time):
        if environ.get("HTTP_USER_AGENT") != "health":
            super().access(resp, req, environ, request_time)


logger_class = Visits
accesslog = "-"
access_log_format = '%(t)s %(h)s "%(r)s" %(s)s %(b)s bytes %(M)s ms'
