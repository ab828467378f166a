"""gunicorn reads this file: gunicorn myproject.wsgi --config docker/gunicorn.conf.py"""

bind = "0.0.0.0:8000"
workers = 2
threads = 4
# The longest upload is a thousand megabytes on a slow line.
timeout = 120
graceful_timeout = 30
# gunicorn writes to a file that it looks at ("am I alive?"). On a disk that could wait; this is memory.
worker_tmp_dir = "/dev/shm"
# It would lie in a folder that is not there: see "The units" in docs/guides/deploy.md.
control_socket_disable = True
# One line for each request, on the output that `docker compose logs` shows.
accesslog = "-"
access_log_format = '%(h)s "%(r)s" %(s)s %(b)s bytes %(M)s ms'
