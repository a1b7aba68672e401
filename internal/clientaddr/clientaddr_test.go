package clientaddr_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/matchwire/matchwire/internal/clientaddr"
)

func TestOf(t *testing.T) {
	for _, tc := range []struct{ peer, forwarded, want string }{
		{"198.51.100.7:1234", "", "198.51.100.7"},
		{"198.51.100.7:1234", "203.0.113.1", "198.51.100.7"}, // a public peer can send any header
		{"[2001:db8:1:2:3::4]:1234", "", "2001:db8:1:2::/64"},
		{"[::ffff:198.51.100.7]:1234", "", "198.51.100.7"},
		{"127.0.0.1:1234", "", "127.0.0.1"},
		{"127.0.0.1:1234", "203.0.113.1", "203.0.113.1"},
		{"10.0.0.1:1234", "203.0.113.9, 203.0.113.1, 10.0.0.7", "203.0.113.1"}, // two proxies
		{"10.0.0.1:1234", "203.0.113.1, nonsense", "10.0.0.1"},
		{"10.0.0.1:1234", "10.0.0.7", "10.0.0.7"},
		{"pipe", "203.0.113.1", ""},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = tc.peer
		if tc.forwarded != "" {
			r.Header.Set("X-Forwarded-For", tc.forwarded)
		}
		if got := clientaddr.Of(r); got != tc.want {
			t.Errorf("peer %s, X-Forwarded-For %q: got %q, want %q", tc.peer, tc.forwarded, got, tc.want)
		}
	}
}
