package app

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/testenv"
	"github.com/matchwire/matchwire/internal/trace"
)

// An otlpCollector is a test server that receives spans as an OpenTelemetry collector does.
type otlpCollector struct {
	*httptest.Server
	mu    sync.Mutex
	spans []*otlp.Span
}

func newCollector(t *testing.T) *otlpCollector {
	c := &otlpCollector{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		testenv.NoSecret(t, body)
		var req otlp.TracesData // has the same wire format as an export request
		err := proto.Unmarshal(body, &req)
		if err != nil || r.URL.Path != "/v1/traces" || r.Header.Get("Api-Key") != testenv.Secret {
			t.Errorf("request to %s: headers %v, error %v; want spans for /v1/traces with the key", r.URL, r.Header, err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, rs := range req.ResourceSpans {
			for _, ss := range rs.ScopeSpans {
				c.spans = append(c.spans, ss.Spans...)
			}
		}
	}))
	t.Cleanup(c.Close)
	return c
}

// spansOf returns the received spans of a job, by span ID.
func (c *otlpCollector) spansOf(tid event.TID) map[event.SpanID]*otlp.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := map[event.SpanID]*otlp.Span{}
	for _, s := range c.spans {
		if bytes.Equal(s.TraceId, tid[:]) {
			found[event.SpanID(s.SpanId)] = s
		}
	}
	return found
}

// all returns nodes and all their descendants.
func all(nodes []*trace.Node) (list []*trace.Node) {
	for _, n := range nodes {
		list = append(append(list, n), all(n.Children)...)
	}
	return list
}

// path follows steps from one of nodes down through its children. It returns the last node, or nil
// if there is no such path. Each step is a prefix of the text "op role name" of a node. path ignores
// deliveries of an event that was handled before: the broker may deliver an event more than once.
func path(nodes []*trace.Node, steps ...string) *trace.Node {
	for _, n := range nodes {
		step := string(n.Op) + " " + n.Role + " " + n.Name
		if strings.HasPrefix(step, steps[0]) && n.Outcome != "was handled before" {
			if len(steps) == 1 {
				return n
			}
			if found := path(n.Children, steps[1:]...); found != nil {
				return found
			}
		}
	}
	return nil
}

