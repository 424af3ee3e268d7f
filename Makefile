# Works with GNU make 3.81 (macOS) and later; recipes are plain sh.

GO   ?= go
NPM  ?= npm
ROOT := $(CURDIR)

# Tests of the parts; ./e2e drives the built binaries and runs after them.
PACKAGES = $$($(GO) list ./... | grep -v -E '/e2e(/|$$)')

AZURITE      = tools/azurite/node_modules/.package-lock.json
BROWSER      = tools/browser/node_modules/.package-lock.json
JAVASCRIPT   = localbatch/testdata/javascript/node_modules/.package-lock.json
TEMPORAL_PKG = github.com/temporalio/cli/cmd/temporal
TEMPORAL_VAR = github.com/temporalio/cli/temporalcli.Version
LINT_PKG     = github.com/golangci/golangci-lint/v2/cmd/golangci-lint
CHECK_PKG    = go.temporal.io/sdk/contrib/tools/workflowcheck
RCLONE_PKG   = github.com/rclone/rclone

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: binaries bin/temporal $(AZURITE) ## Build everything that runs: worker, starter, local, Temporal, Azurite

.PHONY: binaries
binaries:
	@tools/require.sh go
	$(GO) build -o bin/ ./worker ./starter ./local

.PHONY: run
run: build ## Run the main job on this machine: five MP4 files become five MP3 files
	@tools/require.sh ffmpeg-or-root
	bin/local run --yes examples/ffmpeg/workload.yaml
	@ls -l examples/ffmpeg/OutputFiles

.PHONY: test
test: test-tools test-clients build ## Install what the tests need and run them all
	$(GO) test -race -timeout 20m $(PACKAGES)
	$(GO) test -count=1 -timeout 40m ./e2e/...

.PHONY: test-tools
test-tools: $(BROWSER)
	@INSTALL=yes tools/require.sh go cc ffmpeg chromium

# The older Go SDK is a module of 66 MB, 560 MB unpacked: 15 seconds or more the first time.
.PHONY: test-clients
test-clients: $(JAVASCRIPT) # Fetch the official clients of Batch that localbatch is tested with
	@tools/require.sh go
	$(GO) build -C localbatch/testdata/go2020 -o /dev/null .

.PHONY: check
check: bin/golangci-lint bin/workflowcheck ## Check formatting, lint, imports, determinism, go.mod and generated files
	bin/golangci-lint run ./...
	bin/workflowcheck -config tools/workflowcheck/config.yaml ./workflows/...
	$(GO) mod tidy -diff
	GO="$(GO)" tools/generated.sh

.PHONY: fmt
fmt: bin/golangci-lint ## Format the code
	bin/golangci-lint fmt ./...

# A quarter of an hour and more: most of it is waiting for Temporal to notice.
.PHONY: kill-points
kill-points: test-tools build ## Kill the worker before and after each of its effects, once for each
	$(GO) test -count=1 -timeout 3h -v -run TestAKillAtEveryStep ./e2e -kill-points=0 -kill-slots=$(KILL_SLOTS)

KILL_SLOTS ?= 20

.PHONY: histories
histories: test-tools build ## Record the histories that the replay test lacks, by running the end-to-end tests
	$(GO) test -count=1 -timeout 30m ./e2e -update

.PHONY: bench
bench: build bin/rclone ## Measure it beside its peers: xargs and ffmpeg alone, rclone
	@INSTALL=yes tools/require.sh ffmpeg
	$(GO) run ./bench
	$(GO) run ./bench/batch
	$(GO) run ./bench/transfer
	$(GO) run ./bench/scale

.PHONY: bench-full
bench-full: build bin/rclone ## The same with the whole sizes: an hour or more, and 25 GiB of disk
	@INSTALL=yes tools/require.sh ffmpeg
	$(GO) run ./bench
	$(GO) run ./bench/batch
	$(GO) run ./bench/transfer -full
	$(GO) run ./bench/scale -full

