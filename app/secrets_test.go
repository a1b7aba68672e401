package app

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"io"
	"net"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/testenv"
)

// encrypted starts a TLS proxy in front of a server. It returns the URL of the proxy.
func encrypted(t *testing.T, server, scheme string, config *tls.Config) string {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	target := u.Host
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", target)
			if err != nil {
				in.Close()
				continue
			}
			go func() { defer out.Close(); _, _ = io.Copy(out, in) }()
			go func() { defer in.Close(); _, _ = io.Copy(in, out) }()
		}
	}()
	u.Scheme, u.Host = scheme, l.Addr().String()
	return u.String()
}

// matchwire connects to servers over TLS, with URLs from files. It does not connect if it
// does not trust the certificate authority of the servers.
func TestTLSAndURLsInFiles(t *testing.T) {
	w := newWorld(t)
	site := httptest.NewTLSServer(nil) // only its certificate is used
	defer site.Close()
	config := &tls.Config{Certificates: site.TLS.Certificates}
	dir := t.TempDir()
	write := func(name, text string) string {
		f := filepath.Join(dir, name)
		if err := os.WriteFile(f, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return f
	}
	ca := write("ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: site.Certificate().Raw})))
	env := []string{
		"AMQP_URL=", "AMQP_URL_FILE=" + write("amqp", encrypted(t, w.amqp, "amqps", config)+"\n"),
		"REDIS_URL=", "REDIS_URL_FILE=" + write("redis", encrypted(t, w.redisURL, "rediss", config)+"\n"),
		"MATCHWIRE_NAMESPACE=" + w.namespace, "SSL_CERT_FILE=" + ca,
	}
	cons := start(t, "consumer=scoreboard keys", env, "run", "consumers")
	facts := `{"match":{"id":"m1","home":"A","away":"B"},"score":{"home":1,"away":0}}`
	code, _, errs := call(t, "", w.envMap(), "emit", "soccer.mls.goal", facts, "--namespace", w.namespace)
	if code != exitOK {
		t.Fatalf("emit: exit %d, want 0: %s", code, errs)
	}
	cons.eventually("the scoreboard", func() bool { return w.scoreboard("m1")["home_score"] == "1" })

	env = append(env, "SSL_CERT_FILE="+write("none.pem", ""))
	untrusting := start(t, "certificate", env, "run", "consumers")
	untrusting.eventually("certificate errors for both servers", func() bool {
		o := untrusting.output()
		return strings.Contains(o, "Redis is unreachable") && strings.Contains(o, "broker unreachable") &&
			strings.Count(o, "certificate") >= 2
	})
}

// If the servers reject the passwords, the log contains their errors but no password.
func TestRefusedPasswords(t *testing.T) {
	w := newWorld(t)
	locked := testenv.OwnRedis(t)
	opts, err := redis.ParseURL(locked.URL)
	if err != nil {
		t.Fatal(err)
	}
	r := redis.NewClient(opts)
	defer r.Close()
	if err := r.ConfigSet(t.Context(), "requirepass", "another").Err(); err != nil {
		t.Fatal(err)
	}
	p := start(t, "refuses the login", []string{
		"AMQP_URL=" + strings.Replace(w.amqp, "guest:guest@", "guest:"+testenv.Secret+"@", 1),
		"REDIS_URL=" + strings.Replace(locked.URL, "redis://", "redis://:"+testenv.Secret+"@", 1),
		"MATCHWIRE_NAMESPACE=" + w.namespace,
	}, "run", "consumers", "--log-level", "debug")
	p.stop(syscall.SIGTERM)
	if o := p.output(); !strings.Contains(o, "WRONGPASS") {
		t.Errorf("the log does not contain Redis's WRONGPASS error:\n%s", o)
	}
	testenv.NoSecret(t, p.output())
}

// Commands such as emit and tail do not retry a refused login. They exit with an error that names the variable to
// correct, and do not print the password.
func TestCommandsEndAtRefusedLogin(t *testing.T) {
	w := newWorld(t)
	locked := testenv.OwnRedis(t)
	opts, err := redis.ParseURL(locked.URL)
	if err != nil {
		t.Fatal(err)
	}
	r := redis.NewClient(opts)
	defer r.Close()
	if err := r.ConfigSet(t.Context(), "requirepass", "another").Err(); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{
		"AMQP_URL":  strings.Replace(w.amqp, "guest:guest@", "guest:"+testenv.Secret+"@", 1),
		"REDIS_URL": strings.Replace(locked.URL, "redis://", "redis://:"+testenv.Secret+"@", 1),
	}
	const amqp, store = "check the user, the password and the virtual host in AMQP_URL",
		"correct the user and the password in REDIS_URL"
	for command, want := range map[string]string{
		"tail": amqp, "emit soccer.mls.goal": amqp, "setup": amqp, "dead list": amqp,
		"replay ../fixtures/soccer/one-goal": amqp,
		"ps":                                 store,
		"trace " + event.NewTID().String():   store,
		"rebuild scoreboard":                 store,
		"migrate":                            store,
	} {
		code, out, errs := call(t, "{}", env, strings.Fields(command)...)
		if code != exitUsage || !strings.Contains(errs, want) {
			t.Errorf("%s: exit %d, want %d and %q in:\n%s", command, code, exitUsage, want, errs)
		}
		testenv.NoSecret(t, out+errs)
	}
}

// When all roles have started, matchwire removes the variables with secrets from its environment. It
// keeps https_proxy, because Go reads this variable later.
func TestSecretVariablesAreForgotten(t *testing.T) {
	config := writeConfig(t, "consumers: {scoreboard: }\nrequests:\n"+
		"  feed: {hosts: [api.example], headers: {x-key: {env: FEED_KEY}}, query: {k: {env: \"OTHER_KEY\"}}, "+
		"proxy: {env: https_proxy}}\n")
	var mu sync.Mutex
	var forgotten []string
	var out testenv.Log
	p := newProgram(map[string]string{}, "", &out, &out)
	t.Setenv("FEED_KEY", testenv.Secret)
	t.Setenv("OTHER_KEY", testenv.Secret)
	t.Setenv("https_proxy", "http://127.0.0.1:1")
	p.unsetenv = func(name string) error {
		mu.Lock()
		defer mu.Unlock()
		forgotten = append(forgotten, name)
		return nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan int)
	go func() { done <- p.run(ctx, []string{"run", "--config", config, "--listen", "127.0.0.1:0"}) }()
	has := func(names ...string) bool {
		mu.Lock()
		defer mu.Unlock()
		for _, name := range names {
			if !slices.Contains(forgotten, name) {
				return false
			}
		}
		return true
	}
	secrets := func() bool {
		return has("FEED_KEY", "OTHER_KEY", "AMQP_URL", "REDIS_URL", "MATCHWIRE_API_TOKEN", "MATCHWIRE_INSTANCE_KEY")
	}
	testenv.Eventually(t, secrets, "the variables to be removed; log:\n%s", &out)
	if has("https_proxy") {
		t.Errorf("removed %v, want https_proxy kept, because Go reads it later", forgotten)
	}
	cancel()
	if code := <-done; code != exitOK {
		t.Errorf("exit %d, want 0:\n%s", code, &out)
	}
}
