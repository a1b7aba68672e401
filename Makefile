# make test needs Go and make; it brings the servers itself.

.PHONY: test chaos bench-fanout lint update

test:
	go run ./internal/testenv/with-servers go test -race -timeout 15m ./...

# Every fault while 100,000 events flow, 200 matches polled, ten million events kept: an hour; MATCHWIRE_SEED picks other moments.
chaos:
	MATCHWIRE_CHAOS_EVENTS=100000 go run ./internal/testenv/with-servers go test -v -timeout 90m ./internal/chaos

# What fan-out costs beside bare system calls and other libraries: half an hour, and nothing else should run.
bench-fanout:
	go run ./internal/testenv/with-servers go run -C bench/fanout .

lint:
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "gofmt these: $$unformatted" >&2; exit 1; }
	go vet ./...
	go vet -C bench/fanout ./...
	go vet -C examples/go ./...
	go tool -modfile=tools/go.mod staticcheck ./...

# Rewrites the golden events beside the fixtures; read the diff before you keep it.
update:
	go test ./parser/recording -run TestFixtures -update
