package notify_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/consumers/consumertest"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/testenv"
)

// phones returns a world with a push service and n browsers, none of which is subscribed. subscription
// returns the subscription of browser i as JSON.
func phones(t *testing.T, n int) (w *world, s *service, subscription func(i int) string) {
	t.Helper()
	browsers := map[string]browserKeys{}
	for i := range n {
		browsers[fmt.Sprint("/", i)] = newBrowser(t)
	}
	s = newPushService(t, browsers, func() string { return w.publicKey() })
	trust(t, s.Server, answerTimeout)
	w = newWorld(t, webPushSettings(s)+"rules:\n  - kinds: [goal]\n")
	return w, s, func(i int) string { return browsers[fmt.Sprint("/", i)].subscription(fmt.Sprint(s.URL, "/", i)) }
}

// mustSubscribe subscribes a browser, or fails the test.
func (w *world) mustSubscribe(body string) {
	w.Helper()
	if code, reply := w.subscribe(body); code != http.StatusCreated {
		w.Fatalf("subscribe %.200s: got %d %s, want 201", body, code, reply)
	}
}

// Each browser gets the events that its filter matches, in its language. For each incident, it
// shows only the latest notification.
func TestPush(t *testing.T) {
	w, s, subscription := phones(t, 4)
	w.mustSubscribe(`{"subscription": ` + subscription(0) + `}`)
	w.mustSubscribe(`{"subscription": ` + subscription(1) + `, "teams": ["toronto fc"], "language": "es"}`)
	w.mustSubscribe(`{"subscription": ` + subscription(2) + `, "players": ["Jozy Altidore"]}`)
	w.mustSubscribe(`{"subscription": ` + subscription(3) + `, "kinds": ["red_card"]}`)
	e := consumertest.Goal()
	e.Data.Assist = ""
	corrected := consumertest.Corrected(e)
	for _, step := range []struct {
		sent event.Event
		want string
	}{
		{e, "/0 Goal for Toronto FC: Sebastian Giovinco; /1 Gol de Toronto FC: Sebastian Giovinco"},
		// The filter of the third browser contains this player, so the correction is news for this
		// browser.
		{corrected, "/0 Corrected: goal for Toronto FC: Jozy Altidore; /1 Corrección: gol de Toronto FC: Jozy Altidore; " +
			"/2 Goal for Toronto FC: Jozy Altidore"},
		{consumertest.Retracted(corrected), "/0 Taken back: goal for Toronto FC: Jozy Altidore; " +
			"/1 Anulado: gol de Toronto FC: Jozy Altidore; /2 Taken back: goal for Toronto FC: Jozy Altidore"},
	} {
		if err := w.deliver("phones", step.sent); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, line := range s.all() {
			words := strings.SplitN(line, " ", 3)
			title, _, _ := strings.Cut(words[2], " | ")
			got = append(got, words[0]+" "+title)
		}
		if strings.Join(got, "; ") != step.want {
			t.Errorf("shown after %s:\ngot  %s\nwant %s", step.sent.Type, strings.Join(got, "; "), step.want)
		}
	}
}

// A subscription is removed if it has expired, or if the push service answers 404 or 410. The other
// browsers get the notification.
func TestGoneSubscriptionsAreRemoved(t *testing.T) {
	w, s, subscription := phones(t, 3)
	for i := range 3 {
		w.mustSubscribe(`{"subscription": ` + subscription(i) + `}`)
	}
	past := strings.Replace(subscription(2), "null", fmt.Sprint(time.Now().Add(-time.Minute).UnixMilli()), 1)
	w.mustSubscribe(`{"subscription": ` + past + `}`)
	var n atomic.Int64
	s.set(func(rw http.ResponseWriter) { rw.WriteHeader([]int{410, 201, 404}[(n.Add(1)-1)%3]) })
	if err := w.deliver("phones", consumertest.Goal()); err != nil {
		t.Fatal(err)
	}
	if left := w.redis.HLen(t.Context(), "mw:push:{phones}").Val(); left != 1 || s.called() != 2 {
		t.Errorf("got %d subscriptions after %d calls, want 1 after 2", left, s.called())
	}
}

