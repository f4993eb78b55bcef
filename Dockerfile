# The product without embedded servers and rehearsal: one image for every process of docker-compose.yml.
FROM python:3.13-slim AS packages
COPY requirements/product.txt /product.txt
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --disable-pip-version-check -r /product.txt

FROM python:3.13-slim
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 UCS_DATA_DIR=/tmp/ucs
# As ucs/environment.py has them.
ENV MALLOC_ARENA_MAX=2 MALLOC_MMAP_THRESHOLD_=131072 MALLOC_TRIM_THRESHOLD_=131072
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /app --shell /usr/sbin/nologin ucs \
    && install --directory --owner 10001 --group 10001 /imports
COPY --from=packages /venv /venv
WORKDIR /app
COPY . .
# The settings want keys only to load; collecting files uses none of them.
RUN python -m compileall -q . && python manage.py collectstatic --no-input --verbosity 0
USER 10001:10001
EXPOSE 8000
CMD ["uvicorn", "ucs.asgi:application", "--host", "0.0.0.0", "--port", "8000", \
     "--timeout-graceful-shutdown", "3", "--no-access-log", "--no-server-header", "--log-level", "warning"]
