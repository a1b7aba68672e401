package web_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/fanout"
	"github.com/matchwire/matchwire/internal/deadletters"
	"github.com/matchwire/matchwire/internal/embedded"
	"github.com/matchwire/matchwire/internal/guard"
	"github.com/matchwire/matchwire/internal/httpapi"
	"github.com/matchwire/matchwire/internal/instances"
	"github.com/matchwire/matchwire/internal/outbox"
	"github.com/matchwire/matchwire/internal/overview"
	"github.com/matchwire/matchwire/internal/scheduler"
	"github.com/matchwire/matchwire/internal/testenv"
)

// A pipelineSite is a site with the API of a pipeline. The pipeline has one consumer, picky.
type pipelineSite struct {
	*site
	fixed atomic.Bool // until it is set, picky dead-letters each event
	down  atomic.Bool // while it is set, the API fails

	schedule *scheduler.Schedule
}

// newPipelineSite starts a site whose API accepts a token with all scopes, unless token is "". Other machines can
// connect to it if remote is set.
func newPipelineSite(t *testing.T, token string, remote bool) *pipelineSite {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	servers, err := embedded.Open("", log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { servers.Close() })
	tokens, err := guard.LoadTokens("", token)
	if err != nil {
		t.Fatal(err)
	}
	o := &pipelineSite{}
	phone := broker.Subscription{Queue: "consumer.notify.phone", Patterns: []string{"*.*.goal"}}
	picky := broker.Subscription{Queue: "consumer.picky", Patterns: []string{"*.*.goal"}}
	registry := instances.New(servers.Redis, "mw:", "")
	schedule := scheduler.NewSchedule(servers.Redis, "mw:", nil)
	o.schedule = schedule
	plan := overview.New([]broker.Subscription{picky, phone, {Queue: "task.parser.page.poll", Exchange: broker.Tasks,
		Patterns: []string{"parser.page.poll"}}}, func(queue string) string {
		if queue == "task.parser.page.poll" {
			return "parser"
		}
		return strings.TrimPrefix(queue, "consumer.")
	})
	plan.Consumers[1].Tests = true
	tests := 0
	api := &httpapi.API{
		Tests: map[string]func(context.Context) (consumers.TestResult, error){
			"notify.phone": func(context.Context) (consumers.TestResult, error) {
				if tests++; tests == 1 {
					return consumers.TestResult{Text: "[Test] Goal <b>", Recipients: 1, Accepted: 1}, nil
				}
				return consumers.TestResult{Recipients: 1, Reason: "ntfy https://ntfy.sh: answered 403 Forbidden"}, nil
			},
		},
		Schedule: schedule, Instances: registry, Publisher: servers.Broker, Log: log,
		Guard: &guard.Guard{Local: !remote, Tokens: tokens, Sessions: guard.NewSessions("", "")},
		Dead:  deadletters.OnBroker{Broker: servers.Broker, Consumers: []string{"picky"}},
		Pipeline: &overview.Reader{Plan: plan, Broker: servers.Broker, Schedule: schedule,
			Outboxes: outbox.NewStore(servers.Redis, "mw:"), Instances: registry, Log: log},
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		registry.Announce(ctx, nil, log, func(context.Context) instances.Instance {
			return instances.Instance{Name: "server-1", Status: "warn", Clients: new(3),
				Consumers: []instances.Consumer{{Name: "picky", Handled: 40, Rate: 2.5}, {Name: "parser", Handled: 9}}}
		})
	}()
	ready := make(chan struct{})
	picky.Ready = ready
	handling := make(chan error, 1)
	go func() {
		handling <- servers.Broker.Subscribe(ctx, picky, func(context.Context, broker.Message) error {
			if o.fixed.Load() {
				return nil
			}
			return broker.Permanent(errors.New("unknown <b>player</b>"))
		})
	}()
	<-ready
	t.Cleanup(func() {
		cancel()
		<-done
		if err := <-handling; err != nil {
			t.Error(err)
		}
	})
	for _, by := range []string{scheduler.ByConfig, scheduler.ByAPI} {
		source := event.Source{ID: "id-" + by, URL: "https://site.example/<img src=x>/" + by, Profile: "mls",
			Every: event.Interval(15 * time.Second)}
		a := scheduler.Activation{Source: source, Sport: event.Soccer, League: "MLS", By: by}
		if _, _, err := schedule.Activate(event.WithTID(t.Context(), event.NewTID()), a); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 2 {
		e, err := event.Of("soccer.mls.goal", event.Data{Player: fmt.Sprint("Player ", i)}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		e.TID = event.NewTID()
		m, err := broker.NewMessage(e)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := servers.Broker.Publish(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	handler := api.Handler()
	o.site = newSiteOf(t, fanout.Options{}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if o.down.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		handler.ServeHTTP(w, r)
	}))
	return o
}

// click waits for a button with the given text, and clicks the last such button.
func (p page) click(text string) {
	p.Helper()
	p.until(fmt.Sprintf(`(() => { const b = [...document.querySelectorAll("button")].reverse()
		.find((b) => b.textContent.trim() === %q); b?.click(); return !!b; })()`, text), "true")
}

// login enters a token.
func (p page) login(token string) {
	p.Helper()
	p.until(`!!document.querySelector("#token")`, "true")
	p.run(fmt.Sprintf(`const f = document.querySelector("#token"); f.value = %q; f.form.requestSubmit();
		return "";`, token))
}

// An operator logs in with the API token, reads a dead letter, replays it, and logs out. Without a session, the page
// shows nothing of the pipeline. No script can read the session or the token.
func TestOperator(t *testing.T) {
	t.Parallel()
	s := newPipelineSite(t, testenv.Secret, true)
	p := s.open("pipeline")
	p.shows("main", "Only an operator may see the pipeline.")
	p.click("Log in")
	p.login("wrong")
	p.shows("dialog", "The server does not know this token.")
	p.login(testenv.Secret)
	p.shows("[data-queue='consumer.picky']", "*.*.goal", "0 messages", "2.5/s", "40 handled", "1 instance",
		"2 dead letters")
	p.shows("[data-queue='live_events.log']", "3 sockets")
	p.until(`document.querySelector("[data-queue='consumer.picky'] h3").innerHTML`, "consumer.<wbr>picky")
	p.shows(".sources", "https://site.example/<img src=x>/api", "not polled yet", "from the config")
	p.shows("#result", "Logged in for 8 hours.")
	got := p.run(`return document.cookie + JSON.stringify(localStorage) + JSON.stringify(sessionStorage) +
		document.documentElement.outerHTML`)
	if strings.Contains(got, testenv.Secret) || strings.Contains(got, "matchwire_session") {
		t.Error("the page keeps the token, or a script can read the session")
	}

	p.click("2 dead letters")
	p.shows("dialog", "soccer.mls.goal", "unknown <b>player</b>", "1 attempt")
	s.fixed.Store(true)
	p.click("Replay")
	p.shows("#result", "Dead letter moved back to the queue.")
	p.shows("dialog", "1 dead letter")
	p.click("Delete all")
	p.click("Really delete all?")
	p.shows("#result", "1 dead letter deleted.")
	p.shows("dialog", "No dead letters.")
	p.click("Close")
	p.shows("[data-queue='consumer.picky']", "no dead letters")
	p.click("Stop")
	p.click("Really stop?")
	p.shows("#result", "is no longer polled")
	p.until(`[...document.querySelectorAll(".source .name")].map((e) => e.textContent.split("/").at(-1)).join()`, "config")

	p.click("Add a page")
	p.run(`const f = document.querySelector("dialog form"); f.elements.url.value = "https://site.example/2";
		f.elements.profile.value = "none"; f.requestSubmit(); return "";`)
	p.shows("dialog", `unknown profile "none"`)
	p.click("Close")

	p.click("Log out")
	p.shows("main", "Only an operator may see the pipeline.")
	if got := p.text(".flow"); got != "" {
		t.Errorf("after the logout, the page shows %q, want nothing", got)
	}
}

// press clicks the first button in the elements that a selector selects.
func (p page) press(selector, text string) {
	p.Helper()
	p.until(fmt.Sprintf(`(() => { const b = [...document.querySelectorAll(%q)].find((b) => b.textContent.trim() === %q);
		b?.click(); return !!b; })()`, selector+" button", text), "true")
}

// An operator pauses, resumes and polls a source of the config, and sends a test through a channel. The page shows the
// results.
func TestOperateSourcesAndChannels(t *testing.T) {
	t.Parallel()
	s := newPipelineSite(t, testenv.Secret, false)
	p := s.open("pipeline")
	p.shows(".sources", "from the config")
	if got := p.text(".source button, .consumer button"); got != "" {
		t.Errorf("without a login, the page offers %q, want nothing", got)
	}
	p.click("Log in")
	p.login(testenv.Secret)
	const channel = "[data-queue='consumer.notify.phone']"
	p.press(".source:last-child", "Pause")
	p.shows("#result", "https://site.example/<img src=x>/config is paused. Its matches become stale in two minutes.")
	p.shows(".source.paused", "paused for", "/config", "Resume")
	for _, colour := range []string{"light", "dark"} {
		p.media("prefers-color-scheme", colour)
		for _, width := range []int{360, 1280} {
			p.resize(width, 1000)
			view := fmt.Sprint("pipeline paused ", colour, " ", width)
			p.axe(view)
			p.until(`document.documentElement.scrollWidth <= innerWidth`, "true")
			p.shot(strings.ReplaceAll(view, " ", "-"))
		}
	}
	e, _, err := s.schedule.Get(t.Context(), "id-config")
	if err != nil || e.Paused == nil {
		t.Errorf("entry %+v, error %v; want it paused", e, err)
	}
	p.press(".source.paused", "Resume")
	p.shows("#result", "/config is polled again.")
	p.until(`document.querySelector(".source.paused")`, "null")
	if _, _, err := s.schedule.Pop(t.Context(), 8, new(scheduler.PopID)); err != nil {
		t.Fatal(err)
	}
	p.press(".source:last-child", "Poll now")
	p.shows("#result", "the source was polled less than 5s ago: try again in")
	p.press(".source:first-child", "Poll now")
	p.shows("#result", "/api is polled now.")
	polls, _, err := s.schedule.Pop(t.Context(), 8, new(scheduler.PopID))
	if err != nil || len(polls) != 1 || polls[0].Activation.ID != "id-api" || polls[0].Asked.IsZero() {
		t.Errorf("due polls %+v, error %v; want one of id-api that a job has asked for", polls, err)
	}

	p.press(channel, "Send a test")
	p.shows("#result", "notify.phone: test accepted for 1 of 1 recipient. “[Test] Goal <b>”")
	p.press(channel, "Send a test")
	p.shows("#result", "notify.phone: test accepted for 0 of 1 recipient.",
		"Refused: ntfy https://ntfy.sh: answered 403 Forbidden")
}

// If the session of an operator has ended, an action fails with a text that says so, and the page offers to log in.
func TestEndedSession(t *testing.T) {
	t.Parallel()
	s := newPipelineSite(t, testenv.Secret, false)
	p := s.open("pipeline")
	p.click("Log in")
	p.login(testenv.Secret)
	p.click("2 dead letters")
	p.shows("dialog", "Replay")
	p.run(`await fetch("/api/session", { method: "DELETE" }); return "";`)
	p.click("Replay")
	p.shows("#result", "The session has ended, or you are not logged in.")
	p.shows("header.top", "Log in")
	p.shows("dialog", "2 dead letters", "log in")
}

// On the same machine, a server without an API token shows the pipeline, and offers no action. While the API fails, the
// page is grey and shows the age of the state.
func TestPipelineWithoutToken(t *testing.T) {
	t.Parallel()
	s := newPipelineSite(t, "", false)
	p := s.open("pipeline")
	p.shows("header.top", "No API token: view only")
	p.click("2 dead letters")
	p.shows("dialog", "soccer.mls.goal", "start matchwire with an API token")
	if got := p.text("dialog li button, .sources button"); got != "" {
		t.Errorf("the page offers %q, want no actions", got)
	}
	p.click("Close")
	s.down.Store(true)
	p.shows("#offline", "The page shows the state at")
	p.until(`getComputedStyle(document.querySelector("main")).filter`, "grayscale(1)")
	s.down.Store(false)
	p.shows("#state", "Live")
}

// On another machine, a server without an API token says how to create one, and does not offer to log in.
func TestPipelineWithoutTokenElsewhere(t *testing.T) {
	t.Parallel()
	s := newPipelineSite(t, "", true)
	p := s.open("pipeline")
	p.shows("main", "This server has no API token", "“matchwire token NAME operate” creates one")
	if got := p.text("header.top") + p.text("main"); strings.Contains(got, "view only") ||
		strings.Contains(got, "session has ended") || strings.Contains(got, "Log in") {
		t.Errorf("the page shows %q, want nothing about a session", got)
	}
}

// The pipeline page violates no rule of axe, in light and dark colours and at each width, and is not wider than the
// window. The keyboard reaches all controls.
func TestPipelineIsAccessible(t *testing.T) {
	t.Parallel()
	s := newPipelineSite(t, testenv.Secret, false)
	p := s.open("pipeline")
	p.shows("[data-queue='consumer.picky']", "2 dead letters")
	p.click("Log in")
	p.axe("pipeline login")
	p.login(testenv.Secret)
	p.shows(".sources", "Stop")
	p.until(`document.querySelectorAll("svg.spark").length > 0`, "true")
	for _, colour := range []string{"light", "dark"} {
		p.media("prefers-color-scheme", colour)
		for _, width := range []int{320, 768, 1280, 2560} {
			p.resize(width, 1000)
			view := fmt.Sprint("pipeline ", colour, " ", width)
			p.axe(view)
			p.until(`document.documentElement.scrollWidth <= innerWidth`, "true")
			p.shot(strings.ReplaceAll(view, " ", "-"))
		}
	}
	p.click("2 dead letters")
	p.shows("dialog", "soccer.mls.goal")
	p.resize(320, 1000)
	p.axe("dead letters")
	p.shot("pipeline-dead-320")
	p.click("Close")
	got := p.run(`return [...document.querySelectorAll("button, a, summary, input, [tabindex='0']")]
		.filter((e) => e.tabIndex < 0).map((e) => e.outerHTML).join()`)
	if got != "" {
		t.Errorf("the keyboard does not reach %s", got)
	}
}

// The pipeline page has the language of the URL.
func TestLanguagesOfPipeline(t *testing.T) {
	t.Parallel()
	s := newPipelineSite(t, testenv.Secret, false)
	for code, want := range map[string][]string{
		"de": {"Quellen", "aus der Konfig", "2 Dead Letters", "40 verarbeitet", "Pausieren", "Jetzt abfragen"},
		"es": {"Fuentes", "de la configuración", "2 mensajes fallidos", "40 procesados", "Pausar", "Consultar ahora"},
		"fr": {"Sources", "de la configuration", "2 messages en échec", "40 traités", "Mettre en pause", "Relever"},
	} {
		p := s.open("pipeline?lang=" + code)
		p.shows("main", want[:4]...)
		p.run(`document.querySelector("header.top button").click(); return "";`)
		p.login(testenv.Secret)
		p.shows("main", want...)
		p.until(`document.documentElement.lang`, code)
		for _, width := range []int{360, 1280} {
			p.resize(width, 1000)
			p.axe(fmt.Sprint("pipeline ", code, " ", width))
			p.until(`document.documentElement.scrollWidth <= innerWidth`, "true")
			p.shot(fmt.Sprintf("pipeline-%s-%d", code, width))
		}
	}
}

// The history covers the last hour. A chart has at most one point for each column, and a series without values in this
// hour has no chart.
func TestPipelineHistory(t *testing.T) {
	t.Parallel()
	p := newSite(t).open("icon.svg")
	got := p.run(`await (await import("/pipeline/words.js")).load();
		const { record, Spark } = await import("/pipeline/history.js");
		const { html, render } = await import("/dist/preact.js");
		const at = Date.parse("2026-01-01T00:00:00Z"), place = document.createElement("div");
		for (let n = 0; n <= 2400; n++) record({
			at: new Date(at + n * 3000).toISOString(), fanout: [{ clients: n === 100 ? 99 : n % 7 }],
			queues: n < 5 ? [{ name: "gone", state: { messages: 1 } }] : [], consumers: [], outboxes: { list: [] } });
		const chart = (series, what) => html` + "`<${Spark} series=${series} what=${what} />`" + `;
		render([chart("clients", "Sockets"), chart("messages gone", "Gone")], place);
		const charts = [...place.querySelectorAll("svg")];
		return charts.length + " " + charts[0].getAttribute("aria-label") + " " +
			(charts[0].querySelector(".line").getAttribute("d").match(/[ML]/g).length <= 121);`)
	if want := "1 Sockets in the last 60 minutes: now 6, at most 6 true"; got != want {
		t.Errorf("the charts are %q, want %q", got, want)
	}
}
