package page_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/matchwire/matchwire/internal/netguard"
	"github.com/matchwire/matchwire/internal/parsertest"
	"github.com/matchwire/matchwire/parser/page"
)

// The error about a private address says which value of the setting allows the address.
func TestPrivateAddressAdvice(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{
		"127.0.0.1": `to ["127.0.0.1"], or to true for all such addresses`,
		"::1":       `to ["::1"], or to true for all such addresses`,
		"localhost": "to true",
	} {
		err := &page.PrivateError{Host: host}
		if got := err.Error(); !strings.HasSuffix(got, "set fetch.private_addresses in matchwire.yaml "+want) {
			t.Errorf("%s: %s; want it to end with %s", host, got, want)
		}
	}
}

// Pages on this machine and on private networks are not fetched unless the options allow it. This
// applies to every notation of an address.
func TestPrivateAddresses(t *testing.T) {
	s := parsertest.NewSite(t)
	s.Answer(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "secret") })
	client := page.NewClient(page.Options{IgnoreRobots: true})
	var private *page.PrivateError
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
		if !errors.As(err, &private) || !strings.Contains(err.Error(), "fetch.private_addresses") {
			t.Errorf("Fetch from %s: %v, want a PrivateError that names fetch.private_addresses", host, err)
		}
		u, err := page.CheckURL(raw)
		if err != nil {
			t.Fatal(err)
		}
		if err := page.CheckAddress(u, page.Policy{AnyPort: true}); !errors.As(err, &private) {
			t.Errorf("CheckAddress of %s: %v, want a PrivateError", host, err)
		}
	}
	for _, host := range []string{"93.184.216.34", "example.org", "[2606:2800:220:1:248:1893:25c8:1946]"} {
		u, err := page.CheckURL("https://" + host + "/")
		if err == nil {
			err = page.CheckAddress(u, page.Policy{})
		}
		if err != nil {
			t.Errorf("%s: %v, want no error", host, err)
		}
	}
	if s.Count() != 0 {
		t.Errorf("%d requests reached the site, want 0", s.Count())
	}
}

// A fakeInternet is a network in which every address is that of one site. No connection leaves the machine.
type fakeInternet struct {
	site   *httptest.Server
	robots string // URL that robots.txt redirects to; "" if there is no robots.txt

	mu     sync.Mutex
	names  map[string]string // addresses by name
	dialed []string
}

func newInternet(t *testing.T, names map[string]string, pages http.HandlerFunc) *fakeInternet {
	i := &fakeInternet{names: names}
	i.site = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path != "/robots.txt":
			pages(w, r)
		case i.robots != "":
			http.Redirect(w, r, i.robots, http.StatusFound)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(i.site.Close)
	return i
}

// client returns a client of the network, without the proxies of the environment.
func (i *fakeInternet) client(o page.Options) *page.Client {
	o.PerHost = time.Millisecond
	return page.NewClientOver(&http.Transport{}, netguard.Network{
		Lookup: func(_ context.Context, host string) ([]netip.Addr, error) {
			i.mu.Lock()
			defer i.mu.Unlock()
			ip, err := netip.ParseAddr(i.names[host])
			return []netip.Addr{ip}, err
		},
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			i.mu.Lock()
			i.dialed = append(i.dialed, address)
			i.mu.Unlock()
			return new(net.Dialer).DialContext(ctx, network, strings.TrimPrefix(i.site.URL, "http://"))
		},
	}, o)
}

// set changes the address of a name.
func (i *fakeInternet) set(name, ip string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.names[name] = ip
}

// fetch fetches a page with the settings of a request.
func fetch(t *testing.T, c *page.Client, rawURL string, r *page.Request) error {
	t.Helper()
	f, err := c.RequestFetcher(rawURL, r)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Fetch(t.Context())
	return err
}

