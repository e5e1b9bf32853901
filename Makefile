# These targets need a machine with Go, git, make and a C compiler. They fetch everything else.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# The tools have a module of their own. `go tool` builds the versions that it pins.
TOOL := go tool -modfile=tools/go.mod
BUF := $(TOOL) buf
# In another module, because only a release needs it, and the first build takes some minutes.
GORELEASER := go tool -modfile=tools/release/go.mod goreleaser

# How long each fuzz target runs in `make test`.
FUZZTIME ?= 10s

# The tests that log the figures of fair use. Tests with a hundred thousand calls are named TestLong.
FIGURES := Thousand|Half|Flood|ExpectedWait|TheToldWait|Dashboard|ThreeCalls|^TestLong

# The flags of `make bench`. BENCH='-run "REST.*, 64"' measures only some rows and writes nothing.
BENCH ?= -markdown BENCHMARKS.md

# How long `make soak` runs.
SOAK ?= 10m

# The contract must not break the last release or, before the first release, the last commit. For a deliberate break before the
# first release, run `make test BREAKING_AGAINST=`.
BREAKING_AGAINST ?= $(shell git describe --tags --abbrev=0 2>/dev/null || git rev-parse --quiet --verify HEAD~1)

.PHONY: help
help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: ## Serve, on the sandbox unless ZONEUSAGE_… configures a Control Center.
	go run ./cmd/zoneusage serve

.PHONY: test
test: lint proto unit fuzz bench-guard deploy-test openapi-test ## Everything CI runs: linters, contract, tests with the race detector, fuzzing, speed, deploy/, OpenAPI.

.PHONY: unit
unit: ## Only the tests, with the race detector; tests with a hundred thousand calls run without it.
	go test -race ./...
	go test -run '^TestLong' ./jasperclient ./service

.PHONY: trials
trials: ## Do to the real binary what happens to a service: restarts, attacks, h2spec (Linux, all of the machine, 6 minutes).
	TRIALS=1 go test -v -count=1 -timeout 20m ./internal/trials

.PHONY: soak
soak: ## Call the real binary for SOAK (10m), and check that nothing grows (Linux).
	SOAK=$(SOAK) go test -v -count=1 -timeout 0 -run '^TestSoak$$' ./internal/trials

.PHONY: bench
bench: ## Measure zoneusage against bare servers, and write BENCHMARKS.md (Linux, all of the machine, 15 minutes).
	go run ./internal/bench $(BENCH)

.PHONY: bench-guard
bench-guard: ## Measure two rows of the benchmark for a moment, and fail if they are far worse than before (Linux).
	go run ./internal/bench -guard internal/bench/baseline.json

.PHONY: figures
figures: ## Print the figures of fair use, in virtual time, and run Go's benchmarks.
	go test -v -count=1 -run '$(FIGURES)' ./jasperclient ./service | grep -E '^ +[a-z_]+_test.go|^(---|ok|FAIL)'
	go test -run '^$$' -bench . -benchmem ./...

.PHONY: fuzz
fuzz: ## Run each fuzz target for FUZZTIME (10s).
	@for package in $$(go list ./...); do \
		listed=$$(go test -list '^Fuzz' $$package); \
		for target in $$(grep '^Fuzz' <<<"$$listed" || true); do \
			echo "go test -run '^$$' -fuzz '^$$target\$$' -fuzztime $(FUZZTIME) $$package"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package; \
		done; \
	done

.PHONY: lint
lint: ## Formatting, golangci-lint, tidy modules.
	go mod tidy -diff
	cd tools && go mod tidy -diff
	$(TOOL) golangci-lint run

.PHONY: proto
proto: ## Check the contract: lint, format, no break, and gen/ as buf generates it.
	$(BUF) lint
	$(BUF) format -d --exit-code
	$(if $(BREAKING_AGAINST),$(BUF) breaking --against '.git#ref=$(BREAKING_AGAINST)',@echo 'buf breaking: nothing to compare with')
	@generated=$$(mktemp -d) && trap 'rm -rf "$$generated"' EXIT && \
		$(BUF) generate --output "$$generated" && \
		diff -r gen "$$generated/gen" || { echo 'gen/ is not what buf generates: run make generate'; exit 1; }

.PHONY: generate
generate: ## Write gen/ from proto/.
	$(BUF) format -w
	$(BUF) generate

.PHONY: build
build: ## Build bin/zoneusage.
	CGO_ENABLED=0 go build -trimpath -o bin/zoneusage ./cmd/zoneusage

.PHONY: test-clients
test-clients: ## Run the clients in examples/ (Go, Python, Node, TypeScript, Ruby) and grpcurl against a started service.
	.ci/test-clients
	$(MAKE) test-openapi-clients

.PHONY: image-test
image-test: ## Build the Dockerfile with buildah and run its image (Linux, root).
	.ci/image-test

.PHONY: deploy-test
deploy-test: ## Check alerts, dashboard and manifests against each other and a running server.
	cd deploy && go tool -modfile=../tools/go.mod golangci-lint run && go test ./...

.PHONY: openapi-test
openapi-test: ## Check the answers of a running server against the OpenAPI document that it serves.
	cd examples/openapi && go mod tidy -diff && go tool -modfile=../../tools/go.mod golangci-lint run && go test -count=1 -skip '^TestClient' ./...

.PHONY: test-openapi-clients
test-openapi-clients: ## Generate clients from that document, compile them, and let them call a server (Node.js 20 and npm).
	cd examples/openapi && go test -v -count=1 -run '^TestClient' ./...

# goreleaser asks git for the repository's remote, which some clones do not have.
.PHONY: release
release: export GIT_CONFIG_COUNT := 1
release: export GIT_CONFIG_KEY_0 := remote.origin.url
release: export GIT_CONFIG_VALUE_0 := https://github.com/zoneusage/zoneusage
release: ## Build a release into dist/: of the tag on this commit, or else a snapshot. Uploads nothing.
	@mkdir -p .cache/release
	$(BUF) build -o '.cache/release/usage.protoset#format=binpb'
	@snapshot=--snapshot; \
		if [ -z "$$(git status --porcelain)" ] && git describe --exact-match --tags >/dev/null 2>&1; then snapshot=; fi; \
		$(GORELEASER) release --clean --skip=publish,announce $$snapshot
	cp .cache/release/usage.protoset dist/
	cd dist && sha256sum --check --quiet checksums.txt

.PHONY: test-page
test-page: ## Use the page at / in a real Chromium; SHOTS=dir keeps screenshots (npm; as root it installs Chromium).
	.ci/test-page

.PHONY: release-test
release-test: ## Build this commit's release twice, in separate clones, compare the two, and try the result.
	.ci/release-test

.PHONY: vuln
vuln: ## Look for known vulnerabilities (needs access to the Go vulnerability database).
	$(TOOL) govulncheck ./...
