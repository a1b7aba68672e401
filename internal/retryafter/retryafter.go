// Package retryafter parses the Retry-After header of HTTP.
package retryafter

import (
	"net/http"
	"strings"
	"time"
)

// Parse returns how long the server asks its client to wait, from the value of a Retry-After header
// as RFC 9110 defines it: a number of seconds, or a date. A date in the past gives 0. ok is false if
// the value is empty or malformed. Callers limit the result: a server may ask for years.
func Parse(value string) (wait time.Duration, ok bool) {
	value = strings.TrimSpace(value)
	if at, err := http.ParseTime(value); err == nil {
		return max(0, time.Until(at)), true
	}
	if value == "" {
		return 0, false
	}
	const most = 10 * 365 * 24 * 60 * 60 // seconds; a longer wait is cut, so that it fits a Duration
	seconds := int64(0)
	for _, c := range value {
		if c < '0' || c > '9' {
			return 0, false
		}
		seconds = min(seconds*10+int64(c-'0'), most)
	}
	return time.Duration(seconds) * time.Second, true
}
