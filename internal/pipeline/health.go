package pipeline

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/matchwire/matchwire/health"
	"github.com/matchwire/matchwire/internal/guard"
)

const (
	healthTimeout = 2 * time.Second // for all checks together
	healthMaxAge  = time.Second     // maximum age of a result that is reused
)

// healthChecks holds the health checks of a process, and serves their result over HTTP.
type healthChecks struct {
	mu      sync.Mutex
	checks  []func(context.Context) []health.Issue
	checked time.Time      // when the checks ran last
	latest  []health.Issue // the issues that they found
}

func (h *healthChecks) add(check func(context.Context) []health.Issue) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.checks = append(h.checks, check)
}

// issues runs all checks at the same time and returns their issues. If the latest result
// is younger than healthMaxAge, it returns that result instead.
func (h *healthChecks) issues(ctx context.Context) []health.Issue {
	h.mu.Lock()
	defer h.mu.Unlock()
	if time.Since(h.checked) < healthMaxAge {
		return h.latest
	}
	// The end of this call does not cancel the checks, because other callers reuse the result.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), healthTimeout)
	defer cancel()
	found := make([][]health.Issue, len(h.checks))
	var running sync.WaitGroup
	for i, check := range h.checks {
		running.Go(func() { found[i] = check(ctx) })
	}
	running.Wait()
	h.latest = nil
	for _, f := range found {
		h.latest = append(h.latest, f...)
	}
	h.checked = time.Now()
	return h.latest
}

// status returns "pass", "warn" or "fail", and the text of each issue.
func (h *healthChecks) status(ctx context.Context) (status string, issues []string) {
	status = "pass"
	for _, issue := range h.issues(ctx) {
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

// handle adds the handlers of the health checks to mux. Only clients with the scope [guard.Metrics]
// see the issues, because issues can name servers and sources.
func (h *healthChecks) handle(mux *http.ServeMux, g *guard.Guard) {
	for _, path := range []string{"/healthz", "/readyz"} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			h.serve(w, r, g.Allow(r, guard.Metrics) == nil)
		})
	}
}

// serve responds with 200 {"status":"pass"}, 200 {"status":"warn","troubles":[…]}, or, if an issue
// is Down, 503 {"status":"fail","troubles":[…]}. The key troubles contains the issues, and is
// missing unless details is set. The key has an old name, because existing clients read it.
func (h *healthChecks) serve(w http.ResponseWriter, r *http.Request, details bool) {
	var response struct {
		Status string   `json:"status"`
		Issues []string `json:"troubles,omitempty"`
	}
	response.Status, response.Issues = h.status(r.Context())
	if !details {
		response.Issues = nil
	}
	code := http.StatusOK
	if response.Status == "fail" {
		code = http.StatusServiceUnavailable
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(response)
}
