# The program and nothing else: built with the toolchain that CI uses, run as nobody in particular.
FROM rust:1.95-slim-bookworm AS builder
WORKDIR /build
COPY . .
# Both caches stay on the building machine; only the program leaves this stage.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --release --locked --bin budstikke \
    && install -D target/release/budstikke /out/budstikke

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/budstikke --create-home \
        --shell /usr/sbin/nologin budstikke
COPY --from=builder /out/budstikke /usr/local/bin/budstikke
COPY scripts/container-ready /usr/local/bin/container-ready
USER 10001:10001
WORKDIR /var/lib/budstikke
# Within the container's own network; what leaves the machine is decided where it is published.
ENV BUDSTIKKE__HTTP__LISTEN=0.0.0.0:8080
EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=5s --start-period=30s --retries=6 \
    CMD ["container-ready", "8080", "/readyz"]
ENTRYPOINT ["budstikke"]
CMD ["serve"]
