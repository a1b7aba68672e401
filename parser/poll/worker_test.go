package poll_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/outbox"
	"github.com/matchwire/matchwire/internal/parsertest"
	"github.com/matchwire/matchwire/internal/testenv"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/poll"
	"github.com/matchwire/matchwire/parser/profile"
)

// A cluster is a group of workers that share a Redis database and poll one source.
type cluster struct {
	t        *testing.T
	redis    *redis.Client
	log      parsertest.Buffer
	workers  []*poll.Worker
	profiles profile.Library
	source   event.Source
	due      time.Time // when the latest poll was due
	results  []poll.Result
}

// newCluster returns a cluster of n workers. The source has the profile parsertest.SmallProfile.
func newCluster(t *testing.T, r *redis.Client, n int, url, match string) *cluster {
	t.Helper()
	p, err := profile.Load("small.yaml", []byte(parsertest.SmallProfile))
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{
		t: t, redis: r, due: time.Now().Add(-time.Hour),
		profiles: profile.Library{"small": p},
		source: event.Source{ID: event.SourceID(url, match), URL: url, Profile: "small", Match: match,
			Every: event.Interval(time.Second)},
	}
	report := func(_ context.Context, _ string, result poll.Result) error {
		c.results = append(c.results, result)
		return nil
	}
	for range n {
		client := page.NewClient(page.Options{
			PerHost: time.Millisecond, Policy: page.Policy{Private: true}, MaxWait: time.Second,
			Limiter: poll.NewRedisLimiter(r, "mw:")})
		in := &poll.Ingester{Store: poll.NewStore(r, "mw:"), Log: slog.New(slog.NewTextHandler(&c.log, nil))}
		c.workers = append(c.workers, poll.NewWorker(c.profiles, client, in, r, "mw:", nil, report))
	}
	return c
}

// task returns the message of the next poll, which is due a second after the latest poll.
func (c *cluster) task() broker.Message {
	c.t.Helper()
	c.due = c.due.Add(time.Second)
	task, err := poll.Poll{Source: c.source, Due: c.due}.Task(event.NewTID(), "cause", c.due, time.Hour)
	if err != nil {
		c.t.Fatal(err)
	}
	m, err := task.Message()
	if err != nil {
		c.t.Fatal(err)
	}
	m.Attempt = 1
	return m
}

// poll makes a worker run the next poll, and returns the result.
func (c *cluster) poll(worker int) poll.Result {
	c.t.Helper()
	return c.do(worker, c.task())
}

// do makes a worker handle a message, and returns the result. If the poll was skipped, it returns
// the zero Result.
func (c *cluster) do(worker int, m broker.Message) poll.Result {
	c.t.Helper()
	before := len(c.results)
	if err := c.workers[worker].Handle(c.t.Context(), m); err != nil {
		c.t.Fatal(err)
	}
	if len(c.results) == before {
		return poll.Result{}
	}
	return c.results[len(c.results)-1]
}

