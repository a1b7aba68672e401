package pipeline

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// newCertificate writes a certificate for 127.0.0.1 and its key to dir, and returns the certificate.
func newCertificate(t *testing.T, dir string, serial int64) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		"tls.crt": {Type: "CERTIFICATE", Bytes: der},
		"tls.key": {Type: "PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestServesOverTLS(t *testing.T) {
	dir := t.TempDir()
	first := newCertificate(t, dir, 1)
	c := Config{file: filepath.Join(dir, "matchwire.yaml"), TLS: TLSConfig{Certificate: "tls.crt", Key: "tls.key"}}
	encrypted, err := c.tlsConfig(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	group, ctx := errgroup.WithContext(ctx)
	at, err := serve(ctx, group, "127.0.0.1:0", encrypted, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 1 {
			t.Errorf("the server offers %s, want only HTTP/1.1 for WebSockets", r.Proto)
		}
	}), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	get := func(trusted *x509.Certificate) error {
		pool := x509.NewCertPool()
		pool.AddCert(trusted)
		client := http.Client{Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true, DisableKeepAlives: true,
		}}
		resp, err := client.Get("https://" + at.String())
		if err == nil {
			resp.Body.Close()
		}
		return err
	}
	if err := get(first); err != nil {
		t.Error(err)
	}
	second := newCertificate(t, dir, 2)
	if err := os.Chtimes(filepath.Join(dir, "tls.crt"), time.Time{}, time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if err := get(first); err != nil {
		t.Errorf("before the next check of the file: error %v, want the first certificate", err)
	}
	renewed, err := c.tlsConfig(slog.New(slog.DiscardHandler)) // reads the files again
	if err != nil {
		t.Fatal(err)
	}
	if pair, err := renewed.GetCertificate(nil); err != nil || !bytes.Equal(pair.Certificate[0], second.Raw) {
		t.Errorf("after reading the files again: error %v or another certificate, want the second certificate", err)
	}
	cancel()
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
}

// A process serves streams to other machines only if the config has token keys or allows
// clients without a token. LoadConfig refuses invalid settings for streams, limits and TLS.
func TestStreamsNeedTokensOrPermission(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "short"), []byte("secret: short"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		listen, config string
		want           string // part of the error; "" if no error is expected
	}{
		{"localhost:0", "", ""},
		{"127.0.0.1:0", "", ""},
		{"[::1]:0", "", ""},
		{"0.0.0.0:0", "", "fanout.token_keys"},
		{":0", "", "fanout.token_keys"},
		{"example.org:0", "", "fanout.token_keys"},
		{"0.0.0.0:0", "fanout: {anybody: true}\n", ""},
		{"127.0.0.1:0", "fanout: {token_keys: short}\n", "short: a secret of 5 bytes: want at least 32"},
		{"127.0.0.1:0", "fanout: {token_audience: live}\n", "set fanout.token_keys too"},
		{"127.0.0.1:0", "fanout: {token_keys: short, token_default: some}\n", `"some": want nothing or everything`},
		{"127.0.0.1:0", "fanout: {token_keys: nowhere}\n", "nowhere: no such file"},
		{
			"127.0.0.1:0", "fanout: {token_keys: short, anybody: true}\n",
			"matchwire.yaml:1:38: fanout.anybody: remove this key",
		},
		{
			"127.0.0.1:0", "fanout:\n  origins:\n    - https://a.example\n    - a.example\n",
			"matchwire.yaml:4:7: fanout.origins[1]: origin \"a.example\"",
		},
		{"127.0.0.1:0", "fanout: {connections: -1}\n", ":1:23: fanout.connections: -1"},
		{
			"127.0.0.1:0", "fanout: {connections_per_address: -1}\n", "fanout.connections_per_address: -1: want 0 or more",
		},
		{"127.0.0.1:0", "fanout: {timelines: -1}\n", "fanout.timelines: -1: want 0 or more"},
		{"127.0.0.1:0", "fanout: {timelines_per_address: -1}\n", "fanout.timelines_per_address: -1: want 0 or more"},
		{"127.0.0.1:0", "fanout: {snapshot_matches: -1}\n", "fanout.snapshot_matches: -1: want 0 or more"},
		{"127.0.0.1:0", "api: {calls: -1}\n", ":1:14: api.calls: -1: want 0 or more"},
		{"127.0.0.1:0", "api: {calls_per_address: -1}\n", "api.calls_per_address: -1: want 0 or more"},
		{"127.0.0.1:0", "gateway: {connections: -1}\n", ":1:24: gateway.connections: -1"},
		{"127.0.0.1:0", "tls: {key: tls.key}\n", "tls: want both certificate and key"},
	} {
		file := filepath.Join(dir, "matchwire.yaml")
		if err := os.WriteFile(file, []byte(tc.config), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := LoadConfig(file, false)
		if err == nil {
			p := New(c, Servers{}, nil, nil)
			p.Listen = tc.listen
			_, err = p.newGeneration(c, "", nil, []Role{RoleFanout})
		}
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("listening on %s with config %q: error %v, want %q", tc.listen, tc.config, err, tc.want)
		}
	}
}