// A retry sends a notification only to the browsers that have not received it.
func TestRetrySendsOnlyToFailedBrowsers(t *testing.T) {
	w, s, subscription := phones(t, 5)
	for i := range 5 {
		w.mustSubscribe(`{"subscription": ` + subscription(i) + `}`)
	}
	var n atomic.Int64
	s.set(func(rw http.ResponseWriter) {
		if n.Add(1) > 3 {
			rw.WriteHeader(503)
			return
		}
		rw.WriteHeader(201)
	})
	e := consumertest.Goal()
	if err := w.deliver("phones", e); err == nil {
		t.Fatal("deliver: got no error, want one, because two browsers did not receive the notification")
	}
	s.set(nil)
	if err := w.deliver("phones", e); err != nil {
		t.Fatal(err)
	}
	if len(s.all()) != 2 || s.called() != 7 {
		t.Errorf("after the retry: %d notifications shown, %d calls, want 2 and 7", len(s.all()), s.called())
	}
}

// Long texts are shortened until the message fits.
func TestLongPushIsShortened(t *testing.T) {
	w, s, subscription := phones(t, 1)
	w.mustSubscribe(`{"subscription": ` + subscription(0) + `}`)
	e := consumertest.Goal()
	e.Data.Player, e.Data.Match.Home = strings.Repeat("é\"", 3000), strings.Repeat("\u0001<>&漢", 3000)
	if err := w.deliver("phones", e); err != nil || len(s.all()) != 1 {
		t.Errorf("deliver: error %v, %d notifications shown, want no error and 1 notification", err, len(s.all()))
	}
}

// A page can subscribe only with an endpoint of a known push service and a valid filter.
func TestSubscribing(t *testing.T) {
	w, s, subscription := phones(t, 1)
	good := subscription(0)
	for _, tc := range []struct{ body, want string }{
		{`{`, "is malformed"}, {`{"subscription": ` + good + `, "delay": 3}`, `unknown field \"delay\"`},
		{`{"subscription": ` + strings.Replace(good, s.URL, "https://169.254.169.254", 1) + `}`,
			"is not a known push service"},
		{`{"subscription": ` + strings.Replace(good, s.URL, "https://fcm.googleapis.com.evil.example", 1) + `}`,
			"is not a known push service"},
		{`{"subscription": ` + strings.Replace(good, s.URL, "https://me:pw@fcm.googleapis.com", 1) + `}`,
			"endpoint: want the https URL"},
		{`{"subscription": ` + strings.Replace(good, "https://", "http://", 1) + `}`,
			"endpoint: want the https URL"},
		{`{"subscription": {"endpoint": "` + s.URL + `/0", "keys": {"p256dh": "AAAA", "auth": "AAAA"}}}`,
			"keys: want p256dh and auth"},
		{`{"subscription": ` + good + `, "topics": ["soccer"]}`,
			"topics: topic pattern"},
		{`{"subscription": ` + good + `, "kinds": ["gaol"]}`,
			`there is no kind \"gaol\"`},
		{`{"subscription": ` + good + `, "only": ["last day"]}`,
			`only: \"last day\": want a duration like 5m`},
		{`{"subscription": ` + good + `, "language": "tlh"}`,
			`language \"tlh\": want one of de, en, es, fr`},
		{`{"subscription": ` + good + `, "teams": ["` + strings.Repeat(`x","`, 60) + `"]}`,
			"teams: got 61 values, want at most 50"},
		{strings.Repeat(" ", 10_000) + "{}",
			"too large"},
	} {
		if code, reply := w.subscribe(tc.body); code != http.StatusBadRequest || !strings.Contains(reply, tc.want) {
			t.Errorf("subscribe %.200s: got %d %s, want 400 with %q", tc.body, code, reply, tc.want)
		}
	}
	for _, known := range []string{
		"https://fcm.googleapis.com/fcm/send/x", "https://updates.push.services.mozilla.com/wpush/v2/x",
		"https://wns2-par02p.notify.windows.com/w/?token=x", "https://web.push.apple.com/x",
	} {
		w.mustSubscribe(`{"subscription": ` + strings.Replace(good, s.URL+"/0", known, 1) + `}`)
	}
	call := func(method, path, body string) int {
		rec := httptest.NewRecorder()
		w.Serve.ServeHTTP(rec, fromPage(method, path, body))
		return rec.Code
	}
	w.mustSubscribe(`{"subscription": ` + good + `}`)
	stored := func() int64 { return w.redis.HLen(t.Context(), "mw:push:{phones}").Val() }
	before := stored()
	if code := call("DELETE", "/phones/subscriptions", good); code != 204 || stored() != before-1 {
		t.Errorf("DELETE: got %d and %d subscriptions, want 204 and %d", code, stored(), before-1)
	}
	if code := call("GET", "/desks", ""); code != 404 {
		t.Errorf("GET of an unknown channel: got %d, want 404", code)
	}
	testenv.NoSecret(t, w.log.String())
	if strings.Contains(w.log.String(), s.URL) {
		t.Errorf("the log contains an endpoint, which is a secret:\n%s", w.log)
	}
}

