# docker build -t zoneusage --build-arg VERSION=1.2.3 .
# With podman or buildah add --format docker: the OCI format, their default, has no HEALTHCHECK and drops it.
# There is no syntax here that needs BuildKit: older builders read it as well.

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
# Without cgo the binary is static: the final image has no C library.
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /out/zoneusage ./cmd/zoneusage

# The binary is static and has the time zones in it. It also needs the certificates that Control Center's is checked by.
FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/zoneusage /zoneusage
# By default the service listens on loopback, where a published port of a container does not reach it.
ENV ZONEUSAGE_GRPC_ADDR=:9090 ZONEUSAGE_HTTP_ADDR=:8080
# By number: Kubernetes' runAsNonRoot cannot tell from a name that the user is not root.
USER 65532:65532
EXPOSE 8080 9090
# There is no shell or curl in the image: the binary asks the service's own gRPC health service.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 CMD ["/zoneusage", "healthcheck"]
ENTRYPOINT ["/zoneusage"]
CMD ["serve"]
