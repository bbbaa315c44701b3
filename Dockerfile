# syntax=docker/dockerfile:1

# `--build-arg PYTHON_IMAGE=python:3.13-slim@sha256:...` builds on the image of one digest.
ARG PYTHON_IMAGE=python:3.13-slim

FROM ${PYTHON_IMAGE} AS dependencies
WORKDIR /build
RUN python -m venv --without-pip /venv
# With what traces need (7 MB), since nobody can install into a running container. This layer is
# rebuilt only when the lock changes.
COPY requirements/traces.txt ./
RUN pip --python /venv/bin/python install --no-cache-dir --disable-pip-version-check \
        --require-hashes --requirement traces.txt

FROM ${PYTHON_IMAGE}
RUN useradd --no-create-home --uid 10001 app
WORKDIR /srv
ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    RUNNING_IN_DOCKER=true \
    HOST=0.0.0.0 \
    PORT=8000 \
    LOG_FORMAT=json
COPY --from=dependencies /venv /venv
COPY alembic.ini ./
COPY alembic alembic
COPY app app
# By number, so that an orchestrator can tell that it is not root.
USER 10001
EXPOSE 8000
# Whether the process works, not its database: nobody shall restart it for that (/health/ready tells
# a load balancer). A 421 tells that it works, too, where ALLOWED_HOSTS does not name 127.0.0.1.
HEALTHCHECK --interval=5s --timeout=6s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['PORT']), timeout=5); c.request('GET', '/health/live'); sys.exit(c.getresponse().status not in (200, 421))"]
# Migrates the database, then serves. SIGTERM stops it gracefully.
CMD ["python", "-m", "app"]
