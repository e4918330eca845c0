# A server on the CPU with the bundled voice. Built from the wheel; starts without a network.
#   docker build -t vivavoce . && docker run --rm -p 127.0.0.1:8880:8880 vivavoce
FROM python:3.12-slim AS wheel
WORKDIR /source
COPY pyproject.toml README.md LICENSE NOTICE CHANGELOG.md ./
COPY src src
RUN pip install --no-cache-dir build && python -m build --wheel --outdir /wheel

FROM python:3.12-slim
COPY --from=wheel /wheel /wheel
RUN pip install --no-cache-dir torch --index-url https://download.pytorch.org/whl/cpu \
    && pip install --no-cache-dir "$(ls /wheel/*.whl)[server]" && rm -r /wheel \
    && useradd --create-home speaker && install -d -o speaker /voices
USER speaker
# Models, voices and consents are kept here: mount a volume.
ENV VIVAVOCE_HOME=/voices HF_HUB_OFFLINE=1
VOLUME /voices
EXPOSE 8880 10200
STOPSIGNAL SIGTERM
HEALTHCHECK CMD python -c "import urllib.request as u; u.urlopen('http://127.0.0.1:8880/health')"
ENTRYPOINT ["vivavoce", "serve", "--host", "0.0.0.0"]