// The client does not follow redirects from a page or from robots.txt to another port or to a private address. The
// page's own port and the ports of the policy are allowed.
func TestRedirectsAreGuarded(t *testing.T) {
	target := ""
	i := newInternet(t, map[string]string{"site.example": "93.184.216.34", "inside.example": "10.0.0.7"},
		func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/redirect" {
				http.Redirect(w, r, target, http.StatusFound)
				return
			}
			fmt.Fprint(w, "page")
		})
	var private *page.PrivateError
	var port *page.PortError
	for _, tc := range []struct {
		from, to string
		err      any
	}{
		{"http://site.example", "http://site.example/page", nil},
		{"http://site.example:8443", "http://site.example:8443/page", nil},
		{"http://site.example:8443", "http://site.example/page", nil},
		{"http://site.example", "http://site.example:9000/page", nil}, // in the policy
		{"http://site.example", "http://site.example:8443/page", &port},
		{"http://site.example", "http://site.example:6379/page", &port},
		{"http://site.example", "http://inside.example/page", &private},
		{"http://site.example", "http://10.0.0.7/page", &private},
		{"http://site.example", "http://169.254.169.254/latest/meta-data", &private},
	} {
		target = tc.to
		c := i.client(page.Options{Policy: page.Policy{Ports: []uint16{9000}}})
		err := fetch(t, c, tc.from+"/redirect", &page.Request{})
		if tc.err == nil && err != nil || tc.err != nil && !errors.As(err, tc.err) {
			t.Errorf("redirect from %s to %s: %v, want %T", tc.from, tc.to, err, tc.err)
		}
		if err != nil && strings.Contains(page.PublicReason(err), "cannot be reached") {
			t.Errorf("redirect to %s: reason %q, want one for the address or the port", tc.to, page.PublicReason(err))
		}
	}
	i.robots = "http://inside.example/robots.txt"
	if err := fetch(t, i.client(page.Options{}), "http://site.example/page", &page.Request{}); !errors.As(err, &private) {
		t.Errorf("robots.txt redirects to a private address: %v, want a PrivateError", err)
	}
	i.robots = "http://site.example:6379/robots.txt"
	if err := fetch(t, i.client(page.Options{}), "http://site.example/page", &page.Request{}); !errors.As(err, &port) {
		t.Errorf("robots.txt redirects to another port: %v, want a PortError", err)
	}
	i.robots = ""
	c := i.client(page.Options{})
	target = "http://site.example:8443/page"
	if err := fetch(t, c, "http://site.example/redirect", &page.Request{}); !errors.As(err, &port) {
		t.Errorf("redirect to another port: %v, want a PortError", err)
	}
	if err := fetch(t, c, target, &page.Request{}); err != nil {
		t.Errorf("a source with that port, after the redirect: %v, want no error", err)
	}
	for _, address := range i.dialed {
		if !strings.HasPrefix(address, "93.184.216.34:") {
			t.Errorf("connected to %s, want only 93.184.216.34", address)
		}
	}
}

// The settings of one source can allow private addresses. Other sources cannot use these addresses, even if a
// connection to the address is open.
func TestPrivateAddressesOfOneSource(t *testing.T) {
	i := newInternet(t, map[string]string{"inside.example": "10.1.0.7", "other.example": "10.2.0.7"},
		func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "page") })
	c := i.client(page.Options{})
	allow := &page.Request{Allow: page.Policy{Networks: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}}}
	var private *page.PrivateError
	if err := fetch(t, c, "http://inside.example/page", &page.Request{}); !errors.As(err, &private) {
		t.Errorf("a source without the setting: %v, want a PrivateError", err)
	}
	if err := fetch(t, c, "http://inside.example/page", allow); err != nil {
		t.Errorf("the source with the setting: %v, want no error", err)
	}
	if err := fetch(t, c, "http://inside.example/page", &page.Request{}); !errors.As(err, &private) {
		t.Errorf("a source without the setting, after one with it: %v, want a PrivateError", err)
	}
	if err := fetch(t, c, "http://other.example/page", allow); !errors.As(err, &private) {
		t.Errorf("the source with the setting, for an address in another network: %v, want a PrivateError", err)
	}
}

// The address is checked for each connection: a source that was public is not read once its name has a private
// address.
func TestSourceThatBecomesPrivate(t *testing.T) {
	i := newInternet(t, map[string]string{"site.example": "93.184.216.34"},
		func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Connection", "close")
			fmt.Fprint(w, "page")
		})
	u := &url.URL{Scheme: "http", Host: "site.example"}
	c := i.client(page.Options{IgnoreRobots: true})
	if err := fetch(t, c, u.String(), &page.Request{}); err != nil {
		t.Fatal(err)
	}
	i.set("site.example", "169.254.169.254")
	var private *page.PrivateError
	if err := fetch(t, c, u.String(), &page.Request{}); !errors.As(err, &private) || !private.Metadata {
		t.Errorf("after the name got an address of cloud metadata: %v, want a PrivateError with Metadata", err)
	}
}