# The seed decides contents, faults and kills; the figures go to bench/out.
SEED ?= $$(date +%s)

.PHONY: chaos
chaos: build ## Run 100 times 200 tasks while everything is killed and three of ten calls fail
	@INSTALL=yes tools/require.sh ffmpeg
	@mkdir -p bench/out
	$(GO) test -count=1 -timeout 4h ./e2e -run '^(TestChaos|TestLeaks)$$' -v \
		-chaos.seed $(SEED) -chaos.runs 100 -chaos.at-once 12 -chaos.bound 1h -chaos.report $(ROOT)/bench/out/chaos.md \
		-leaks.lease -leaks.report $(ROOT)/bench/out/leaks.md

.PHONY: samples
samples: ## Make the sample videos in examples/ffmpeg/InputFiles anew
	@tools/require.sh ffmpeg
	examples/ffmpeg/make-samples.sh

.PHONY: picture
picture: build ## Draw the picture of a run on a terminal for the documentation
	$(GO) run ./tools/picture docs/images/terminal.svg

.PHONY: screenshots
screenshots: test-tools build ## Make the pictures of the pages in the documentation anew
	REPORT_SAMPLE="$(ROOT)/bin/report-sample.html" $(GO) test -count=1 -run '^TestSample$$' ./report
	node tools/browser/screenshots.mjs bin/report-sample.html docs/images

.PHONY: clean
clean: ## Remove what was built; the local stack's data in .local stays
	rm -rf bin tools/azurite/node_modules tools/browser/node_modules localbatch/testdata/javascript/node_modules examples/ffmpeg/OutputFiles

bin/temporal: tools/temporal/go.mod tools/temporal/go.sum
	@tools/require.sh go
	@echo "building Temporal's CLI from its pinned module: minutes the first time, seconds later"
	$(GO) build -C tools/temporal -ldflags "-s -w -X $(TEMPORAL_VAR)=$$(cd tools/temporal && $(GO) list -m -f '{{.Version}}' github.com/temporalio/cli | sed 's/^v//')" -o "$(ROOT)/$@" $(TEMPORAL_PKG)

bin/golangci-lint: tools/lint/go.mod tools/lint/go.sum
	@tools/require.sh go
	$(GO) build -C tools/lint -ldflags "-s -w" -o "$(ROOT)/$@" $(LINT_PKG)

bin/workflowcheck: tools/workflowcheck/go.mod tools/workflowcheck/go.sum
	@tools/require.sh go
	$(GO) build -C tools/workflowcheck -o "$(ROOT)/$@" $(CHECK_PKG)

bin/rclone: tools/rclone/go.mod tools/rclone/go.sum
	@tools/require.sh go
	@echo "building rclone, the benchmarks' peer, from its pinned module: minutes the first time"
	$(GO) build -C tools/rclone -ldflags "-s -w -X $(RCLONE_PKG)/fs.Version=$$(cd tools/rclone && $(GO) list -m -f '{{.Version}}' $(RCLONE_PKG))" -o "$(ROOT)/$@" $(RCLONE_PKG)

# npm ci writes this file last: with it, the whole tree is there.
$(AZURITE): tools/azurite/package.json tools/azurite/package-lock.json
	@tools/require.sh node npm
	$(NPM) ci --prefix tools/azurite --ignore-scripts --no-audit --no-fund
	@touch $@

$(BROWSER): tools/browser/package.json tools/browser/package-lock.json
	@tools/require.sh node npm
	$(NPM) ci --prefix tools/browser --ignore-scripts --no-audit --no-fund
	@touch $@

$(JAVASCRIPT): localbatch/testdata/javascript/package.json localbatch/testdata/javascript/package-lock.json
	@tools/require.sh node npm
	$(NPM) ci --prefix localbatch/testdata/javascript --ignore-scripts --no-audit --no-fund
	@touch $@
