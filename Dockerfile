# docker build -t zoneusage . && docker run zoneusage serve --insecure
# A release sets VERSION, REVISION and SOURCE_DATE_EPOCH, as CONTRIBUTING.md says.
# With podman or buildah add --format docker: the OCI format, their default, has no HEALTHCHECK and drops it.
# No syntax here needs BuildKit, so older builders can read this file too.
#
# The same source, arguments and base image make the same layer, whenever and wherever it is built. Metadata of the image, such as
# the time of the build, depends on the builder; BuildKit takes the time from SOURCE_DATE_EPOCH.

# The image to build with. It can be replaced by an image of a mirror, by an image pinned by digest, or by its full name if the tool
# needs that.
ARG GO_IMAGE=golang:1.26-bookworm

FROM ${GO_IMAGE} AS build
WORKDIR /src
# For a machine that reaches modules only through its own proxy. If it is unset, Go uses its default.
ARG GOPROXY
# In a layer of their own, so that the modules are downloaded again only when go.mod or go.sum changes.
COPY go.mod go.sum ./
RUN go mod download
COPY . .
# Declared as late as possible, because a new value makes the builder run everything after it again.
ARG VERSION=devel
ARG REVISION
ARG SOURCE_DATE_EPOCH
# Without cgo the binary is static: the final image has no C library. Everything that goes into the image, directories too, is
# put in place and dated here, because anything that COPY creates has the time of the build.
RUN set -eu; \
    date=${SOURCE_DATE_EPOCH:+$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)}; \
    mkdir -p /image/etc/ssl/certs; \
    cp /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/; \
    CGO_ENABLED=0 go build -trimpath -buildvcs=false -o /image/zoneusage \
      -ldflags "-s -w -X main.version=$VERSION -X main.commit=${REVISION-} -X main.commitDate=$date" ./cmd/zoneusage; \
    find /image -exec chmod u=rwX,go=rX {} + -exec touch -d "@${SOURCE_DATE_EPOCH:-0}" {} +

# The binary is static and contains the time zones. It also needs the certificates that verify Control Center's certificate.
# It writes no files, so the root file system can be read-only.
FROM scratch
COPY --from=build /image/ /
# By default the service listens on loopback, which a published port of a container cannot reach.
ENV ZONEUSAGE_GRPC_ADDR=:9090 ZONEUSAGE_HTTP_ADDR=:8080
# A number, because Kubernetes' runAsNonRoot cannot tell from a name that the user is not root.
USER 65532:65532
EXPOSE 8080 9090
# The image has no shell and no curl, so the binary itself asks the service's gRPC health service.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 CMD ["/zoneusage", "healthcheck"]
ENTRYPOINT ["/zoneusage"]
CMD ["serve"]
# Last, so that everything above is the same for every version.
ARG VERSION=devel
ARG REVISION
LABEL org.opencontainers.image.title="zoneusage" \
      org.opencontainers.image.description="A device's usage on Cisco IoT Control Center by rate plan and zone, over gRPC and REST" \
      org.opencontainers.image.source="https://github.com/zoneusage/zoneusage" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
