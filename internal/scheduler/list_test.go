package scheduler_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/scheduler"
	"github.com/matchwire/matchwire/internal/testenv"
	"github.com/matchwire/matchwire/parser/poll"
)

// pages returns the IDs of the sources on all pages of at most n entries. It calls between before each
// page except the first.
func pages(t *testing.T, s *scheduler.Schedule, q scheduler.Query, n int, between func()) (ids []string) {
	t.Helper()
	for {
		onPage := 0
		next, err := s.Page(t.Context(), q, n, func(e scheduler.Entry) bool {
			ids = append(ids, e.ID)
			onPage++
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
		if onPage > n || next != "" && onPage == 0 {
			t.Fatalf("a page has %d entries and next %q, want 1 to %d entries", onPage, next, n)
		}
		if next == "" {
			return ids
		}
		q.After = next
		between()
	}
}

// The pages contain each source once, the latest activation first, although other sources are added and
// removed between two pages.
func TestPages(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		s := scheduler.NewSchedule(r, "mw:", nil)
		added := 0
		add := func() string {
			added++
			a, _, err := s.Activate(t.Context(), activation(fmt.Sprintf("https://a.example/%d", added), ""))
			if err != nil {
				t.Fatal(err)
			}
			return a.ID
		}
		remove := func(id string) {
			if was, err := s.Deactivate(t.Context(), id, "enough"); !was || err != nil {
				t.Fatalf("deactivated %v, error %v, want true", was, err)
			}
		}
		var old []string // earliest first
		for range 120 {
			old = append(old, add())
		}
		if got := pages(t, s, scheduler.Query{}, 200, nil); len(got) != 120 || got[0] != old[119] ||
			got[119] != old[0] {
			t.Fatalf("one page has %d sources, want 120, the latest first", len(got))
		}
		for _, n := range []int{1, 7, 50} {
			old := pages(t, s, scheduler.Query{}, 1000, nil) // latest first
			times := map[string]int{}
			for _, id := range old {
				times[id] = 0
			}
			var removed []string
			for _, id := range pages(t, s, scheduler.Query{}, n, func() {
				add()
				if i := len(old) - 1 - 8*len(removed); i >= 0 { // from the end of the list, so that later pages lack it
					remove(old[i])
					removed = append(removed, old[i])
				}
			}) {
				times[id]++
			}
			for _, id := range old {
				if times[id] != 1 && !slices.Contains(removed, id) || times[id] > 1 {
					t.Errorf("pages of %d: source %s is on the pages %d times, want once", n, id, times[id])
				}
			}
			if len(times) != len(old) {
				t.Errorf("pages of %d: %d sources that were added meanwhile, want none", n, len(times)-len(old))
			}
		}
		for _, after := range []string{"?", "-1", "zzzzzzzzzzzz", "1 "} {
			_, err := s.Page(t.Context(), scheduler.Query{After: after}, 1, func(scheduler.Entry) bool { return true })
			if !errors.Is(err, scheduler.ErrPosition) {
				t.Errorf("after %q: error %v, want ErrPosition", after, err)
			}
		}
	})
}

// matches returns matches with the given IDs.
func matches(ids ...string) (all []event.Match) {
	for _, id := range ids {
		all = append(all, event.Match{ID: id, Home: "Toronto FC", Away: "New York City FC", Status: event.Live})
	}
	return all
}

// A query for a match returns the sources that were activated for the match, and the sources whose latest
// successful poll found the match.
func TestPagesOfAMatch(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		s := scheduler.NewSchedule(r, "mw:", nil)
		var ids []string
		for i, match := range []string{"m1", "", "", ""} {
			a, _, err := s.Activate(t.Context(), activation(fmt.Sprintf("https://a.example/%d", i), match))
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, a.ID)
		}
		due := time.Now()
		poll := func(source int, p poll.Result) {
			due = due.Add(time.Second)
			p.Due, p.At = due, due
			if err := s.Polled(t.Context(), ids[source], p); err != nil {
				t.Fatal(err)
			}
		}
		want := func(what, match string, sources ...int) {
			t.Helper()
			var wanted []string
			for _, i := range sources {
				wanted = append(wanted, ids[i])
			}
			for _, n := range []int{1, 10} {
				if got := pages(t, s, scheduler.Query{Match: match}, n, func() {}); !slices.Equal(got, wanted) {
					t.Errorf("%s: pages of %d with match %s: sources %v, want %v", what, n, match, got, wanted)
				}
			}
		}
		want("before the first poll", "m1", 0)
		poll(1, showing("m1", "m10"))
		poll(2, showing("m2", "m1"))
		want("polled", "m1", 2, 1, 0)
		want("polled", "m10", 1)
		want("polled", "m", []int{}...)
		poll(2, showing("m2"))
		poll(1, failing("no page"))
		want("one source no longer shows it, one poll failed", "m1", 1, 0)
		stop := showing("m3")
		stop.Stop = "the match is over"
		poll(3, stop)
		want("stopped", "m3", 3)
		if _, fresh, err := s.Activate(t.Context(), activation("https://a.example/3", "")); !fresh || err != nil {
			t.Fatalf("reactivated: fresh %v, error %v, want a fresh activation", fresh, err)
		}
		want("reactivated", "m3", []int{}...)
		if was, err := s.Deactivate(t.Context(), ids[1], "enough"); !was || err != nil {
			t.Fatalf("deactivated %v, error %v, want true", was, err)
		}
		want("deactivated", "m1", 0)
		want("deactivated", "m10", []int{}...)
		for key, n := range map[string]int64{
			"order": r.ZCard(t.Context(), "mw:{schedule}:order").Val(),
			"shown": r.HLen(t.Context(), "mw:{schedule}:shown").Val(),
		} {
			if n != 3 {
				t.Errorf("%s has %d sources, want 3", key, n)
			}
		}
		if left := r.ZRange(t.Context(), "mw:{schedule}:matches", 0, -1).Val(); len(left) != 2 {
			t.Errorf("the index of matches is %v, want m1 and m2", left)
		}
	})
}

