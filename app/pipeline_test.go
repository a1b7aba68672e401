package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/broker/rabbit"
	"github.com/matchwire/matchwire/consumers/notify"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/testenv"
)

// A world is a namespace on real servers for one test. env contains the environment variables that
// make matchwire use these servers and this namespace.
type world struct {
	t              *testing.T
	amqp, redisURL string
	namespace      string
	redis          *redis.Client
	env            []string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t}
	w.amqp, w.namespace = testenv.AMQP(t, nil, "consumer.notify.hook", "consumer.notify.log",
		"consumer.scoreboard", "consumer.scheduler", "task.parser.page.poll")
	w.redisURL = testenv.Redis(t)
	w.env = []string{"AMQP_URL=" + w.amqp, "REDIS_URL=" + w.redisURL, "MATCHWIRE_NAMESPACE=" + w.namespace}
	opts, err := redis.ParseURL(w.redisURL)
	if err != nil {
		t.Fatal(err)
	}
	w.redis = redis.NewClient(opts)
	t.Cleanup(func() { w.redis.Close() })
	return w
}

// envMap returns the URLs of the servers as an environment for call.
func (w *world) envMap() map[string]string {
	return map[string]string{"AMQP_URL": w.amqp, "REDIS_URL": w.redisURL}
}

// writeConfig writes a config file and returns its name.
func writeConfig(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "matchwire.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// exchange binds a new queue to the exchange of events. It returns the queue's messages and
// an AMQP channel.
func (w *world) exchange() (<-chan amqp.Delivery, *amqp.Channel) {
	w.t.Helper()
	conn, err := amqp.Dial(w.amqp)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { conn.Close() })
	ch, err := conn.Channel()
	if err != nil {
		w.t.Fatal(err)
	}
	name := w.namespace + ".live_events"
	if err := ch.ExchangeDeclare(name, "topic", true, false, false, false, nil); err != nil {
		w.t.Fatal(err)
	}
	q, err := ch.QueueDeclare("", false, true, true, false, nil)
	if err == nil {
		err = ch.QueueBind(q.Name, "#", name, false, nil)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	got, err := ch.Consume(q.Name, "", true, true, false, false, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return got, ch
}

// emit publishes an event without facts and returns the event's ID.
func (w *world) emit(key string) (id string) {
	w.t.Helper()
	code, out, errs := call(w.t, "", w.envMap(), "emit", key, "{}", "--json", "--namespace", w.namespace)
	if code != 0 {
		w.t.Fatalf("emit: exit %d, want 0: %s", code, errs)
	}
	return decodeLines(w.t, out)[0].ID
}

// scoreboard returns the scoreboard hash of a match.
func (w *world) scoreboard(match string) map[string]string {
	return w.redis.HGetAll(w.t.Context(), "mw:"+w.namespace+":{"+match+"}:scoreboard").Val()
}

// follow connects a WebSocket client and returns the list of events that the client
// receives. The list grows while the client is connected.
func follow(t *testing.T, addr string) *eventList {
	t.Helper()
	conn, _, err := websocket.DefaultDialer.Dial("ws://"+addr+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, _, err := conn.ReadMessage(); err != nil { // the snapshot
		t.Fatal(err)
	}
	b := &eventList{}
	go func() {
		for {
			var f struct{ Event json.RawMessage }
			if conn.ReadJSON(&f) != nil {
				return
			}
			if e, err := event.Decode(f.Event); err == nil {
				b.add(e)
			}
		}
	}()
	return b
}

// An eventList is a list of events. Several goroutines can use it at the same time.
type eventList struct {
	mu     sync.Mutex
	events []event.Event
}

func (b *eventList) add(e event.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.events = append(b.events, e)
}

func (b *eventList) all() []event.Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.events)
}

// tids returns the TIDs of the events by event ID.
func (b *eventList) tids() map[string]string {
	m := map[string]string{}
	for _, e := range b.all() {
		m[e.ID] = e.TID.String()
	}
	return m
}

// newSite starts a site that responds to each request with the next page of a fixture. After the
// last page, it repeats that page.
func newSite(t *testing.T, dir string) *httptest.Server {
	t.Helper()
	pages, err := filepath.Glob(filepath.Join(dir, "*.html"))
	if err != nil || len(pages) == 0 {
		t.Fatalf("found %d pages in %s, error %v; want at least one page", len(pages), dir, err)
	}
	var served atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/robots.txt" {
			http.NotFound(w, r)
			return
		}
		n := min(int(served.Add(1)), len(pages)) - 1
		page, err := os.ReadFile(pages[n])
		if err != nil {
			t.Error(err)
		}
		_, _ = w.Write(page)
	}))
	t.Cleanup(s.Close)
	return s
}

