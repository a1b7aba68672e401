package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/consumers/scoreboard"
	"github.com/matchwire/matchwire/internal/instances"
	"github.com/matchwire/matchwire/internal/trace"
)

// FuzzQueries sends any path and query to the lists of the API. It checks that a bad parameter gets
// a status from 400 to 499 and a problem document, and that each page of a list is a part of the
// whole list, with at most limit items. Its next leads to the item after the page.
func FuzzQueries(f *testing.F) {
	const sources, boards = 7, 9
	redisServer := miniredis.RunT(f)
	r := redis.NewClient(&redis.Options{Addr: redisServer.Addr()})
	f.Cleanup(func() { r.Close() })
	api := newAPI(r)
	api.Traces, api.Instances = trace.NewStore(r, "mw:", time.Hour), instances.New(r, "mw:", "")
	h := api.Handler()
	polledSources(f, api.Schedule, sources, 10)
	for i := range boards {
		match := fmt.Sprint("m", i)
		r.HSet(f.Context(), scoreboard.Key("mw:", match), "match", match, "home", "A")
		// Some boards have an event at the same time.
		r.ZAdd(f.Context(), scoreboard.ListKey("mw:"), redis.Z{Score: float64(i / 2), Member: match})
	}
	// call calls the API. It returns the status, the items of the list and the position of the next page.
	call := func(t testing.TB, path, id, query string, header http.Header) (status int, items []string, next string) {
		t.Helper()
		req := httptest.NewRequest(http.MethodGet, path, nil)
		req.URL.Path += id
		req.URL.RawQuery, req.Header = query, header
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		if w.Code == http.StatusTemporaryRedirect || w.Code == http.StatusMovedPermanently {
			return http.StatusNotFound, nil, "" // the mux cleans the path
		}
		var body struct {
			Matches     []struct{ ID string }
			Scoreboards []struct{ Match string }
			Next        string
			Status      int
			Detail      string
		}
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
			t.Fatalf("GET %s%s?%s: body %q, error %v; want JSON", path, id, query, w.Body, err)
		}
		if w.Code != http.StatusOK && (w.Code < 400 || w.Code > 499 || body.Status != w.Code || body.Detail == "") {
			t.Fatalf("GET %s%s?%s with header %v: status %d, body %s; want 200, or 400 to 499 with a problem document",
				path, id, query, header, w.Code, w.Body)
		}
		for _, m := range body.Matches {
			items = append(items, m.ID)
		}
		for _, b := range body.Scoreboards {
			items = append(items, b.Match)
		}
		return w.Code, items, body.Next
	}
	lists := []string{"/api/matches", "/api/scoreboard"}
	var whole [2][]string
	for i, path := range lists {
		if _, whole[i], _ = call(f, path, "", "", nil); len(whole[i]) != []int{sources, boards}[i] {
			f.Fatalf("GET %s: %d items, want all", path, len(whole[i]))
		}
		for limit := range 4 {
			_, _, next := call(f, path, "", fmt.Sprint("limit=", limit+1), nil)
			f.Add(byte(i), "", "limit=2&after="+next, "")
		}
	}
	for i, query := range []string{"limit=1000", "limit=1001", "limit=0", "limit=-1", "limit=+1", "limit=01", "limit=1e3",
		"limit=99999999999999999999", "limit=", "limit=%31", "limit=2&limit=9", "after=~", "after=m3", "after=0-m1",
		"after=-1",
		"after=1-m2", "after=1-", "after=1-a b", "after=2gosa7pa2gw-m1", "after=zzzzzzzzzzzzz", "match=m3",
		"match=%00", "match=*",
		"match=m3&limit=1", "live=1", "live=maybe", "live=true&after=0-m0", "after=%ff", "a;b", "%zz"} {
		f.Add(byte(i), "", query, "")
		f.Add(byte(i+1), "", query, "")
	}
	for i, id := range []string{"/m1", "/m 1", "/..", "//", "/\x00", "/" + strings.Repeat("x", 300),
		"/0123456789abcdef0123456789abcdef",
		"/2b3c%2f", "/*", "/{x}"} {
		for list := range 4 {
			f.Add(byte(list), id, "jobs=3", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0"+fmt.Sprint(i))
		}
	}
	f.Fuzz(func(t *testing.T, which byte, id, query, header string) {
		headers := http.Header{}
		if header != "" {
			headers["Traceparent"], headers["X-Transaction-Id"] = []string{header}, []string{header}
		}
		path := []string{"/api/matches", "/api/scoreboard", "/api/trace", "/api/instances"}[which%4]
		if id != "" {
			call(t, path, id, query, headers)
			return
		}
		if which%4 > 1 {
			call(t, path, "", query, nil)
			return
		}
		all := whole[which%4]
		q, err := url.ParseQuery(query)
		status, items, next := call(t, path, "", query, nil)
		if status != http.StatusOK || err != nil || q.Get("match") != "" {
			return
		}
		limit := 100
		if q.Get("limit") != "" {
			if limit, err = strconv.Atoi(q.Get("limit")); err != nil || limit < 1 || limit > 1000 {
				t.Errorf("GET %s?%s: status 200, want 400 because of the limit", path, query)
			}
		}
		if live, _ := strconv.ParseBool(q.Get("live")); which%4 == 1 && live {
			if len(items) > 0 {
				t.Errorf("GET %s?%s: boards %v, want none because no match is live", path, query, items)
			}
			return
		}
		first := slices.Index(all, append(items, "")[0])
		if len(items) > limit || len(items) > 0 && (first < 0 || !slices.Equal(items, all[first:][:len(items)])) ||
			q.Get("after") == "" && first != 0 {
			t.Errorf("GET %s?%s: items %v, want at most %d consecutive items of %v", path, query, items, limit, all)
		}
		end := first + len(items)
		if more := len(items) > 0 && end < len(all); more != (next != "") || len(items) < limit && next != "" {
			t.Errorf("GET %s?%s: %d items and the next %q, want a next only if the page is full and an item follows",
				path, query, len(items), next)
		}
		if next == "" {
			return
		}
		// A position that a response contains is valid in any page size, and leads to the next item.
		status, rest, _ := call(t, path, "", "after="+url.QueryEscape(next), nil)
		if status != http.StatusOK || !slices.Equal(rest, all[end:]) {
			t.Errorf("GET %s?after=%s: status %d, items %v, want 200 and %v", path, next, status, rest, all[end:])
		}
	})
}
