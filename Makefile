# The targets need Go, make and a C compiler (for -race). The program with-servers starts the
# servers that the tests need. As root on Debian, it also installs missing servers.

# Number of incidents in the fault tests of internal/chaos, for all faults together.
MATCHWIRE_CHAOS_EVENTS ?= 20000
# The first commit whose keys and queues this version shares, for make upgrade.
EARLIER ?= 3e00874b
# How long make fuzz runs each fuzz target.
FUZZTIME ?= 1m
# Random seeds of make season. It runs the season once for each seed.
SEEDS ?= 1 2 3 4 5 6 7 8 9 10 11 12 13
# GOGC of make season. Compared with the default of 100, the season needs a quarter less time but
# twice the memory.
SEASON_GOGC ?= 400
# Number of packages to test at the same time. It can exceed the number of cores, because many tests
# wait for a server.
PACKAGES ?= 3
# The folder for the package of make npm.
DIST ?= dist

# The folders of the modules of this repository, except tools.
MODULES = . contract contract/chart bench/fanout examples/go examples/bot tools/release

golangci_lint = go tool -modfile=$(CURDIR)/tools/go.mod golangci-lint
with_servers = go run ./internal/testenv/with-servers
# The packages that take longest to test.
slow_packages = ./internal/chaos,./app,./broker/rabbit
# Without -vet, because lint runs vet.
gotest = go run ./internal/testenv/gotest -modules=.,contract,contract/chart,tools/release -first=$(slow_packages) -race -vet=off -p $(PACKAGES)

# With the default, each program with the race detector waits a second before it exits.
export GORACE = atexit_sleep_ms=100
# The garbage collector would use a sixth of the CPU time of the tests.
short test cases: export GOGC = 300

.PHONY: help short test cases full restarts edits lint vulncheck licences chaos season fuzz cross hostile page size release npm bench-fanout update upgrade manifests scale screenshot

help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

short: ## Run the tests that need no server or browser (less than 2 minutes).
	$(gotest) -short -timeout 5m ./...

test: ## Run all tests in their short form, and list skipped tests (about 15 minutes).
	$(with_servers) $(gotest) -timeout 25m ./...

cases: ## Run the TestCase… tests: inputs and situations that earlier versions handled wrongly.
	$(with_servers) $(gotest) -run '^TestCase' ./...

full: lint cross test restarts edits upgrade hostile page season fuzz chaos ## Run all checks and all tests, in their long form too (hours).

lint: ## Check formatting, code and prose, in every module.
	@for module in $(MODULES); do \
		echo "golangci-lint $$module"; \
		(cd $$module && $(golangci_lint) run ./...) || exit 1; \
	done
	go run ./internal/prose

vulncheck: ## Report known vulnerabilities in the dependencies (needs the internet).
	@for module in $(MODULES); do go tool -modfile=tools/go.mod govulncheck -C $$module ./... || exit 1; done

licences: ## Update NOTICE and the licence texts in the program, after go.mod has changed.
	go run ./internal/licences/generate

chaos: ## Test every fault under load. MATCHWIRE_SEED determines when the faults happen.
	MATCHWIRE_CHAOS_EVENTS=$(MATCHWIRE_CHAOS_EVENTS) $(with_servers) go test -v -count 1 -timeout 4h ./internal/chaos

restarts: ## Kill a process without servers 200 times, and stop it 50 times, while goals are scored.
	MATCHWIRE_RESTARTS=200 go test -v -count 1 -timeout 1h -run 'WithoutServers$$' ./app

edits: ## Edit the config 100 times while goals are scored, without servers and with them, some edits with mistakes.
	MATCHWIRE_EDITS=100 $(with_servers) go test -v -count 1 -timeout 1h -run '^TestEdits' ./app ./internal/chaos

upgrade: ## Replace an earlier version by this one under load, role by role, and go back (minutes).
	@dir=$$(mktemp -d) && trap 'rm -rf "$$dir"' EXIT && \
	git archive $(EARLIER) | tar -x -C "$$dir" && \
	go build -C "$$dir" -o "$$dir/matchwire" ./cmd/matchwire && \
	MATCHWIRE_EARLIER=$$dir/matchwire $(with_servers) go test -v -count 1 -timeout 1h -run '^TestRollingUpgrade$$' ./internal/chaos