// events returns the events in the outbox of a match.
func (c *cluster) events(match string) (all []event.Event) {
	c.t.Helper()
	pending, err := outbox.NewStore(c.redis, "mw:").Oldest(c.t.Context(), match, 1000)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, m := range pending {
		e, err := event.Decode(m.Body)
		if err != nil {
			c.t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

// Workers share the state of a source: they count failures and unchanged pages together. Events
// have the task as their cause.
func TestWorkersShareASource(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		s := parsertest.NewSite(t)
		url := strings.Replace(s.URL, "http://", "http://me:"+testenv.Secret+"@", 1)
		c := newCluster(t, r, 2, url, "mine")
		s.Answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
		for i := range 3 {
			p := c.poll(i % 2)
			if p.Failures != i+1 || p.Problem != "the site answered 503 Service Unavailable" || !p.Due.Equal(c.due.UTC()) ||
				p.At.IsZero() {
				t.Errorf("failure %d: result %+v, want %d failures and the site's response as the problem", i+1, p, i+1)
			}
		}
		goals := 0
		s.Answer(func(w http.ResponseWriter, r *http.Request) {
			etag := fmt.Sprintf(`"%d"`, goals)
			w.Header().Set("ETag", etag)
			w.Header().Set("Cache-Control", "public, max-age=30")
			if r.Header.Get("If-None-Match") == etag {
				w.WriteHeader(http.StatusNotModified)
				return
			}
			fmt.Fprintf(w, parsertest.SmallPage, goals)
		})
		for i := range 4 { // each worker fetches the page, then gets 304 Not Modified
			p := c.poll(i % 2)
			if p.Failures != 0 || len(p.Matches) != 1 || p.Matches[0].ID != "mine" ||
				p.Unchanged != i || p.Fresh != 30*time.Second || p.Scored {
				t.Errorf("poll %d: result %+v, want match mine, %d unchanged polls and fresh for 30s", i, p, i)
			}
		}
		goals = 1
		m := c.task()
		if p := c.do(0, m); !p.Scored || p.Unchanged != 0 {
			t.Errorf("poll with a goal: result %+v, want Scored and 0 unchanged polls", p)
		}
		all := c.events("mine")
		last := all[len(all)-1]
		if last.Data.Score == nil || last.Data.Score.Home != 1 || last.TID != m.TID || last.CausationID != m.ID {
			t.Errorf("the latest event is %+v, want the goal with TID %s and cause %s", last, m.TID, m.ID)
		}
		testenv.NoSecret(t, c.log.String())
	})
}

// A poll is skipped if its task was delivered before, or if a later poll has begun. A redelivered
// poll is run again, because its worker may have ended.
func TestPollIsDoneOnce(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		s := parsertest.NewSite(t)
		s.Answer(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, parsertest.SmallPage, 0) })
		c := newCluster(t, r, 2, s.URL, "")
		early, m := c.task(), c.task()
		c.do(0, m)
		for name, again := range map[string]broker.Message{"the same poll": m, "an earlier poll": early} {
			if p := c.do(1, again); !p.At.IsZero() || s.Count() != 1 {
				t.Errorf("%s was run: %d requests, result %+v, want 1 request and no result", name, s.Count(), p)
			}
		}
		m.Redelivered = true
		if p := c.do(1, m); p.At.IsZero() || s.Count() != 2 {
			t.Errorf("a redelivered poll was not run: %d requests, want 2", s.Count())
		}
		if err := c.workers[0].Handle(t.Context(), broker.Message{Body: []byte("{}")}); err == nil {
			t.Error("Handle of a message that is not a poll: no error, want one")
		}
	})
}

// If two polls of a slow site overlap, failures are still counted. Of the two states, the state
// after the poll that was due later is saved.
func TestOvertakenPollCounts(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		s := parsertest.NewSite(t)
		c := newCluster(t, r, 2, s.URL, "")
		for i := range 3 {
			slow, next := c.task(), c.task()
			s.Answer(func(w http.ResponseWriter, _ *http.Request) {
				s.Answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
				if p := c.do(1, next); p.Failures != 2*i+1 {
					t.Errorf("round %d: result of the next poll: %+v, want %d failures", i, p, 2*i+1)
				}
				w.WriteHeader(http.StatusServiceUnavailable)
			})
			c.do(0, slow)
			// The slow poll was due first but ended last. Its state does not replace the state
			// after the next poll.
			if p := c.poll(0); p.Failures != 2*i+2 {
				t.Errorf("round %d: result of the poll after both: %+v, want %d failures", i, p, 2*i+2)
			}
		}
	})
}

// If too many requests wait for a host, a worker sends no request. The poll is busy, not failed.
func TestBusyHost(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		s := parsertest.NewSite(t)
		s.Answer(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, parsertest.SmallPage, 0) })
		c := newCluster(t, r, 1, s.URL, "")
		limiter := poll.NewRedisLimiter(r, "mw:")
		if _, err := limiter.Reserve(t.Context(), s.URL, time.Minute, time.Second); err != nil {
			t.Fatal(err)
		}
		p := c.poll(0)
		if !p.Busy || p.Failures != 0 || !strings.HasPrefix(p.Problem, "too many requests wait for the host") ||
			s.Count() != 0 {
			t.Errorf("result %+v, %d requests, want Busy and no requests", p, s.Count())
		}
	})
}

