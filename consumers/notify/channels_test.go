package notify_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/consumers/consumertest"
	"github.com/matchwire/matchwire/consumers/notify"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/testenv"
)

// A world is the consumer, made from settings.
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
	w.make(settings)
	return w
}

func (w *world) make(settings string) {
	w.Helper()
	if err := w.try(settings); err != nil {
		w.Fatal(err)
	}
}

// made is a world, if its settings are good.
func made(t *testing.T, settings string) (*world, error) {
	w := newWorld(t, "")
	return w, w.try(settings)
}

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

// tell hands an event to a channel.
func (w *world) tell(channel string, e event.Event) error {
	w.Helper()
	ctx, cancel := context.WithTimeout(event.WithTID(w.Context(), e.TID), 20*time.Second)
	defer cancel()
	return w.Parts[channel].Handle(ctx, e)
}

// subscribe has a browser subscribe as a page would.
func (w *world) subscribe(body string) (int, string) {
	rec := httptest.NewRecorder()
	w.Serve.ServeHTTP(rec, httptest.NewRequest("POST", "/phones/subscriptions", strings.NewReader(body)))
	return rec.Code, rec.Body.String()
}

func (w *world) publicKey() string {
	rec := httptest.NewRecorder()
	w.Serve.ServeHTTP(rec, httptest.NewRequest("GET", "/phones", nil))
	_, key, _ := strings.Cut(rec.Body.String(), `"public_key":"`)
	key, _, _ = strings.Cut(key, `"`)
	return key
}