// showing returns the result of a poll whose page shows the given matches.
func showing(ids ...string) poll.Result { return poll.Result{Matches: matches(ids...)} }

// failing returns the result of a failed poll.
func failing(problem string) poll.Result { return poll.Result{Problem: problem, Failures: 1} }

// olderVersion writes a source as versions without an index do. polled lists the matches of its latest
// poll.
func olderVersion(t *testing.T, p redis.Pipeliner, id string, at time.Time, polled []event.Match) {
	t.Helper()
	a := activation("https://old.example/"+id, "")
	a.ID, a.Activated, a.Event, a.TID = id, at, "e-"+id, event.NewTID()
	text, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	latest, err := json.Marshal(scheduler.LatestPoll{Due: at.UnixMilli(), At: at, Matches: polled})
	if err != nil {
		t.Fatal(err)
	}
	p.HSet(t.Context(), "mw:{schedule}:sources", id, text)
	p.ZAdd(t.Context(), "mw:{schedule}:due", redis.Z{Score: float64(at.UnixMilli()), Member: id})
	p.HSet(t.Context(), "mw:{schedule}:polled", id, latest)
}

// Processes of an older version write sources, and later add and remove some, but do not update the index.
// The pages still contain all sources. After the next List, the index is correct.
func TestIndexOfAnOlderVersion(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		began := time.Now().Add(-time.Hour)
		write := func(ids ...int) {
			p := r.Pipeline()
			for _, i := range ids {
				at := began.Add(time.Duration(i/2) * time.Second) // pairs have the same time
				olderVersion(t, p, fmt.Sprintf("s%03d", i), at, matches("all", fmt.Sprint("m", i)))
			}
			if _, err := p.Exec(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		var first []int
		for i := range 150 {
			first = append(first, i)
		}
		write(first...)
		s := scheduler.NewSchedule(r, "mw:", nil)
		for _, q := range []scheduler.Query{{}, {Match: "all"}} {
			got := pages(t, s, q, 40, func() {})
			slices.Sort(got)
			if got = slices.Compact(got); len(got) != 150 {
				t.Errorf("query %+v: the pages have %d different sources, want 150", q, len(got))
			}
		}
		if got := pages(t, s, scheduler.Query{Match: "m7"}, 40, func() {}); !slices.Equal(got, []string{"s007"}) {
			t.Errorf("match m7: sources %v, want s007", got)
		}
		write(150, 151)
		r.HDel(t.Context(), "mw:{schedule}:sources", "s003", "s149")
		p := r.Pipeline()
		olderVersion(t, p, "s007", began.Add(time.Minute), matches("m8")) // a later poll
		if _, err := p.Exec(t.Context()); err != nil {
			t.Fatal(err)
		}
		all, err := s.List(t.Context())
		if err != nil || len(all) != 150 || !slices.IsSortedFunc(all, func(a, b scheduler.Entry) int {
			return a.Activated.Compare(b.Activated)
		}) {
			t.Errorf("List returns %d sources, error %v, want 150 in the order of activation", len(all), err)
		}
		if got := pages(t, s, scheduler.Query{}, 40, func() {}); len(got) != 150 ||
			got[0] != "s151" && got[0] != "s150" {
			t.Errorf("after the changes: %d sources, the first %s, want 150, the first s151 or s150", len(got), got[0])
		}
		if got := pages(t, s, scheduler.Query{Match: "m7"}, 40, func() {}); len(got) != 0 {
			t.Errorf("match m7 after the changes: sources %v, want none", got)
		}
		if got := pages(t, s, scheduler.Query{Match: "m8"}, 40, func() {}); len(got) != 2 {
			t.Errorf("match m8 after the changes: sources %v, want s007 and s008", got)
		}
		if n := r.ZCard(t.Context(), "mw:{schedule}:order").Val(); n != 150 {
			t.Errorf("the index has %d sources, want 150", n)
		}
	})
}

