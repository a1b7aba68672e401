package web_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"testing"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"

	"github.com/matchwire/matchwire/fanout"
)

// The button for notifications subscribes the browser with the filter of the page, and ends the subscription. The
// scripts are those of the notify consumer, whose own tests receive notifications in a browser.
func TestNotifications(t *testing.T) {
	t.Parallel()
	calls := make(chan string, 10)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/notify/{$}", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"channels":["phones"]}`)
	})
	files := http.FileServerFS(os.DirFS("../../consumers/notify/web"))
	mux.Handle("GET /api/notify/", http.StripPrefix("/api/notify/", files))
	mux.HandleFunc("GET /api/notify/phones", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"public_key":"BA"}`)
	})
	subscriptions := func(w http.ResponseWriter, r *http.Request) {
		var got struct {
			Teams, Kinds, Topics []string
			Language             string
		}
		_ = json.NewDecoder(r.Body).Decode(&got)
		text, _ := json.Marshal(got)
		calls <- r.Method + " " + string(text)
		if r.Method == http.MethodDelete {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		_, _ = io.WriteString(w, `{"id":"1"}`)
	}
	mux.HandleFunc("POST /api/notify/phones/subscriptions", subscriptions)
	mux.HandleFunc("DELETE /api/notify/phones/subscriptions", subscriptions)
	s := newSiteOf(t, fanout.Options{}, mux)
	matchDay(s)
	p := s.open("?team=Toronto+FC&kind=goal&league=MLS")
	permission := cdpbrowser.SetPermissionParams{Permission: &cdpbrowser.PermissionDescriptor{Name: "notifications"},
		Setting: cdpbrowser.PermissionSettingGranted, Origin: s.url[:len(s.url)-1]}
	if _, err := chromedp.CallBrowser(p.ctx, cdpbrowser.SetPermission, permission); err != nil {
		t.Fatal(err)
	}
	p.shows("[data-match=mls-1]", "Toronto FC")
	// The browser has no push service in this test, so stubs return its subscription.
	p.run(`const one = { endpoint: "https://push.example/1", toJSON: () => ({ endpoint: "https://push.example/1" }) };
		let current = null;
		PushManager.prototype.subscribe = async () => (current = one);
		PushManager.prototype.getSubscription = async () => current;
		document.querySelector("#open-settings").click(); return "";`)
	p.shows(".alerts button", "Notify me")
	p.run(`document.querySelector(".alerts button").click(); return "";`)
	want := `POST {"Teams":["Toronto FC"],"Kinds":["goal"],"Topics":["soccer.mls.*"],"Language":"en"}`
	if got := <-calls; got != want {
		t.Errorf("the page sent %s, want %s", got, want)
	}
	p.shows(".alerts", "Stop notifications", "This browser gets notifications. Toronto FC, soccer.mls.*, goal")
	p.run(`document.querySelector(".alerts button").click(); return "";`)
	if got := <-calls; got[:6] != http.MethodDelete {
		t.Errorf("the page sent %s, want DELETE", got)
	}
	p.shows(".alerts button", "Notify me")
}