season: ## Test a season of real matches with each seed in SEEDS.
	@failed=; for seed in $(SEEDS); do \
		echo "MATCHWIRE_SEED=$$seed"; \
		MATCHWIRE_SEED=$$seed GOGC=$(SEASON_GOGC) $(with_servers) go test -v -count 1 -run '^TestSeason' $$(grep -rl --include='*_test.go' '^func TestSeason' . | xargs -n 1 dirname | sort -u) || failed="$$failed $$seed"; \
	done; test -z "$$failed" || { echo "failed with the seeds:$$failed"; exit 1; }

hostile: ## Test how much memory and time hostile pages need (minutes).
	go test -count 1 -run '^TestHostilePages$$' ./parser/profile

page: ## Measure the live page with 500 matches in Chromium, and print the figures (minutes).
	MATCHWIRE_SCALE=full go test -count 1 -timeout 30m -run '^TestScale$$' -v ./fanout/web

screenshot: ## Replace the screenshot in the README with one of the test of the live page.
	@dir=$$(mktemp -d) && trap 'rm -rf "$$dir"' EXIT && \
	MATCHWIRE_SCREENSHOTS=$$dir $(with_servers) go test -count 1 -run '^TestLook$$' ./fanout/web && \
	cp "$$dir/list-1280-light.png" docs/live-page.png

fuzz: ## Run each fuzz target for FUZZTIME.
	@grep -rHo --include='*_test.go' '^func Fuzz[A-Za-z0-9]*' . | while IFS=: read -r file target; do \
		go test -run '^$$' -fuzz "^$${target#func }$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 5x "$$(dirname "$$file")" || exit 1; \
	done

cross: ## Build and vet for Windows and macOS, and build for arm64.
	GOOS=windows go build ./... && GOOS=windows go vet ./...
	GOOS=darwin go build ./... && GOOS=darwin go vet ./...
	GOARCH=arm64 go build ./...

size: ## Build with empty caches. Print the CPU time (second line: user, system) and the size of the stripped program.
	@dir=$$(mktemp -d) && trap 'rm -rf "$$dir"' EXIT && \
	export GOMODCACHE=$$dir/mod GOCACHE=$$dir/cache GOFLAGS=-modcacherw && \
	go mod download && \
	sh -c 'go build -trimpath -ldflags="-s -w" -o "$$0/matchwire" ./cmd/matchwire && times' "$$dir" && \
	wc -c < "$$dir/matchwire"

manifests: ## Replace deploy/kubernetes/matchwire.yaml after a change of the Helm chart.
	go test -C contract/chart -run TestManifests -update .

release: ## Build the files of a release in dist, with the version VERSION if it is set. Nothing is published.
	go run -C tools/release . -version "$(VERSION)"

npm: ## Pack the JavaScript client as an npm package in DIST, with the version VERSION if it is set. Nothing is published.
	@dir=$$(mktemp -d) && trap 'rm -rf "$$dir"' EXIT && \
	cp -R fanout/web/files/. LICENSE "$$dir" && mkdir -p $(DIST) && \
	cd "$$dir" && npm pkg set version=$(or $(VERSION:v%=%),0.0.0-dev-$(shell git rev-parse --short HEAD)) && \
	npm pack --pack-destination $(abspath $(DIST))

bench-fanout: ## Compare fan-out with other servers (half an hour on an idle machine).
	$(with_servers) go run -C bench/fanout .

scale: ## Print the figures of docs/scaling.md and docs/operations.md: what this machine does, with 1, 2 and 4 processes of each role (half an hour if it is idle).
	$(with_servers) go run ./internal/bench/scale
	go test -count 1 -v -run '^TestIdleMemory$$' ./internal/gateway
	$(with_servers) go test -count 1 -v -timeout 1h -run '^TestMemoryIsBounded$$' ./internal/chaos

update: ## Replace the expected events of the fixtures with the current events. Review the diff before you commit it.
	go test ./parser/recording -run "TestFixtures|TestSports" -update
