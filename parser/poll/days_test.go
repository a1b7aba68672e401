package poll_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/parsertest"
	"github.com/matchwire/matchwire/internal/redact"
	"github.com/matchwire/matchwire/internal/testenv"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/poll"
	"github.com/matchwire/matchwire/parser/profile"
)

const dayProfile = `
profile: day
sport: soccer
matches: li
empty: .none
match: {id: {attr: id}, home: b, away: u, league: {value: L}, status: i, home_score: s, away_score: {value: 0}}
`

// dayRow returns a row of a list of matches.
func dayRow(id, status string, score int) string {
	return fmt.Sprintf("<li id=%s><b>%s A</b><u>%s B</u><i>%s</i><s>%d</s></li>", id, id, id, status, score)
}

func testRedis(t *testing.T) *redis.Client {
	t.Helper()
	r := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	t.Cleanup(func() { r.Close() })
	return r
}

// newDayCluster returns workers that poll a source whose page depends on the date. The returned
// function sets the clock of the workers.
func newDayCluster(
	t *testing.T,
	site *parsertest.Site,
	path, zone string,
	r *page.Request,
) (*cluster, func(at string)) {
	t.Helper()
	p, err := profile.Load("day.yaml", []byte(dayProfile))
	if err != nil {
		t.Fatal(err)
	}
	c := newCluster(t, testRedis(t), 2, site.URL, "")
	c.profiles["day"] = p
	name := ""
	if r != nil {
		name = "keyed"
	}
	if c.source, err = (poll.Source{URL: site.URL + path, Profile: p, Every: time.Second, Request: name,
		Zone: zone}).Resolve(page.Policy{Private: true, AnyPort: true}); err != nil {
		t.Fatal(err)
	}
	now := time.Time{}
	for _, w := range c.workers {
		w.SetNow(func() time.Time { return now })
		if r != nil {
			w.Requests = poll.Requests{"keyed": r}
		}
	}
	return c, func(at string) {
		if now, err = time.Parse(time.RFC3339, at); err != nil {
			t.Fatal(err)
		}
	}
}

// From midnight in the time zone of the source, a worker polls the page of the new day. The worker
// also polls the page of the previous day until the live match on that page is final.
func TestLiveMatchAtMidnight(t *testing.T) {
	t.Parallel()
	site := parsertest.NewSite(t)
	pages := map[string]string{}
	var got []string
	site.Answer(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.URL.RequestURI())
		fmt.Fprint(w, "<html>"+pages[r.URL.Query().Get("d")]+"</html>")
	})
	c, at := newDayCluster(t, site, "/day?d={date:20060102}&from={date-1}", "America/New_York", nil)
	expect := func(what string, want ...string) poll.Result {
		t.Helper()
		got = nil
		result := c.poll(0)
		if result.Problem != "" {
			t.Errorf("%s: problem %s, want none", what, result.Problem)
		}
		for i, w := range want {
			want[i] = "/day?d=" + w
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: requests %v, want %v", what, got, want)
		}
		c.workers[0], c.workers[1] = c.workers[1], c.workers[0] // the other worker runs the next poll
		return result
	}
	pages["20260611"] = dayRow("m1", "live", 0) + dayRow("m2", "final", 1)
	pages["20260612"] = dayRow("m3", "scheduled", 0)
	at("2026-06-12T03:59:00Z")
	expect("before midnight", "20260611&from=2026-06-10")
	at("2026-06-12T04:01:00Z")
	pages["20260611"] = dayRow("m1", "live", 1) + dayRow("m2", "final", 1)
	result := expect("after midnight", "20260612&from=2026-06-11", "20260611&from=2026-06-10")
	if len(result.Matches) != 3 || !result.Scored {
		t.Errorf("result %+v, want three matches and the goal", result)
	}
	keys := ""
	for _, e := range c.events("m1") {
		keys += " " + e.Type
	}
	if !strings.Contains(keys, "soccer.l.goal") {
		t.Errorf("events%s of the match that today's page does not list, want its goal", keys)
	}
	pages["20260611"] = dayRow("m1", "ended", 1)
	at("2026-06-12T04:10:00Z")
	expect("just after the end", "20260612&from=2026-06-11", "20260611&from=2026-06-10")
	pages["20260611"] = dayRow("m1", "final", 1)
	at("2026-06-12T04:11:00Z")
	expect("when it is final", "20260612&from=2026-06-11", "20260611&from=2026-06-10")
	expect("after it is final", "20260612&from=2026-06-11")
	at("2026-06-13T12:00:00Z")
	pages["20260613"] = "<p class=none>none</p>"
	expect("the next day", "20260613&from=2026-06-12")
}

