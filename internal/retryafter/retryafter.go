// Package retryafter parses the HTTP header Retry-After.
package retryafter

import (
	"net/http"
	"strings"
	"time"
)

// Parse parses the value of a Retry-After header, which RFC 9110 defines as a number of seconds or
// a date. It returns the time to wait before the next request. For a date in the past, wait is 0.
// If the value is empty or malformed, ok is false. wait may be years, so callers must limit it.
func Parse(value string) (wait time.Duration, ok bool) {
	value = strings.TrimSpace(value)
	if at, err := http.ParseTime(value); err == nil {
		return max(0, time.Until(at)), true
	}
	if value == "" {
		return 0, false
	}
	const most = 10 * 365 * 24 * 60 * 60 // seconds; longer waits are reduced to most, so that they fit into a Duration
	seconds := int64(0)
	for _, c := range value {
		if c < '0' || c > '9' {
			return 0, false
		}
		seconds = min(seconds*10+int64(c-'0'), most)
	}
	return time.Duration(seconds) * time.Second, true
}
