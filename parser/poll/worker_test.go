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

// A crew is some workers that share a Redis, and what they say.
type crew struct {
	t        *testing.T
	redis    *redis.Client
	log      parsertest.Buffer
	workers  []*poll.Worker
	profiles profile.Library
	source   event.Source
	due      time.Time
	said     []poll.Result
}

// newCrew has n workers for one source with the small profile.
func newCrew(t *testing.T, r *redis.Client, n int, url, match string) *crew {
	t.Helper()
	p, err := profile.Load("small.yaml", []byte(parsertest.SmallProfile))
	if err != nil {
		t.Fatal(err)
	}
	c := &crew{t: t, redis: r, due: time.Now().Add(-time.Hour), source: event.Source{ID: event.SourceID(url, match), URL: url, Profile: "small", Match: match, Every: event.Interval(time.Second)}}
	c.profiles = profile.Library{"small": p}
	for range n {
		manners := page.Options{PerHost: time.Millisecond, PrivateAddresses: true, MaxWait: time.Second, Limiter: poll.NewRedisLimiter(r, "mw:")}
		in := &poll.Ingester{Store: poll.NewStore(r, "mw:"), Log: slog.New(slog.NewTextHandler(&c.log, nil))}
		c.workers = append(c.workers, poll.NewWorker(c.profiles, page.NewClient(manners), in, r, "mw:", nil, func(_ context.Context, _ string, p poll.Result) error {
			c.said = append(c.said, p)
			return nil
		}))
	}
	return c
}

// task is the next poll as a message.
func (c *crew) task() broker.Message {
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

// poll has a worker do the next poll, and returns what came of it.
func (c *crew) poll(worker int) poll.Result {
	c.t.Helper()
	return c.do(worker, c.task())
}

func (c *crew) do(worker int, m broker.Message) poll.Result {
	c.t.Helper()
	before := len(c.said)
	if err := c.workers[worker].Handle(c.t.Context(), m); err != nil {
		c.t.Fatal(err)
	}
	if len(c.said) == before {
		return poll.Result{}
	}
	return c.said[len(c.said)-1]
}

// events are those that a match owes, decoded.
func (c *crew) events(match string) (all []event.Event) {
	c.t.Helper()
	owed, err := outbox.NewStore(c.redis, "mw:").Oldest(c.t.Context(), match, 1000)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, m := range owed {
		e, err := event.Decode(m.Body)
		if err != nil {
			c.t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

// Whichever worker reads a page, it goes on where the one before left off:
// failures are counted together, a page that is unchanged is not parsed again,
// and events bear the task as their cause.
func TestWorkersShareASource(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		s := parsertest.NewSite(t)
		url := strings.Replace(s.URL, "http://", "http://me:"+testenv.Secret+"@", 1)
		c := newCrew(t, r, 2, url, "mine")
		s.Answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
		for i := range 3 {
			p := c.poll(i % 2)
			if p.Failures != i+1 || p.Problem != "the site answered 503 Service Unavailable" || !p.Due.Equal(c.due.UTC()) || p.At.IsZero() {
				t.Errorf("after %d failures: %+v", i+1, p)
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
		for i := range 4 { // each worker: the page, then that it is unchanged
			p := c.poll(i % 2)
			if p.Failures != 0 || len(p.Matches) != 1 || p.Matches[0].ID != "mine" || p.Unchanged != i || p.Fresh != 30*time.Second || p.Scored {
				t.Errorf("poll %d: %+v", i, p)
			}
		}
		goals = 1
		m := c.task()
		if p := c.do(0, m); !p.Scored || p.Unchanged != 0 {
			t.Errorf("a goal: %+v", p)
		}
		all := c.events("mine")
		last := all[len(all)-1]
		if last.Data.Score == nil || last.Data.Score.Home != 1 || last.TID != m.TID || last.CausationID != m.ID {
			t.Errorf("%+v", last)
		}
		testenv.NoSecret(t, c.log.String())
	})
}

// Each poll is done once: not when its task comes twice, nor when a later one
// has begun; but again where the worker that had it died.
func TestPollIsDoneOnce(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		s := parsertest.NewSite(t)
		s.Answer(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, parsertest.SmallPage, 0) })
		c := newCrew(t, r, 2, s.URL, "")
		early, m := c.task(), c.task()
		c.do(0, m)
		for what, again := range map[string]broker.Message{"the same": m, "an earlier one": early} {
			if p := c.do(1, again); !p.At.IsZero() || s.Count() != 1 {
				t.Errorf("%s was done: %d fetches, %+v", what, s.Count(), p)
			}
		}
		m.Redelivered = true
		if p := c.do(1, m); p.At.IsZero() || s.Count() != 2 {
			t.Errorf("what was under way with somebody who died was not done: %d fetches", s.Count())
		}
		if err := c.workers[0].Handle(t.Context(), broker.Message{Body: []byte("{}")}); err == nil {
			t.Error("rubbish is taken")
		}
	})
}

