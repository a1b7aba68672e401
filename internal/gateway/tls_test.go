package gateway_test

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/matchwire/matchwire/internal/gateway"
	"github.com/matchwire/matchwire/internal/instances"
)

// tlsInstance starts an instance that serves TLS, and adds it to the list with the given host.
func (c *cluster) tlsInstance(name, host string) *httptest.Server {
	plain := c.instance(name, "fanout")
	s := httptest.NewUnstartedServer(plain.Config.Handler)
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	s.StartTLS()
	c.Cleanup(s.Close)
	c.change(func(list []instances.Instance) []instances.Instance {
		_, port, _ := strings.Cut(s.Listener.Addr().String(), ":")
		last := &list[len(list)-1]
		last.Address, last.TLS = host+":"+port, true
		return list
	})
	return s
}

// trusting returns a pool with the certificate that all test servers use. The certificate is for
// 127.0.0.1 and example.com.
func trusting() *x509.CertPool {
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return pool
}

// The gateway connects over TLS to instances that serve TLS, for requests, WebSockets and event
// streams.
func TestInstanceWithTLS(t *testing.T) {
	t.Parallel()
	c := newClusterWith(t, gateway.Options{RootCAs: trusting()}, nil)
	c.tlsInstance("fan-1", "127.0.0.1")
	c.until("the instance", func() bool { code, _ := c.get("/"); return code == 200 })
	conn, name := c.socket()
	big := strings.Repeat("0123456789", 10_000)
	if err := conn.WriteMessage(websocket.TextMessage, []byte(big)); err != nil {
		t.Fatal(err)
	}
	if _, b, err := conn.ReadMessage(); name != "fan-1" || string(b) != big || err != nil {
		t.Errorf("socket of %s: %d bytes, error %v; want fan-1 and the message that was sent", name, len(b), err)
	}
	if issues, _ := c.gateway.Health(); len(issues) != 1 { // no instance runs the role api
		t.Errorf("health %q, want only the issue about the role api", issues)
	}
	closed := make(chan error)
	go func() { _, _, err := conn.ReadMessage(); closed <- err; conn.Close() }()
	if err := c.gateway.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-closed; !websocket.IsCloseError(err, websocket.CloseServiceRestart) {
		t.Errorf("the socket ended with %v, want the close code 1012", err)
	}
}

// The gateway sends no request to an instance whose certificate it does not trust, or whose certificate
// is for a different name. Health reports the reason. The gateway then uses a different instance.
func TestUntrustedInstance(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, host, want string
		roots            *x509.CertPool
	}{
		{"unknown authority", "127.0.0.1", "unknown authority", x509.NewCertPool()},
		{"wrong name", "localhost", "localhost", trusting()},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := newClusterWith(t, gateway.Options{RootCAs: tc.roots}, nil)
			c.tlsInstance("bad", tc.host)
			c.awaitRefresh()
			c.awaitRefresh()
			for _, path := range []string{"/", "/ws"} {
				req, _ := http.NewRequest("GET", c.front.URL+path, nil)
				if path == "/ws" {
					req.Header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}}
				}
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				if resp.StatusCode != 503 {
					t.Errorf("%s: status %d, want 503", path, resp.StatusCode)
				}
			}
			issues, _ := c.gateway.Health()
			if all := strings.Join(issues, "\n"); !strings.Contains(all, "instance bad: the certificate at "+tc.host) ||
				!strings.Contains(all, "SSL_CERT_FILE") || !strings.Contains(all, tc.want) {
				t.Errorf("health %q, want an issue about the certificate at %s with SSL_CERT_FILE and %q", issues, tc.host, tc.want)
			}
			c.instance("good", "fanout")
			c.until("the other instance", func() bool {
				code, body := c.get("/")
				return code == 200 && strings.HasPrefix(body, "good")
			})
		})
	}
}

// A gateway that serves TLS forwards WebSocket messages of any size. When it stops, it sends a close
// frame to each WebSocket.
func TestGatewayWithTLS(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.instance("fan-1", "fanout")
	front := httptest.NewUnstartedServer(c.gateway)
	front.TLS = &tls.Config{NextProtos: []string{"http/1.1"}}
	front.StartTLS()
	defer front.Close()
	c.until("the instance", func() bool { code, _ := c.get("/"); return code == 200 })
	dialer := websocket.Dialer{TLSClientConfig: &tls.Config{RootCAs: trusting()}}
	conn, _, err := dialer.Dial("wss"+strings.TrimPrefix(front.URL, "https")+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, name, err := conn.ReadMessage(); string(name) != "fan-1" || err != nil {
		t.Fatalf("message %q, error %v; want fan-1", name, err)
	}
	big := strings.Repeat("0123456789", 10_000)
	if err := conn.WriteMessage(websocket.TextMessage, []byte(big)); err != nil {
		t.Fatal(err)
	}
	if _, b, err := conn.ReadMessage(); string(b) != big || err != nil {
		t.Errorf("%d bytes, error %v; want the message that was sent", len(b), err)
	}
	closed := make(chan error)
	go func() { _, _, err := conn.ReadMessage(); closed <- err; conn.Close() }()
	if err := c.gateway.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-closed; !websocket.IsCloseError(err, websocket.CloseServiceRestart) {
		t.Errorf("the socket ended with %v, want the close code 1012", err)
	}
}
