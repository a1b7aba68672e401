package app

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gorilla/websocket"
)

// An instance announces that it serves TLS, and a gateway that serves TLS connects to the instance over
// TLS. The gateway starts without AMQP_URL. When the gateway stops, its clients get a close frame. A
// gateway that does not trust the certificate of the instance reports this at /healthz.
func TestGatewayWithTLS(t *testing.T) {
	w := newWorld(t)
	certified := httptest.NewTLSServer(nil) // only its certificate is used
	defer certified.Close()
	dir := t.TempDir()
	write := func(name, kind string, bytes []byte) string {
		f := filepath.Join(dir, name)
		if err := os.WriteFile(f, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}), 0o600); err != nil {
			t.Fatal(err)
		}
		return f
	}
	key, err := x509.MarshalPKCS8PrivateKey(certified.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	ca := write("tls.crt", "CERTIFICATE", certified.Certificate().Raw)
	write("tls.key", "PRIVATE KEY", key)
	file := filepath.Join(dir, "matchwire.yaml")
	if err := os.WriteFile(file, []byte("tls: {certificate: tls.crt, key: tls.key}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	gatewayEnv := []string{"AMQP_URL=", "REDIS_URL=" + w.redisURL, "MATCHWIRE_NAMESPACE=" + w.namespace,
		"SSL_CERT_FILE=" + ca}
	start(t, "msg=serving", w.env, "run", "fanout", "--listen", "127.0.0.1:0", "--config", file)
	gateway := start(t, "msg=serving", gatewayEnv, "gateway", "--listen", "127.0.0.1:0", "--config", file)

	pool := x509.NewCertPool()
	pool.AddCert(certified.Certificate())
	trusting := &tls.Config{RootCAs: pool}
	client := http.Client{Transport: &http.Transport{TLSClientConfig: trusting}}
	get := func(address, path string) (int, string) {
		resp, err := client.Get("https://" + address + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(b)
	}
	gateway.eventually("the live page", func() bool { code, _ := get(gateway.address(), "/"); return code == 200 })
	conn, _, err := (&websocket.Dialer{TLSClientConfig: trusting}).Dial("wss://"+gateway.address()+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, b, err := conn.ReadMessage(); err != nil || !strings.Contains(string(b), "snapshot") {
		t.Errorf("first frame %s, error %v; want a snapshot", b, err)
	}

	bad := start(t, "msg=serving", append(gatewayEnv, "SSL_CERT_FILE="+write("none.pem", "NONE", nil)),
		"gateway", "--listen", "127.0.0.1:0", "--config", file)
	bad.eventually("the refused certificate at /healthz", func() bool {
		// The gateway may have found the instance only after an earlier request.
		if code, body := get(bad.address(), "/"); code != 503 {
			t.Errorf("gateway that does not trust the instance: status %d, body %s; want 503", code, body)
		}
		_, body := get(bad.address(), "/healthz")
		return strings.Contains(body, "is not trusted: add its authority to SSL_CERT_FILE")
	})

	closed := make(chan error, 1)
	go func() {
		for {
			if _, _, err := conn.ReadMessage(); err != nil {
				closed <- err
				return
			}
		}
	}()
	gateway.stop(syscall.SIGTERM)
	if err := <-closed; !websocket.IsCloseError(err, websocket.CloseServiceRestart) {
		t.Errorf("the socket ended with %v, want close code 1012", err)
	}
}
