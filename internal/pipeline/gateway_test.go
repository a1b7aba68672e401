package pipeline

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/matchwire/matchwire/internal/instances"
	"github.com/matchwire/matchwire/internal/testenv"
)

// A gateway needs only Redis. It serves TLS with the certificate in the config, at the address in the
// config. Its metrics need a token if a proxy has forwarded the request. It loads a new token while it runs.
// While it is stopping, it is not ready, but still serves.
func TestGatewayUsesListenerSettings(t *testing.T) {
	dir := t.TempDir()
	pool := x509.NewCertPool()
	pool.AddCert(newCertificate(t, dir, 1))
	file := filepath.Join(dir, "matchwire.yaml")
	text := "listen: 127.0.0.1:0\ntls: {certificate: tls.crt, key: tls.key}\ngateway: {connections: 7, drain: 1s}\n" +
		"metrics: {listen: 127.0.0.1:0}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := LoadConfig(file, false)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	at, done := make(chan net.Addr, 1), make(chan error, 1)
	servers := Servers{Redis: "redis://" + miniredis.RunT(t).Addr()}
	listed := func() []instances.Instance {
		all, err := ListInstances(t.Context(), servers, "", slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	g := Gateway{
		Config: c, Servers: servers, APIToken: "token-1",
		Log: slog.New(slog.DiscardHandler), OnListen: func(a net.Addr) { at <- a },
	}
	reload := make(chan struct{})
	g.Reload = reload
	g.Load = func() (Settings, error) { return Settings{Config: c, Servers: g.Servers, APIToken: "token-2"}, nil }
	stopping, stop := make(chan struct{}), make(chan struct{})
	g.onStopDelay = func() { close(stopping); <-stop }
	go func() { done <- g.Run(ctx) }()
	var address string
	select {
	case a := <-at:
		address = a.String()
	case err := <-done:
		t.Fatal(err)
	}
	client := http.Client{
		Transport: &http.Transport{
			TLSClientConfig:   &tls.Config{RootCAs: pool},
			DisableKeepAlives: true,
		}, Timeout: time.Minute,
	}
	get := func(path string, header http.Header) (int, string) {
		req, err := http.NewRequest("GET", "https://"+address+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header = header
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(b)
	}
	testenv.Eventually(t, func() bool { return len(listed()) == 1 }, "ps to list the gateway")
	if i := listed()[0]; !slices.Equal(i.Roles, []string{"gateway"}) || !i.TLS || i.Address != address {
		t.Errorf("ps lists %+v, want the role gateway and the address %s", i, address)
	}
	forwarded := http.Header{"X-Forwarded-For": {"1.2.3.4"}}
	withToken := http.Header{"X-Forwarded-For": {"1.2.3.4"}, "Authorization": {"Bearer token-1"}}
	for _, tc := range []struct {
		path   string
		header http.Header
		code   int
		want   string
	}{
		{"/metrics", nil, 200, "matchwire_gateway_connections{kind=\"websocket\"} 0"},
		{"/metrics", nil, 200, "go_goroutines"},
		{"/metrics", forwarded, 401, ""},
		{"/metrics", withToken, 200, "matchwire_gateway_instances"},
		{"/healthz", nil, 503, "no healthy instance of role api"},
		{"/api/matches", nil, 503, "no instance"},
	} {
		if code, body := get(tc.path, tc.header); code != tc.code || !strings.Contains(body, tc.want) {
			t.Errorf(
				"GET %s with headers %v: status %d, want %d with %q in:\n%s",
				tc.path,
				tc.header,
				code,
				tc.code,
				tc.want,
				body,
			)
		}
	}
	reload <- struct{}{}
	testenv.Eventually(t, func() bool {
		code, _ := get("/metrics", http.Header{"Via": {"1.1 proxy"}, "Authorization": {"Bearer token-2"}})
		return code == http.StatusOK
	}, "the new token")
	if code, _ := get("/metrics", withToken); code != http.StatusUnauthorized {
		t.Errorf("status %d with the previous token, want 401", code)
	}
	cancel()
	<-stopping
	for path, want := range map[string]int{"/livez": 200, "/readyz": 503, "/api/matches": 503} {
		if code, body := get(path, nil); code != want || path == "/readyz" && !strings.Contains(body, "stopping") {
			t.Errorf("while the gateway is stopping, GET %s: status %d, body %s; want %d, and stopping on /readyz",
				path, code, body, want)
		}
	}
	close(stop)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if left := listed(); len(left) > 0 {
		t.Errorf("after the gateway has stopped, ps lists %+v", left)
	}
}