// Yesterday's page is not polled if today's page lists the same live matches, or if none of yesterday's
// matches is being played.
func TestNoNeedForTheDayBefore(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ yesterday, today string }{
		"listed today too": {dayRow("m1", "live", 0), dayRow("m1", "live", 0)},
		"not live":         {dayRow("m1", "final", 0) + dayRow("m2", "postponed", 0), dayRow("m3", "scheduled", 0)},
	} {
		site := parsertest.NewSite(t)
		pages := map[string]string{"/2026-06-11": tc.yesterday, "/2026-06-12": tc.today}
		site.Answer(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, pages[r.URL.Path]) })
		c, at := newDayCluster(t, site, "/{date}", "", nil)
		at("2026-06-11T23:59:00Z")
		c.poll(0)
		at("2026-06-12T00:01:00Z")
		c.poll(0)
		if n := site.Count(); n != 2 {
			t.Errorf("%s: %d requests, want 2", name, n)
		}
	}
}

// A worker sends the request settings of a source with dates instead of placeholders. Results and
// logs do not contain the secrets in the settings.
func TestSourceWithRequestSettings(t *testing.T) {
	t.Parallel()
	site := parsertest.NewSite(t)
	var body, key, query string
	site.Answer(func(w http.ResponseWriter, r *http.Request) {
		buffer := make([]byte, 100)
		n, _ := r.Body.Read(buffer)
		body, key, query = string(buffer[:n]), r.Header.Get("X-Key"), r.URL.RawQuery
		fmt.Fprintf(w, "%s <p>%s</p>", dayRow("m1", "live", 0), r.Header.Get("X-Key"))
	})
	settings := &page.Request{
		Header: http.Header{"X-Key": {testenv.Secret}}, Query: url.Values{"k": {testenv.Secret}, "d": {"{date+1}"}},
		Body: `{"day":"{date}"}`, Secrets: redact.New(testenv.Secret),
	}
	c, at := newDayCluster(t, site, "/feed", "", settings)
	at("2026-06-11T12:00:00Z")
	result := c.poll(0)
	if body != `{"day":"2026-06-11"}` || key != testenv.Secret || query != "d=2026-06-12&k="+testenv.Secret ||
		result.Problem != "" {
		t.Errorf("body %s, key %s, query %s, result %+v, want the settings with dates", body, key, query, result)
	}
	testenv.NoSecret(t, c.log.String(), result, c.events("m1"), c.source)
	c.workers[0].Requests = nil
	if result := c.poll(0); !strings.Contains(result.Problem, `does not have the request settings "keyed"`) {
		t.Errorf("problem %q, want one that names the missing settings", result.Problem)
	}
}

// Two sources with the same URL and different settings have different IDs.
func TestSourcesWithDifferentSettings(t *testing.T) {
	t.Parallel()
	p, err := profile.Load("day.yaml", []byte(dayProfile))
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, s := range []poll.Source{
		{}, {Request: "a"}, {Request: "b"}, {Zone: "Europe/London"}, {Zone: "a"}, {Request: "a", Zone: "Europe/London"},
	} {
		s.URL, s.Profile = "https://site.example/{date:2006/01/02}?x={date}", p
		resolved, err := s.Resolve(page.Policy{})
		if s.Zone == "a" {
			if err == nil || !strings.Contains(err.Error(), `zone "a": want a time zone like`) {
				t.Errorf("zone a: error %v, want one about the time zone", err)
			}
			continue
		}
		if err != nil || resolved.URL != s.URL {
			t.Errorf("source %+v, error %v, want URL %s", resolved, err, s.URL)
		}
		ids[resolved.ID] = true
	}
	if len(ids) != 5 || !ids[event.SourceID("https://site.example/{date:2006/01/02}?x={date}", "")] {
		t.Errorf("IDs %v, want five, one of them the ID of the URL without settings", ids)
	}
	for u, want := range map[string]string{
		"https://site.example/{date:HH}": "want a layout that shows the day",
		"https://site.example/{date:01}": "shows the day",
		"https://site.example/{dates}":   "want {date}, {date-1} or {date:LAYOUT}",
		"https://site.example/{date--1}": "want {date}",
	} {
		_, err := poll.Source{URL: u, Profile: p}.Resolve(page.Policy{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %s", u, err, want)
		}
	}
}
