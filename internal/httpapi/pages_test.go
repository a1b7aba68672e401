package httpapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/consumers/scoreboard"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/guard"
	"github.com/matchwire/matchwire/internal/httpapi"
	"github.com/matchwire/matchwire/internal/quota"
	"github.com/matchwire/matchwire/internal/scheduler"
	"github.com/matchwire/matchwire/internal/testenv"
	"github.com/matchwire/matchwire/parser/poll"
)

// newAPI returns an API that uses a Redis server.
func newAPI(r *redis.Client) *httpapi.API {
	return &httpapi.API{
		Schedule: scheduler.NewSchedule(r, "mw:", nil), Boards: scoreboard.NewBoards(r, "mw:"),
		Guard: &guard.Guard{Local: true}, Log: slog.New(slog.DiscardHandler),
	}
}

// get calls the API and returns the status, the decoded body, and the size of the body in bytes.
func get(t *testing.T, h http.Handler, path string) (status int, body map[string]json.RawMessage, size int) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	text := w.Body.Bytes()
	if err := json.Unmarshal(text, &body); err != nil {
		t.Errorf("GET %s: body %.200s, error %v; want JSON", path, text, err)
	}
	return w.Code, body, len(text)
}

// ids reads all pages of a list and returns the value of member in each item. path must have a query.
// n is the maximum number of items on a page.
func ids(t *testing.T, h http.Handler, path, list, member string, n int) (all []string) {
	t.Helper()
	after := ""
	for {
		status, body, size := get(t, h, path+after)
		var items []map[string]json.RawMessage
		if err := json.Unmarshal(body[list], &items); status != http.StatusOK || err != nil || len(items) > n {
			t.Fatalf(
				"GET %s: status %d, %d items, error %v; want at most %d items",
				path+after,
				status,
				len(items),
				err,
				n,
			)
		}
		if size > 2<<20+100_000 {
			t.Errorf("GET %s: %d bytes, want at most 2 MiB and 100,000 bytes", path+after, size)
		}
		for _, i := range items {
			var id string
			if err := json.Unmarshal(i[member], &id); err != nil {
				t.Fatal(err)
			}
			all = append(all, id)
		}
		if body["next"] == nil {
			return all
		}
		var next string
		if err := json.Unmarshal(body["next"], &next); err != nil || next == "" || len(items) == 0 {
			t.Fatalf(
				"GET %s: next %s and %d items, want a position and some items",
				path+after,
				body["next"],
				len(items),
			)
		}
		after = "&after=" + next
	}
}

// polledSources adds n sources. The latest poll of each source found a match of about size bytes.
// polledSources returns the IDs of the sources, the latest source first.
func polledSources(t testing.TB, s *scheduler.Schedule, n, size int) (ids []string) {
	t.Helper()
	for i := range n {
		url := fmt.Sprint("https://site.example/", i)
		a, _, err := s.Activate(t.Context(), scheduler.Activation{Sport: event.Soccer, By: scheduler.ByAPI,
			Source: event.Source{
				ID:      event.SourceID(url, ""),
				URL:     url,
				Profile: "p",
				Every:   event.Interval(time.Minute),
			}})
		if err != nil {
			t.Fatal(err)
		}
		m := event.Match{ID: fmt.Sprint("m", i), Home: strings.Repeat("x", size), Away: "B", Status: event.Live}
		if err := s.Polled(t.Context(), a.ID,
			poll.Result{Due: time.Now(), At: time.Now(), Matches: []event.Match{m}}); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, a.ID)
	}
	slices.Reverse(ids)
	return ids
}

// The pages of /api/matches contain all sources, the latest first. If the matches are large, a page ends
// at about 2 MiB, before its limit. The memory that a call allocates is bounded.
func TestMatchesInPages(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		api := newAPI(r)
		h := api.Handler()
		const sources, size = 250, 20_000
		want := polledSources(t, api.Schedule, sources, size)
		for _, limit := range []int{3, 100, 1000} {
			got := ids(t, h, fmt.Sprint("/api/matches?limit=", limit), "matches", "id", limit)
			if !slices.Equal(got, want) {
				t.Errorf("limit %d: %d sources, or in the wrong order; want %d, the latest first", limit, len(got), len(want))
			}
		}
		if _, body, _ := get(t, h, "/api/matches?limit=1000"); body["next"] == nil {
			t.Error("limit 1000: no next, want one because all matches together have 5 MB")
		}
		if got := ids(t, h, "/api/matches?match=m7", "matches", "id", 100); len(got) != 1 ||
			got[0] != want[sources-1-7] {
			t.Errorf("match=m7: sources %v, want %s", got, want[sources-1-7])
		}
		if status, body, _ := get(t, h, "/api/matches?after=~"); status != http.StatusBadRequest ||
			!strings.Contains(string(body["detail"]), `after`) {
			t.Errorf("after=~: status %d, detail %s, want 400 and a detail about after", status, body["detail"])
		}
		allocated := func(path string, calls int) uint64 {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for range calls { // one after the other, so that each ends within its time limit
				if status, _, _ := get(t, h, path); status != http.StatusOK {
					t.Errorf("GET %s: status %d, want 200", path, status)
				}
			}
			runtime.ReadMemStats(&after)
			return after.TotalAlloc - before.TotalAlloc
		}
		one := allocated("/api/matches?limit=1", 4) / 4
		many := allocated("/api/matches?limit=1000", 4) / 4
		t.Logf("a call allocates %d KB with limit=1, and %d KB with limit=1000", one>>10, many>>10)
		if one > 40*size || many > 40<<20 {
			t.Errorf("a call allocates %d bytes with limit=1, and %d with limit=1000; want at most %d and %d",
				one, many, 40*size, 40<<20)
		}
	})
}