// What a worker knows is kept even if the next poll has begun meanwhile, lest a
// site that takes its time never counts as failing.
func TestOvertakenPollCounts(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		s := parsertest.NewSite(t)
		c := newCrew(t, r, 2, s.URL, "")
		for i := range 3 {
			slow, next := c.task(), c.task()
			s.Answer(func(w http.ResponseWriter, _ *http.Request) {
				s.Answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
				if p := c.do(1, next); p.Failures != 2*i+1 {
					t.Errorf("the next: %+v", p)
				}
				w.WriteHeader(http.StatusServiceUnavailable)
			})
			c.do(0, slow)
			// The one that ended last is the earlier one; what the later one has said stands.
			if p := c.poll(0); p.Failures != 2*i+2 {
				t.Errorf("after %d: %+v", i, p)
			}
		}
	})
}

// While others wait for a host a worker does not: it says so, and asks nobody.
func TestBusyHost(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		s := parsertest.NewSite(t)
		s.Answer(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, parsertest.SmallPage, 0) })
		c := newCrew(t, r, 1, s.URL, "")
		limiter := poll.NewRedisLimiter(r, "mw:")
		if _, err := limiter.Reserve(t.Context(), s.URL, time.Minute, time.Second); err != nil {
			t.Fatal(err)
		}
		p := c.poll(0)
		if !p.Busy || p.Failures != 0 || !strings.HasPrefix(p.Problem, "too many pages of one host") || s.Count() != 0 {
			t.Errorf("%+v, asked %d times", p, s.Count())
		}
	})
}

// One match of a page that cannot be taken over does not hide the others.
func TestPageOfManyWithABadRow(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		s := parsertest.NewSite(t)
		s.Answer(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `[{"id":"m1","home":"A","away":"B","status":"live"},{"id":"not an id","home":"C","away":"D","status":"live"}]`)
		})
		c := newCrew(t, r, 1, s.URL, "")
		p, err := profile.Load("small.yaml", []byte(`{profile: small, sport: soccer, format: json, matches: {jq: '.[]'}, match: {id: {jq: .id}, league: {value: L}, home: {jq: .home}, away: {jq: .away}, status: {jq: .status, map: {live: live}}}}`))
		if err != nil {
			t.Fatal(err)
		}
		c.profiles["small"] = p
		got := c.poll(0)
		if !got.Many || len(got.Matches) == 0 || got.Matches[0].ID != "m1" || got.Failures != 0 || got.Problem == "" {
			t.Errorf("%+v", got)
		}
	})
}

// A 403 stops the source for good, says so, and marks its matches as stale:
// at once, unless somebody else still reads them. Whoever activates it anew has
// the site asked again.
func TestForbiddenSource(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		s := parsertest.NewSite(t)
		s.Answer(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, parsertest.SmallPage, 1) })
		c := newCrew(t, r, 2, s.URL, "")
		other := newCrew(t, r, 1, s.URL+"/other", "")
		c.poll(0)
		other.poll(0)
		s.Answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
		const why = "the site answered 403 Forbidden"
		if p := c.poll(1); p.Stop != "" || !p.Unmarked || p.Problem != why {
			t.Errorf("while another reads the match: %+v", p)
		}
		asked := s.Count()
		other.redis.Del(t.Context(), "mw:{m1}:state") // as if it had been away for long
		if p := c.poll(0); p.Stop != why || p.Unmarked || s.Count() != asked {
			t.Errorf("later: %+v, %d requests more", p, s.Count()-asked)
		}
		if !strings.Contains(c.log.String(), "the site forbids the page: source stopped") {
			t.Error(c.log.String())
		}
		s.Answer(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, parsertest.SmallPage, 1) })
		task, err := poll.Poll{Source: c.source, Due: c.due.Add(time.Minute), Activated: event.NewTID()}.Task(event.NewTID(), "", c.due, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		m, _ := task.Message()
		if p := c.do(0, m); len(p.Matches) != 1 || p.Problem != "" {
			t.Errorf("activated anew: %+v", p)
		}
	})
}

func TestStaleAtOnce(t *testing.T) {
	s := parsertest.NewSite(t)
	s.Answer(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, parsertest.SmallPage, 1) })
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		c := newCrew(t, r, 1, s.URL, "")
		s.Answer(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, parsertest.SmallPage, 1) })
		c.poll(0)
		s.Answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
		if p := c.poll(0); p.Stop == "" {
			t.Errorf("%+v", p)
		}
		all := c.events("m1")
		e := all[len(all)-1]
		if e.Type != "soccer.l.source_stale" || e.Data.Reason != "the site answered 403 Forbidden" || e.Data.Match.Home != "A" {
			t.Errorf("%+v", e)
		}
	})
}