// traffic counts the commands that a client sends and the bytes that it receives. largest is the number of
// bytes in the largest reply.
type traffic struct{ commands, received, largest atomic.Int64 }

func (c *traffic) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := next(ctx, network, addr)
		return countingConn{conn, c}, err
	}
}

func (c *traffic) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		c.commands.Add(1)
		before := c.received.Load()
		err := next(ctx, cmd)
		c.largest.Store(max(c.largest.Load(), c.received.Load()-before))
		return err
	}
}

func (c *traffic) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		c.commands.Add(int64(len(cmds)))
		before := c.received.Load()
		err := next(ctx, cmds)
		c.largest.Store(max(c.largest.Load(), c.received.Load()-before))
		return err
	}
}

// reset sets the counters to zero.
func (c *traffic) reset() { c.commands.Store(0); c.received.Store(0); c.largest.Store(0) }

// A countingConn counts the bytes that it receives.
type countingConn struct {
	net.Conn
	traffic *traffic
}

func (c countingConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.traffic.received.Add(int64(n))
	return n, err
}

// Even with 2,000 large entries, reading a page transfers only the entries on the page, in small replies.
func TestPageCostsItsEntries(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		const entry = 16_000 // the size of an entry, in bytes
		sources := 2000
		if strings.HasSuffix(t.Name(), "embedded") {
			sources = 400 // each write to a large sorted set is slow
		}
		var shown []event.Match
		for i := range 10 {
			m := matches(fmt.Sprint("match-", i))
			m[0].Home = strings.Repeat("x", 1200)
			shown = append(shown, m...)
		}
		p := r.Pipeline()
		for i := range sources {
			some := slices.Clone(shown)
			some[0].ID = fmt.Sprint("own-", i)
			olderVersion(t, p, fmt.Sprint("s", i), time.Now().Add(time.Duration(i)*time.Millisecond), some)
			if i%100 == 99 {
				if _, err := p.Exec(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		o := *r.Options()
		counting := redis.NewClient(&o)
		defer counting.Close()
		count := &traffic{}
		counting.AddHook(count)
		s := scheduler.NewSchedule(counting, "mw:", nil)
		if _, err := s.List(t.Context()); err != nil { // builds the index
			t.Fatal(err)
		}
		for _, tc := range []struct {
			what               string
			q                  scheduler.Query
			n, entries         int
			commands, received int64
			largest            int64
		}{
			{"limit 1", scheduler.Query{}, 1, 1, 10, 2 * entry, 2 * entry},
			{"limit 5 of a match", scheduler.Query{Match: "own-77"}, 5, 1, 10, 2 * entry, 2 * entry},
			{"limit 200", scheduler.Query{}, 200, 200, 1000, 220 * entry, 25 * entry},
		} {
			count.reset()
			entries := 0
			if _, err := s.Page(t.Context(), tc.q, tc.n, func(scheduler.Entry) bool { entries++; return true }); err != nil {
				t.Fatal(err)
			}
			t.Logf("%s: %d commands, %d bytes, largest reply %d", tc.what, count.commands.Load(), count.received.Load(),
				count.largest.Load())
			if entries != tc.entries || count.commands.Load() > tc.commands || count.received.Load() > tc.received ||
				count.largest.Load() > tc.largest {
				t.Errorf(
					"%s: %d entries, %d commands, %d bytes, largest reply %d; "+
						"want %d entries, at most %d commands, %d bytes and largest reply %d",
					tc.what,
					entries,
					count.commands.Load(),
					count.received.Load(),
					count.largest.Load(),
					tc.entries,
					tc.commands,
					tc.received,
					tc.largest,
				)
			}
		}
		count.reset()
		all, err := s.List(t.Context())
		if err != nil || len(all) != sources {
			t.Fatalf("List returns %d entries, error %v, want %d", len(all), err, sources)
		}
		t.Logf("List: %d commands, %d bytes, largest reply %d", count.commands.Load(), count.received.Load(),
			count.largest.Load())
		if count.received.Load() > int64(sources)*1500 {
			t.Errorf("List of %d sources received %d bytes, want at most %d, because List needs no matches",
				sources, count.received.Load(), sources*1500)
		}
	})
}
