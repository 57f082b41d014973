# Valet's image: the commands `valet`, `mcp_server` and `connect`, without an embedded database.
# docs/setup.md says how it is run; docs/decisions/ says why it is built like this.
#
#   docker build --tag valet .
#   docker build --tag valet --build-arg EXTRAS=otel,aws .      with AWS KMS (boto3)
#
# A tag may be moved by whoever publishes it; a digest may not. To hold the base to one build of it:
#   docker buildx imagetools inspect python:3.11.15-slim-bookworm
#   docker build --build-arg BASE=python:3.11.15-slim-bookworm@sha256:... .
ARG BASE=python:3.11.15-slim-bookworm

FROM ${BASE} AS build
ARG EXTRAS=otel
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY valet valet
COPY mcp_server mcp_server
COPY connect connect
COPY vault vault
COPY providers providers
# Every package comes as a wheel of the version in constraints.txt: nothing is compiled, here or later.
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .
# The root file system is read-only where this runs: bytecode that is never compared with its source needs no time
# stamps to survive the copy below, and spares each start the look.
RUN python -m venv --without-pip /opt/valet \
    && pip --python /opt/valet/bin/python install --no-cache-dir --no-compile --only-binary=:all: \
        --constraint constraints.txt "$(echo /wheels/valet-*.whl)[${EXTRAS}]" \
    && python -m compileall -q --invalidation-mode unchecked-hash /opt/valet/lib

FROM ${BASE}
LABEL org.opencontainers.image.title="Valet" \
      org.opencontainers.image.description="A standalone MCP server with a credential vault" \
      org.opencontainers.image.licenses="MIT"
# The folders are there so that a new named volume takes over whose they are.
RUN groupadd --gid 10001 valet \
    && useradd --uid 10001 --gid 10001 --home-dir /var/lib/valet --no-create-home --shell /usr/sbin/nologin valet \
    && install --directory --owner=10001 --group=10001 --mode=0700 /var/lib/valet
COPY --from=build /opt/valet /opt/valet
ENV PATH=/opt/valet/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    VALET_DATA_DIR=/var/lib/valet \
    VALET_HOST=0.0.0.0 \
    VALET_PORT=8420 \
    VALET_OPS_HOST=0.0.0.0 \
    VALET_OPS_PORT=9464 \
    VALET_LOG_FORMAT=json
USER 10001:10001
WORKDIR /var/lib/valet
EXPOSE 8420 9464
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --start-interval=2s --retries=3 CMD ["valet", "healthy"]
# Beside others: mcp_server, connect.
CMD ["valet", "serve"]