// trust has channels trust a test's server, and wait for it for half a second.
func trust(t *testing.T, s *httptest.Server) {
	pool := s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	notify.Client(t, func() *http.Client {
		return &http.Client{Timeout: 500 * time.Millisecond, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	})
}

// A channel under test: its service, its settings, and what its users see.
type channel struct {
	*service
	w     *world
	name  string
	shows func() []string
}

// channels makes one channel of each kind that speaks HTTP, each on a service of
// its own, with a secret in all that can be one.
func channels(t *testing.T) map[string]func(t *testing.T) channel {
	notify.CallTimeout(t, 500*time.Millisecond)
	return map[string]func(t *testing.T) channel{
		"webhook": func(t *testing.T) channel {
			s := newHook(t)
			notify.Client(t, quick)
			w := newWorld(t, "channels:\n  hook: {webhook: {url: '"+s.URL+"/"+testenv.Secret+"?key="+testenv.Secret+"', secret: "+webhookSecret+"}}\n")
			return channel{s, w, "hook", s.all}
		},
		"ntfy": func(t *testing.T) channel {
			s := newNtfy(t, testenv.Secret)
			notify.Client(t, quick)
			w := newWorld(t, "channels:\n  hook: {ntfy: {url: '"+s.URL+"/goals', token: "+testenv.Secret+"}}\n")
			return channel{s, w, "hook", s.all}
		},
		"mattermost": func(t *testing.T) channel {
			s := newMattermost(t, testenv.Secret)
			w := newWorld(t, "channels:\n  hook: {shoutrrr: 'mattermost://"+strings.TrimPrefix(s.URL, "http://")+"/"+testenv.Secret+"?disabletls=yes'}\n")
			return channel{s, w, "hook", s.all}
		},
		"telegram": func(t *testing.T) channel {
			s := newTelegram(t, testenv.Secret)
			notify.Client(t, quick)
			w := newWorld(t, "channels:\n  hook: {telegram: {token: "+testenv.Secret+", chat: '@goals', server: '"+s.URL+"'}}\n")
			return channel{s, w, "hook", s.all}
		},
		"webpush": func(t *testing.T) channel {
			b := newBrowser(t)
			var w *world
			s := newPushService(t, map[string]subscribed{"/" + testenv.Secret: b}, func() string { return w.publicKey() })
			trust(t, s.Server)
			w = newWorld(t, "channels:\n  phones: {webpush: {keys: vapid.json, contact: 'mailto:me@club.example', services: ['"+strings.TrimPrefix(s.URL, "https://")+"']}}\n")
			if code, said := w.subscribe(`{"subscription": ` + b.subscription(s.URL+"/"+testenv.Secret) + `}`); code != 201 {
				t.Fatalf("%d %s", code, said)
			}
			return channel{s, w, "phones", s.all}
		},
	}
}

func quick() *http.Client {
	return &http.Client{Timeout: 500 * time.Millisecond, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// What each channel makes of what its service answers: whether it is tried
// again, and when, and that no error and no log shows a secret.
func TestAnswers(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") }))
	defer elsewhere.Close()
	status := func(code int, header ...string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			for i := 0; i+1 < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(code)
		}
	}
	hang := func(http.ResponseWriter) { time.Sleep(time.Second) }
	const later, never, again, gone = "later", "never", "again", "gone"
	verdict := func(err error) string {
		var postponed *broker.PostponedError
		switch {
		case err == nil:
			return gone
		case errors.As(err, &postponed):
			return later
		case errors.Is(err, broker.ErrPermanent):
			return never
		}
		return again
	}
	for kind, make := range channels(t) {
		for what, tc := range map[string]struct {
			answer func(http.ResponseWriter)
			want   string
		}{
			"429 and when":        {status(429, "Retry-After", "120"), later},
			"429":                 {status(429), later},
			"503 and when":        {status(503, "Retry-After", time.Now().Add(2*time.Minute).UTC().Format(http.TimeFormat)), later},
			"503":                 {status(503), again},
			"500":                 {status(500), again},
			"408":                 {status(408), again},
			"400":                 {status(400), never},
			"401":                 {status(401), never},
			"403":                 {status(403), never},
			"413":                 {status(413), never},
			"404":                 {status(404), never},
			"410":                 {status(410), never},
			"a redirect":          {status(307, "Location", elsewhere.URL), never},
			"another":             {status(301, "Location", elsewhere.URL), never},
			"no answer in time":   {hang, again},
			"a broken connection": {func(w http.ResponseWriter) { panic(http.ErrAbortHandler) }, again},
		} {
			want := tc.want
			switch {
			case kind == "webpush" && (what == "404" || what == "410"):
				want = gone
			case kind == "mattermost" && strings.Contains(what, "503"):
				want = again // the library does not tell when
			case kind == "mattermost" && (what == "a redirect" || what == "another"):
				continue // it follows them, to where the service says
			}
			t.Run(kind+" "+what, func(t *testing.T) {
				c := make(t)
				c.set(tc.answer)
				err := c.w.tell(c.name, goal(t, nil))
				if got := verdict(err); got != want {
					t.Errorf("%v is %q, want %q", err, got, want)
				}
				testenv.NoSecret(t, err, c.w.log.String())
				if strings.Contains(fmt.Sprint(err), "hunter2S3crt") {
					t.Errorf("the signing secret is said: %v", err)
				}
			})
		}
	}
}

// A server whose certificate nobody vouches for gets nothing, and one that is
// not there says so.
func TestUnreachable(t *testing.T) {
	notify.CallTimeout(t, 2*time.Second)
	seen := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("told") }))
	defer seen.Close()
	seen.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	host := strings.TrimPrefix(seen.URL, "https://")
	for settings, want := range map[string]string{
		"webhook: {url: '" + seen.URL + "/" + testenv.Secret + "'}":                                          "certificate",
		"ntfy: {url: '" + seen.URL + "/goals', token: " + testenv.Secret + "}":                               "certificate",
		"shoutrrr: 'mattermost://" + host + "/" + testenv.Secret + "'":                                       "certificate",
		"webhook: {url: 'http://127.0.0.1:1/" + testenv.Secret + "'}":                                        "refused",
		"ntfy: {url: 'http://127.0.0.1:1/goals', token: " + testenv.Secret + "}":                             "refused",
		"shoutrrr: 'mattermost://127.0.0.1:1/" + testenv.Secret + "?disabletls=yes'":                         "refused",
		"shoutrrr: 'smtp://me:" + testenv.Secret + "@127.0.0.1:1/?from=a@b.example&to=c@d.example'":          "refused",
		"webhook: {url: 'https://no-such-host.invalid/" + testenv.Secret + "', secret: whsec_" + b(30) + "}": "no-such-host.invalid",
	} {
		w := newWorld(t, "channels:\n  hook: {"+settings+"}\n")
		err := w.tell("hook", goal(t, nil))
		if err == nil || errors.Is(err, broker.ErrPermanent) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error with %q, worth a retry", settings, err, want)
		}
		testenv.NoSecret(t, err, w.log.String())
	}
}

// b is n bytes in base64.
func b(n int) string { return strings.Repeat("AAAA", n/3) }

