package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/health"
)

const (
	healthTimeout = 2 * time.Second // of all checks together
	healthAge     = time.Second     // for which an answer stands
)

// healthChecks gather what the parts of a process say of themselves.
type healthChecks struct {
	mu     sync.Mutex
	checks []func(context.Context) []health.Issue
	looked time.Time
	latest []health.Issue
}

func (h *healthChecks) add(check func(context.Context) []health.Issue) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.checks = append(h.checks, check)
}

// look asks all parts at the same time, at most once in healthAge.
func (h *healthChecks) look(ctx context.Context) []health.Issue {
	h.mu.Lock()
	defer h.mu.Unlock()
	if time.Since(h.looked) < healthAge {
		return h.latest
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), healthTimeout) // the answer is for others too
	defer cancel()
	found := make([][]health.Issue, len(h.checks))
	var asking sync.WaitGroup
	for i, check := range h.checks {
		asking.Go(func() { found[i] = check(ctx) })
	}
	asking.Wait()
	h.latest = nil
	for _, f := range found {
		h.latest = append(h.latest, f...)
	}
	h.looked = time.Now()
	return h.latest
}

// status is the worst there is: pass, warn or fail, and what is wrong.
func (h *healthChecks) status(ctx context.Context) (status string, issues []string) {
	status = "pass"
	for _, issue := range h.look(ctx) {
		issues = append(issues, issue.Text)
		switch {
		case issue.Down:
			status = "fail"
		case status == "pass":
			status = "warn"
		}
	}
	return status, issues
}

// ServeHTTP answers 200 {"status":"pass"}, 200 {"status":"warn","troubles":[…]}
// or, when something is down, 503 {"status":"fail","troubles":[…]}.
func (h *healthChecks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var answer struct {
		Status string   `json:"status"`
		Issues []string `json:"troubles,omitempty"`
	}
	answer.Status, answer.Issues = h.status(r.Context())
	code := http.StatusOK
	if answer.Status == "fail" {
		code = http.StatusServiceUnavailable
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(answer)
}

// redisHealth asks for a sign of life.
func redisHealth(r redis.UniversalClient) func(context.Context) []health.Issue {
	return func(ctx context.Context) []health.Issue {
		if err := r.Ping(ctx).Err(); err != nil {
			return []health.Issue{{Text: fmt.Sprintf("Redis does not answer: %v", err), Down: true}}
		}
		return nil
	}
}