var address = regexp.MustCompile(`msg=serving address=(\S+)`)

// address waits until the process serves, and returns its address.
func (p *process) address() string {
	p.t.Helper()
	var m []string
	p.eventually("its address", func() bool {
		m = address.FindStringSubmatch(p.output())
		return m != nil
	})
	return m[1]
}

// If the roles run in several processes, an incident on a page causes a message, a notification, a
// scoreboard update and a frame. All have the TID of the poll. Two processes with the role consumers
// share the work.
func TestRolesInProcesses(t *testing.T) {
	w := newWorld(t)
	notified := &eventList{}
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var n notify.Notification
		if err := json.NewDecoder(r.Body).Decode(&n); err != nil {
			t.Errorf("decoding the notification: %v", err)
		}
		notified.add(n.Event)
	}))
	defer hook.Close()
	pages := newSite(t, nycTor)
	config := writeConfig(t, `
sources:
  - {url: "`+pages.URL+`/match", profile: mls-matchcentre, match: mls-2016-11-06-nyc-tor, every: 1s}
consumers:
  scoreboard:
  notify:
    channels: {hook: {webhook: {url: `+hook.URL+`}}}
    rules: [{topics: ["#"]}]
listen: 127.0.0.1:0
fetch: {private_addresses: true}
`)
	arrived, _ := w.exchange()
	fan := start(t, "msg=serving", w.env, "run", "fanout", "--config", config)
	runConsumers := []string{"run", "consumers", "--config", config, "--log-level", "debug"}
	one := start(t, "consumer=scoreboard keys", w.env, runConsumers...)
	two := start(t, "consumer=scoreboard keys", w.env, runConsumers...)
	framed := follow(t, fan.address())
	pars := start(t, "", w.env, "run", "scheduler", "parser", "--config", config, "--log-level", "debug")

	const events = 14 // the activation, 12 from the pages, and the marker
	const match = "mls-2016-11-06-nyc-tor"
	pars.eventually("the final scoreboard", func() bool { return w.scoreboard(match)["status"] == "final" })
	marker := w.emit("soccer.mls.yellow_card") // published last, so it arrives after all other events
	handled := func() int { return strings.Count(one.output()+two.output(), "event handled") }
	pars.eventually("all events at the notifier and the socket", func() bool {
		return len(notified.all()) >= events && len(framed.all()) >= events && handled() >= 2*events
	})

	messages := map[string]string{}
	for len(messages) < events {
		select {
		case d := <-arrived:
			if d.CorrelationId != d.Headers["tid"] {
				t.Errorf("message %s: CorrelationId %s and header tid %v, want equal TIDs",
					d.MessageId, d.CorrelationId, d.Headers["tid"])
			}
			messages[d.MessageId] = d.CorrelationId
		case <-time.After(10 * time.Second):
			t.Fatalf("got %d messages on the exchange, want %d", len(messages), events)
		}
	}
	notifications, frames := notified.tids(), framed.tids()
	if len(notified.all()) != events || len(framed.all()) != events {
		t.Errorf("got %d notifications and %d frames, want %d of each", len(notified.all()), len(framed.all()), events)
	}
	activation := ""
	for _, e := range framed.all() {
		if e.Type == "soccer.mls.match_activated" {
			activation = e.ID // the poll with its TID can expire before the parser is ready
		}
	}
	for id, tid := range messages {
		if notifications[id] != tid || frames[id] != tid {
			t.Errorf("event %s: TID %s on the exchange, %s in the notification, %s in the frame; want equal TIDs",
				id, tid, notifications[id], frames[id])
		}
		if id != marker && id != activation && !strings.Contains(pars.output(), `msg="page read" tid=`+tid) {
			t.Errorf("no log line of the parser has TID %s", tid)
		}
		if !strings.Contains(one.output()+two.output(), `msg="event handled" consumer=notify.hook tid=`+tid) {
			t.Errorf("no log line of a consumer has TID %s", tid)
		}
	}
	goals := 0
	for _, e := range framed.all() {
		if e.Type == "soccer.mls.goal" {
			goals++
		}
	}
	board := w.scoreboard(match)
	if goals != 5 || board["home_score"] != "0" || board["away_score"] != "5" ||
		messages[board["id"]] != board["tid"] {
		t.Errorf("%d goals, scoreboard %v; want 5 goals, 0-5 and a known event ID and TID", goals, board)
	}
	for name, p := range map[string]*process{"one": one, "two": two} {
		if n := strings.Count(p.output(), "event handled"); n < events/4 {
			t.Errorf("process %s handled %d of %d events, want at least %d", name, n, 2*events, events/4)
		}
	}
	if n := handled(); n != 2*events {
		t.Errorf("the two processes handled %d events, want %d", n, 2*events)
	}
}

