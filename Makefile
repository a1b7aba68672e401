# make test needs Go and make; it brings the servers itself.

.PHONY: test lint update

test:
	go run ./internal/testenv/with-servers go test -race -timeout 15m ./...

lint:
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "gofmt these: $$unformatted" >&2; exit 1; }
	go vet ./...
	go tool -modfile=tools/go.mod staticcheck ./...

# Rewrites the golden events beside the fixtures; read the diff before you keep it.
update:
	go test ./parser -run TestFixtures -update
