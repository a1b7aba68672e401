# Everything here needs only Go, make and a C compiler for -race. The servers and
# the browser that tests use are started, and installed where that is possible.

# The long form of internal/chaos: incidents in all, spread over the faults.
MATCHWIRE_CHAOS_EVENTS ?= 20000
# How long each fuzz target runs, and the seeds that seasons are played with.
FUZZTIME ?= 1m
SEEDS ?= 1 2 3 4 5 6 7 8 9 10 11 12 13
# Packages tested at a time. Many tests wait for a server, so it is more than the cores.
PACKAGES ?= 4

with_servers = go run ./internal/testenv/with-servers
gotest = go run ./internal/testenv/gotest -modules=.,contract -race -p $(PACKAGES)

.PHONY: help short test full lint chaos season fuzz cross size bench-fanout update

help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

short: ## Test without servers, browser and slow tests: for the inner loop, within 2 minutes.
	$(gotest) -short -timeout 5m ./...

test: ## Test everything that fits into 10 minutes; names the skipped tests at the end.
	$(with_servers) $(gotest) -timeout 15m ./...

full: lint cross test season fuzz chaos ## Everything, hours: lint and test, and what is too long for them.

lint: ## Check formatting, vet and staticcheck.
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "gofmt these: $$unformatted" >&2; exit 1; }
	go vet ./...
	go vet -C contract ./...
	go vet -C bench/fanout ./...
	go vet -C examples/go ./...
	go tool -modfile=tools/go.mod staticcheck ./...
	cd contract && go tool -modfile=../tools/go.mod staticcheck ./...

chaos: ## Every fault while 20,000 incidents flow, 200 matches polled, ten million events kept; MATCHWIRE_SEED picks other moments.
	MATCHWIRE_CHAOS_EVENTS=$(MATCHWIRE_CHAOS_EVENTS) $(with_servers) go test -v -count 1 -timeout 4h ./internal/chaos

season: ## A season of real matches with every seed of SEEDS.
	@for seed in $(SEEDS); do \
		echo "MATCHWIRE_SEED=$$seed"; \
		MATCHWIRE_SEED=$$seed $(with_servers) go test -count 1 -run '^TestSeason' $$(grep -rl --include='*_test.go' '^func TestSeason' . | xargs -n 1 dirname | sort -u) || exit 1; \
	done

fuzz: ## Run each fuzz target for FUZZTIME.
	@grep -rHo --include='*_test.go' '^func Fuzz[A-Za-z0-9]*' . | while IFS=: read -r file target; do \
		go test -run '^$$' -fuzz "^$${target#func }$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 5x "$$(dirname "$$file")" || exit 1; \
	done

cross: ## Build and vet for the other systems.
	GOOS=windows go build ./... && GOOS=windows go vet ./...
	GOOS=darwin go build ./... && GOOS=darwin go vet ./...
	GOARCH=arm64 go build ./...

size: ## Build the program with empty caches; print the CPU time (second line: user, system) and its bytes, stripped.
	@dir=$$(mktemp -d) && trap 'rm -rf "$$dir"' EXIT && \
	export GOMODCACHE=$$dir/mod GOCACHE=$$dir/cache GOFLAGS=-modcacherw && \
	go mod download && \
	sh -c 'go build -trimpath -ldflags="-s -w" -o "$$0/matchwire" ./cmd/matchwire && times' "$$dir" && \
	wc -c < "$$dir/matchwire"

bench-fanout: ## What fan-out costs beside bare system calls and other libraries: half an hour, and nothing else should run.
	$(with_servers) go run -C bench/fanout .

update: ## Rewrite the golden events beside the fixtures; read the diff before you keep it.
	go test ./parser/recording -run TestFixtures -update
