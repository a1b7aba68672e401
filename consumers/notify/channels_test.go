package notify_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/consumers/consumertest"
	"github.com/matchwire/matchwire/consumers/notify"
	"github.com/matchwire/matchwire/consumers/notify/send"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/testenv"
)

// A world is a consumer under test, with its Redis, its log and the folder of its config.
type world struct {
	*testing.T
	consumers.Consumer
	redis *redis.Client
	log   *testenv.Log
	dir   string

	settings string
}

func newWorld(t *testing.T, settings string) *world {
	t.Helper()
	w := &world{T: t, log: &testenv.Log{}, dir: t.TempDir(), settings: settings}
	w.redis = redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	t.Cleanup(func() { w.redis.Close() })
	w.configure(settings)
	return w
}

// configure replaces the consumer with one that has the given settings.
func (w *world) configure(settings string) {
	w.Helper()
	if err := w.try(settings); err != nil {
		w.Fatal(err)
	}
}

// try creates the consumer, or returns the error in the settings. It creates vapid.json if the file is
// missing.
func (w *world) try(settings string) error {
	w.Helper()
	if _, err := os.Stat(filepath.Join(w.dir, "vapid.json")); err != nil {
		if err := (&notify.MakeKeys{File: filepath.Join(w.dir, "vapid.json")}).Run(io.Discard); err != nil {
			w.Fatal(err)
		}
	}
	log := slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	c, err := notify.New(consumertest.Host(w.T, settings, w.dir, w.redis, log))
	w.Consumer = c
	return err
}

// deliver delivers an event to a channel and returns the error of the handler.
func (w *world) deliver(channel string, e event.Event) error {
	w.Helper()
	ctx, cancel := context.WithTimeout(event.WithTID(w.Context(), e.TID), 20*time.Second)
	defer cancel()
	return w.Parts[channel].Handle(ctx, e)
}

// subscribe sends a page's request to subscribe. It returns the status and the body of the response.
func (w *world) subscribe(body string) (int, string) {
	rec := httptest.NewRecorder()
	w.Serve.ServeHTTP(rec, fromPage("POST", "/phones/subscriptions", body))
	return rec.Code, rec.Body.String()
}

// fromPage returns a request as push.js sends it. Each request comes from a different address.
func fromPage(method, path, body string) *http.Request {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	n := requestCount.Add(1)
	r.RemoteAddr = fmt.Sprintf("198.51.%d.%d:1234", n/250, n%250)
	return r
}

var requestCount atomic.Int64 // number of requests that fromPage has returned

// publicKey returns the public key of the channel phones.
func (w *world) publicKey() string {
	rec := httptest.NewRecorder()
	w.Serve.ServeHTTP(rec, httptest.NewRequest("GET", "/phones", nil))
	_, key, _ := strings.Cut(rec.Body.String(), `"public_key":"`)
	key, _, _ = strings.Cut(key, `"`)
	return key
}

// answerTimeout is the timeout of a channel whose service answers immediately.
const answerTimeout = 10 * time.Second

// trust lets channels accept the certificate of a test server. timeout limits each call.
func trust(t *testing.T, s *httptest.Server, timeout time.Duration) {
	notify.SetOptions(t, send.Options{Timeout: timeout, Transport: s.Client().Transport})
}

// A channel is a channel under test, with a fake of its service.
type channel struct {
	*service
	w    *world
	name string
}

// webPushSettings returns the settings of a Web Push channel.
func webPushSettings(s *service) string {
	return "channels:\n  phones: {webpush: {keys: vapid.json, contact: 'mailto:me@club.example', services: ['" +
		strings.TrimPrefix(s.URL, "https://") + "']}}\n"
}

// A newChannel function creates a channel. timeout limits each call to its service.
type newChannel func(t *testing.T, timeout time.Duration) channel

