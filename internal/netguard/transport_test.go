package netguard_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matchwire/matchwire/internal/netguard"
)

// A fakeInternet is a network with one web server, which answers at every address and port. No connection
// leaves the machine: Dial connects to the server on loopback.
type fakeInternet struct {
	server *httptest.Server

	mu     sync.Mutex
	names  map[string][]string // the addresses of a name, one per lookup; the last one is used again
	dialed []string            // addresses with ports
}

func newInternet(t *testing.T, h http.HandlerFunc) *fakeInternet {
	i := &fakeInternet{server: httptest.NewServer(h), names: map[string][]string{}}
	t.Cleanup(i.server.Close)
	return i
}

// network returns the network, for a policy or a transport.
func (i *fakeInternet) network() netguard.Network {
	return netguard.Network{
		Lookup: func(_ context.Context, host string) ([]netip.Addr, error) {
			i.mu.Lock()
			defer i.mu.Unlock()
			all := i.names[host]
			if len(all) == 0 {
				return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
			}
			if len(all) > 1 {
				i.names[host] = all[1:]
			}
			return []netip.Addr{netip.MustParseAddr(all[0])}, nil
		},
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			i.mu.Lock()
			i.dialed = append(i.dialed, address)
			i.mu.Unlock()
			return new(net.Dialer).DialContext(ctx, network, strings.TrimPrefix(i.server.URL, "http://"))
		},
	}
}

// takeDialed returns the addresses that were dialed since the last call, separated by spaces.
func (i *fakeInternet) takeDialed() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	defer func() { i.dialed = nil }()
	return strings.Join(i.dialed, " ")
}

// client returns a client with a policy. The client ignores the proxies in the environment.
func (i *fakeInternet) client(p netguard.Policy) *http.Client {
	return &http.Client{Transport: netguard.NewTransport(p, &http.Transport{DisableKeepAlives: true}, i.network())}
}

// get returns the body of a response, or why the request was refused.
func get(t *testing.T, c *http.Client, rawURL string) (string, netguard.Reason) {
	t.Helper()
	resp, err := c.Get(rawURL)
	var refused *netguard.RefusedError
	if errors.As(err, &refused) {
		return "", refused.Reason
	}
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body), 0
}

// The transport resolves names when it connects, and then checks the addresses. If the address of a name was public
// and has become private, the transport refuses the name before it sends anything to that address.
func TestRebinding(t *testing.T) {
	i := newInternet(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "page") })
	i.names["rebind.example"] = []string{"93.184.216.34", "93.184.216.34", "10.0.0.1"}
	i.names["metadata.example"] = []string{"64:ff9b::a9fe:a9fe"}
	u := &url.URL{Scheme: "http", Host: "rebind.example"}
	if err := (netguard.Policy{}).Check(t.Context(), i.network(), u); err != nil {
		t.Fatalf("while the name is public: error %v, want none", err)
	}
	c := i.client(netguard.Policy{})
	if body, reason := get(t, c, "http://rebind.example/"); body != "page" || i.takeDialed() != "93.184.216.34:80" {
		t.Fatalf("while the name is public: body %q, reason %d, want the page from 93.184.216.34:80", body, reason)
	}
	if _, reason := get(t, c, "http://rebind.example/"); reason != netguard.Private || i.takeDialed() != "" {
		t.Errorf("after the name became private: reason %d, want %d and no connection", reason, netguard.Private)
	}
	c = i.client(netguard.Policy{Private: true})
	if _, reason := get(t, c, "http://metadata.example/"); reason != netguard.Metadata || i.takeDialed() != "" {
		t.Errorf("a name of cloud metadata: reason %d, want %d and no connection", reason, netguard.Metadata)
	}
	if _, reason := get(t, c, "http://rebind.example/"); reason != 0 || i.takeDialed() != "10.0.0.1:80" {
		t.Errorf("a private name, which is allowed: reason %d, want 0 and a connection to 10.0.0.1:80", reason)
	}
}

// If a name has public and private addresses, only the public addresses are used.
func TestNameWithPublicAndPrivateAddresses(t *testing.T) {
	i := newInternet(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "page") })
	n := i.network()
	n.Lookup = func(context.Context, string) (ips []netip.Addr, _ error) {
		for _, ip := range []string{"10.0.0.1", "::1", "93.184.216.34", "169.254.169.254"} {
			ips = append(ips, netip.MustParseAddr(ip))
		}
		return ips, nil
	}
	c := &http.Client{Transport: netguard.NewTransport(netguard.Policy{}, &http.Transport{DisableKeepAlives: true}, n)}
	if body, reason := get(t, c, "http://both.example/"); body != "page" || i.takeDialed() != "93.184.216.34:80" {
		t.Errorf("body %q, reason %d, want the page from 93.184.216.34:80", body, reason)
	}
}

