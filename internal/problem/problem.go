// Package problem writes HTTP error responses as RFC 9457 problem details.
package problem

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// Write writes an error response with the given status code. detail explains the
// error to a person. field is the invalid member of the request body, or "".
func Write(w http.ResponseWriter, status int, detail, field string) {
	body, err := json.Marshal(struct {
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
		Field  string `json:"field,omitempty"`
	}{"about:blank", http.StatusText(status), status, detail, field})
	if err != nil {
		panic(err) // strings and numbers always have a JSON encoding
	}
	body = append(body, '\n')
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