// channels returns a constructor for each kind of channel that uses HTTP. Every setting that may be a
// secret contains testenv.Secret, except the signing secret of the webhook.
func channels() map[string]newChannel {
	const secret = testenv.Secret
	all := map[string]newChannel{
		"webpush": func(t *testing.T, timeout time.Duration) channel {
			b := newBrowser(t)
			var w *world
			s := newPushService(t, map[string]browserKeys{"/" + secret: b}, func() string { return w.publicKey() })
			trust(t, s.Server, timeout)
			w = newWorld(t, webPushSettings(s))
			if code, body := w.subscribe(`{"subscription": ` + b.subscription(s.URL+"/"+secret) + `}`); code != 201 {
				t.Fatalf("subscribe: got %d %s, want 201", code, body)
			}
			return channel{s, w, "phones"}
		},
	}
	for kind, spec := range map[string]struct {
		service  func(t testing.TB, token string) *service
		settings string // URL stands for the URL of the service
	}{
		"webhook": {func(t testing.TB, _ string) *service { return newHook(t) },
			"{url: 'URL/" + secret + "?key=" + secret + "', secret: " + webhookSecret + "}"},
		"ntfy":       {at(newNtfy, "goals"), "{url: 'URL/goals', token: " + secret + "}"},
		"gotify":     {newGotify, "{server: 'URL', token: " + secret + "}"},
		"pushover":   {newPushover, "{server: 'URL', token: " + secret + ", user: u" + secret + "}"},
		"discord":    {at(newDiscord, "1"), "{url: 'URL/api/webhooks/1/" + secret + "'}"},
		"slack":      {newSlack, "{url: 'URL/services/T1/B1/" + secret + "'}"},
		"mattermost": {newMattermost, "{url: 'URL/hooks/" + secret + "'}"},
		"matrix": {at(newMatrix, "!goals:club.example"),
			"{server: 'URL', token: " + secret + ", room: '!goals:club.example'}"},
		"teams":    {newTeams, "{url: 'URL/workflows/1/triggers/manual/paths/invoke?api-version=1&sig=" + secret + "'}"},
		"telegram": {at(newTelegram, "@goals"), "{server: 'URL', token: " + secret + ", chat: '@goals'}"},
	} {
		all[kind] = func(t *testing.T, timeout time.Duration) channel {
			notify.SetOptions(t, send.Options{Timeout: timeout})
			s := spec.service(t, secret)
			settings := strings.ReplaceAll(spec.settings, "URL", s.URL)
			return channel{s, newWorld(t, "channels:\n  hook: {"+kind+": "+settings+"}\n"), "hook"}
		}
	}
	return all
}

// at returns a function that starts a service with one topic, chat, room or webhook, whose name is place.
func at(start func(t testing.TB, token, place string) *service, place string) func(testing.TB, string) *service {
	return func(t testing.TB, token string) *service { return start(t, token, place) }
}