// Consumers that start long after the parser miss no event, because the parser declares their
// queues.
func TestConsumersStartLate(t *testing.T) {
	w := newWorld(t)
	pages := newSite(t, "../fixtures/soccer/one-goal")
	config := writeConfig(t, `
sources: [{url: "`+pages.URL+`", profile: mls-matchcentre, match: late, every: 1s}]
fetch: {private_addresses: true}
`)
	arrived, _ := w.exchange()
	start(t, "parser ready", w.env, "run", "scheduler", "parser", "--config", config)
	for range 3 { // kick-off, first half, goal
		select {
		case <-arrived:
		case <-time.After(30 * time.Second):
			t.Fatal("waited 30 s for the next of three events on the exchange")
		}
	}
	cons := start(t, "consumer=scoreboard keys", w.env, "run", "consumers", "--config", config)
	cons.eventually("the scoreboard", func() bool { return w.scoreboard("late")["away_score"] == "1" })
}

// A replay goes through RabbitMQ to the scoreboard and the socket, and sends no
// notification.
func TestReplayThroughServers(t *testing.T) {
	w := newWorld(t)
	fan := start(t, "msg=serving", w.env, "run", "fanout", "--listen", "127.0.0.1:0")
	cons := start(t, "consumer=scoreboard keys", w.env, "run", "consumers")
	framed := follow(t, fan.address())

	for _, tc := range []struct {
		path, profile string
		match         string
		home, away    string
		goals, events int
	}{
		{nycTor, "", "mls-2016-11-06-nyc-tor", "0", "5", 5, 12},
		{
			captured("soccer/abseits-sunderland-bournemouth.html"),
			"abseits", "abseits-sunderland-bournemouth-2025-11-29", "3", "2", 5, 30,
		},
		{captured("soccer/fbref-liverpool-bournemouth.html"), "fbref", "fbref-a071faa8", "4", "2", 6, 24},
		{
			captured("hockey/hockeyref-ari-van-20200304.html"),
			"hockey-reference", "hockey-reference-202003040VAN", "2", "4", 6, 20,
		},
	} {
		if tc.path == "" {
			t.Logf("LEFT OUT: no captured page for %s: set MATCHWIRE_PAGES", tc.profile)
			continue
		}
		before := len(framed.all())
		args := []string{"replay", tc.path, "--speed", "max"}
		if tc.profile != "" {
			args = append(args, "--profile", tc.profile)
		}
		code, _, errs := call(t, "", w.envMap(), append(args, "--namespace", w.namespace)...)
		if code != 0 || !strings.Contains(errs, fmt.Sprintf("%d events from", tc.events)) {
			t.Fatalf("replay of %s: exit %d, want %d events:\n%s", tc.path, code, tc.events, errs)
		}
		fan.eventually("the frames", func() bool { return len(framed.all()) >= before+tc.events })
		match := ""
		goals := 0
		for _, e := range framed.all()[before:] {
			match = e.Subject
			if e.Data.Kind == event.Goal {
				goals++
			}
			if !e.Data.Replay || !strings.HasPrefix(e.Subject, tc.match+"-replay-") {
				t.Errorf("%s of %s is not marked as a replay of %s", e.Type, e.Subject, tc.match)
			}
		}
		if goals != tc.goals {
			t.Errorf("%s: got frames for %d goals, want %d", tc.match, goals, tc.goals)
		}
		cons.eventually("the scoreboard", func() bool {
			b := w.scoreboard(match)
			return b["home_score"] == tc.home && b["away_score"] == tc.away && b["status"] == "final"
		})
	}
	if strings.Contains(cons.output(), "msg=notification") {
		t.Errorf("a replay sent a notification, want none:\n%s", cons.output())
	}
}

