package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/api"
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/consumers/scoreboard"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/httpapi"
	"github.com/matchwire/matchwire/internal/instances"
	"github.com/matchwire/matchwire/internal/outbox"
	"github.com/matchwire/matchwire/internal/scheduler"
	"github.com/matchwire/matchwire/internal/testenv"
	"github.com/matchwire/matchwire/internal/trace"
	"github.com/matchwire/matchwire/parser/poll"
	"github.com/matchwire/matchwire/parser/profile"
)

// A desk is an API on a Redis, and a client that holds every call and answer
// against the API's own description.
type desk struct {
	*testing.T
	redis    *redis.Client
	schedule *scheduler.Schedule
	api      *httpapi.API
	validate validator.Validator
	log      bytes.Buffer
	called   map[string]bool // operations and their answers
}

const profiles = `
profile: %s
sport: soccer
hosts: %s
match:
  league: {value: Premier League}
  home: .home
  away: .away
`

func newDesk(t *testing.T, r *redis.Client) *desk {
	t.Helper()
	d := &desk{T: t, redis: r, called: map[string]bool{}}
	lib := profile.Library{}
	for name, hosts := range map[string]string{"one": "[site.example]", "any": "[example.org, localhost, 127.0.0.1, 10.0.0.7]"} {
		p, err := profile.Load(name+".yaml", fmt.Appendf(nil, profiles, name, hosts))
		if err != nil {
			t.Fatal(err)
		}
		lib[name] = p
	}
	traces := trace.NewStore(r, "mw:", time.Hour)
	recorder := trace.NewRecorder("desk", slog.New(slog.DiscardHandler), traces)
	ctx, cancel := context.WithCancel(context.Background())
	var recording sync.WaitGroup
	recording.Go(func() { _ = recorder.Run(ctx) })
	t.Cleanup(func() { cancel(); recording.Wait() })
	d.schedule = scheduler.NewSchedule(r, "mw:", nil)
	d.api = &httpapi.API{
		Schedule: d.schedule, Profiles: lib, Boards: scoreboard.NewBoards(r, "mw:"), Traces: traces, Instances: instances.New(r, "mw:"),
		Token: testenv.Secret, Trace: recorder, Log: slog.New(slog.NewTextHandler(&d.log, nil)),
	}
	doc, err := libopenapi.NewDocument(openAPI(t))
	if err != nil {
		t.Fatal(err)
	}
	var errs []error
	if d.validate, errs = validator.NewValidator(doc); errs != nil {
		t.Fatal(errs)
	}
	if ok, errs := d.validate.ValidateDocument(); !ok {
		t.Fatalf("the description is no OpenAPI: %v", errs)
	}
	return d
}