// One client address can subscribe only 20 browsers without a pause. Another site's page cannot subscribe,
// because browsers send JSON to another site only with the permission of that site. If a channel is
// full, a new subscription replaces the oldest subscription that has never received a notification.
func TestFakeSubscriptions(t *testing.T) {
	w, s, subscription := phones(t, 1)
	good := subscription(0)
	fake := func(n int) string {
		endpoint := fmt.Sprintf("https://web.push.apple.com/%d", n)
		return `{"subscription": ` + strings.Replace(good, s.URL+"/0", endpoint, 1) + `}`
	}
	post := func(kind, peer, body string) *httptest.ResponseRecorder {
		rec, r := httptest.NewRecorder(), httptest.NewRequest("POST", "/phones/subscriptions", strings.NewReader(body))
		r.Header.Set("Content-Type", kind)
		r.RemoteAddr = peer
		w.Serve.ServeHTTP(rec, r)
		return rec
	}
	w.mustSubscribe(`{"subscription": ` + good + `}`)
	unproven := func() int64 { return w.redis.ZCard(t.Context(), "mw:push:{phones}:unproven").Val() }
	before := unproven()
	if err := w.deliver("phones", consumertest.Goal()); err != nil || before != 1 || unproven() != 0 {
		t.Fatalf("error %v; %d subscriptions are unproven before a notification, %d after it; want 1 and 0",
			err, before, unproven())
	}
	for _, kind := range []string{"text/plain", "text/plain;charset=UTF-8", "application/x-www-form-urlencoded", ""} {
		if rec := post(kind, "192.0.2.1:1", fake(0)); rec.Code != http.StatusUnsupportedMediaType {
			t.Errorf("Content-Type %q: status %d, want 415", kind, rec.Code)
		}
	}
	accepted := 0
	for n := range 100 {
		rec := post("application/json", "192.0.2.1:1", fake(n))
		switch {
		case rec.Code == http.StatusCreated:
			accepted++
		case rec.Code != http.StatusTooManyRequests || rec.Header().Get("Retry-After") == "":
			t.Fatalf("request %d: status %d, headers %v, want 429 with Retry-After", n, rec.Code, rec.Header())
		}
	}
	if accepted != 20 {
		t.Errorf("%d of 100 subscriptions from one address were accepted, want 20", accepted)
	}
	if rec := post("application/json", "192.0.2.1:1", fake(3)); rec.Code != http.StatusCreated {
		t.Errorf("a browser that is subscribed changes its filter: status %d, want 201", rec.Code)
	}

	// Fill the channel with old subscriptions that have never received a notification.
	pipe := w.redis.Pipeline()
	for n := range 20_000 {
		id := fmt.Sprintf("fake-%d", n)
		pipe.HSet(t.Context(), "mw:push:{phones}", id, "{}")
		pipe.ZAdd(t.Context(), "mw:push:{phones}:unproven", redis.Z{Score: float64(n), Member: id})
	}
	if _, err := pipe.Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.mustSubscribe(fake(101))
	for id, want := range map[string]bool{"fake-0": false, "fake-19999": true} {
		if kept := w.redis.HExists(t.Context(), "mw:push:{phones}", id).Val(); kept != want {
			t.Errorf("subscription %s is kept: %v, want %v", id, kept, want)
		}
	}
}

// A page can list the Web Push channels.
func TestPushChannels(t *testing.T) {
	w, _, _ := phones(t, 1)
	r := httptest.NewRecorder()
	w.Serve.ServeHTTP(r, httptest.NewRequest(http.MethodGet, "/", nil))
	if got := strings.TrimSpace(r.Body.String()); r.Code != http.StatusOK || got != `{"channels":["phones"]}` {
		t.Errorf("status %d, body %s, want 200 and the channel phones", r.Code, got)
	}
}
