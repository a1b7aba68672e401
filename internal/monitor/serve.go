package monitor

import (
	"encoding/json"
	"net/http"

	"github.com/matchwire/matchwire/health"
)

// Handle adds the handlers of the health endpoints to mux:
//
//	/livez    200 while the process answers
//	/readyz   200 if the process has all that it needs to do its work now, otherwise 503
//	/healthz  200 if no issue is Down, otherwise 503
//
// A response is {"status":"pass"}, {"status":"warn","troubles":[…]} or
// {"status":"fail","troubles":[…]}. The key troubles holds the issues. It is missing if details returns
// false for the request. The key keeps its earlier name because clients read it.
func (m *Monitor) Handle(mux *http.ServeMux, details func(*http.Request) bool) {
	for path, issues := range map[string]func(*http.Request) []health.Issue{
		"/livez":   func(*http.Request) []health.Issue { return nil },
		"/readyz":  func(r *http.Request) []health.Issue { return m.Unready(r.Context()) },
		"/healthz": func(r *http.Request) []health.Issue { return m.Health(r.Context()) },
	} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			var response struct {
				Status string   `json:"status"`
				Issues []string `json:"troubles,omitempty"`
			}
			response.Status, response.Issues = Status(issues(r))
			if !details(r) {
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
		})
	}
}
