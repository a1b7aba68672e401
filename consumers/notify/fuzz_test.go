package notify_test

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	webpush "github.com/SherClockHolmes/webpush-go"
	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/consumers/consumertest"
	"github.com/matchwire/matchwire/consumers/notify"
	"github.com/matchwire/matchwire/consumers/notify/send"
)

// pushHosts matches the hosts of the push services that docs/notify.md lists, and one host from the config.
var pushHosts = regexp.MustCompile(`^(?:fcm\.googleapis\.com|jmt17\.google\.com|push\.club\.example:8443|` +
	`(?:[a-z0-9-]+\.)+(?:push\.services\.mozilla\.com|notify\.windows\.com|push\.apple\.com))$`)

// A pushTarget receives the requests to a push service.
type pushTarget struct{ latest *http.Request }

func (p *pushTarget) Do(r *http.Request) (*http.Response, error) {
	p.latest = r
	return &http.Response{StatusCode: http.StatusCreated, Body: http.NoBody, Request: r}, nil
}

// FuzzSubscriptions sends any body to subscribe or unsubscribe a browser. It checks that the response
// is 201, 204 or a problem document with a status from 400 to 499. A stored subscription has an https
// endpoint at a known push service, keys for which a message can be encrypted, and at most 50 values
// in each field of its filter. A refused body stores nothing.
func FuzzSubscriptions(f *testing.F) {
	key, err := ecdh.P256().NewPrivateKey(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		f.Fatal(err)
	}
	public, auth := b64.EncodeToString(key.PublicKey().Bytes()), b64.EncodeToString(make([]byte, 16))
	standard := base64.StdEncoding.EncodeToString(key.PublicKey().Bytes())
	const apple = "https://web.push.apple.com/QGuQyavXutnMH"
	for _, endpoint := range []string{apple, "https://fcm.googleapis.com/fcm/send/a:b", "https://push.club.example:8443/x",
		"https://.push.apple.com/x", "https://a..push.apple.com/x", "https://evil.example/.push.apple.com",
		"https://evil.example#.push.apple.com", "https://evil.example%2f.push.apple.com/",
		"https://evil.example\\.push.apple.com/", "https://me:pw@web.push.apple.com/", "http://web.push.apple.com/",
		"HTTPS://WEB.PUSH.APPLE.COM/", "https:web.push.apple.com/", "https://[::1].push.apple.com/",
		"https://web.push.apple.com:444/", "https://169.254.169.254/", "//web.push.apple.com/",
		"https://evil.example;a.push.apple.com/", "https://a b.push.apple.com/", "https://é.push.apple.com/",
		apple + strings.Repeat("x", 2048)} {
		f.Add(endpoint, public, auth, "")
	}
	for _, keys := range [][2]string{{standard, auth}, {public + "==", auth + "="}, {public + "====", auth},
		{public + "\n", auth}, {public[:40] + "\r\n" + public[40:], auth + "\n"}, {"", ""}, {public, public},
		{public[1:], auth}, {auth, auth},
		{b64.EncodeToString(make([]byte, 65)), auth}, {"+-" + public[2:], "/_" + auth[2:]}} {
		f.Add(apple, keys[0], keys[1], "")
	}
	for _, rest := range []string{
		`,"topics":["soccer.#"],"teams":["A"],"players":["B"],"kinds":["goal","kickoff_soon"],"language":"de"`,
		`,"topics":["a..b"]`, `,"kinds":["x"]`, `,"only":["score"]`, `,"language":"xx"`, `,"delay":1`,
		`,"subscription":null`, `,"teams":[` + strings.Repeat(`"a",`, 50) + `"a"]`, `,"TOPICS":["#"]`,
		`,"teams":null} trailing`, `,"teams":["` + strings.Repeat("x", 8<<10),
	} {
		f.Add(apple, public, auth, rest)
	}
	for _, body := range []string{"", "{", "null", "[]", `{"endpoint":1}`,
		`{"subscription":{"endpoint":"https://web.push.apple.com"}}`} {
		f.Add("", "", "", body)
	}
	r := redis.NewClient(&redis.Options{Addr: miniredis.RunT(f).Addr()})
	f.Cleanup(func() { r.Close() })
	dir := f.TempDir()
	if err := (&notify.MakeKeys{File: filepath.Join(dir, "vapid.json")}).Run(io.Discard); err != nil {
		f.Fatal(err)
	}
	settings := "channels:\n  phones: {webpush: {keys: vapid.json, contact: 'mailto:me@club.example', " +
		"services: ['push.club.example:8443']}}\n"
	c, err := notify.New(consumertest.Host(f, settings, dir, r, slog.New(slog.DiscardHandler)))
	if err != nil {
		f.Fatal(err)
	}
	vapid, err := send.NewKeys()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, endpoint, p256dh, auth, rest string) {
		body := rest
		if endpoint+p256dh+auth != "" {
			var b bytes.Buffer
			e := json.NewEncoder(&b)
			e.SetEscapeHTML(false)
			one := send.Subscription{Endpoint: endpoint, Keys: send.SubscriptionKeys{Auth: auth, P256dh: p256dh}}
			if err := e.Encode(one); err != nil {
				t.Fatal(err)
			}
			body = `{"subscription":` + b.String() + rest + "}"
		}
		if err := r.FlushDB(t.Context()).Err(); err != nil { // also resets the limits on new subscriptions
			t.Fatal(err)
		}
		call := func(method string) int {
			w := httptest.NewRecorder()
			c.Serve.ServeHTTP(w, fromPage(method, "/phones/subscriptions", body))
			var p struct {
				Status int
				Detail string
			}
			if w.Code != http.StatusCreated && w.Code != http.StatusNoContent && (w.Code < 400 || w.Code > 499 ||
				json.Unmarshal(w.Body.Bytes(), &p) != nil || p.Status != w.Code || p.Detail == "") {
				t.Errorf("%s %q: status %d, body %q, want 201, 204, or 400 to 499 with a problem document",
					method, body, w.Code, w.Body)
			}
			return w.Code
		}
		code := call(http.MethodPost)
		stored := r.HGetAll(t.Context(), "mw:push:{phones}").Val()
		if want := map[bool]int{true: 1}[code == http.StatusCreated]; len(stored) != want {
			t.Fatalf("POST %q: status %d, %d stored subscriptions, want %d", body, code, len(stored), want)
		}
		for id, text := range stored {
			checkStored(t, text, vapid)
			if code := call(http.MethodDelete); code != http.StatusNoContent && code != http.StatusBadRequest {
				t.Errorf("DELETE %q: status %d, want 204 or 400", body, code)
			}
			if again := r.HGet(t.Context(), "mw:push:{phones}", id).Val(); again != "" && again != text {
				t.Errorf("after DELETE %q: the subscription is %q, want no change or none", body, again)
			}
		}
		call(http.MethodDelete)
	})
}