// The API limits the calls in progress from each address, and from all addresses together. The response
// to a refused call has the headers Retry-After and X-Transaction-Id.
func TestCallsInProgress(t *testing.T) {
	api := &httpapi.API{Calls: quota.New(2, 3), Log: slog.New(slog.DiscardHandler)}
	entered, leave := make(chan struct{}), make(chan struct{})
	h := api.Limit(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		entered <- struct{}{}
		<-leave
		w.WriteHeader(http.StatusNoContent)
	}))
	s := httptest.NewServer(h)
	defer s.Close()
	call := func(address string) (int, http.Header) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/api/scoreboard", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Forwarded-For", address)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Error(err)
			return 0, nil
		}
		resp.Body.Close()
		return resp.StatusCode, resp.Header
	}
	var calls sync.WaitGroup
	begin := func(address string) {
		calls.Go(func() {
			if code, _ := call(address); code != http.StatusNoContent {
				t.Errorf("a call from %s: status %d, want 204", address, code)
			}
		})
		<-entered
	}
	refused := func(address string, want int) {
		t.Helper()
		code, header := call(address)
		if code != want || header.Get("Retry-After") == "" || header.Get("X-Transaction-Id") == "" {
			t.Errorf("a call from %s: status %d, header %v; want %d with Retry-After and X-Transaction-Id",
				address, code, header, want)
		}
	}
	begin("203.0.113.7")
	begin("203.0.113.7")
	refused("203.0.113.7", http.StatusTooManyRequests)
	begin("198.51.100.9")
	refused("198.51.100.10", http.StatusServiceUnavailable)
	close(leave)
	calls.Wait()
	go func() { <-entered }()
	if code, _ := call("203.0.113.7"); code != http.StatusNoContent {
		t.Errorf("a call after the others: status %d, want 204", code)
	}
}

// A commandCounter counts the HGETALL commands that a client sends in pipelines.
type commandCounter struct{ hgetall atomic.Int64 }

func (*commandCounter) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (*commandCounter) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (c *commandCounter) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		for _, cmd := range cmds {
			if cmd.Name() == "hgetall" {
				c.hgetall.Add(1)
			}
		}
		return next(ctx, cmds)
	}
}

// Equal reads of scoreboards within a second share one read of Redis, even if they are concurrent.
func TestEqualReadsShareOne(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		const boards, calls = 20, 400
		for i := range boards {
			match := fmt.Sprint("m", i)
			r.HSet(t.Context(), scoreboard.Key("mw:", match), "match", match, "home", "A")
			r.ZAdd(t.Context(), scoreboard.ListKey("mw:"), redis.Z{Score: float64(i), Member: match})
		}
		count := &commandCounter{}
		r.AddHook(count)
		h := newAPI(r).Handler()
		began := time.Now()
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range calls / 8 {
					for _, path := range []string{"/api/scoreboard?limit=10", "/api/scoreboard/m3"} {
						if status, _, _ := get(t, h, path); status != http.StatusOK {
							t.Errorf("GET %s: status %d, want 200", path, status)
						}
					}
				}
			})
		}
		all.Wait()
		// A response is cached for a second.
		seconds := int64(time.Since(began)/time.Second) + 1
		if got := count.hgetall.Load(); got > (10+2)*seconds {
			t.Errorf(
				"%d reads of hashes for %d calls in less than %d seconds, want at most 12 per second",
				got,
				2*calls,
				seconds,
			)
		}
		got := ids(t, h, "/api/scoreboard?limit=7", "scoreboards", "match", 7)
		if len(got) != boards || got[0] != "m19" || got[19] != "m0" {
			t.Errorf("the pages have the boards %v, want 20, the latest first", got)
		}
		if status, _, _ := get(t, h, "/api/scoreboard?after=m3"); status != http.StatusBadRequest {
			t.Errorf("after=m3: status %d, want 400", status)
		}
	})
}

// Cached responses expire: a list without scoreboards soon contains a new scoreboard.
func TestCachedResponsesExpire(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		h := newAPI(r).Handler()
		if got := ids(t, h, "/api/scoreboard?limit=7", "scoreboards", "match", 7); len(got) != 0 {
			t.Fatalf("boards %v, want none", got)
		}
		r.HSet(t.Context(), scoreboard.Key("mw:", "m1"), "match", "m1")
		r.ZAdd(t.Context(), scoreboard.ListKey("mw:"), redis.Z{Score: 1, Member: "m1"})
		testenv.Eventually(t, func() bool {
			return len(ids(t, h, "/api/scoreboard?limit=7", "scoreboards", "match", 7)) == 1
		}, "a new scoreboard")
	})
}