// The service's answer determines whether and when the event is delivered again. Neither the error nor
// the log contains a secret.
func TestAnswers(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the channel followed a redirect")
	}))
	defer elsewhere.Close()
	inTwoMinutes := time.Now().Add(2 * time.Minute).UTC().Format(http.TimeFormat)
	for kind, newChannel := range channels() {
		for what, tc := range map[string]struct {
			answer func(http.ResponseWriter)
			want   string
		}{
			"429 with a time":     {status(429, "Retry-After", "120"), later},
			"429":                 {status(429), later},
			"503 with a time":     {status(503, "Retry-After", inTwoMinutes), later},
			"503":                 {status(503), again},
			"500":                 {status(500), again},
			"408":                 {status(408), again},
			"400":                 {status(400), never},
			"401":                 {status(401), never},
			"403":                 {status(403), never},
			"413":                 {status(413), never},
			"404":                 {status(404), never},
			"410":                 {status(410), never},
			"307":                 {status(307, "Location", elsewhere.URL), never},
			"301":                 {status(301, "Location", elsewhere.URL), never},
			"no answer in time":   {nil, again},
			"a broken connection": {func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, again},
		} {
			want := tc.want
			if kind == "webpush" && (what == "404" || what == "410") {
				want = gone
			}
			t.Run(kind+" "+what, func(t *testing.T) {
				timeout := answerTimeout
				over := make(chan struct{})
				if tc.answer == nil {
					timeout = 300 * time.Millisecond
					tc.answer = func(http.ResponseWriter) { <-over }
				}
				c := newChannel(t, timeout)
				c.set(tc.answer)
				err := c.w.deliver(c.name, goal(t, nil))
				close(over)
				got, wait := verdict(err)
				if got != want {
					t.Errorf("deliver: got error %v, which means %q, want %q", err, got, want)
				}
				if strings.HasSuffix(what, "with a time") && (wait < time.Minute || wait > 2*time.Minute) {
					t.Errorf("postponed for %v, want 1 to 2 minutes, because of the Retry-After header", wait)
				}
				testenv.NoSecret(t, err, c.w.log.String())
				if strings.Contains(fmt.Sprint(err), "hunter2S3crt") {
					t.Errorf("the error contains the signing secret: %v", err)
				}
			})
		}
	}
}

// status returns a function that answers with a status and headers.
func status(code int, header ...string) func(http.ResponseWriter) { return answer(code, "", header...) }

