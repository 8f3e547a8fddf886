# The nine verbs of the house. Each works from a fresh clone; only check and e2e
# fetch a tool of their own, into .tools/.

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)

LINT_VERSION := 2.15.0
LINT := .tools/golangci-lint-$(LINT_VERSION)

BENCHTIME ?= 200ms
TURNS ?= 1000x
FUZZTIME ?= 10s

# The race detector needs a C compiler and a system it was ported to. Asking it is
# the only sure test. Set RACE=-race to insist, RACE= to go without.
RACE ?= $(shell go test -race -run '^$$' . >/dev/null 2>&1 && echo -race)

.PHONY: run build test check gen fuzz bench e2e release

run: build ## talk to a model on this machine, or to the demo model
	./bin/hearth up

build: ## bin/hearth, static
	CGO_ENABLED=0 go build -buildvcs=false -trimpath -ldflags '$(LDFLAGS)' -o bin/hearth ./cmd/hearth

test: ## everything that needs only Go
	@test -n '$(RACE)' || echo 'make test: no C compiler here, so the tests run without the race detector'
	go test $(RACE) -shuffle=on -timeout 10m ./...

check: $(LINT) build ## lint, modules, generated files, other systems, size
	$(LINT) run
	.ci/modules
	.ci/generated
	.ci/crossbuild
	.ci/deadcode
	.ci/licences

gen: ## write the generated files again
	go generate ./...

fuzz: ## every fuzz target for FUZZTIME
	.ci/fuzz $(FUZZTIME)

# Those of docs/performance.md come last, with enough turns for a percentile.
GOALS := ^Benchmark(Command|Turn|Stream|Memory)$$

bench: build ## every benchmark, a token beside the last release's, and how large the binary is
	go test -run '^$$' -bench . -skip '$(GOALS)' -benchmem -benchtime $(BENCHTIME) -timeout 20m ./...
	go test -run '^$$' -bench '^Benchmark(Command|Stream|Memory)$$' -benchtime $(BENCHTIME) -timeout 20m ./cmd/hearth
	go test -run '^$$' -bench '^BenchmarkTurn$$' -benchmem -benchtime $(TURNS) -timeout 20m ./cmd/hearth
	@.ci/compare
	@ls -l bin/hearth

# Each package with a test that needs the model server; it is built once, then kept.
E2E = $(shell grep -rlE '^//go:build .*\be2e\b' --include='*_test.go' . | xargs -n 1 dirname | sort -u)

e2e: build ## whole conversations with a real model server, which this builds first
	test/ollama/build.sh
	go test $(RACE) -tags e2e -count 1 -timeout 20m $(E2E)

release: ## archives and checksums in dist/
	SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct 2>/dev/null || echo 0)} go run .ci/release.go '$(VERSION)'

$(LINT):
	GOBIN='$(CURDIR)/.tools/bin' go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v$(LINT_VERSION)
	mv .tools/bin/golangci-lint $@
