package contract_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
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
	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/broker/memory"
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/consumers/scoreboard"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/deadletters"
	"github.com/matchwire/matchwire/internal/guard"
	"github.com/matchwire/matchwire/internal/httpapi"
	"github.com/matchwire/matchwire/internal/instances"
	"github.com/matchwire/matchwire/internal/outbox"
	"github.com/matchwire/matchwire/internal/overview"
	"github.com/matchwire/matchwire/internal/scheduler"
	"github.com/matchwire/matchwire/internal/testenv"
	"github.com/matchwire/matchwire/internal/trace"
	"github.com/matchwire/matchwire/parser/poll"
	"github.com/matchwire/matchwire/parser/profile"
)

// A server is an API that stores its state on a Redis server. [server.call] checks each request
// and response against the OpenAPI document of the API.
type server struct {
	*testing.T
	redis    *redis.Client
	schedule *scheduler.Schedule
	broker   *memory.Broker
	api      *httpapi.API
	validate validator.Validator
	log      bytes.Buffer
}

// profileFormat is a format string for a profile. Its arguments are the name and the hosts.
const profileFormat = `
profile: %s
sport: soccer
hosts: %s
match:
  league: {value: Premier League}
  home: .home
  away: .away
`

// newServer returns a server with the profiles "one" and "any".
func newServer(t *testing.T, r *redis.Client) *server {
	t.Helper()
	s := &server{T: t, redis: r}
	lib := profile.Library{}
	for name, hosts := range map[string]string{
		"one": "[site.example]",
		"any": "[example.org, localhost, 127.0.0.1, 10.0.0.7, 169.254.169.254]",
	} {
		p, err := profile.Load(name+".yaml", fmt.Appendf(nil, profileFormat, name, hosts))
		if err != nil {
			t.Fatal(err)
		}
		lib[name] = p
	}
	traces := trace.NewStore(r, "mw:", time.Hour)
	recorder := trace.NewRecorder("server", slog.New(slog.DiscardHandler), traces)
	ctx, cancel := context.WithCancel(context.Background())
	var recording sync.WaitGroup
	recording.Go(func() { _ = recorder.Run(ctx) })
	t.Cleanup(func() { cancel(); recording.Wait() })
	s.schedule = scheduler.NewSchedule(r, "mw:", nil)
	tokens, err := guard.LoadTokens("", testenv.Secret)
	if err != nil {
		t.Fatal(err)
	}
	s.broker = memory.New(nil, slog.New(slog.DiscardHandler))
	s.api = &httpapi.API{
		Publisher: s.broker, Dead: deadletters.OnBroker{Broker: s.broker, Consumers: []string{"notify.log", "scoreboard"}},
		Rebuildable: []string{"scoreboard"},
		Rebuild: func(_ context.Context, _ string, progress func()) (int, error) {
			progress()
			return 3, nil
		},
		Schedule: s.schedule, Profiles: lib, Boards: scoreboard.NewBoards(r, "mw:"), Traces: traces,
		Instances: instances.New(r, "mw:", ""), Recorder: recorder,
		Guard: &guard.Guard{Local: true, Tokens: tokens, Sessions: guard.NewSessions("", "")},
		Log:   slog.New(slog.NewTextHandler(&s.log, nil)),
	}
	s.api.Pipeline = &overview.Reader{
		Plan: overview.New([]broker.Subscription{
			{Queue: "consumer.scoreboard", Patterns: []string{"#"}},
			{Queue: "task.parser.page.poll", Exchange: broker.Tasks, Patterns: []string{"parser.page.poll"}},
		}, func(queue string) string { return queue[strings.LastIndex(queue, ".")+1:] }),
		Broker: s.broker, Schedule: s.schedule, Outboxes: outbox.NewStore(r, "mw:"), Instances: s.api.Instances,
		Log: s.api.Log,
	}
	doc, err := libopenapi.NewDocument(openAPI(t))
	if err != nil {
		t.Fatal(err)
	}
	var errs []error
	if s.validate, errs = validator.NewValidator(doc); errs != nil {
		t.Fatal(errs)
	}
	if ok, errs := s.validate.ValidateDocument(); !ok {
		t.Fatalf("openapi.json is not valid OpenAPI: %v", errs)
	}
	return s
}