// answer returns a function that answers with a status, a body and headers.
func answer(code int, body string, header ...string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

// The meanings of an error for the event.
const (
	later = "later" // postponed
	never = "never" // permanent
	again = "again" // any other error
	gone  = "gone"  // nil: the subscription was removed
)

// verdict returns the meaning of an error, and for how long it postpones the event.
func verdict(err error) (string, time.Duration) {
	var postponed *broker.PostponedError
	switch {
	case err == nil:
		return gone, 0
	case errors.As(err, &postponed):
		return later, time.Until(postponed.Until)
	case errors.Is(err, broker.ErrPermanent):
		return never, 0
	}
	return again, 0
}

// Each service has its own formats for errors and pauses. The channel must understand the formats
// of its service.
func TestAnswersOfServices(t *testing.T) {
	inTenMinutes := fmt.Sprint(time.Now().Add(10 * time.Minute).Unix())
	all := channels()
	for name, tc := range map[string]struct {
		kind   string
		answer func(http.ResponseWriter)
		want   string
		text   string // part of the error
		wait   time.Duration
	}{
		"retry_after": {"discord",
			answer(429, `{"message": "You are being rate limited.", "retry_after": 64.57, "global": false}`), later,
			"rate limited", 64 * time.Second},
		"X-RateLimit-Reset-After": {"discord", status(429, "X-RateLimit-Reset-After", "7.5"), later, "", 7 * time.Second},
		"header before the body": {"discord",
			answer(429, `{"retry_after": 64.57}`, "Retry-After", "20"), later,
			"", 20 * time.Second},
		"unknown webhook": {"discord",
			answer(404, `{"message": "Unknown Webhook", "code": 10015}`), never,
			"Unknown Webhook", 0},
		"retry_after_ms": {"matrix",
			answer(429, `{"errcode": "M_LIMIT_EXCEEDED", "error": "Too Many Requests", "retry_after_ms": 42000}`), later,
			"M_LIMIT_EXCEEDED", 42 * time.Second},
		"not in the room": {"matrix",
			answer(403, `{"errcode": "M_FORBIDDEN", "error": "User is not in the room"}`), never,
			"M_FORBIDDEN User is not in the room", 0},
		"quota": {"pushover",
			answer(429, `{"status": 0, "errors": ["application is over its quota"]}`, "X-Limit-App-Reset", inTenMinutes), later,
			"over its quota", 10 * time.Minute},
		"status 0": {"pushover",
			answer(200, `{"status": 0, "errors": ["user key is invalid"]}`), never,
			"user key is invalid", 0},
		"user": {"pushover",
			answer(400, `{"user": "invalid", "errors": ["user identifier is invalid"], "status": 0}`), never,
			"user identifier is invalid", 0},
		"a proxy":          {"pushover", answer(200, "<html>"), again, "answered 200", 0},
		"archived":         {"slack", answer(410, "channel_is_archived"), never, "channel_is_archived", 0},
		"not ok":           {"slack", answer(200, "no_service"), never, "no_service", 0},
		"a proxy of Slack": {"slack", answer(200, "<html>"), again, "answered 200, but the body is not ok", 0},
		"newline":          {"slack", answer(404, "no_team\n"), never, "no_team", 0},
		"parameters": {"telegram",
			answer(429, `{"ok": false, "description": "Too Many Requests", "parameters": {"retry_after": 35}}`), later,
			"Too Many Requests", 35 * time.Second},
		"blocked": {"telegram",
			answer(403, `{"ok": false, "description": "Forbidden: bot was kicked"}`), never,
			"bot was kicked", 0},
		"ok false": {"telegram",
			answer(200, `{"ok": false, "description": "chat not found"}`), never,
			"chat not found", 0},
		"no JSON": {"telegram", answer(200, "<html>"), again, "without valid JSON", 0},
		"workflow is off": {"teams",
			answer(400, `{"error": {"code": "WorkflowTriggerIsNotEnabled", "message": "The workflow is not enabled."}}`), never,
			"WorkflowTriggerIsNotEnabled", 0},
		"wrong token": {"gotify",
			answer(401, `{"error": "Unauthorized", "errorDescription": "you need a valid access token"}`), never,
			"valid access token", 0},
		"no such hook": {"mattermost",
			answer(400, `{"id": "web.incoming_webhook.invalid", "message": "Invalid webhook", "status_code": 400}`), never,
			"Invalid webhook", 0},
		"limit": {"ntfy",
			answer(429, `{"code": 42901, "http": 429, "error": "limit reached: too many requests"}`), later,
			"limit reached", 10 * time.Second},
		"no more than an hour": {"mattermost", status(429, "Retry-After", "999999999999"), later, "", time.Hour},
	} {
		t.Run(tc.kind+" "+name, func(t *testing.T) {
			c := all[tc.kind](t, answerTimeout)
			c.set(tc.answer)
			err := c.w.deliver(c.name, goal(t, nil))
			got, wait := verdict(err)
			if got != tc.want || !strings.Contains(fmt.Sprint(err), tc.text) {
				t.Errorf("deliver: got error %v, which means %q, want %q with %q", err, got, tc.want, tc.text)
			}
			if wait < tc.wait/2 || wait > tc.wait+time.Second { // the test itself takes time
				t.Errorf("postponed for %v, want %v to %v", wait, tc.wait/2, tc.wait+time.Second)
			}
		})
	}
}

// If a service's answer contains a secret, neither the error nor the log contains it.
func TestSecretsInAnswers(t *testing.T) {
	longText := strings.Repeat("x", 195)
	repeated := "bad " + testenv.Secret + " in /u" + testenv.Secret + "?key=" + testenv.Secret
	for kind, newChannel := range channels() {
		for i, body := range []string{
			`{"message": "S", "error": "S", "errcode": "S", "errorDescription": "S", "errors": ["S"], "description": "S",
				"ok": false, "status": 0}`,
			`{"error": {"code": "S", "message": "S"}}`, "S",
			// The description is shortened at a position within the secret.
			strings.ReplaceAll(`{"message": "xS", "error": "xS", "description": "xS"}`, "x", longText),
		} {
			t.Run(fmt.Sprint(kind, " ", i), func(t *testing.T) {
				c := newChannel(t, answerTimeout)
				for _, code := range []int{200, 400, 500, 429} { // 429 is last, because it pauses the channel
					c.set(answer(code, strings.ReplaceAll(body, "S", repeated)))
					err := c.w.deliver(c.name, consumertest.Goal())
					testenv.NoSecret(t, err, c.w.log.String())
					if strings.Contains(fmt.Sprint(err), testenv.Secret[:6]) {
						t.Errorf("status %d: the error contains a part of the secret: %v", code, err)
					}
				}
				if c.called() != 4 {
					t.Errorf("calls to the service: got %d, want 4", c.called())
				}
			})
		}
	}
}

// If a message to a Matrix room is sent again after a broken connection, the room shows it once.
func TestMatrixRepeats(t *testing.T) {
	c := channels()["matrix"](t, answerTimeout)
	e := goal(t, nil)
	c.cutAfterStoring(true)
	if err := c.w.deliver(c.name, e); err == nil {
		t.Fatal("deliver on a cut connection: got no error, want one")
	}
	c.cutAfterStoring(false)
	if err := c.w.deliver(c.name, e); err != nil || c.called() != 2 || len(c.all()) != 1 {
		t.Errorf("delivering again: error %v, %d calls, shown %v, want no error, 2 calls and one message",
			err, c.called(), c.all())
	}
	if err := c.w.deliver(c.name, consumertest.Goal()); err != nil || len(c.all()) != 2 {
		t.Errorf("delivering another goal: error %v, shown %v, want no error and two messages", err, c.all())
	}
}

// If a Telegram chat has moved, the message and all later messages go to the new chat. A warning in the
// log contains both IDs.
func TestCaseTelegramGroupMoved(t *testing.T) {
	const old, moved, last = "-4441", "-1001557000000", "-1001557000001"
	var mu sync.Mutex
	var chats []string
	now := moved                  // the current ID of the chat
	busy := 0                     // number of messages that the server still answers with 502
	code := http.StatusBadRequest // status of the answer that contains the new ID
	next := map[string]string{old: moved, moved: last, last: last}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var m struct {
			Chat string `json:"chat_id"`
		}
		_ = json.NewDecoder(r.Body).Decode(&m)
		mu.Lock()
		defer mu.Unlock()
		chats = append(chats, m.Chat)
		switch {
		case m.Chat != now:
			w.WriteHeader(code)
			fmt.Fprintf(w, `{"ok": false, "error_code": 400, "description": "Bad Request: group chat was upgraded to a `+
				`supergroup chat", "parameters": {"migrate_to_chat_id": %s}}`, next[m.Chat])
		case busy > 0:
			busy--
			w.WriteHeader(http.StatusBadGateway)
		default:
			fmt.Fprint(w, `{"ok": true}`)
		}
	}))
	defer s.Close()
	w := newWorld(t, "channels:\n  tg: {telegram: {token: '123:"+testenv.Secret+"', chat: '"+old+
		"', server: '"+s.URL+"'}}\n")
	deliver := func(e event.Event, failures int, want ...string) {
		t.Helper()
		mu.Lock()
		chats, busy = nil, failures
		mu.Unlock()
		for i := range failures + 1 {
			if err := w.deliver("tg", e); (err == nil) != (i == failures) {
				t.Errorf("attempt %d of %d: error %v, want an error only before the last attempt", i+1, failures+1, err)
			}
		}
		mu.Lock()
		defer mu.Unlock()
		if !slices.Equal(chats, want) {
			t.Errorf("messages to %v, want %v", chats, want)
		}
	}
	deliver(goal(t, nil), 1, old, moved, moved) // the first message to the new chat fails, and is retried
	deliver(goal(t, nil), 0, moved)
	log := w.log.String()
	if strings.Count(log, "chat has moved") != 1 || !strings.Contains(log, "old="+old+" new="+moved) {
		t.Errorf("log %s, want one warning with %s and %s", log, old, moved)
	}
	now, code = last, http.StatusOK // the chat moves again, and a proxy hides the status
	deliver(goal(t, nil), 0, moved, last)
	w.configure(w.settings) // a restart
	deliver(goal(t, nil), 0, old, moved, last)
	now, code = "nowhere", http.StatusBadRequest
	if err := w.deliver("tg", goal(t, nil)); !errors.Is(err, broker.ErrPermanent) {
		t.Errorf("a chat that moves to itself: error %v, want a permanent one", err)
	}
	testenv.NoSecret(t, w.log.String())
}

