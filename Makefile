# The targets need Go, make and a C compiler (for -race). with-servers starts the
# servers that the tests need. As root on Debian it also installs what is missing.

# Number of incidents in the long form of internal/chaos, over all faults.
MATCHWIRE_CHAOS_EVENTS ?= 20000
# How long each fuzz target runs.
FUZZTIME ?= 1m
# Seeds of the seasons.
SEEDS ?= 1 2 3 4 5 6 7 8 9 10 11 12 13
# Packages tested at the same time: more than the cores, since many tests wait for a server.
PACKAGES ?= 4

# The modules of this repository, without the one of the tools.
MODULES = . bench/fanout examples/go

golangci_lint = go tool -modfile=$(CURDIR)/tools/go.mod golangci-lint
with_servers = go run ./internal/testenv/with-servers
gotest = go run ./internal/testenv/gotest -race -p $(PACKAGES)

.PHONY: help short test full lint vulncheck licences chaos season fuzz cross bench-fanout update

help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

short: ## Run the fast tests, which need no server or browser: less than 2 minutes.
	$(gotest) -short -timeout 5m ./...

test: ## Run all tests in their short form, and list the skipped ones: less than 10 minutes.
	$(with_servers) $(gotest) -timeout 15m ./...

full: lint cross test season fuzz chaos ## Run all of the checks and tests at full length: hours.

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

chaos: ## Test every fault under load; MATCHWIRE_SEED chooses the moments.
	MATCHWIRE_CHAOS_EVENTS=$(MATCHWIRE_CHAOS_EVENTS) $(with_servers) go test -v -count 1 -timeout 4h ./internal/chaos

season: ## Test a season of real matches with each of SEEDS.
	@for seed in $(SEEDS); do \
		echo "MATCHWIRE_SEED=$$seed"; \
		MATCHWIRE_SEED=$$seed $(with_servers) go test -count 1 -run '^TestSeason' $$(grep -rl --include='*_test.go' '^func TestSeason' . | xargs -n 1 dirname | sort -u) || exit 1; \
	done

fuzz: ## Run each fuzz target for FUZZTIME.
	@grep -rHo --include='*_test.go' '^func Fuzz[A-Za-z0-9]*' . | while IFS=: read -r file target; do \
		go test -run '^$$' -fuzz "^$${target#func }$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 5x "$$(dirname "$$file")" || exit 1; \
	done

cross: ## Build and vet for Windows and macOS, build for arm64.
	GOOS=windows go build ./... && GOOS=windows go vet ./...
	GOOS=darwin go build ./... && GOOS=darwin go vet ./...
	GOARCH=arm64 go build ./...

bench-fanout: ## Compare fan-out with other servers: half an hour on an idle machine.
	$(with_servers) go run -C bench/fanout .

update: ## Rewrite the golden events of the fixtures; review the diff.
	go test ./parser/recording -run TestFixtures -update
