package page_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/matchwire/matchwire/internal/parsertest"
	"github.com/matchwire/matchwire/parser/page"
)

// Pages on this machine and on private networks are not fetched unless the options allow it. This
// applies to every notation of an address.
func TestPrivateAddresses(t *testing.T) {
	s := parsertest.NewSite(t)
	s.Answer(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "secret") })
	client := page.NewClient(page.Options{IgnoreRobots: true})
	_, port, _ := strings.Cut(strings.TrimPrefix(s.URL, "http://"), ":")
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "127.1.2.3", "0.0.0.0", "[::ffff:127.0.0.1]",
		"169.254.169.254", "10.0.0.1", "192.168.1.1", "100.64.0.1", "[fd00::1]", "[64:ff9b::7f00:1]"} {
		raw := "http://" + host + ":" + port + "/"
		f, err := client.Fetcher(raw)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		_, err = f.Fetch(ctx)
		cancel()
		if err == nil || !strings.Contains(err.Error(), "fetch.private_addresses") {
			t.Errorf("Fetch from %s: %v, want an error that names fetch.private_addresses", host, err)
		}
		u, err := page.CheckURL(raw)
		if err != nil || !page.IsPrivate(u) {
			t.Errorf("IsPrivate is false for %s, error %v, want true", host, err)
		}
	}
	for _, host := range []string{"93.184.216.34", "example.org", "[2606:2800:220:1:248:1893:25c8:1946]"} {
		if u, err := page.CheckURL("https://" + host + "/"); err != nil || page.IsPrivate(u) {
			t.Errorf("IsPrivate is true for %s, error %v, want false", host, err)
		}
	}
	if s.Count() != 0 {
		t.Errorf("%d requests reached the site, want 0", s.Count())
	}
}