// Redirects are checked like the first URL. A request may use the port that its context approves.
func TestRedirects(t *testing.T) {
	i := newInternet(t, func(w http.ResponseWriter, r *http.Request) {
		if to := r.URL.Query().Get("to"); to != "" {
			http.Redirect(w, r, to, http.StatusFound)
			return
		}
		fmt.Fprint(w, "page of "+r.Host)
	})
	i.names["site.example"], i.names["inside.example"] = []string{"93.184.216.34"}, []string{"192.168.1.1"}
	for to, want := range map[string]netguard.Reason{
		"http://site.example/":           0,
		"http://93.184.216.34/":          0,
		"http://site.example:8080/":      netguard.Port,
		"http://site.example:6379/":      netguard.Port,
		"http://inside.example/":         netguard.Private,
		"http://127.0.0.1/":              netguard.Private,
		"http://[::ffff:127.0.0.1]/":     netguard.Private,
		"http://169.254.169.254/latest/": netguard.Metadata,
		"http://[fd00:ec2::254]/":        netguard.Metadata,
	} {
		if _, reason := get(t, i.client(netguard.Policy{}), "http://site.example/?to="+url.QueryEscape(to)); reason != want {
			t.Errorf("redirect to %s: reason %d, want %d", to, reason, want)
		}
	}
	r, err := http.NewRequestWithContext(netguard.WithPort(t.Context(), 8080), http.MethodGet,
		"http://site.example:8080/?to=http://site.example:8080/page", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := i.client(netguard.Policy{}).Do(r)
	if err != nil {
		t.Fatalf("redirect to the approved port: error %v, want none", err)
	}
	resp.Body.Close()
	for _, address := range strings.Fields(i.takeDialed()) {
		if !strings.HasPrefix(address, "93.184.216.34:") {
			t.Errorf("connected to %s, want only connections to 93.184.216.34", address)
		}
	}
}

// A proxy can have any address. A proxy resolves names itself, so names that are usually private are refused.
// A URL with the address of the proxy is checked like any other URL.
func TestProxies(t *testing.T) {
	i := newInternet(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "via proxy "+r.URL.String()) })
	proxy := &url.URL{Scheme: "http", Host: "10.0.0.9:3128"}
	through := func(p netguard.Policy, useProxy bool) *http.Client {
		base := &http.Transport{DisableKeepAlives: true, Proxy: func(*http.Request) (*url.URL, error) {
			if !useProxy { // as for the hosts in NO_PROXY
				return nil, nil
			}
			return proxy, nil
		}}
		return &http.Client{Transport: netguard.NewTransport(p, base, i.network())}
	}
	body, _ := get(t, through(netguard.Policy{}, true), "http://site.example/")
	if body != "via proxy http://site.example/" || i.takeDialed() != "10.0.0.9:3128" {
		t.Errorf("body %q, want a response from the proxy at 10.0.0.9:3128", body)
	}
	for host, want := range map[string]netguard.Reason{
		"10.0.0.1": netguard.Private, "localhost": netguard.Private, "redis": netguard.Private,
		"db.internal": netguard.Private, "printer.local": netguard.Private, "2130706433": netguard.Private,
		"0x7f000001": netguard.Private, "127.1": netguard.Private, "0177.0.0.1": netguard.Private,
		"１２７.0.0.1": netguard.Private, "169.254.169.254": netguard.Metadata, "metadata.google.internal": netguard.Metadata,
		"metadata.google.internal.": netguard.Metadata, "METADATA": netguard.Metadata,
		"metadata。google。internal": netguard.Metadata, "site.example:22": netguard.Port,
	} {
		if _, reason := get(t, through(netguard.Policy{}, true), "http://"+host+"/"); reason != want {
			t.Errorf("%s through a proxy: reason %d, want %d", host, reason, want)
		}
	}
	private := netguard.Policy{Private: true}
	if _, reason := get(t, through(private, true), "http://metadata.google.internal/"); reason != netguard.Metadata {
		t.Errorf("cloud metadata through a proxy, with private addresses allowed: reason %d, want %d",
			reason, netguard.Metadata)
	}
	if _, reason := get(t, through(private, true), "http://redis/"); reason != 0 {
		t.Errorf("a private name through a proxy, with private addresses allowed: reason %d, want 0", reason)
	}
	i.names["proxy.example"] = []string{"10.0.0.9"}
	proxy.Host = "proxy.example:3128"
	i.takeDialed()
	if _, reason := get(t, through(netguard.Policy{}, true), "http://site.example/"); reason != 0 ||
		i.takeDialed() != "10.0.0.9:3128" {
		t.Errorf("through a proxy with a name: reason %d, want 0 and a connection to 10.0.0.9:3128", reason)
	}
	c := through(netguard.Policy{AnyPort: true}, false)
	if _, reason := get(t, c, "http://proxy.example:3128/"); reason != netguard.Private || i.takeDialed() != "" {
		t.Errorf("the address of the proxy as a URL: reason %d, want %d and no connection", reason, netguard.Private)
	}
}