// captured returns the path of a captured page, or "" if the tests have no captured pages.
func captured(file string) string {
	dir := testenv.Pages("..")
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, file)
}

func TestReplayAsLiveRefusesExistingState(t *testing.T) {
	w := newWorld(t)
	env := w.envMap()
	args := []string{"replay", nycTor, "--speed", "max", "--as-live", "--namespace", w.namespace}
	if code, _, errs := call(t, "", env, args...); code != 0 {
		t.Fatalf("first replay --as-live: exit %d, want 0: %s", code, errs)
	}
	code, _, errs := call(t, "", env, args...)
	if code != 1 || !strings.Contains(errs, "already has state for match mls-2016-11-06-nyc-tor") {
		t.Errorf("second replay --as-live: exit %d: %s; want exit 1, because the match already has state", code, errs)
	}
}

// A message that is not an event is dead-lettered with the reason, and the next message is
// handled.
func TestMessageThatIsNotAnEvent(t *testing.T) {
	w := newWorld(t)
	cons := start(t, "consumer=scoreboard keys", w.env, "run", "consumers")
	cons.eventually("the consumer notify.log", func() bool {
		return strings.Contains(cons.output(), "consumer=notify.log keys")
	})
	_, ch := w.exchange()
	bad := amqp.Publishing{Body: []byte("goal!")}
	if err := ch.Publish(w.namespace+".live_events", "soccer.mls.goal", false, false, bad); err != nil {
		t.Fatal(err)
	}
	facts := `{"match":{"id":"m1","home":"A","away":"B","status":"live"},"score":{"home":1,"away":0}}`
	code, out, errs := call(t, "", w.envMap(), "emit", "soccer.mls.goal", facts, "--namespace", w.namespace)
	if code != 0 || !strings.Contains(out, "soccer.mls.goal id=") {
		t.Fatalf("emit: exit %d, want 0 and an event ID: %s %s", code, out, errs)
	}
	b, err := rabbit.New(w.amqp, rabbit.Options{Namespace: w.namespace})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for _, queue := range []string{"consumer.notify.log", "consumer.scoreboard"} {
		var dead []broker.DeadLetter
		testenv.Eventually(t, func() bool {
			if dead, err = testenv.Dead(t.Context(), b, queue); err != nil {
				t.Fatal(err)
			}
			return len(dead) > 0
		}, "a dead letter in %s", queue)
		if len(dead) != 1 || string(dead[0].Body) != "goal!" ||
			!strings.Contains(dead[0].Reason, "decoding event: invalid character 'g'") {
			t.Errorf("%s: dead letters %+v, want the invalid message with the reason", queue, dead)
		}
	}
	cons.eventually("the scoreboard of the next event", func() bool { return w.scoreboard("m1")["home_score"] == "1" })
}