// Whatever URL a service makes of the channel's, no error shows a secret in it,
// and none takes a failure for success.
func TestShoutrrrKeepsSecrets(t *testing.T) {
	notify.CallTimeout(t, 5*time.Second)
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1") // where nobody is
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	secret := strings.ReplaceAll(testenv.Secret, "-", "") + "ABCDEFGHIJKLMNOP"
	for service, u := range map[string]string{
		"slack":      "slack://hook:AAAAAAAAA-BBBBBBBBB-" + secret[:24] + "@webhook",
		"discord":    "discord://" + secret + "@123456789",
		"pushover":   "pushover://shoutrrr:" + secret + "@user/?devices=x",
		"gotify":     "gotify://127.0.0.1:1/A" + secret[:14] + "?disabletls=yes",
		"googlechat": "googlechat://chat.googleapis.com/v1/spaces/FOO/messages?key=" + secret + "&token=" + secret,
		"zulip":      "zulip://bot%40example.com:" + secret + "@127.0.0.1:1?stream=s&topic=t",
		"rocketchat": "rocketchat://127.0.0.1:1/" + secret + "/" + secret + "?disabletls=yes",
		"generic":    "generic+https://127.0.0.1:1/" + secret + "?x=" + secret,
		"pushbullet": "pushbullet://o.A" + secret + secret[:2],
		"ifttt":      "ifttt://" + secret + "/?events=goal",
		"join":       "join://shoutrrr:" + secret + "@join/?devices=x",
	} {
		w, err := made(t, "channels:\n  hook: {shoutrrr: '"+u+"'}\n")
		if err != nil {
			t.Logf("%s refuses it at start: %v", service, err)
		} else if err = w.tell("hook", goal(t, nil)); err == nil {
			t.Errorf("%s: no error, though nobody is there", service)
		}
		for _, text := range []string{fmt.Sprint(err), w.log.String()} {
			if strings.Contains(text, secret[:12]) || strings.Contains(text, "BBBBBBBBB") {
				t.Errorf("%s: the secret is said: %s", service, text)
			}
		}
	}
}

// A call of the library that is given up goes on: its message is not sent again
// when the event comes again.
func TestShoutrrrThatIsSlow(t *testing.T) {
	notify.CallTimeout(t, 300*time.Millisecond)
	s := newMattermost(t, testenv.Secret)
	w := newWorld(t, "channels:\n  hook: {shoutrrr: 'mattermost://"+strings.TrimPrefix(s.URL, "http://")+"/"+testenv.Secret+"?disabletls=yes'}\n")
	s.set(func(rw http.ResponseWriter) { time.Sleep(time.Second) })
	e := goal(t, nil)
	if err := w.tell("hook", e); err == nil || errors.Is(err, broker.ErrPermanent) {
		t.Errorf("%v, want an error worth a retry", err)
	}
	if err := w.tell("hook", goal(t, nil)); !errors.Is(err, broker.ErrUnavailable) {
		t.Errorf("another event meanwhile: %v, want it to wait", err)
	}
	time.Sleep(1200 * time.Millisecond) // now it has returned
	s.set(nil)
	if err := w.tell("hook", goal(t, nil)); err != nil { // another one comes first
		t.Error(err)
	}
	if err := w.tell("hook", e); err != nil {
		t.Errorf("its outcome was not learnt: %v", err)
	}
	if s.called() != 2 {
		t.Errorf("two events were sent %d times", s.called())
	}
}

// Mail goes out with a subject, and a mailbox that is not there is no reason to
// try again.
func TestMail(t *testing.T) {
	settings := func(s *mailServer) string {
		return "channels:\n  mail: {shoutrrr: 'smtp://me:" + testenv.Secret + "@" + s.Addr().String() + "/?from=a@b.example&to=c@d.example&encryption=None&starttls=No&auth=Plain'}\n"
	}
	s := newMailServer(t, "")
	w := newWorld(t, settings(s))
	if err := w.tell("mail", goal(t, nil)); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(s.all()); got != "[{Goal for Toronto FC: Sebastian Giovinco 6', New York City FC 0–1 Toronto FC}]" {
		t.Errorf("mails: %s", got)
	}
	w = newWorld(t, settings(newMailServer(t, "550 no such mailbox")))
	if err := w.tell("mail", goal(t, nil)); !errors.Is(err, broker.ErrPermanent) {
		t.Errorf("%v, want a permanent error", err)
	}
	w = newWorld(t, settings(newMailServer(t, "451 come again")))
	if err := w.tell("mail", goal(t, nil)); err == nil || errors.Is(err, broker.ErrPermanent) {
		t.Errorf("%v, want an error worth a retry", err)
	}
	testenv.NoSecret(t, w.log.String())
}

// Each kind of channel passes what is asked of any consumer.
func TestAsAnyConsumer(t *testing.T) {
	for kind, channel := range channels(t) {
		t.Run(kind, func(t *testing.T) {
			consumertest.Run(t, func(t *testing.T) consumertest.Subject {
				c := channel(t)
				answer := func(f func(http.ResponseWriter)) func() func() {
					return func() func() {
						c.set(f)
						return func() { c.set(nil) }
					}
				}
				return consumertest.Subject{
					New: func(h consumers.Host) (consumers.Consumer, error) {
						h.Redis = c.w.redis // where the browser has subscribed
						return notify.New(h)
					},
					Settings: c.w.settings, Dir: c.w.dir,
					Effects: c.shows,
					Fail:    answer(func(w http.ResponseWriter) { w.WriteHeader(500) }),
					Refuse:  answer(func(w http.ResponseWriter) { w.WriteHeader(400) }),
					Hang: func() func() {
						over := make(chan struct{})
						undo := answer(func(http.ResponseWriter) { <-over })()
						return func() { close(over); undo() }
					},
				}
			})
		})
	}
}
