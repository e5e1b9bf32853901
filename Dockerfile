# docker build -t zoneusage . && docker run zoneusage serve --insecure
# For a release VERSION, REVISION and SOURCE_DATE_EPOCH are given, as CONTRIBUTING.md says.
# With podman or buildah add --format docker: the OCI format, their default, has no HEALTHCHECK and drops it.
# There is no syntax here that needs BuildKit: older builders read it as well.
#
# The same source, arguments and base image make the same layer, whenever and wherever it is built. What a builder
# writes beside it, such as the time of the build, is its own; BuildKit takes that too from SOURCE_DATE_EPOCH.

# The image to build with. It can be replaced, by a mirror's, by one pinned by digest, or by its full name where the tool wants that.
ARG GO_IMAGE=golang:1.26-bookworm

FROM ${GO_IMAGE} AS build
WORKDIR /src
# For a machine that reaches modules only through a proxy of its own; unset, Go takes its default.
ARG GOPROXY
# A layer of their own: the modules are downloaded again when go.mod or go.sum changes, not with each change of code.
COPY go.mod go.sum ./
RUN go mod download
COPY . .
# Declared this late, because a new version makes the builder run again all that follows.
ARG VERSION=devel
ARG REVISION
ARG SOURCE_DATE_EPOCH
# Without cgo the binary is static: the final image has no C library. All that goes into the image is put in place and
# dated here, directories too, because what COPY makes by itself has the time of the build.
RUN set -eu; \
    date=${SOURCE_DATE_EPOCH:+$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)}; \
    mkdir -p /image/etc/ssl/certs; \
    cp /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/; \
    CGO_ENABLED=0 go build -trimpath -buildvcs=false -o /image/zoneusage \
      -ldflags "-s -w -X main.version=$VERSION -X main.commit=${REVISION-} -X main.commitDate=$date" ./cmd/zoneusage; \
    find /image -exec chmod u=rwX,go=rX {} + -exec touch -d "@${SOURCE_DATE_EPOCH:-0}" {} +

# The binary is static and has the time zones in it. It also needs the certificates that Control Center's is checked by.
# It writes no file: the root can be read-only.
FROM scratch
COPY --from=build /image/ /
# By default the service listens on loopback, where a published port of a container does not reach it.
ENV ZONEUSAGE_GRPC_ADDR=:9090 ZONEUSAGE_HTTP_ADDR=:8080
# By number: Kubernetes' runAsNonRoot cannot tell from a name that the user is not root.
USER 65532:65532
EXPOSE 8080 9090
# There is no shell or curl in the image: the binary asks the service's own gRPC health service.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 CMD ["/zoneusage", "healthcheck"]
ENTRYPOINT ["/zoneusage"]
CMD ["serve"]
# Last, so that what stands above is the same for every version.
ARG VERSION=devel
ARG REVISION
LABEL org.opencontainers.image.title="zoneusage" \
      org.opencontainers.image.description="A device's usage on Cisco IoT Control Center by rate plan and zone, over gRPC and REST" \
      org.opencontainers.image.source="https://github.com/zoneusage/zoneusage" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
