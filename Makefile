# Everything here needs only Go, make and a C compiler for -race. The servers and
# the browser that tests use are started, and installed where that is possible.

# The long form of internal/chaos: incidents in all, spread over the faults.
MATCHWIRE_CHAOS_EVENTS ?= 20000
# How long each fuzz target runs, and the seeds that seasons are played with.
FUZZTIME ?= 1m
SEEDS ?= 1 2 3 4 5 6 7 8 9 10 11 12 13
# Packages tested at a time. Many tests wait for a server, so it is more than the cores.
PACKAGES ?= 4

# The modules of this repository, without the one of the tools.
MODULES = . bench/fanout examples/go

golangci_lint = go tool -modfile=$(CURDIR)/tools/go.mod golangci-lint
with_servers = go run ./internal/testenv/with-servers
gotest = go run ./internal/testenv/gotest -race -p $(PACKAGES)

.PHONY: help short test full lint vulncheck licences chaos season fuzz cross bench-fanout update

help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

short: ## Run the tests that need no server and no browser, while you work; at most 2 minutes.
	$(gotest) -short -timeout 5m ./...

test: ## Run all tests, the longest in a short form; at most 10 minutes. Names the skipped tests at the end.
	$(with_servers) $(gotest) -timeout 15m ./...

full: lint cross test season fuzz chaos ## Run everything in its long form; hours.

lint: ## Check formatting, code and prose, in every module.
	@for module in $(MODULES); do \
		echo "golangci-lint $$module"; \
		(cd $$module && $(golangci_lint) run ./...) || exit 1; \
	done
	go run ./internal/prose

vulncheck: ## Report known vulnerabilities in the dependencies; needs the internet.
	@for module in $(MODULES); do go tool -modfile=tools/go.mod govulncheck -C $$module ./... || exit 1; done

licences: ## Write NOTICE and the licences that the program contains, after go.mod has changed.
	go run ./internal/licences/generate

chaos: ## Cause every fault while MATCHWIRE_CHAOS_EVENTS incidents flow; MATCHWIRE_SEED chooses the moments.
	MATCHWIRE_CHAOS_EVENTS=$(MATCHWIRE_CHAOS_EVENTS) $(with_servers) go test -v -count 1 -timeout 4h ./internal/chaos

season: ## Play a season of real matches with each seed of SEEDS.
	@for seed in $(SEEDS); do \
		echo "MATCHWIRE_SEED=$$seed"; \
		MATCHWIRE_SEED=$$seed $(with_servers) go test -count 1 -run '^TestSeason' $$(grep -rl --include='*_test.go' '^func TestSeason' . | xargs -n 1 dirname | sort -u) || exit 1; \
	done

fuzz: ## Run each fuzz target for FUZZTIME.
	@grep -rHo --include='*_test.go' '^func Fuzz[A-Za-z0-9]*' . | while IFS=: read -r file target; do \
		go test -run '^$$' -fuzz "^$${target#func }$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 5x "$$(dirname "$$file")" || exit 1; \
	done

cross: ## Build and vet for Windows, macOS and ARM.
	GOOS=windows go build ./... && GOOS=windows go vet ./...
	GOOS=darwin go build ./... && GOOS=darwin go vet ./...
	GOARCH=arm64 go build ./...

bench-fanout: ## Measure fan-out beside bare system calls and other libraries; half an hour on an idle machine.
	$(with_servers) go run -C bench/fanout .

update: ## Rewrite the expected events of the fixtures; read the diff before you commit it.
	go test ./parser/recording -run TestFixtures -update
