// Package problem answers HTTP calls with an error as RFC 9457 has it.
package problem

import (
	"encoding/json"
	"net/http"
)

// Write answers with a status and what is wrong, for a person. field is the
// member of the request's body that is at fault, "" if none is.
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
