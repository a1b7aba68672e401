package notify_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

// A Web Push channel stores endpoints and client addresses only under the keys in docs/privacy.md, and no
// longer than this page says. The call on this page deletes a subscription.
func TestPrivacy(t *testing.T) {
	text, err := os.ReadFile("../../docs/privacy.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	const address, browsers = "203.0.113.7", 20 // the largest burst of subscriptions from one address
	keys := map[string]browserKeys{}
	var w *world
	s := newPushService(t, keys, func() string { return w.publicKey() })
	trust(t, s.Server, answerTimeout)
	w = newWorld(t, webPushSettings(s))
	call := func(method, body string, want int) {
		t.Helper()
		r := fromPage(method, "/phones/subscriptions", body)
		r.RemoteAddr = address + ":1234"
		rec := httptest.NewRecorder()
		w.Serve.ServeHTTP(rec, r)
		if rec.Code != want {
			t.Fatalf("%s: got %d %s, want %d", method, rec.Code, rec.Body, want)
		}
	}
	for i := range browsers {
		path, b := fmt.Sprintf("/%d", i), newBrowser(t)
		keys[path] = b
		call("POST", `{"subscription": `+b.subscription(s.URL+path)+`}`, 201)
	}
	if err := w.deliver("phones", goal(t, nil)); err != nil {
		t.Fatal(err)
	}
	// inPage returns a key as the page writes it.
	inPage := strings.NewReplacer("{phones}", "{<channel>}", address, "<address>").Replace
	all, err := w.redis.Keys(t.Context(), "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, key := range all {
		// Each call returns an empty value for a key of another type.
		hash := fmt.Sprint(w.redis.HGetAll(t.Context(), key).Val(), w.redis.Get(t.Context(), key).Val())
		ttl := w.redis.TTL(t.Context(), key).Val()
		kind, least, most := "", time.Duration(0), time.Duration(0)
		switch {
		case strings.HasPrefix(key, "mw:push:{phones}:from:"+address+":"): // a reply, for a repeated request
			least, most = 0, time.Minute
		case strings.Contains(key, address):
			kind, least, most = "address", 50*time.Minute, 61*time.Minute
		case key == "mw:push:{phones}":
			kind, least, most = "subscriptions", -2, -1 // does not expire
		case strings.HasPrefix(key, "mw:notify:phones:{") && strings.Contains(hash, "to:"):
			kind, least, most = "deliveries", 47*time.Hour, 48*time.Hour
		}
		if most != 0 && (ttl <= least || ttl > most) {
			t.Errorf("%s expires in %v, want more than %v and at most %v", key, ttl, least, most)
		}
		found[kind] = true
		if kind != "subscriptions" && (strings.Contains(hash, s.URL) || strings.Contains(hash, address)) {
			t.Errorf("%s contains an endpoint or an address: %s", key, hash)
		}
		if doc := inPage(key); (kind == "address" || kind == "subscriptions") && !strings.Contains(page, "`"+doc+"`") {
			t.Errorf("docs/privacy.md does not contain the key %s", doc)
		}
	}
	delete(found, "")
	if len(found) != 3 {
		t.Errorf("found %v among the keys %q, want an address, subscriptions and deliveries", found, all)
	}
	if log := w.log.String(); strings.Contains(log, address) || strings.Contains(log, s.URL) {
		t.Errorf("the log contains an endpoint or an address:\n%s", log)
	}
	endpoint := s.URL + "/0"
	sum := sha256.Sum256([]byte(endpoint))
	if !w.redis.HExists(t.Context(), "mw:push:{phones}", hex.EncodeToString(sum[:])[:32]).Val() {
		t.Error("the ID of a subscription is not the first half of the SHA-256 of its endpoint")
	}
	const body = `{"endpoint": "ENDPOINT"}`
	if !strings.Contains(page, "-d '"+body+"'") {
		t.Errorf("docs/privacy.md has no call with the body %s", body)
	}
	call("DELETE", strings.Replace(body, "ENDPOINT", endpoint, 1), 204)
	if got := w.redis.HLen(t.Context(), "mw:push:{phones}").Val(); got != browsers-1 {
		t.Errorf("%d subscriptions after one was deleted, want %d", got, browsers-1)
	}
}
