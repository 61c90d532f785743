# syntax=docker/dockerfile:1
# Alone, the image runs everything in one container: docker run -p 8000:8000 -v chatsite:/data chatsite
# compose.yaml runs the same image once per part.

FROM python:3.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/chatsite/.venv
WORKDIR /opt/chatsite
# python-ldap is compiled here, against the libraries that the running image has.
RUN apt-get update && apt-get install --yes --no-install-recommends build-essential libldap2-dev libsasl2-dev
# Before the code, so that a change of code does not install everything again.
COPY requirements.txt requirements-ldap.txt ./
RUN .venv/bin/pip install --no-deps --requirement requirements.txt --requirement requirements-ldap.txt
COPY . .
# Collected here, because the running image cannot write to its own code. The secrets of this step are thrown away.
RUN DATA_DIR=/tmp/build DJANGO_SETTINGS_MODULE=chatsite.settings .venv/bin/python -c "import django; django.setup(); from chatsite import static; static.collect_if_stale()" \
    && .venv/bin/python -m compileall -q accounts chats chatsite documents jobs llms \
    && rm -rf /tmp/build

FROM python:3.11-slim-bookworm
RUN apt-get update \
    && apt-get install --yes --no-install-recommends tesseract-ocr libldap-2.5-0 libsasl2-2 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin chatsite \
    && install --directory --owner chatsite --group chatsite --mode 0700 /data
COPY --from=build /opt/chatsite /opt/chatsite
WORKDIR /opt/chatsite
ENV PATH=/opt/chatsite/.venv/bin:$PATH \
    DJANGO_SETTINGS_MODULE=chatsite.settings \
    PYTHONUNBUFFERED=1 \
    HOST=0.0.0.0 \
    DATA_DIR=/data
USER chatsite
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --start-period=60s --interval=15s --timeout=5s CMD ["python", "deploy/alive.py", "web"]
CMD ["python", "manage.py", "up", "--no-open"]