// A server with an untrusted certificate receives no request. If a server is untrusted or cannot be
// reached, the error is not permanent.
func TestUnreachable(t *testing.T) {
	notify.SetOptions(t, send.Options{Timeout: 2 * time.Second})
	untrusted := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the untrusted server received a request")
	}))
	defer untrusted.Close()
	untrusted.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	for _, tc := range []struct{ settings, want string }{
		{"webhook: {url: '" + untrusted.URL + "/" + testenv.Secret + "'}",
			"certificate"},
		{"ntfy: {url: '" + untrusted.URL + "/goals', token: " + testenv.Secret + "}",
			"certificate"},
		{"discord: {url: '" + untrusted.URL + "/api/webhooks/1/" + testenv.Secret + "'}",
			"certificate"},
		{"matrix: {server: '" + untrusted.URL + "', token: " + testenv.Secret + ", room: '!x'}",
			"certificate"},
		{"webhook: {url: 'http://127.0.0.1:1/" + testenv.Secret + "'}",
			"refused"},
		{"ntfy: {url: 'http://127.0.0.1:1/goals', token: " + testenv.Secret + "}",
			"refused"},
		{"mattermost: {url: 'http://127.0.0.1:1/hooks/" + testenv.Secret + "'}",
			"refused"},
		{"telegram: {server: 'http://127.0.0.1:1', token: " + testenv.Secret + ", chat: '@goals'}",
			"refused"},
		{"smtp: {server: '127.0.0.1:1', user: me, password: " + testenv.Secret + ", from: a@b.example, to: [c@d.example]}",
			"refused"},
		{"webhook: {url: 'https://no-such-host.invalid/" + testenv.Secret + "', secret: whsec_" + zeros(30) + "}",
			"no-such-host.invalid"},
	} {
		w := newWorld(t, "channels:\n  hook: {"+tc.settings+"}\n")
		err := w.deliver("hook", goal(t, nil))
		if err == nil || errors.Is(err, broker.ErrPermanent) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got error %v, want one with %q that is not permanent", tc.settings, err, tc.want)
		}
		testenv.NoSecret(t, err, w.log.String())
	}
}