// The trace of an API call contains all steps that the call caused in several processes: the steps
// of its own job up to a WebSocket frame, and the scheduled jobs up to a notification. matchwire
// trace, the API and an OpenTelemetry collector show the same steps.
func TestTraceOfACall(t *testing.T) {
	w := newWorld(t)
	notified := make(chan event.Event, 10)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var n struct{ Event event.Event }
		if json.NewDecoder(r.Body).Decode(&n) == nil {
			select {
			case notified <- n.Event:
			default:
			}
		}
	}))
	defer hook.Close()
	files, err := filepath.Glob(filepath.Join(nycTor, "*.html"))
	if err != nil || len(files) < 12 {
		t.Fatalf("found %d pages, want at least 12 (error %v)", len(files), err)
	}
	var pageIndex atomic.Int64
	pageIndex.Store(4) // in progress, two goals so far
	site := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		page, _ := os.ReadFile(files[min(int(pageIndex.Load()), len(files)-1)])
		_, _ = rw.Write(page)
	}))
	defer site.Close()
	config := writeConfig(t, `
fetch: {private_addresses: true, ignore_robots: true, ports: [`+site.URL[strings.LastIndexByte(site.URL, ':')+1:]+`]}
consumers:
  scoreboard:
  notify:
    channels: {hook: {webhook: {url: "`+hook.URL+`"}}}
    rules: [{topics: ["*.*.goal"]}]
`)
	otel := newCollector(t)
	env := append(slices.Clone(w.env), "MATCHWIRE_API_TOKEN="+testenv.Secret,
		"OTEL_EXPORTER_OTLP_ENDPOINT="+otel.URL, "OTEL_EXPORTER_OTLP_HEADERS=api-key="+testenv.Secret,
		"OTEL_BSP_SCHEDULE_DELAY=200", "OTEL_RESOURCE_ATTRIBUTES=service.namespace=test")
	one := start(t, "msg=serving", env,
		"run", "api", "scheduler", "--config", config, "--name", "one", "--listen", "127.0.0.1:0")
	two := start(t, "parser ready", env, "run", "parser", "--config", config, "--name", "two")
	three := start(t, "msg=serving", env,
		"run", "consumers", "fanout", "--config", config, "--name", "three", "--listen", "127.0.0.1:0")
	three.eventually("the consumers", func() bool {
		o := three.output()
		return strings.Contains(o, "consumer=notify.hook keys") && strings.Contains(o, "consumer=scoreboard keys")
	})
	one.eventually("the scheduler", func() bool { return strings.Contains(one.output(), "consumer=scheduler keys") })
	gateway := start(t, "msg=serving", w.env, "gateway", "--listen", "127.0.0.1:0")
	front := "http://" + gateway.address()
	gateway.eventually("both instances", func() bool { return strings.Count(gateway.output(), "instance found") == 2 })
	gateway.eventually("both instances to be healthy", func() bool {
		for _, path := range []string{"/readyz", "/api/instances", "/"} {
			req, _ := http.NewRequest("GET", front+path, nil)
			req.Header.Set("Authorization", "Bearer "+testenv.Secret) // required, because the gateway forwards the call
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				return false
			}
			defer resp.Body.Close()
			body, _ := io.ReadAll(resp.Body)
			if resp.StatusCode != http.StatusOK || strings.Contains(string(body), "no healthy instance") {
				return false
			}
		}
		return true
	})
	framed := follow(t, gateway.address())

	tid, _ := event.ParseTID("4bf92f3577b34da6a3ce929d0e0e4736")
	match := `{"url":"` + site.URL + `/m","profile":"mls-matchcentre","match":"traced","league":"MLS","every":"1s"}`
	req, _ := http.NewRequest("POST", front+"/api/matches", strings.NewReader(match))
	req.Header.Set("Authorization", "Bearer "+testenv.Secret)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	resp, err := http.DefaultClient.Do(req)
	if err != nil || resp.StatusCode != http.StatusCreated || resp.Header.Get("X-Transaction-Id") != tid.String() {
		t.Fatalf("POST /api/matches: response %v, error %v; want 201 with TID %s", resp, err, tid)
	}
	resp.Body.Close()
	two.eventually("the goals so far", func() bool { return len(framed.all()) >= 5 })
	pageIndex.Store(9) // the next goals
	goal := <-notified

	read := func(id string) *trace.Tree {
		var tree trace.Tree
		code, out, errs := call(t, "", w.envMap(), "trace", "--namespace", w.namespace, id, "--json")
		if err := json.Unmarshal([]byte(out), &tree); code != 0 || err != nil {
			return &trace.Tree{}
		}
		testenv.NoSecret(t, out, errs)
		return &tree
	}
	var tree *trace.Tree
	activation := []string{"serve api POST /api/matches", "create api soccer.mls.match_activated"}
	firstPoll := append(slices.Clone(activation), "process scheduler soccer.mls.match_activated",
		"create scheduler parser.page.poll", "process parser parser.page.poll")
	firstGoal := append(slices.Clone(firstPoll), "create parser soccer.mls.goal")
	two.eventually("the tree of the call", func() bool {
		tree = read(tid.String())
		for _, last := range []string{"process notify.hook", "process scoreboard", "deliver fanout", "send outbox"} {
			if path(tree.Steps, append(slices.Clone(firstGoal), last)...) == nil {
				return false
			}
		}
		return path(tree.Steps, append(slices.Clone(activation), "send outbox")...) != nil
	})
	n := path(tree.Steps, activation[0])
	if n.Parent.String() != "00f067aa0ba902b7" || n.Instance != "one" || !strings.HasPrefix(n.Outcome, "activated ") {
		t.Errorf("span of the call: %+v, want an activation by instance one below the caller's span", n.Span)
	}
	n = path(tree.Steps, append(slices.Clone(firstGoal), "process notify.hook")...)
	if n.Outcome != "suppressed: backfill" || n.Instance != "three" || n.Attempt != 1 || n.Match != "traced" {
		t.Errorf("span of the notification: %+v, want one suppressed as backfill by instance three", n.Span)
	}
	if n := path(tree.Steps, append(slices.Clone(firstGoal), "deliver fanout")...); n.Outcome != "sockets: 1" {
		t.Errorf("span of the delivery: %+v, want the outcome sockets: 1", n.Span)
	}
	if n := path(tree.Steps, firstPoll...); n.Instance != "two" || !strings.Contains(n.Outcome, "read "+site.URL) {
		t.Errorf("span of the first poll: %+v, want instance two and the URL of the page", n.Span)
	}
	if goal.TID == tid {
		t.Error("the scheduled poll has the TID of the call, want a different TID")
	}
	// The trace leads from the call to a goal of a scheduled job, and from the goal back to
	// the page.
	var job *trace.Tree
	three.eventually("the notification in the trace", func() bool {
		for _, job = range read(tid.String()).Jobs {
			poll := path(job.Steps, "create scheduler parser.page.poll", "process parser")
			if job.TID != goal.TID || poll == nil {
				continue
			}
			for _, n := range all(poll.Children) {
				if n.Role == "notify.hook" && n.Message == goal.ID {
					return strings.HasPrefix(n.Outcome, "sent: Goal for Toronto FC")
				}
			}
		}
		return false
	})
	activated := path(tree.Steps, activation...)
	if c := job.Steps[0].Cause; c == nil || c.TID != tid || c.Message != activated.Message ||
		goal.CausationID != job.Steps[0].Message {
		t.Errorf("cause of the scheduled job %+v, of the goal %s; want the activation and the task", c, goal.CausationID)
	}
	code, out, _ := call(t, "", w.envMap(), "trace", "--namespace", w.namespace, goal.ID)
	for _, want := range []string{
		"job " + goal.TID.String(), "scheduled by job " + tid.String(), "└─ task parser.page.poll",
		goal.Data.Player, goal.Data.Evidence.Snapshot, goal.Data.Evidence.Path, `<li class="event`,
	} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("exit %d, want 0 and %q in:\n%s", code, want, out)
		}
	}
	req, _ = http.NewRequest("GET", front+"/api/trace/"+strings.ReplaceAll(tid.String(), "-", "")+"?jobs=1", nil)
	req.Header.Set("Authorization", "Bearer "+testenv.Secret)
	resp, err = http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var served trace.Tree
	err = json.NewDecoder(resp.Body).Decode(&served)
	if err != nil || path(served.Steps, firstGoal...) == nil || len(served.Jobs) != 1 {
		t.Errorf("trace from the API: error %v, tree %+v; want the first goal and 1 scheduled job", err, served)
	}
	code, _, errs := call(t, "", w.envMap(), "trace", "--namespace", w.namespace, event.NewTID().String())
	if code != 1 || !strings.Contains(errs, "no trace is stored") {
		t.Errorf("unknown TID: exit %d: %s; want exit 1 and the error that no trace is stored", code, errs)
	}
	code, _, errs = call(t, "", w.envMap(), "trace", "--namespace", w.namespace, "nonsense")
	if code == 0 || !strings.Contains(errs, `tid "nonsense"`) {
		t.Errorf("malformed TID: exit %d: %s; want a failure that quotes the TID", code, errs)
	}

	// The collector has the same steps. Their trace IDs are the TIDs.
	for _, recorded := range []*trace.Tree{tree, job} {
		nodes := all(recorded.Steps)
		three.eventually("the spans at the collector", func() bool { return len(otel.spansOf(recorded.TID)) >= len(nodes) })
		sent := otel.spansOf(recorded.TID)
		for _, n := range nodes {
			s := sent[n.ID]
			if s == nil {
				t.Errorf("the collector has no span for %s %s", n.Op, n.Name)
				continue
			}
			parent := n.Parent
			if !bytes.Equal(s.ParentSpanId, parent[:]) && (len(s.ParentSpanId) > 0 || parent != event.SpanID{}) {
				t.Errorf("span %s: parent %x, want %s", s.Name, s.ParentSpanId, parent)
			}
			attributes := map[string]string{}
			for _, a := range s.Attributes {
				attributes[a.Key] = a.Value.GetStringValue()
			}
			if n.Message != "" && (attributes["messaging.system"] != "rabbitmq" ||
				attributes["messaging.message.id"] != n.Message || attributes["messaging.operation.type"] == "") {
				t.Errorf("span %s: attributes %v, want the attributes of message %s", s.Name, attributes, n.Message)
			}
		}
	}
	s := otel.spansOf(goal.TID)[job.Steps[0].ID]
	if s == nil || len(s.Links) != 1 || !bytes.Equal(s.Links[0].TraceId, tid[:]) {
		t.Errorf("span of the scheduled job: %v, want a link to the job of the call", s)
	}
	for _, p := range []*process{one, two, three, gateway} {
		testenv.NoSecret(t, p.output())
	}
}
