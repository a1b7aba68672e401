package pipeline

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/internal/instances"
	"github.com/matchwire/matchwire/internal/testenv"
)

// signed returns the text of an announcement with the signature that its comment in internal/instances
// describes.
func signed(key, prefix, text string) string {
	text = strings.TrimSuffix(text, "}")
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte("matchwire instance\x00" + prefix + "{instances}\x00" + text))
	return fmt.Sprintf(`%s,"signature":"%x"}`, text, mac.Sum(nil))
}

// Any client that can write to Redis can announce an instance, but only a process with the key receives the
// requests of the gateway's clients, with their tokens. An old announcement of such a process is useless,
// even if another program now uses its address.
func TestForgedInstancesReceiveNoToken(t *testing.T) {
	const key, prefix = "the key of the gateway and its instances", "mw:"
	now := time.Now()
	text := func(name, address string, at time.Time) string {
		b, err := json.Marshal(map[string]any{
			"name": name, "roles": []string{"api", "fanout"}, "address": address, "status": "pass", "announced": at,
		})
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for name, tc := range map[string]struct {
		forge  func(address string) string
		reason string // "" if the instance receives the requests
	}{
		"unsigned": {func(a string) string { return text("forged", a, now) }, "not signed"},
		"empty signature": {func(a string) string {
			return strings.TrimSuffix(text("forged", a, now), "}") + `,"signature":""}`
		}, "signature of its announcement is wrong"},
		"another key": {func(a string) string {
			return signed("a key that the attacker has invented", prefix, text("forged", a, now))
		}, "signature of its announcement is wrong"},
		"no key": {func(a string) string { return signed("", prefix, text("forged", a, now)) }, "is wrong"},
		"another installation": {func(a string) string {
			return signed(key, "mw:other:", text("forged", a, now))
		}, "signature of its announcement is wrong"},
		"changed address": {func(a string) string {
			return strings.Replace(signed(key, prefix, text("forged", "10.1.2.3:80", now)), "10.1.2.3:80", a, 1)
		}, "signature of its announcement is wrong"},
		"second address": {func(a string) string {
			return strings.TrimSuffix(signed(key, prefix, text("forged", "10.1.2.3:80", now)), "}") + `,"address":"` + a + `"}`
		}, "signature of its announcement is wrong"},
		"changed name of a key": {func(a string) string { // Go's decoder ignores the case of keys
			return strings.Replace(signed(key, prefix, text("forged", "10.1.2.3:80", now)),
				`{`, `{"ADDRESS":"`+a+`",`, 1)
		}, "signature of its announcement is wrong"},
		"replayed": {func(a string) string {
			return signed(key, prefix, text("forged", a, now.Add(-instances.GoneAfter-11*time.Second)))
		}, "too old"},
		"of the future": {func(a string) string {
			return signed(key, prefix, text("forged", a, now.Add(time.Hour)))
		}, "from the future"},
		"genuine": {func(a string) string { return signed(key, prefix, text("genuine", a, now)) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			received := make(chan string, 100)
			server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				received <- fmt.Sprint(r.URL, r.Header)
			}))
			defer server.Close()
			store := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
			defer store.Close()
			store.HSet(t.Context(), "mw:{instances}", name, tc.forge(server.Listener.Addr().String()))
			// The attacker also pretends that the instance has announced itself just now.
			store.ZAdd(t.Context(), "mw:{instances}:seen", redis.Z{Score: float64(now.UnixMilli()), Member: name})
			var log testenv.Log
			get := startGateway(t, key, store.Options().Addr, &log)
			read := func() bool { return strings.Contains(log.String(), `msg="instance `) }
			testenv.Eventually(t, read, "the gateway to read the list of instances; log:\n%s", &log)
			for _, path := range []string{"/api/matches", "/", "/sse?token=a-token"} {
				status, body := get(path)
				if tc.reason != "" && status != http.StatusServiceUnavailable {
					t.Errorf("GET %s: status %d, body %s; want 503", path, status, body)
				}
				select {
				case request := <-received:
					if tc.reason != "" {
						t.Errorf("the forged instance received %s, want no request", request)
					}
				default:
					if tc.reason == "" {
						t.Errorf("GET %s: status %d, body %s; want the request at the instance", path, status, body)
					}
				}
			}
			n := strings.Count(log.String(), "instance ignored")
			if tc.reason != "" && (n != 1 || !strings.Contains(log.String(), tc.reason)) {
				t.Errorf("the log contains %d times that the instance is ignored, want once, with %q:\n%s", n, tc.reason, &log)
			}
			if strings.Contains(log.String(), key) {
				t.Errorf("the log contains the key:\n%s", &log)
			}
		})
	}
}

// A process with the key announces itself so that a gateway with this key trusts it, and that ps lists it.
func TestSignedAnnouncement(t *testing.T) {
	const key = "the key of the gateway and its instances"
	address := miniredis.RunT(t).Addr()
	store := redis.NewClient(&redis.Options{Addr: address})
	defer store.Close()
	signing, other := instances.New(store, "mw:", key), instances.New(store, "mw:", strings.ToUpper(key))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		signing.Announce(ctx, nil, slog.New(slog.DiscardHandler), func(context.Context) instances.Instance {
			return instances.Instance{Name: "a", Issues: []string{`","signature":"`}, Started: time.Now()}
		})
	}()
	var all []instances.Instance
	testenv.Eventually(t, func() (ok bool) {
		var err error
		if all, err = signing.List(t.Context()); err != nil {
			t.Fatal(err)
		}
		return len(all) == 1
	}, "the announcement")
	if all[0].Untrusted != nil || len(all[0].Issues) != 1 {
		t.Errorf("listed %+v, want the instance with its issue, and trusted", all[0])
	}
	if all, err := other.List(t.Context()); err != nil || len(all) != 1 || all[0].Untrusted == nil {
		t.Errorf("with another key: %+v, error %v; want the instance, not trusted", all, err)
	}
	all, err := ListInstances(t.Context(), Servers{Redis: "redis://" + address}, "", slog.New(slog.DiscardHandler))
	if err != nil || len(all) != 1 || all[0].Name != "a" {
		t.Errorf("ps lists %+v, error %v; want the instance", all, err)
	}
	cancel()
	<-done
}

// startGateway starts a gateway with a key, and returns a function that sends it a GET request with a token and
// a cookie. The function returns the status and the body of the response.
func startGateway(t *testing.T, key, redisAddress string, log *testenv.Log) func(path string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	at, done := make(chan net.Addr, 1), make(chan error, 1)
	g := Gateway{
		Servers: Servers{Redis: "redis://" + redisAddress}, Listen: "127.0.0.1:0", InstanceKey: key,
		Log: slog.New(slog.NewTextHandler(log, nil)), OnListen: func(a net.Addr) { at <- a }, onStopDelay: func() {},
	}
	go func() { done <- g.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	address := (<-at).String()
	return func(path string) (int, string) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer a-token")
		request.Header.Set("Cookie", "session=a-token")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, string(body)
	}
}
