package notify_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/serviceworker"
	"github.com/chromedp/chromedp"

	"github.com/matchwire/matchwire/consumers/consumertest"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/testenv/browser"
)

// A page subscribes in a real browser. For a goal that is corrected and then retracted, the browser
// shows only the latest notification.
func TestInBrowser(t *testing.T) {
	w, s, subscription := phones(t, 1)
	mux := http.NewServeMux()
	mux.Handle("/api/notify/", http.StripPrefix("/api/notify", w.Serve))
	mux.HandleFunc("/", func(rw http.ResponseWriter, _ *http.Request) { rw.Header().Set("Content-Type", "text/html") })
	site := httptest.NewServer(mux)
	defer site.Close()

	ctx := browser.Open(t, site.URL+"/")
	registered := make(chan serviceworker.RegistrationID, 100)
	if err := chromedp.Listen(ctx, func(ev any) {
		if e, ok := ev.(*serviceworker.EventWorkerRegistrationUpdated); ok {
			for _, r := range e.Registrations {
				registered <- r.RegistrationID
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, serviceworker.Enable, cdp.Empty{}); err != nil {
		t.Fatal(err)
	}
	permission := cdpbrowser.SetPermissionParams{Permission: &cdpbrowser.PermissionDescriptor{Name: "notifications"},
		Setting: cdpbrowser.PermissionSettingGranted, Origin: site.URL}
	if _, err := chromedp.CallBrowser(ctx, cdpbrowser.SetPermission, permission); err != nil {
		t.Fatal(err)
	}
	run := func(script string) string {
		t.Helper()
		got, err := chromedp.Run(ctx, chromedp.Evaluate[string](`(async () => { try { `+script+` } catch (e) { return "" `+
			`+ e } })()`, chromedp.EvalAwaitPromise))
		if err != nil {
			t.Fatalf("%s: %v", script, err)
		}
		return got
	}
	// The browser has no push service in this test, so a stub returns its subscription.
	if got := run(`PushManager.prototype.subscribe = async () => (` + subscription(0) + `);
		const { subscribe } = await import("/api/notify/push.js");
		await subscribe("phones", { kinds: ["goal"] });
		const { active } = (await navigator.serviceWorker.getRegistrations())[0];
		while (active.state !== "activated") await new Promise((r) => setTimeout(r, 10));
		return "subscribed"`); got != "subscribed" {
		t.Fatalf("subscribe script: got %q, want subscribed", got)
	}
	if n := w.redis.HLen(t.Context(), "mw:push:{phones}").Val(); n != 1 {
		t.Fatalf("stored subscriptions: got %d, want 1", n)
	}
	worker := <-registered

	e := consumertest.Goal()
	corrected := consumertest.Corrected(e)
	other := consumertest.Other(e, 9)
	var pushed []string
	s.onMessage(func(plain []byte) { pushed = append(pushed, string(plain)) })
	for _, e := range []event.Event{e, corrected, other, consumertest.Retracted(corrected)} {
		if err := w.deliver("phones", e); err != nil {
			t.Fatal(err)
		}
	}
	shows := func() string {
		return run(`return JSON.stringify((await (await ` +
			`navigator.serviceWorker.getRegistrations())[0].getNotifications()).map((n) => n.title + " | " + n.body).sort())`)
	}
	for _, data := range pushed {
		var m struct{ Title string }
		if err := json.Unmarshal([]byte(data), &m); err != nil {
			t.Fatal(err)
		}
		// The browser drops a message if its service worker is still starting or not stored yet.
		// Deliver the message again until the browser shows the notification.
		for end := time.Now().Add(30 * time.Second); !strings.Contains(shows(), m.Title) && time.Now().Before(end); {
			message := serviceworker.DeliverPushMessageParams{Origin: site.URL, RegistrationID: worker, Data: data}
			if _, err := chromedp.Call(ctx, serviceworker.DeliverPushMessage, message); err != nil {
				t.Fatal(err)
			}
			for wait := time.Now().Add(time.Second); !strings.Contains(shows(), m.Title) && time.Now().Before(wait); {
				time.Sleep(20 * time.Millisecond)
			}
		}
	}
	got := shows()
	var shown []string
	if err := json.Unmarshal([]byte(got), &shown); err != nil {
		t.Fatalf("notifications %s: error %v, want JSON", got, err)
	}
	const want = "Goal for Toronto FC: Jonathan Osorio | 19', New York City FC 0–11 Toronto FC; Taken back: goal for " +
		"Toronto FC: Jozy Altidore | 6', New York City FC 0–0 Toronto FC"
	if strings.Join(shown, "; ") != want {
		t.Errorf("the browser shows\ngot  %s\nwant %s", strings.Join(shown, "; "), want)
	}
}