// If the first address of a name does not answer, the next address is tried after a short time. If the first address
// fails, the next address is tried at once. Connections that are not used are closed.
func TestSeveralAddresses(t *testing.T) {
	ips := []netip.Addr{
		netip.MustParseAddr("2606:2800::1"), netip.MustParseAddr("2606:2800::2"), netip.MustParseAddr("93.184.216.34"),
	}
	var none error
	for _, tc := range []struct {
		name  string
		took  []time.Duration // time until an address answers
		errs  []error
		want  int           // index of the address, or -1 for an error
		after time.Duration // time until Dial returns
		late  bool          // whether an attempt continues after another has succeeded
	}{
		{"first answers", []time.Duration{0, 0, 0}, []error{none, none, none}, 0, 0, false},
		{"first is silent", []time.Duration{time.Hour, 10 * time.Millisecond, 0}, []error{none, none, none}, 1,
			260 * time.Millisecond, false},
		{"first is slow", []time.Duration{300 * time.Millisecond, time.Minute, time.Minute}, []error{none, none, none}, 0,
			300 * time.Millisecond, false},
		{"two answer", []time.Duration{300 * time.Millisecond, 60 * time.Millisecond, time.Minute},
			[]error{none, none, none}, 0, 310 * time.Millisecond, true},
		{"two fail", []time.Duration{0, 0, 0}, []error{errors.New("a"), errors.New("b"), none}, 2, 0, false},
		{"all fail", []time.Duration{0, 0, 0}, []error{errors.New("a"), errors.New("b"), errors.New("c")}, -1, 0, false},
		{"all are silent", []time.Duration{time.Hour, time.Hour, time.Hour}, []error{none, none, none}, -1,
			20 * time.Second, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				open := map[net.Conn]string{}
				n := netguard.Network{
					Lookup: func(context.Context, string) ([]netip.Addr, error) { return ips, nil },
					Dial: func(ctx context.Context, _, address string) (net.Conn, error) {
						at := slices.IndexFunc(ips, func(ip netip.Addr) bool {
							return netip.AddrPortFrom(ip, 443).String() == address
						})
						if tc.late {
							ctx = context.WithoutCancel(ctx)
						}
						select {
						case <-time.After(tc.took[at]):
						case <-ctx.Done():
							return nil, ctx.Err()
						}
						if tc.errs[at] != nil {
							return nil, tc.errs[at]
						}
						client, server := net.Pipe()
						mu.Lock()
						defer mu.Unlock()
						open[client] = address
						return &closing{client, func() { server.Close(); mu.Lock(); delete(open, client); mu.Unlock() }}, nil
					},
				}
				began := time.Now()
				conn, err := netguard.Policy{}.Dial(n)(t.Context(), "tcp", "many.example:443")
				if took := time.Since(began); took != tc.after {
					t.Errorf("took %v, want %v", took, tc.after)
				}
				if tc.want < 0 {
					if err == nil || len(open) != 0 {
						t.Errorf("error %v with %d open connections, want an error and no connection", err, len(open))
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				for _, address := range open {
					if want := netip.AddrPortFrom(ips[tc.want], 443).String(); address != want || len(open) != 1 {
						t.Errorf("%d connections, one to %s, want only one to %s", len(open), address, want)
					}
				}
				conn.Close()
			})
		})
	}
}

// A closing is a connection that calls closed when it is closed.
type closing struct {
	net.Conn
	closed func()
}

func (c *closing) Close() error {
	c.closed()
	return c.Conn.Close()
}