// call makes a call with the token, unless a header says otherwise, and checks
// that the answer is one that the description knows.
func (d *desk) call(method, path, body string, headers ...string) (status int, answer map[string]any, header http.Header) {
	d.Helper()
	make := func() *http.Request {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		if body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
		r.Header.Set("Authorization", "Bearer "+testenv.Secret)
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
			if headers[i+1] == "" {
				r.Header.Del(headers[i])
			}
		}
		return r
	}
	w := httptest.NewRecorder()
	d.api.Handler().ServeHTTP(w, make())
	resp := w.Result()
	text, _ := io.ReadAll(resp.Body)
	testenv.NoSecret(d, text, resp.Header)
	if len(text) > 0 {
		if err := json.Unmarshal(text, &answer); err != nil {
			d.Errorf("%s %s: %v: %s", method, path, err, text)
		}
	}
	if resp.StatusCode >= 400 && resp.Header.Get("Content-Type") != "application/problem+json" {
		d.Errorf("%s %s: %d with %s", method, path, resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	if resp.StatusCode != http.StatusMethodNotAllowed && !strings.HasPrefix(path, "/api/none") {
		resp.Body = io.NopCloser(bytes.NewReader(text))
		if ok, errs := d.validate.ValidateHttpResponse(make(), resp); !ok {
			for _, e := range errs {
				d.Errorf("%s %s answers %d, which is not as described: %s: %s %v\n%s", method, path, resp.StatusCode, e.Message, e.Reason, e.SchemaValidationErrors, text)
			}
		}
		if resp.StatusCode < 400 {
			if ok, errs := d.validate.ValidateHttpRequest(make()); !ok {
				d.Errorf("%s %s is taken, and is not as described: %v", method, path, errs)
			}
		}
	}
	return resp.StatusCode, answer, resp.Header
}

// emitted are the events that were emitted so far.
func (d *desk) emitted() (all []event.Event) {
	d.Helper()
	owed, err := outbox.NewStore(d.redis, "mw:").Oldest(d.Context(), "schedule", 100)
	if err != nil {
		d.Fatal(err)
	}
	for _, m := range owed {
		e, err := event.Decode(m.Body)
		if err != nil {
			d.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

func onBoth(t *testing.T, test func(*desk)) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) { test(newDesk(t, r)) })
}

const tid = "0190b6a0-aaaa-bbbb-cccc-ddddeeeeffff"

func TestActivation(t *testing.T) {
	onBoth(t, func(d *desk) {
		body := `{"url":"https://live.site.example/42#top","profile":"one","match":"m1"}`
		status, m, header := d.call("POST", "/api/matches", body, "X-Transaction-ID", strings.ReplaceAll(tid, "-", ""))
		id := event.SourceID("https://live.site.example/42", "m1")
		if status != 201 || m["id"] != id || m["state"] != "starting" || m["every"] != "15s" || m["tid"] != tid || header.Get("X-Transaction-Id") != tid || header.Get("Location") != "/api/matches/"+id {
			d.Errorf("%d %v %v", status, m, header)
		}
		// The same again: one schedule, one event, and the job that began it.
		status, m, header = d.call("POST", "/api/matches", body)
		if status != 200 || m["tid"] != tid || header.Get("X-Transaction-Id") == tid || header.Get("Location") != "/api/matches/"+id {
			d.Errorf("%d %v %v", status, m, header)
		}
		if status, p, _ := d.call("POST", "/api/matches", `{"url":"https://live.site.example/42","profile":"one","match":"m1","every":"1m"}`); status != 409 || !strings.Contains(p["detail"].(string), "DELETE /api/matches/"+id) {
			d.Errorf("%d %v", status, p)
		}
		all := d.emitted()
		if len(all) != 1 || all[0].Type != "soccer.premier_league.match_activated" || all[0].TID.String() != tid || all[0].Source != "/api" || all[0].Subject != "m1" {
			d.Fatalf("emitted %+v", all)
		}
		// However it is written, it is the same page.
		if status, m, _ = d.call("POST", "/api/matches", `{"url":"HTTPS://Live.SITE.example/42#else","profile":"one","match":"m1"}`); status != 200 || m["id"] != id {
			d.Errorf("%d %v", status, m)
		}
		// A W3C trace goes on in ours.
		status, m, _ = d.call("POST", "/api/matches", `{"url":"https://example.org/1","profile":"any","match":"m2","league":"MLS","every":"1m30s"}`,
			"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
		if status != 201 || m["tid"] != "4bf92f35-77b3-4da6-a3ce-929d0e0e4736" || m["every"] != "1m30s" {
			d.Errorf("%d %v", status, m)
		}
		if all := d.emitted(); len(all) != 2 || all[1].Type != "soccer.mls.match_activated" {
			d.Errorf("emitted %+v", all)
		}
		second := event.SourceID("https://example.org/1", "m2")

		// What came of polling it.
		a := all[0]
		tick, holds, err := d.schedule.Begin(d.Context(), id, a.ID, time.Hour)
		if !holds || err != nil {
			d.Fatal(holds, err)
		}
		at := time.Now().UTC()
		polled := poll.Result{Due: tick, At: at, Took: 20 * time.Millisecond, Matches: []event.Match{{ID: "m1", Home: "A", Away: "B", Start: at, Status: event.Live, Period: "1h", Clock: event.Clock{Period: "1h", Minute: 12}}}}
		if err := d.schedule.Polled(d.Context(), id, polled); err != nil {
			d.Fatal(err)
		}
		status, m, _ = d.call("GET", "/api/matches/"+id, "")
		if latest, _ := m["latest"].(map[string]any); status != 200 || m["state"] != "polled" || m["interval"] != "15s" || m["next"] == nil || latest["took_ms"] != 20.0 {
			d.Errorf("%d %v", status, m)
		}
		status, m, _ = d.call("GET", "/api/matches", "")
		if list := m["matches"].([]any); status != 200 || len(list) != 2 || list[0].(map[string]any)["id"] != second {
			d.Errorf("%d %v", status, m)
		}
		if _, m, _ = d.call("GET", "/api/matches?limit=1", ""); len(m["matches"].([]any)) != 1 {
			d.Errorf("%v", m)
		}
		if _, m, _ = d.call("GET", "/api/matches?match=m2", ""); len(m["matches"].([]any)) != 1 {
			d.Errorf("%v", m)
		}
		if status, _, _ := d.call("DELETE", "/api/matches/"+id, ""); status != 204 {
			d.Errorf("deactivated: %d", status)
		}
		if all := d.emitted(); all[2].Type != "soccer.premier_league.match_deactivated" || all[2].CausationID != all[0].ID {
			d.Errorf("emitted %+v", all[2])
		}
		byConfig := scheduler.Activation{Source: event.Source{ID: "c1", URL: "https://site.example/c", Profile: "one", Match: "c", Every: event.Interval(time.Minute)}, Sport: event.Soccer, By: scheduler.ByConfig}
		if _, _, err := d.schedule.Activate(d.Context(), byConfig); err != nil {
			d.Fatal(err)
		}
		if status, p, _ := d.call("DELETE", "/api/matches/c1", ""); status != 409 || !strings.Contains(p["detail"].(string), "config") {
			d.Errorf("what the config names: %d %v", status, p)
		}
		for _, method := range []string{"GET", "DELETE"} {
			if status, _, _ := d.call(method, "/api/matches/"+id, ""); status != 404 {
				d.Errorf("%s what is gone: %d", method, status)
			}
		}
	})
}

// What cannot be is refused with a clear word, and nothing of it is done.
func TestBadCalls(t *testing.T) {
	onBoth(t, func(d *desk) {
		ok := `{"url":"https://site.example/42","profile":"one","match":"m1"}`
		for _, tc := range []struct {
			what, body string
			headers    []string
			status     int
			says       string
		}{
			{"unknown profile", `{"url":"https://site.example/42","profile":"two","match":"m1"}`, nil, 422, `profile "two": none of that name; there are any, one`},
			{"a profile by its file", `{"url":"https://site.example/42","profile":"../one.yaml","match":"m1"}`, nil, 422, "none of that name"},
			{"a host that is not the profile's", `{"url":"https://site.example.evil.org/42","profile":"one","match":"m1"}`, nil, 422, "only reads pages of site.example"},
			{"a scheme", `{"url":"file:///etc/passwd","profile":"any","match":"m1"}`, nil, 422, "want http://"},
			{"no URL", `{"profile":"any","match":"m1"}`, nil, 422, "want http://"},
			{"a password", `{"url":"https://me:` + testenv.Secret + `@example.org/","profile":"any","match":"m1"}`, nil, 422, "user or password"},
			{"this machine", `{"url":"http://127.0.0.1:6379/","profile":"any","match":"m1"}`, nil, 422, "private"},
			{"this machine by name", `{"url":"http://localhost/","profile":"any","match":"m1"}`, nil, 422, "private"},
			{"a private network", `{"url":"http://10.0.0.7/","profile":"any","match":"m1"}`, nil, 422, "fetch.private_addresses"},
			{"no match ID where the page has none", `{"url":"https://site.example/42","profile":"one"}`, nil, 422, "finds no match ID"},
			{"a bad match ID", `{"url":"https://site.example/42","profile":"one","match":"a b"}`, nil, 422, `match ID "a b"`},
			{"too often", `{"url":"https://site.example/42","profile":"one","match":"m1","every":"10ms"}`, nil, 400, "a second or more"},
			{"too seldom", `{"url":"https://site.example/42","profile":"one","match":"m1","every":"48h"}`, nil, 422, "a second to a day"},
			{"a member that is not known", `{"url":"https://site.example/42","profile":"one","match":"m1","evry":"1m"}`, nil, 400, `unknown field "evry"`},
			{"no JSON", `url=x`, nil, 400, "no JSON object"},
			{"more than one", ok + ok, nil, 400, "something stands behind"},
			{"a form", ok, []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, "application/json"},
			{"too large", `{"url":"https://site.example/` + strings.Repeat("a", 17<<10) + `","profile":"one","match":"m1"}`, nil, 413, "larger than 16384 bytes"},
			{"no token", ok, []string{"Authorization", ""}, 401, "Bearer"},
			{"a wrong token", ok, []string{"Authorization", "Bearer " + strings.ToUpper(testenv.Secret)}, 401, "Bearer"},
			{"a malformed TID", ok, []string{"X-Transaction-ID", "job-7"}, 400, `tid "job-7"`},
			{"a zero TID", ok, []string{"X-Transaction-ID", strings.Repeat("0", 32)}, 400, "must not be zero"},
			{"a malformed traceparent", ok, []string{"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-xx-01"}, 400, "traceparent"},
			{"two different TIDs", ok, []string{"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "X-Transaction-ID", tid}, 400, "different jobs"},
		} {
			status, p, _ := d.call("POST", "/api/matches", tc.body, tc.headers...)
			detail, _ := p["detail"].(string)
			if status != tc.status || !strings.Contains(detail, tc.says) || p["status"] != float64(tc.status) || p["title"] == "" {
				d.Errorf("%s: %d %v, want %d and %q", tc.what, status, p, tc.status, tc.says)
			}
		}
		d.api.Token = ""
		if status, p, _ := d.call("POST", "/api/matches", ok); status != 403 || !strings.Contains(p["detail"].(string), "MATCHWIRE_API_TOKEN") {
			d.Errorf("without a token of the server's: %d %v", status, p)
		}
		if all := d.emitted(); len(all) != 0 {
			d.Errorf("emitted %+v", all)
		}
		if keys := d.redis.Keys(d.Context(), "mw:{schedule}:*").Val(); len(keys) != 0 {
			d.Errorf("left behind: %v", keys)
		}
		for _, tc := range []struct {
			method, path string
			status       int
		}{
			{"GET", "/api/none", 404}, {"PUT", "/api/matches", 405}, {"POST", "/api/matches/x", 405}, {"POST", "/api/instances", 405},
			{"GET", "/api/trace/nonsense", 400}, {"GET", "/api/trace/" + tid, 404}, {"GET", "/api/scoreboard/x", 404}, {"GET", "/api/scoreboard/a%20b", 400},
			{"GET", "/api/scoreboard?limit=0", 400}, {"GET", "/api/trace/" + tid + "?jobs=1000", 400}, {"DELETE", "/api/matches/x", 403},
		} {
			if status, p, header := d.call(tc.method, tc.path, ""); status != tc.status || p["detail"] == "" || status == 405 && header.Get("Allow") == "" {
				d.Errorf("%s %s: %d %v", tc.method, tc.path, status, p)
			}
		}
	})
}

func TestReading(t *testing.T) {
	onBoth(t, func(d *desk) {
		c, err := scoreboard.New(consumers.Host{Redis: d.redis, Prefix: "mw:", Settings: func(any) error { return nil }, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			d.Fatal(err)
		}
		e, err := event.Of("soccer.mls.goal", event.Data{Score: &event.Score{Home: 1}, Match: &event.Match{ID: "m1", Home: "A", Away: "B", Start: time.Now(), Status: event.Live, Stale: &event.Stale{Since: time.Now(), Reason: "quiet"}}}, time.Now())
		if err != nil {
			d.Fatal(err)
		}
		e.TID = event.NewTID()
		if err := c.Handle(d.Context(), e); err != nil {
			d.Fatal(err)
		}
		status, boards, _ := d.call("GET", "/api/scoreboard", "")
		if list := boards["scoreboards"].([]any); status != 200 || len(list) != 1 {
			d.Errorf("%d %v", status, boards)
		}
		status, board, _ := d.call("GET", "/api/scoreboard/m1", "")
		if score, _ := board["score"].(map[string]any); status != 200 || score["home"] != 1.0 || board["home"] != "A" || board["stale"] != "quiet" || board["tid"] != e.TID.String() {
			d.Errorf("%d %v", status, board)
		}

		ctx, leave := context.WithCancel(d.Context())
		var announcing sync.WaitGroup
		announcing.Go(func() {
			d.api.Instances.Announce(ctx, slog.New(slog.DiscardHandler), func(context.Context) instances.Instance {
				return instances.Instance{Name: "desk", Roles: []string{"api"}, Address: "desk:80", Version: "v", Started: time.Now(), Status: "warn", Issues: []string{"a trouble"}}
			})
		})
		defer announcing.Wait()
		defer leave()
		testenv.Eventually(d, func() bool {
			status, m, _ := d.call("GET", "/api/instances", "")
			list := m["instances"].([]any)
			return status == 200 && len(list) == 1 && list[0].(map[string]any)["name"] == "desk"
		}, "the instance to be listed")

		if _, _, header := d.call("POST", "/api/matches", `{"url":"https://site.example/1","profile":"one","match":"m1"}`, "X-Transaction-Id", tid); header.Get("X-Transaction-Id") != tid {
			d.Error(header)
		}
		var tree map[string]any
		testenv.Eventually(d, func() bool {
			status, m, _ := d.call("GET", "/api/trace/"+tid, "")
			tree = m
			return status == 200
		}, "the trace")
		step := tree["steps"].([]any)[0].(map[string]any)
		made, _ := step["children"].([]any)
		if step["op"] != "serve" || step["name"] != "POST /api/matches" || len(made) != 1 || made[0].(map[string]any)["name"] != "soccer.premier_league.match_activated" {
			d.Errorf("%v", tree)
		}
		if status, doc, _ := d.call("GET", "/api/openapi.json", ""); status != 200 || doc["openapi"] != "3.1.0" {
			d.Errorf("%d %v", status, doc)
		}
	})
}

// Where Redis is away the caller is told to come again, and no more.
func TestOutage(t *testing.T) {
	r := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1})
	defer r.Close()
	d := newDesk(t, r)
	for _, path := range []string{"/api/matches", "/api/scoreboard", "/api/instances", "/api/trace/" + tid} {
		if status, p, header := d.call("GET", path, ""); status != 503 || header.Get("Retry-After") == "" || strings.Contains(p["detail"].(string), "127.0.0.1") {
			t.Errorf("%s: %d %v", path, status, p)
		}
	}
	if status, _, _ := d.call("POST", "/api/matches", `{"url":"https://site.example/1","profile":"one","match":"m1"}`); status != 503 {
		t.Error(status)
	}
}

// openAPI is the document that describes the API.
func openAPI(t *testing.T) []byte {
	t.Helper()
	b, err := api.Contracts.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	return b
}
