// Package problem writes HTTP error responses as RFC 9457 problem details.
package problem

import (
	"encoding/json"
	"net/http"
)

// Write writes an error response with the given status code. detail explains the
// error to a person. field is the invalid member of the request body, or "".
func Write(w http.ResponseWriter, status int, detail, field string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(struct {
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
		Field  string `json:"field,omitempty"`
	}{"about:blank", http.StatusText(status), status, detail, field})
}
