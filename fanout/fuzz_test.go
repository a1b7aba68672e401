package fanout

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/matchwire/matchwire/broker/memory"
	"github.com/matchwire/matchwire/event"
)

// format returns the query of a request. [parseRequest] parses it.
func (r *request) format() url.Values {
	q := url.Values{"topics": r.filter.Topics, "match": r.filter.Match, "team": r.filter.Team}
	for name, l := range q {
		if len(l) == 0 {
			delete(q, name)
		}
	}
	if r.cursor != nil {
		q.Set("cursor", r.cursor.String())
	}
	if r.pace.delay != 0 {
		q.Set("delay", strconv.Itoa(int(r.pace.delay/time.Second)))
	}
	if !r.from.IsZero() || r.pace.speed != 0 {
		q.Set("from", r.from.Format(time.RFC3339Nano))
		q.Set("speed", strconv.FormatFloat(r.pace.speed, 'g', -1, 64))
	}
	if r.conflate {
		q.Set("conflate", "true")
	}
	if r.filter.Nothing {
		q.Set("nothing", "true")
	}
	return q
}

// FuzzRequest sends any query and any Last-Event-ID to the event streams. It checks that an invalid
// request gets the status 400, that the values of a valid request are within the documented limits,
// and that parsing its parsed values again returns the same request.
func FuzzRequest(f *testing.F) {
	for _, query := range []string{"", "topics=soccer.%23,tennis.*.goal&match=m1,m2&team=Toronto+FC&team=A,B",
		"cursor=1234-9f3c01aa", "cursor=18446744073709551615-ffffffff", "cursor=0-0", "cursor=-1-0", "cursor=1-1-1",
		"cursor=+1-+1", "cursor=1", "cursor=1-123456789", "cursor=1234-9f3c01aa&cursor=2-2", "delay=30", "delay=3601",
		"delay=-0", "delay=+5", "delay=1e3", "delay=30&speed=2", "from=2016-11-06T23:30:00Z&speed=0.1", "speed=2",
		"from=2016-11-06T23:30:00.123456789%2B14:00&speed=1000", "from=0000-01-01T00:00:00%2B23:59",
		"from=9999-01-01T00:00:00Z",
		"from=2016-11-06T23:30:00Z&speed=NaN", "from=2016-11-06T23:30:00Z&speed=0x1p4", "from=2016-11-06T23:30:00Z&speed=1_0",
		"conflate=1&nothing=F", "nothing=true&match=m", "nothing=true", "conflate=yes", "topcis=x", "topics=%23.%23",
		"topics=a..b",
		"topics=" + strings.Repeat("a,", 201), "match=" + strings.Repeat("x", 256), "team=%ff%00", "token=x", "a;b=c",
		"%zz=1", "team=,",
	} {
		f.Add(query, "")
		f.Add(query, "77-0000beef")
	}
	f.Add("cursor=x", "1-x\r\n")
	hub := NewHub(Options{Log: slog.New(slog.DiscardHandler)})
	done := make(chan error, 1)
	ctx := f.Context()
	go func() { done <- hub.Run(ctx, memory.New(nil, nil)) }()
	f.Cleanup(func() {
		if err := <-done; err != nil {
			f.Error(err)
		}
	})
	h := hub.Handler()
	f.Fuzz(func(t *testing.T, query, lastEventID string) {
		r := httptest.NewRequest(http.MethodGet, "/sse", nil)
		r.URL.RawQuery = query
		if lastEventID != "" {
			r.Header["Last-Event-Id"] = []string{lastEventID}
		}
		now := time.Now()
		req, err := parseRequest(r.URL.Query(), lastEventID, now)
		for _, path := range []string{"/sse", "/ws"} {
			w := httptest.NewRecorder()
			r.URL.Path = path
			h.ServeHTTP(w, r)
			// The recorder has no connection, so a valid request ends with the status 505 or 426.
			if err != nil && w.Code != http.StatusBadRequest || err == nil && path == "/sse" && w.Code != 505 {
				t.Errorf("%s?%s with Last-Event-ID %q: status %d, want 400 if there is an error: %v",
					path, query, lastEventID, w.Code, err)
			}
		}
		if err != nil {
			return
		}
		wanted := req.filter
		for name, l := range map[string][]string{"topics": wanted.Topics, "match": wanted.Match, "team": wanted.Team} {
			for _, s := range l {
				if len(s) > 255 || len(l) > 200 || name == "topics" && event.CheckTopic(s) != nil {
					t.Errorf("query %q: %s has %d entries and the entry %q, want at most 200 valid entries of 255 bytes",
						query, name, len(l), s)
				}
			}
		}
		paced := !req.from.IsZero() || req.pace.speed != 0
		switch {
		case req.pace.delay < 0 || req.pace.delay > time.Hour || req.pace.delay > 0 && paced,
			paced && (!(req.pace.speed >= 0.1 && req.pace.speed <= 1000) || req.from.After(now)),
			req.filter.Nothing && !req.filter.Empty():
			t.Errorf("query %q: got %+v, want the documented limits", query, req)
		}
		formatted := req.format().Encode()
		q, err := url.ParseQuery(formatted)
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseRequest(q, "", now)
		if err != nil {
			t.Fatalf("query %q is valid, but its values %q are not: %v", query, formatted, err)
		}
		if again.format().Encode() != formatted || again.filter.Key() != req.filter.Key() || again.pace != req.pace ||
			!again.from.Equal(req.from) || (again.cursor == nil) != (req.cursor == nil) ||
			again.cursor != nil && *again.cursor != *req.cursor {
			t.Errorf("query %q: got %+v, and %+v after formatting it as %q, want the same", query, req, again, formatted)
		}
	})
}