func TestEmitAndTail(t *testing.T) {
	w := newWorld(t)
	tail := start(t, "waiting for events", w.env, "tail", "*.mls.*", "--json")
	env := w.envMap()
	const tid = "0190b6a0-1111-7222-8333-444455556666"
	code, out, errs := call(t, `{"player":"Sebastian Giovinco","team":"Toronto FC"}

{"player":"oops"
{"player":"Jozy Altidore"}
`, env, "emit", "soccer.mls.goal", "--tid", tid, "--namespace", w.namespace)
	if code != 1 || strings.Count(out, "tid="+tid) != 2 ||
		!strings.Contains(errs, "line 3: facts") || !strings.Contains(errs, "1 of 4 lines") {
		t.Errorf("emit: exit %d\n%s\n%s\nwant exit 1, two events and an error in line 3", code, out, errs)
	}
	if code, _, errs := call(t, "", env, "emit", "ice_hockey.nhl.goal", "{}", "--namespace", w.namespace); code != 0 {
		t.Errorf("emitting a hockey goal: exit %d, want 0: %s", code, errs)
	}
	marker := w.emit("soccer.mls.yellow_card") // arrives after all other events
	tail.eventually("the events", func() bool { return strings.Contains(tail.output(), marker) })
	o := tail.output()
	if strings.Count(o, tid) != 2 || !strings.Contains(o, "Altidore") || strings.Contains(o, "ice_hockey") {
		t.Errorf("tail printed:\n%s\nwant the two goals and no hockey", o)
	}
}

// While the broker is down, run keeps trying to connect.
func TestRunWaitsForBroker(t *testing.T) {
	r := testenv.Redis(t)
	env := []string{"AMQP_URL=amqp://guest:" + testenv.Secret + "@127.0.0.1:1/", "REDIS_URL=" + r}
	p := start(t, "broker unreachable", env, "run", "consumers")
	p.eventually("a second attempt", func() bool { return strings.Count(p.output(), "broker unreachable") >= 2 })
	p.stop(syscall.SIGTERM)
	if o := p.output(); !strings.Contains(o, "127.0.0.1:1") {
		t.Errorf("the log does not name the server 127.0.0.1:1:\n%s", o)
	}
	testenv.NoSecret(t, p.output())
}

// The demo runs without servers, and its goals reach a WebSocket client.
func TestDemo(t *testing.T) {
	env := []string{"AMQP_URL=", "REDIS_URL="}
	p := start(t, "Live page:", env, "demo", "--listen", "127.0.0.1:0", "--log-level", "info")
	framed := follow(t, p.address())
	p.eventually("a goal", func() bool {
		return slices.ContainsFunc(framed.all(), func(e event.Event) bool { return e.Data.Kind == event.Goal })
	})
	for _, e := range framed.all() {
		if e.Data.Kind != event.Goal {
			continue
		}
		for _, want := range []string{
			`msg="page read" tid=` + e.TID.String(), "msg=notification consumer=notify channel=inbox tid=" + e.TID.String(),
		} {
			// The frame can arrive before the consumer logs its line.
			p.eventually(want, func() bool { return strings.Contains(p.output(), want) })
		}
		p.eventually("the row of the page in the trace", func() bool {
			_, out, _ := call(t, "", map[string]string{"MATCHWIRE_SERVER": "http://" + p.address()}, "trace", e.ID)
			return strings.Contains(out, "read "+e.Data.Evidence.URL) && strings.Contains(out, "at "+e.Data.Evidence.Path)
		})
		if e.Data.Replay || e.Data.Backfill {
			t.Errorf("goal of the demo: %+v, want neither Replay nor Backfill", e.Data)
		}
	}

	// The first goal is a dead letter. With the token that the demo prints, it can be replayed.
	operator := map[string]string{
		"MATCHWIRE_SERVER":    "http://" + p.address(),
		"MATCHWIRE_API_TOKEN": regexp.MustCompile(`mw_\S+`).FindString(p.output()),
	}
	p.eventually("the dead letter of the demo", func() bool {
		_, out, _ := call(t, "", operator, "dead", "list", "club-site")
		return strings.Contains(out, "unknown player")
	})
	if out := p.output(); strings.Contains(out, "level=ERROR") ||
		!strings.Contains(out, "club-site  refuses an event on purpose: http://") {
		t.Errorf("the demo prints\n%s\nwant one plain line about the dead letter, and no error", out)
	}
	code, _, errs := call(t, "", operator, "dead", "replay", "club-site", "--all")
	if code != exitOK || !strings.Contains(errs, "1 dead letter moved back") {
		t.Errorf("dead replay: exit %d, %q; want one dead letter", code, errs)
	}
}