// If one match on a page cannot be ingested, the other matches are still ingested.
func TestListWithABadRow(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		s := parsertest.NewSite(t)
		s.Answer(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `[{"id":"m1","home":"A","away":"B","status":"live"},
				{"id":"not an id","home":"C","away":"D","status":"live"}]`)
		})
		c := newCluster(t, r, 1, s.URL, "")
		p, err := profile.Load("small.yaml", []byte(`{profile: small, sport: soccer, format: json, matches: {jq: '.[]'},
			match: {id: {jq: .id}, league: {value: L}, home: {jq: .home}, away: {jq: .away},
				status: {jq: .status, map: {live: live}}}}`))
		if err != nil {
			t.Fatal(err)
		}
		c.profiles["small"] = p
		got := c.poll(0)
		if !got.Many || len(got.Matches) == 0 || got.Matches[0].ID != "m1" || got.Failures != 0 || got.Problem == "" {
			t.Errorf("result %+v, want match m1, and a problem", got)
		}
	})
}

// If a page shows the end of a match too early, the result has the previous status of the match. So
// the scheduler continues to poll the source as often as during play.
func TestStatusOfAnEndThatIsHeld(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		s := parsertest.NewSite(t)
		c := newCluster(t, r, 1, s.URL, "")
		for _, tc := range []struct {
			page string
			want event.Status
		}{{"HT", event.Break}, {"FT", event.Break}, {"2nd", event.Live}} {
			s.Answer(func(w http.ResponseWriter, _ *http.Request) {
				fmt.Fprint(w, strings.Replace(fmt.Sprintf(parsertest.SmallPage, 0), "Live", tc.page, 1))
			})
			if p := c.poll(0); len(p.Matches) != 1 || p.Matches[0].Status != tc.want {
				t.Errorf("a page with %s: matches %+v, want status %s", tc.page, p.Matches, tc.want)
			}
		}
	})
}

// After a 403 response, no more requests are sent to the site. The source stops when its matches
// are marked as stale. A match is not marked while another source has usable pages of the match.
// After the source is activated again, its page is fetched again.
func TestForbiddenSource(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		s := parsertest.NewSite(t)
		s.Answer(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, parsertest.SmallPage, 1) })
		c := newCluster(t, r, 2, s.URL, "")
		other := newCluster(t, r, 1, s.URL+"/other", "")
		c.poll(0)
		other.poll(0)
		s.Answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
		const why = "the site answered 403 Forbidden"
		if p := c.poll(1); p.Stop != "" || !p.Unmarked || p.Problem != why {
			t.Errorf("result while another source shows the match: %+v, want Unmarked and no Stop", p)
		}
		before := s.Count()
		other.redis.Del(t.Context(), "mw:{m1}:state") // as if the other source had had no page for a long time
		if p := c.poll(0); p.Stop != why || p.Unmarked || s.Count() != before {
			t.Errorf("result without the other source: %+v, %d more requests, want Stop and no requests", p, s.Count()-before)
		}
		if !strings.Contains(c.log.String(), "the site forbids the page: source stopped") {
			t.Errorf("the log is\n%s\nwant it to report that the source stopped", c.log.String())
		}
		s.Answer(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, parsertest.SmallPage, 1) })
		again := poll.Poll{Source: c.source, Due: c.due.Add(time.Minute), Activated: event.NewTID()}
		task, err := again.Task(event.NewTID(), "", c.due, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		m, err := task.Message()
		if err != nil {
			t.Fatal(err)
		}
		if p := c.do(0, m); len(p.Matches) != 1 || p.Problem != "" {
			t.Errorf("result after the source was activated again: %+v, want 1 match and no problem", p)
		}
	})
}

// A match whose only source is forbidden becomes stale at once.
func TestForbiddenMatchIsStaleAtOnce(t *testing.T) {
	s := parsertest.NewSite(t)
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		c := newCluster(t, r, 1, s.URL, "")
		s.Answer(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, parsertest.SmallPage, 1) })
		c.poll(0)
		s.Answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
		if p := c.poll(0); p.Stop == "" {
			t.Errorf("result for a forbidden page: %+v, want Stop", p)
		}
		all := c.events("m1")
		e := all[len(all)-1]
		if e.Type != "soccer.l.source_stale" || e.Data.Reason != "the site answered 403 Forbidden" ||
			e.Data.Match.Home != "A" {
			t.Errorf("the latest event is %+v, want source_stale", e)
		}
	})
}