// call sends a request and checks the request and the response against openapi.json. The request
// has the API token. headers contains pairs of a name and a value. Each pair replaces the default
// header of that name. An empty value removes the header.
func (s *server) call(method, path, body string, headers ...string) (
	status int, response map[string]any, header http.Header,
) {
	s.Helper()
	request := func() *http.Request {
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
	s.api.Handler().ServeHTTP(w, request())
	resp := w.Result()
	text, _ := io.ReadAll(resp.Body)
	testenv.NoSecret(s, text, resp.Header)
	if len(text) > 0 {
		if err := json.Unmarshal(text, &response); err != nil {
			s.Errorf("%s %s: %v: %s", method, path, err, text)
		}
	}
	if resp.StatusCode >= 400 && resp.Header.Get("Content-Type") != "application/problem+json" {
		s.Errorf("%s %s: error %d with Content-Type %q, want application/problem+json",
			method, path, resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	if resp.StatusCode != http.StatusMethodNotAllowed && !strings.HasPrefix(path, "/api/none") {
		resp.Body = io.NopCloser(bytes.NewReader(text))
		if ok, errs := s.validate.ValidateHttpResponse(request(), resp); !ok {
			for _, e := range errs {
				s.Errorf("%s %s: response %d does not match openapi.json: %s: %s %v\n%s",
					method, path, resp.StatusCode, e.Message, e.Reason, e.SchemaValidationErrors, text)
			}
		}
		if resp.StatusCode < 400 {
			if ok, errs := s.validate.ValidateHttpRequest(request()); !ok {
				s.Errorf("%s %s: accepted a request that does not match openapi.json, want an error: %v", method, path, errs)
			}
		}
	}
	return resp.StatusCode, response, resp.Header
}

// emitted returns the events that the API has written to the outbox.
func (s *server) emitted() (all []event.Event) {
	s.Helper()
	pending, err := outbox.NewStore(s.redis, "mw:").Oldest(s.Context(), "schedule", 100)
	if err != nil {
		s.Fatal(err)
	}
	for _, m := range pending {
		e, err := event.Decode(m.Body)
		if err != nil {
			s.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

// onBothRedis runs a test on the embedded Redis and on a real Redis server, as two subtests.
func onBothRedis(t *testing.T, test func(*server)) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) { test(newServer(t, r)) })
}

const tid = "0190b6a0-aaaa-bbbb-cccc-ddddeeeeffff"

func TestActivation(t *testing.T) {
	onBothRedis(t, func(s *server) {
		body := `{"url":"https://live.site.example/42#top","profile":"one","match":"m1"}`
		status, m, header := s.call("POST", "/api/matches", body, "X-Transaction-ID", strings.ReplaceAll(tid, "-", ""))
		id := event.SourceID("https://live.site.example/42", "m1")
		if status != 201 || m["id"] != id || m["state"] != "starting" || m["every"] != "15s" || m["tid"] != tid ||
			header.Get("X-Transaction-Id") != tid || header.Get("Location") != "/api/matches/"+id {
			s.Errorf("first activation: status %d, %v, headers %v; want 201 and the request's TID", status, m, header)
		}
		// Repeating the request adds no source and emits no event. The response has the TID of the
		// first request.
		status, m, header = s.call("POST", "/api/matches", body)
		if status != 200 || m["tid"] != tid || header.Get("X-Transaction-Id") == tid ||
			header.Get("Location") != "/api/matches/"+id {
			s.Errorf("same activation: status %d, %v, headers %v; want 200 and the first TID", status, m, header)
		}
		other := `{"url":"https://live.site.example/42","profile":"one","match":"m1","every":"1m"}`
		status, p, _ := s.call("POST", "/api/matches", other)
		if status != 409 || !strings.Contains(p["detail"].(string), "DELETE /api/matches/"+id) {
			s.Errorf("other settings: status %d, %v; want 409 and how to deactivate the match", status, p)
		}
		all := s.emitted()
		if len(all) != 1 || all[0].Type != "soccer.premier_league.match_activated" || all[0].TID.String() != tid ||
			all[0].Source != "/api" || all[0].Subject != "m1" {
			s.Fatalf("emitted %+v, want one match_activated", all)
		}
		// Another spelling of the URL identifies the same page.
		spelled := `{"url":"HTTPS://Live.SITE.example/42#else","profile":"one","match":"m1"}`
		if status, m, _ = s.call("POST", "/api/matches", spelled); status != 200 || m["id"] != id {
			s.Errorf("other spelling: status %d, %v; want 200 and ID %s", status, m, id)
		}
		// The trace ID of a traceparent header becomes the TID.
		status, m, _ = s.call("POST", "/api/matches",
			`{"url":"https://example.org/1","profile":"any","match":"m2","league":"MLS","every":"1m30s"}`,
			"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
		if status != 201 || m["tid"] != "4bf92f35-77b3-4da6-a3ce-929d0e0e4736" || m["every"] != "1m30s" {
			s.Errorf("with traceparent: status %d, %v; want 201 and its trace ID", status, m)
		}
		if all := s.emitted(); len(all) != 2 || all[1].Type != "soccer.mls.match_activated" {
			s.Errorf("emitted %+v, want match_activated of MLS as the second event", all)
		}
		second := event.SourceID("https://example.org/1", "m2")

		// The response includes the result of the latest poll.
		tick, ok, err := s.schedule.Begin(s.Context(), id, all[0].ID, time.Hour)
		if !ok || err != nil {
			s.Fatalf("Begin: current %v, error %v, want true and no error", ok, err)
		}
		at := time.Now().UTC()
		polled := poll.Result{Due: tick, At: at, Took: 20 * time.Millisecond, Matches: []event.Match{{
			ID: "m1", Home: "A", Away: "B", Start: at,
			Status: event.Live, Period: "1h", Clock: event.Clock{Period: "1h", Minute: 12},
		}}}
		if err := s.schedule.Polled(s.Context(), id, polled); err != nil {
			s.Fatal(err)
		}
		status, m, _ = s.call("GET", "/api/matches/"+id, "")
		latest, _ := m["latest"].(map[string]any)
		if status != 200 || m["state"] != "polled" || m["interval"] != "15s" || m["next"] == nil ||
			latest["took_ms"] != 20.0 {
			s.Errorf("after a poll: status %d, %v; want state polled", status, m)
		}
		status, m, _ = s.call("GET", "/api/matches", "")
		if list := m["matches"].([]any); status != 200 || len(list) != 2 || list[0].(map[string]any)["id"] != second {
			s.Errorf("matches: status %d, %v; want two, the latest first", status, m)
		}
		if _, m, _ = s.call("GET", "/api/matches?limit=1", ""); len(m["matches"].([]any)) != 1 {
			s.Errorf("limit=1: %v, want one match", m)
		}
		if _, m, _ = s.call("GET", "/api/matches?match=m2", ""); len(m["matches"].([]any)) != 1 {
			s.Errorf("match=m2: %v, want one match", m)
		}
		if status, _, _ := s.call("DELETE", "/api/matches/"+id, ""); status != 204 {
			s.Errorf("DELETE: status %d, want 204", status)
		}
		all = s.emitted()
		if all[2].Type != "soccer.premier_league.match_deactivated" || all[2].CausationID != all[0].ID {
			s.Errorf("emitted %+v, want match_deactivated caused by %s", all[2], all[0].ID)
		}
		source := event.Source{
			ID: "c1", URL: "https://site.example/c", Profile: "one", Match: "c", Every: event.Interval(time.Minute),
		}
		byConfig := scheduler.Activation{Source: source, Sport: event.Soccer, By: scheduler.ByConfig}
		if _, _, err := s.schedule.Activate(s.Context(), byConfig); err != nil {
			s.Fatal(err)
		}
		status, p, _ = s.call("DELETE", "/api/matches/c1", "")
		if status != 409 || !strings.Contains(p["detail"].(string), "config") {
			s.Errorf("DELETE of a match in the config: status %d, %v; want 409", status, p)
		}
		for _, method := range []string{"GET", "DELETE"} {
			if status, _, _ := s.call(method, "/api/matches/"+id, ""); status != 404 {
				s.Errorf("%s of a deactivated match: status %d, want 404", method, status)
			}
		}
	})
}

// For an invalid request, the API returns an error that names the mistake, and changes nothing.
func TestInvalidRequests(t *testing.T) {
	onBothRedis(t, func(s *server) {
		const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
		// body returns a valid body with some members replaced, or removed if their value is "".
		body := func(members ...string) string {
			all := map[string]string{"url": "https://site.example/42", "profile": "one", "match": "m1"}
			for i := 0; i < len(members); i += 2 {
				all[members[i]] = members[i+1]
				if members[i+1] == "" {
					delete(all, members[i])
				}
			}
			b, err := json.Marshal(all)
			if err != nil {
				s.Fatal(err)
			}
			return string(b)
		}
		anyURL := func(url string) string { return body("profile", "any", "url", url) }
		ok := body()
		long := "https://site.example/" + strings.Repeat("a", 17<<10)
		for _, tc := range []struct {
			name, body string
			headers    []string
			status     int
			want       string // in the detail
		}{
			{"unknown profile", body("profile", "two"), nil, 422, `unknown profile "two": want one of any, one`},
			{"profile by its file name", body("profile", "../one.yaml"), nil, 422, "unknown profile"},
			{
				"host outside the profile", body("url", "https://site.example.evil.org/42"), nil,
				422, "reads only pages of site.example",
			},
			{"unknown scheme", anyURL("file:///etc/passwd"), nil, 422, "want http://"},
			{"no URL", anyURL(""), nil, 422, "want http://"},
			{"password in the URL", anyURL("https://me:" + testenv.Secret + "@example.org/"), nil, 422, "user or password"},
			{"loopback address", anyURL("http://127.0.0.1:6379/"), nil, 422, "private"},
			{"loopback name", anyURL("http://localhost/"), nil, 422, "private"},
			{"private address", anyURL("http://10.0.0.7/"), nil, 422, "fetch.private_addresses"},
			{"cloud metadata", anyURL("http://169.254.169.254/"), nil, 422, "cloud metadata"},
			{"port", anyURL("http://example.org:6379/"), nil, 422, "fetch.ports"},
			{"no match ID", body("match", ""), nil, 422, "has no rule for the match ID"},
			{"invalid match ID", body("match", "a b"), nil, 422, `match ID "a b"`},
			{"interval too short", body("every", "10ms"), nil, 400, "a second or more"},
			{"interval too long", body("every", "48h"), nil, 422, "a second to a day"},
			{"unknown member", body("evry", "1m"), nil, 400, `unknown field "evry"`},
			{"not JSON", `url=x`, nil, 400, "decoding the body"},
			{"two JSON objects", ok + ok, nil, 400, "data after the JSON object"},
			{"form", ok, []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, "application/json"},
			{"body too large", body("url", long), nil, 413, "larger than 16384 bytes"},
			{"no token", ok, []string{"Authorization", ""}, 401, "Bearer"},
			{"wrong token", ok, []string{"Authorization", "Bearer " + strings.ToUpper(testenv.Secret)}, 401, "does not know"},
			{"malformed TID", ok, []string{"X-Transaction-ID", "job-7"}, 400, `tid "job-7"`},
			{"zero TID", ok, []string{"X-Transaction-ID", strings.Repeat("0", 32)}, 400, "must not be zero"},
			{
				"malformed traceparent", ok, []string{"traceparent", strings.Replace(traceparent, "00f067aa0ba902b7", "xx", 1)},
				400, "traceparent",
			},
			{"two TIDs", ok, []string{"traceparent", traceparent, "X-Transaction-ID", tid}, 400, "different TIDs"},
		} {
			status, p, _ := s.call("POST", "/api/matches", tc.body, tc.headers...)
			detail, _ := p["detail"].(string)
			if status != tc.status || !strings.Contains(detail, tc.want) ||
				p["status"] != float64(tc.status) || p["title"] == "" {
				s.Errorf("%s: status %d, %v; want %d and %q", tc.name, status, p, tc.status, tc.want)
			}
		}
		s.api.Guard.Tokens = nil
		status, p, _ := s.call("POST", "/api/matches", ok)
		if status != 403 || !strings.Contains(p["detail"].(string), "MATCHWIRE_API_TOKEN") {
			s.Errorf("server without a token: status %d, %v; want 403", status, p)
		}
		if all := s.emitted(); len(all) != 0 {
			s.Errorf("emitted %+v, want no events", all)
		}
		if keys := s.redis.Keys(s.Context(), "mw:{schedule}:*").Val(); len(keys) != 0 {
			s.Errorf("keys of rejected requests in Redis: %v, want none", keys)
		}
		for _, tc := range []struct {
			method, path string
			status       int
		}{
			{"GET", "/api/none", 404}, {"PUT", "/api/matches", 405}, {"POST", "/api/matches/x", 405},
			{"POST", "/api/instances", 405}, {"GET", "/api/trace/nonsense", 400}, {"GET", "/api/trace/" + tid, 404},
			{"GET", "/api/scoreboard/x", 404}, {"GET", "/api/scoreboard/a%20b", 400}, {"GET", "/api/scoreboard?limit=0", 400},
			{"GET", "/api/trace/" + tid + "?jobs=1000", 400}, {"DELETE", "/api/matches/x", 403},
			{"GET", "/api/dead/scoreboard?limit=0", 400}, {"GET", "/api/dead/scoreboard", 404},
			{"GET", "/api/dead/scoreboard/x", 404}, {"DELETE", "/api/dead/scoreboard", 403},
			{"PUT", "/api/dead/scoreboard", 405},
			{"POST", "/api/dead/scoreboard/x/replay", 403}, {"GET", "/api/events", 405}, {"POST", "/api/events", 403},
			{"GET", "/api/rebuild/scoreboard", 405}, {"POST", "/api/rebuild/scoreboard", 403},
		} {
			status, p, header := s.call(tc.method, tc.path, "")
			if status != tc.status || p["detail"] == "" || status == 405 && header.Get("Allow") == "" {
				s.Errorf("%s %s: status %d, %v; want %d", tc.method, tc.path, status, p, tc.status)
			}
		}
	})
}

func TestQueries(t *testing.T) {
	onBothRedis(t, func(s *server) {
		c, err := scoreboard.New(consumers.Host{
			Redis: s.redis, Prefix: "mw:", Settings: func(any) error { return nil }, Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			s.Fatal(err)
		}
		now := time.Now()
		e, err := event.Of("soccer.mls.goal", event.Data{Score: &event.Score{Home: 1}, Match: &event.Match{
			ID: "m1", Home: "A", Away: "B", Start: now, Status: event.Live, Stale: &event.Stale{Since: now, Reason: "quiet"},
		}}, now)
		if err != nil {
			s.Fatal(err)
		}
		e.TID = event.NewTID()
		if err := c.Handle(s.Context(), e); err != nil {
			s.Fatal(err)
		}
		status, boards, _ := s.call("GET", "/api/scoreboard", "")
		if list := boards["scoreboards"].([]any); status != 200 || len(list) != 1 {
			s.Errorf("scoreboards: status %d, %v; want one", status, boards)
		}
		status, board, _ := s.call("GET", "/api/scoreboard/m1", "")
		score, _ := board["score"].(map[string]any)
		if status != 200 || score["home"] != 1.0 || board["home"] != "A" || board["stale"] != "quiet" ||
			board["tid"] != e.TID.String() {
			s.Errorf("scoreboard: status %d, %v; want 1 goal of A, stale", status, board)
		}

		ctx, cancel := context.WithCancel(s.Context())
		var announcing sync.WaitGroup
		announcing.Go(func() {
			s.api.Instances.Announce(ctx, nil, slog.New(slog.DiscardHandler), func(context.Context) instances.Instance {
				return instances.Instance{
					Name: "server", Roles: []string{"api"}, Address: "server:80", Version: "v", Started: now,
					Status: "warn", Issues: []string{"an issue"}, Clients: new(7),
					Consumers: []instances.Consumer{{Name: "scoreboard", Handled: 5, Rate: 1.5}},
				}
			})
		})
		defer announcing.Wait()
		defer cancel()
		testenv.Eventually(s, func() bool {
			status, m, _ := s.call("GET", "/api/instances", "")
			list := m["instances"].([]any)
			return status == 200 && len(list) == 1 && list[0].(map[string]any)["name"] == "server"
		}, "the instance in /api/instances")

		if err := s.broker.Declare(s.Context(), broker.Subscription{Queue: "consumer.scoreboard"}); err != nil {
			s.Fatal(err)
		}
		status, pipeline, _ := s.call("GET", "/api/pipeline?sources=1", "")
		first := func(list string) map[string]any {
			all, _ := pipeline[list].([]any)
			if len(all) == 0 {
				return nil
			}
			one, _ := all[0].(map[string]any)
			return one
		}
		if status != 200 || first("fanout")["clients"] != 7.0 || first("consumers")["rate"] != 1.5 ||
			first("queues")["state"] == nil {
			s.Errorf("pipeline: status %d, %v; want 7 clients, a rate of 1.5 and the state of a queue", status, pipeline)
		}
		if status, _, _ := s.call("GET", "/api/pipeline?sources=0", ""); status != 400 {
			s.Errorf("pipeline with no sources: status %d, want 400", status)
		}

		if status, m, _ := s.call("GET", "/api/session", ""); status != 200 || m["login"] != true {
			s.Errorf("session: status %d, %v; want a server that accepts tokens", status, m)
		}
		status, m, header := s.call("POST", "/api/session", "")
		cookie := header.Get("Set-Cookie")
		if status != 201 || m["expires"] == nil || !strings.Contains(cookie, "; HttpOnly; SameSite=Strict") {
			s.Errorf("login: status %d, %v, cookie %q; want a session", status, m, cookie)
		}
		value, _, _ := strings.Cut(cookie, ";")
		for _, want := range []int{204, 401} { // the second time, there is no session
			status, _, header := s.call("DELETE", "/api/session", "", "Cookie", value, "Sec-Fetch-Site", "same-origin")
			if status != want || !strings.Contains(header.Get("Set-Cookie"), "Max-Age=0") {
				s.Errorf("logout: status %d, %v; want %d and no cookie", status, header, want)
			}
		}

		match := `{"url":"https://site.example/1","profile":"one","match":"m1"}`
		_, _, header = s.call("POST", "/api/matches", match, "X-Transaction-Id", tid)
		if header.Get("X-Transaction-Id") != tid {
			s.Errorf("headers are %v, want TID %s", header, tid)
		}
		var tree map[string]any
		testenv.Eventually(s, func() bool {
			status, m, _ := s.call("GET", "/api/trace/"+tid, "")
			tree = m
			return status == 200
		}, "the trace")
		step := tree["steps"].([]any)[0].(map[string]any)
		created, _ := step["children"].([]any)
		if step["op"] != "serve" || step["name"] != "POST /api/matches" || len(created) != 1 ||
			created[0].(map[string]any)["name"] != "soccer.premier_league.match_activated" {
			s.Errorf("trace is %v, want POST /api/matches with match_activated", tree)
		}
		if status, doc, _ := s.call("GET", "/api/openapi.json", ""); status != 200 || doc["openapi"] != "3.1.0" {
			s.Errorf("openapi.json: status %d, %v; want OpenAPI 3.1.0", status, doc)
		}
	})
}

// While Redis is down, the API responds with 503 and Retry-After. The response does not name a
// server.
func TestRedisIsDown(t *testing.T) {
	r := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1})
	defer r.Close()
	s := newServer(t, r)
	for _, path := range []string{"/api/matches", "/api/scoreboard", "/api/instances", "/api/trace/" + tid} {
		status, p, header := s.call("GET", path, "")
		if status != 503 || header.Get("Retry-After") == "" || strings.Contains(p["detail"].(string), "127.0.0.1") {
			t.Errorf("%s: status %d, %v, headers %v; want 503 with Retry-After", path, status, p, header)
		}
	}
	match := `{"url":"https://site.example/1","profile":"one","match":"m1"}`
	if status, _, _ := s.call("POST", "/api/matches", match); status != 503 {
		t.Errorf("POST: status %d, want 503", status)
	}
}

// openAPI returns the OpenAPI document of the API.
func openAPI(t *testing.T) []byte {
	t.Helper()
	b, err := api.Contracts.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// An event that a call publishes has the type, the facts and the ID in the body, and the TID of the call.
func TestPublishing(t *testing.T) {
	onBothRedis(t, func(s *server) {
		body := `{"type":"soccer.mls.goal","id":"g1","time":"2026-11-28T15:00:00Z","data":{"player":"Altidore"}}`
		status, e, _ := s.call("POST", "/api/events", body, "X-Transaction-ID", tid)
		data, _ := e["data"].(map[string]any)
		if status != 201 || e["id"] != "g1" || e["tid"] != tid || e["source"] != "/emit" || data["player"] != "Altidore" ||
			e["time"] != "2026-11-28T15:00:00Z" {
			s.Errorf("status %d, %v; want 201 and the event", status, e)
		}
		// The response is the published message, and a published event can be published again.
		again, err := json.Marshal(e)
		if err != nil {
			s.Fatal(err)
		}
		status, second, _ := s.call("POST", "/api/events", string(again), "Content-Type", event.ContentType)
		if status != 201 || second["id"] != "g1" || second["tid"] == tid {
			s.Errorf("again: status %d, %v; want 201 with the same ID and a new TID", status, second)
		}
		var published []string
		ctx, cancel := context.WithCancel(s.Context())
		caughtUp := make(chan struct{})
		go func() { <-caughtUp; cancel() }()
		err = s.broker.ReadLog(ctx, broker.Start, caughtUp, func(_ broker.Cursor, m broker.Message) error {
			published = append(published, m.ID)
			return nil
		})
		if err != nil || len(published) != 2 || published[0] != "g1" {
			s.Errorf("published %v, error %v; want g1 twice", published, err)
		}
		for _, tc := range []struct {
			name, path, body string
			status           int
			want             string
		}{
			{"unknown kind", "/api/events", `{"type":"soccer.mls.gaol","data":{}}`, 422, "any_kind=true publishes it anyway"},
			{"any kind", "/api/events?any_kind=true", `{"type":"soccer.mls.gaol","data":{}}`, 201, ""},
			{"no boolean", "/api/events?any_kind=2", `{"type":"soccer.mls.goal","data":{}}`, 400, `any_kind "2"`},
			{"no key", "/api/events?any_kind=true", `{"type":"goal","data":{}}`, 422, `routing key "goal"`},
			{"other facts", "/api/events", `{"type":"soccer.mls.goal","data":{"kind":"red_card"}}`, 422, "the facts require"},
			{"unknown fact", "/api/events", `{"type":"soccer.mls.goal","data":{"scorer":"x"}}`, 422, `unknown field "scorer"`},
			{"no facts", "/api/events", `{"type":"soccer.mls.goal"}`, 422, "facts: "},
			{"long ID", "/api/events", `{"type":"soccer.mls.goal","id":"` + strings.Repeat("x", 101) + `","data":{}}`, 422,
				"at most 100 bytes"},
			{"no JSON", "/api/events", `goal`, 400, "decoding the body"},
			{"too large", "/api/events", `{"type":"soccer.mls.goal","data":{"team":"` + strings.Repeat("x", 2<<20) + `"}}`, 413,
				"larger than 2097152 bytes"},
		} {
			status, p, _ := s.call("POST", tc.path, tc.body)
			if detail, _ := p["detail"].(string); status != tc.status || !strings.Contains(detail, tc.want) {
				s.Errorf("%s: status %d, %v; want %d and %q", tc.name, status, p, tc.status, tc.want)
			}
		}
		status, _, _ = s.call("POST", "/api/events", body, "Content-Type", "text/plain")
		if status != 415 {
			s.Errorf("text: status %d, want 415", status)
		}
		if status, _, _ = s.call("POST", "/api/events", body, "Authorization", ""); status != 401 {
			s.Errorf("without a token: status %d, want 401", status)
		}
	})
}

// Calls list, return, replay and delete dead letters.
func TestDeadLetters(t *testing.T) {
	onBothRedis(t, func(s *server) {
		sub := broker.Subscription{Queue: "consumer.scoreboard", Patterns: []string{"#"}}
		if err := s.broker.Declare(s.Context(), sub); err != nil {
			s.Fatal(err)
		}
		for n := range 4 {
			body := fmt.Sprintf(`{"type":"soccer.mls.goal","id":"g%d","data":{}}`, n)
			if status, p, _ := s.call("POST", "/api/events", body); status != 201 {
				s.Fatalf("status %d, %v; want 201", status, p)
			}
		}
		ctx, cancel := context.WithCancel(s.Context())
		var running sync.WaitGroup
		running.Go(func() {
			_ = s.broker.Subscribe(ctx, sub, func(context.Context, broker.Message) error {
				return broker.Permanent(errors.New("the goal is offside"))
			})
		})
		dead := func() int { n, _ := s.broker.CountDead(s.Context(), sub.Queue); return n }
		testenv.Eventually(s, func() bool { return dead() == 4 }, "four dead letters")
		cancel()
		running.Wait()

		status, m, _ := s.call("GET", "/api/dead", "")
		want := "[map[consumer:notify.log dead:<nil>] map[consumer:scoreboard dead:4]]"
		if got := fmt.Sprint(m["consumers"]); status != 200 || got != want {
			s.Errorf("counts: status %d, %s; want %s", status, got, want)
		}
		status, m, _ = s.call("GET", "/api/dead/scoreboard?limit=2", "")
		letters, _ := m["dead_letters"].([]any)
		if status != 200 || len(letters) != 2 || m["total"] != 4.0 || letters[0].(map[string]any)["id"] != "g0" {
			s.Errorf("list: status %d, %v; want g0 and g1 of 4", status, m)
		}
		status, m, _ = s.call("GET", "/api/dead/consumer.scoreboard/g1", "")
		message, _ := m["message"].(map[string]any)
		if status != 200 || m["reason"] != "the goal is offside" || m["attempts"] != 1.0 || message["id"] != "g1" {
			s.Errorf("dead letter: status %d, %v; want g1 with its message", status, m)
		}
		status, p, _ := s.call("GET", "/api/dead/notify", "")
		if status != 404 || !strings.Contains(fmt.Sprint(p["detail"]), "a queue for each of its parts: notify.log") {
			s.Errorf("consumer with parts: status %d, %v; want 404 and the part", status, p)
		}
		for _, tc := range []struct {
			method, path string
			status       int
			left         int
		}{
			{"POST", "/api/dead/scoreboard/g9/replay", 404, 4}, {"DELETE", "/api/dead/scoreboard/g9", 404, 4},
			{"POST", "/api/dead/scoreboard/g1/replay", 204, 3}, {"DELETE", "/api/dead/scoreboard/g2", 204, 2},
			{"GET", "/api/dead/scoreboard/g2", 404, 2}, {"POST", "/api/dead/scoreboard/replay?limit=1", 200, 1},
			{"DELETE", "/api/dead/scoreboard", 200, 0},
		} {
			status, m, _ := s.call(tc.method, tc.path, "")
			wrong := status == 200 && (m["moved"] != 1.0 || m["left"] != float64(tc.left))
			if status != tc.status || dead() != tc.left || wrong {
				s.Errorf("%s %s: status %d, %v, %d dead letters; want %d and %d",
					tc.method, tc.path, status, m, dead(), tc.status, tc.left)
			}
			if tc.method == "GET" {
				continue
			}
			if status, _, _ := s.call(tc.method, tc.path, "", "Authorization", ""); status != 401 {
				s.Errorf("%s %s without a token: status %d, want 401", tc.method, tc.path, status)
			}
		}
	})
}

// A rebuild ends with a line that says whether it is complete. A process runs one rebuild at a time.
func TestRebuild(t *testing.T) {
	onBothRedis(t, func(s *server) {
		status, line, _ := s.call("POST", "/api/rebuild/scoreboard", "")
		if status != 200 || line["events"] != 3.0 || line["done"] != true {
			s.Errorf("status %d, %v; want 3 events and done", status, line)
		}
		status, p, _ := s.call("POST", "/api/rebuild/notify", "")
		if status != 404 || !strings.Contains(fmt.Sprint(p["detail"]), "want one of scoreboard") {
			s.Errorf("consumer without a store: status %d, %v; want 404 and the consumers with one", status, p)
		}
		s.api.Rebuild = func(context.Context, string, func()) (int, error) {
			if status, p, _ := s.call("POST", "/api/rebuild/scoreboard", ""); status != 409 {
				s.Errorf("during a rebuild: status %d, %v; want 409", status, p)
			}
			return 2, errors.New("the store is full")
		}
		status, line, _ = s.call("POST", "/api/rebuild/scoreboard", "")
		if status != 200 || line["events"] != 2.0 || line["error"] != "the store is full" || line["done"] != nil {
			s.Errorf("status %d, %v; want 2 events and the error", status, line)
		}
	})
}

// A call pauses, resumes or polls a source. The poll belongs to the job of the call. Each call needs a token.
func TestOperatingSources(t *testing.T) {
	onBothRedis(t, func(s *server) {
		_, m, _ := s.call("POST", "/api/matches", `{"url":"https://live.site.example/42","profile":"one","match":"m1"}`)
		at := "/api/matches/" + fmt.Sprint(m["id"])
		for _, action := range []string{"pause", "resume", "poll"} {
			if status, _, _ := s.call("POST", at+"/"+action, "", "Authorization", ""); status != 401 {
				s.Errorf("%s without a token: status %d, want 401", action, status)
			}
			status, p, _ := s.call("POST", "/api/matches/none/"+action, "")
			if status != 404 || !strings.Contains(fmt.Sprint(p["detail"]), "none") {
				s.Errorf("%s of an unknown source: status %d, %v; want 404 and its ID", action, status, p)
			}
			if status, _, header := s.call("GET", at+"/"+action, ""); status != 405 || header.Get("Allow") != "POST" {
				s.Errorf("GET %s: status %d, want 405", action, status)
			}
		}
		status, m, _ := s.call("POST", at+"/pause", "", "X-Transaction-ID", tid)
		paused, _ := m["paused"].(map[string]any)
		if status != 200 || m["state"] != "paused" || paused["tid"] != tid || m["next"] != nil {
			s.Errorf("pause: status %d, %v; want it paused by job %s", status, m, tid)
		}
		if status, m, _ = s.call("GET", "/api/pipeline", ""); status != 200 ||
			!strings.Contains(fmt.Sprint(m["sources"]), "state:paused") {
			s.Errorf("pipeline: status %d, %v; want the state paused", status, m)
		}
		status, p, _ := s.call("POST", at+"/poll", "")
		if status != 409 || !strings.Contains(fmt.Sprint(p["detail"]), at+"/resume") {
			s.Errorf("poll of a paused source: status %d, %v; want 409 and the call that resumes it", status, p)
		}
		if status, m, _ = s.call("POST", at+"/resume", ""); status != 200 || m["state"] != "starting" || m["next"] == nil {
			s.Errorf("resume: status %d, %v; want the next poll", status, m)
		}
		pop := func() (asked []string) {
			polls, _, err := s.schedule.Pop(s.Context(), 8, new(scheduler.PopID))
			if err != nil {
				s.Fatal(err)
			}
			for _, p := range polls {
				asked = append(asked, p.Asked.String())
			}
			return asked
		}
		pop()
		status, p, header := s.call("POST", at+"/poll", "")
		if status != 429 || header.Get("Retry-After") == "" || !strings.Contains(fmt.Sprint(p["detail"]), "try again in") {
			s.Errorf("poll after a poll: status %d, %v; want 429 and Retry-After", status, p)
		}
		s.redis.HSet(s.Context(), "mw:{schedule}:tick", fmt.Sprint(m["id"]), 1)
		if status, m, _ = s.call("POST", at+"/poll", "", "X-Transaction-ID", tid); status != 202 {
			s.Errorf("poll: status %d, %v; want 202", status, m)
		}
		if got := pop(); len(got) != 1 || got[0] != tid {
			s.Errorf("the due polls belong to the jobs %v, want %s", got, tid)
		}
		result := poll.Result{Due: time.Now().Add(time.Minute), At: time.Now(), Stop: "the site forbids it"}
		if err := s.schedule.Polled(s.Context(), fmt.Sprint(m["id"]), result); err != nil {
			s.Fatal(err)
		}
		for _, action := range []string{"pause", "resume", "poll"} {
			status, p, _ := s.call("POST", at+"/"+action, "")
			if status != 409 || !strings.Contains(fmt.Sprint(p["detail"]), "the site forbids it") {
				s.Errorf("%s of a stopped source: status %d, %v; want 409 and why it has stopped", action, status, p)
			}
		}
	})
}

// A call sends a test message through a consumer, and returns the result.
func TestTestMessages(t *testing.T) {
	onBothRedis(t, func(s *server) {
		var result consumers.TestResult
		var fails error
		s.api.Tests = map[string]func(context.Context) (consumers.TestResult, error){
			"notify.phone": func(ctx context.Context) (consumers.TestResult, error) {
				if got := event.TIDFrom(ctx).String(); got != tid {
					s.Errorf("the test has the TID %s, want %s", got, tid)
				}
				return result, fails
			},
		}
		for _, tc := range []struct {
			result consumers.TestResult
			fails  error
			status int
			want   string
		}{
			{consumers.TestResult{Text: "[Test] Goal", Recipients: 1, Accepted: 1}, nil, 200, "text:[Test] Goal"},
			{consumers.TestResult{Recipients: 2, Reason: "answered 401"}, nil, 200, "reason:answered 401"},
			{consumers.TestResult{}, &consumers.TestTooSoonError{Wait: 3 * time.Second}, 429, "try again in 3s"},
			{consumers.TestResult{}, consumers.ErrNoTestResult, 503, "is the role consumers running?"},
			{consumers.TestResult{}, errors.New("dial tcp 10.0.0.1:6379"), 503, "a backend server is unavailable"},
		} {
			result, fails = tc.result, tc.fails
			status, m, header := s.call("POST", "/api/test/notify.phone", "", "X-Transaction-ID", tid)
			if status != tc.status || !strings.Contains(fmt.Sprint(m), tc.want) ||
				status == 429 && header.Get("Retry-After") != "3" {
				s.Errorf("status %d, %v; want %d and %s", status, m, tc.status, tc.want)
			}
		}
		status, p, _ := s.call("POST", "/api/test/scoreboard", "")
		if status != 404 || !strings.Contains(fmt.Sprint(p["detail"]), "want one of notify.phone") {
			s.Errorf("a consumer without a test: status %d, %v; want 404 and the consumers with one", status, p)
		}
		if status, _, _ := s.call("POST", "/api/test/notify.phone", "", "Authorization", ""); status != 401 {
			s.Errorf("without a token: status %d, want 401", status)
		}
		if all := s.emitted(); len(all) != 0 {
			s.Errorf("emitted %+v, want no event", all)
		}
	})
}