// zeros returns n zero bytes in base64. n must be a multiple of 3.
func zeros(n int) string { return strings.Repeat("AAAA", n/3) }

// Each kind of channel that uses HTTP satisfies the contract of every consumer.
func TestConsumerContract(t *testing.T) {
	for kind, channel := range channels() {
		t.Run(kind, func(t *testing.T) {
			if kind != "webhook" && kind != "webpush" { // test one kind with one recipient, and one kind with several
				testenv.NotShort(t)
			}
			consumertest.Run(t, func(t *testing.T) consumertest.Subject {
				c := channel(t, answerTimeout)
				set := func(f func(http.ResponseWriter)) func() func() {
					return func() func() {
						c.set(f)
						return func() { c.set(nil) }
					}
				}
				return consumertest.Subject{
					New: func(h consumers.Host) (consumers.Consumer, error) {
						h.Redis = c.w.redis // this Redis stores the subscription of the browser
						return notify.New(h)
					},
					Settings: c.w.settings, Dir: c.w.dir,
					Effects: c.all,
					Fail:    set(status(500)),
					Refuse:  set(status(400)),
					Hang: func() func() {
						over := make(chan struct{})
						undo := set(func(http.ResponseWriter) { <-over })()
						return func() { close(over); undo() }
					},
				}
			})
		})
	}
}