// A demo of a recording uses the consumers of the config. The goals of the recording reach a
// channel of the consumer notify.
func TestDemoOfARecording(t *testing.T) {
	ntfy := newReceiver(t, "sequence_id", "title")
	config := writeConfig(t, `
sources: [{url: "https://site.example/never-polled", profile: mls-matchcentre, match: other}]
consumers:
  notify: {channels: {phone: {ntfy: {url: `+ntfy.URL+`/club}}}, rules: [{kinds: [goal]}]}
`)
	p := start(t, "Live page:", []string{"AMQP_URL=", "REDIS_URL="},
		"demo", nycTor, "--speed", "max", "--listen", "127.0.0.1:0", "--config", config)
	p.eventually("a goal at the channel", func() bool {
		return slices.ContainsFunc(ntfy.titles(), func(title string) bool {
			return strings.HasPrefix(title, "Goal for Toronto FC")
		})
	})
	if o := p.output(); strings.Contains(o, "never-polled") || !strings.Contains(o, "1 recording at full speed") {
		t.Errorf("output:\n%s\nwant one recording at full speed, and no poll of a source", o)
	}
}

// A demo of a recording sends the notification of an incident before the notification of its
// correction, even at full speed. The demo prints each notification that a channel sends. For each
// event without a notification, it prints the reason.
func TestDemoPrintsWhatChannelsSend(t *testing.T) {
	var mu sync.Mutex
	var types []string
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var sent struct{ Type string }
		if err := json.NewDecoder(r.Body).Decode(&sent); err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		types = append(types, strings.TrimPrefix(sent.Type, "soccer.eredivisie."))
	}))
	defer hook.Close()
	page := func(goals int, status, rows string) string { return fmt.Sprintf(tinyPage, goals, status, rows) }
	const noScorer, scorer, late = "<li><i>30'</i></li>", "<li><i>30'</i><b>Luuk</b></li>", "<li><i>3'</i><b>Til</b></li>"
	dir := t.TempDir()
	write(t, map[string]string{
		dir + "/matchwire.yaml": "profiles: .\nconsumers:\n  notify:\n    channels:\n" +
			"      site: {webhook: {url: " + hook.URL + "}}\n      out: {log: {}}\n      de: {log: {}}\n" +
			"    rules: [{to: [site, out], kinds: [goal]}, {to: [de], kinds: [goal], delay: 10m, language: de}]\n" +
			"    max_age: 1h\n",
		dir + "/tiny.yaml": strings.Replace(tinyProfile, "Live: live", "1H: live 1h", 1),
		dir + "/fixture.yaml": "profile: tiny.yaml\nmatch: m1\npages:\n" +
			"  - {file: 0.html, at: 2026-11-28T15:00:00Z}\n  - {file: 1.html, at: 2026-11-28T15:31:00Z}\n" +
			"  - {file: 2.html, at: 2026-11-28T15:32:00Z}\n  - {file: 3.html, at: 2026-11-28T16:50:00Z}\n" +
			"  - {file: 4.html, at: 2026-11-28T16:51:00Z}\n",
		dir + "/0.html": page(0, "1H", ""), dir + "/1.html": page(1, "1H", noScorer), dir + "/2.html": page(1, "1H", scorer),
		dir + "/3.html": page(1, "FT", scorer), dir + "/4.html": page(2, "FT", scorer+late),
	})
	p := start(t, "Live page:", []string{"AMQP_URL=", "REDIS_URL="},
		"demo", dir, "--speed", "max", "--listen", "127.0.0.1:0", "--config", dir+"/matchwire.yaml")
	for _, want := range []string{
		"notify.out  sent: Goal for Ajax (30', Ajax 1–0 PSV)\n",
		"notify.site  sent: Corrected: goal for Ajax: Luuk (30', Ajax 1–0 PSV; scorer → Luuk)\n",
		"notify.site  suppressed: the page listed the incident more than 15 minutes of play after it happened " +
			"[Goal for Ajax: Til (3'",
		"notify.out  suppressed: the page listed the incident more than 15",
		"notify.de  waits: postponed until ",
	} {
		p.eventually(want, func() bool { return strings.Contains(p.output(), want) })
	}
	mu.Lock()
	defer mu.Unlock()
	if got := strings.Join(types, " "); got != "goal goal_corrected" {
		t.Errorf("the webhook received %s, want the goal before its correction, and nothing else", got)
	}
}