// checkStored checks a stored subscription, and that a message can be encrypted for it and is sent to
// the push service.
func checkStored(t *testing.T, text string, vapid send.Keys) {
	t.Helper()
	var one struct {
		Subscription                        send.Subscription
		Topics, Teams, Players, Kinds, Only []string
	}
	if err := json.Unmarshal([]byte(text), &one); err != nil {
		t.Fatalf("stored %q: %v", text, err)
	}
	for _, values := range [][]string{one.Topics, one.Teams, one.Players, one.Kinds, one.Only} {
		if len(values) > 50 {
			t.Errorf("stored %q: %d values, want at most 50", text, len(values))
		}
	}
	endpoint := one.Subscription.Endpoint
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "https" || u.User != nil || !pushHosts.MatchString(u.Host) || len(endpoint) > 2048 ||
		len(text) > 16<<10 {
		t.Errorf("stored %q, want an https endpoint at a known push service, without a user, of at most 2048 bytes", text)
	}
	target := &pushTarget{}
	resp, err := webpush.SendNotificationWithContext(context.Background(), []byte("{}"),
		&webpush.Subscription{Endpoint: endpoint, Keys: webpush.Keys(one.Subscription.Keys)},
		&webpush.Options{HTTPClient: target, Subscriber: "me@club.example", TTL: 1, VAPIDPublicKey: vapid.Public,
			VAPIDPrivateKey: vapid.Private})
	if err == nil {
		resp.Body.Close()
	}
	if err != nil || target.latest == nil || target.latest.URL.Host != u.Host {
		t.Errorf("stored %q: encrypting and sending a message: error %v, want a request to %s", text, err, u.Host)
	}
}
