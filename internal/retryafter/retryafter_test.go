package retryafter_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matchwire/matchwire/internal/retryafter"
)

func TestParse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		date := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(http.TimeFormat) }
		for value, want := range map[string]time.Duration{
			"0":                    0,
			"120":                  2 * time.Minute,
			" 7 ":                  7 * time.Second,
			date(90 * time.Second): 90 * time.Second,
			date(-time.Hour):       0,
		} {
			if got, ok := retryafter.Parse(value); got != want || !ok {
				t.Errorf("Parse(%q) = %v, %v; want %v, true", value, got, ok, want)
			}
		}
		for _, value := range []string{"", "-1", "1.5", "soon", "5 minutes", "1e3", "٣"} {
			if got, ok := retryafter.Parse(value); ok || got != 0 {
				t.Errorf("Parse(%q) = %v, %v; want 0, false", value, got, ok)
			}
		}
		// A number of seconds that exceeds a Duration results in a long wait, not in a short or
		// negative wait.
		for _, value := range []string{"99999999999", "99999999999999999999999999"} {
			if got, ok := retryafter.Parse(value); !ok || got < 24*365*time.Hour {
				t.Errorf("Parse(%q) = %v, %v; want years, true", value, got, ok)
			}
		}
	})
}
