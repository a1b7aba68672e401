package chaos

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// profile is the profile of the site's pages.
const profile = `
profile: chaos
sport: soccer
format: json
matches: {jq: '.[]'}
match:
  id: {jq: .id}
  league: {value: Chaos}
  home: {jq: .home}
  away: {jq: .away}
  status: {jq: .status, map: {soon: scheduled, live: live 2h, over: final}}
  home_score: {jq: .goals}
  away_score: {jq: .conceded}
incidents:
  - rows: {jq: '.rows[]'}
    kind: {jq: .kind}
    side: {jq: .side}
    player: {jq: .player}
    clock: {jq: .minute}
`

// A row is the JSON of an incident on a page.
type row struct {
	Kind   string `json:"kind"`
	Side   string `json:"side"`
	Player string `json:"player"`
	Minute string `json:"minute"`
}

// A match is the JSON of a match on a page.
type match struct {
	ID       string `json:"id"`
	Home     string `json:"home"`
	Away     string `json:"away"`
	Status   string `json:"status"`
	Goals    int    `json:"goals"`
	Conceded int    `json:"conceded"`
	Rows     []row  `json:"rows"`
}

// A wave describes the matches that are played during one fault.
type wave struct {
	name    string
	matches int // number of matches on each page
	rows    int // number of rows of each match, at most 40: the parser refuses more cards
	step    int // number of rows that each request adds
}

// slots is the number of pages of the site. A slot is the index of a page.
const slots = 4

// incidents returns the number of incidents in the whole wave.
func (w wave) incidents() int { return slots * w.matches * w.rows }

// id returns the ID of match m on a page.
func (w wave) id(slot, m int) string { return fmt.Sprintf("%s-%d-%d", w.name, slot, m) }

// row returns row i of a match. Every tenth row is a goal of the home team. All rows are in the last 14 minutes
// of the match, because notify suppresses an incident that a page lists more than 15 minutes too late. If polls
// fail, the last page of the wave may be the first page that matchwire reads.
func (w wave) row(i int) row {
	r := row{Kind: "yellow_card", Side: "away", Player: name(i), Minute: strconv.Itoa(76+i*14/w.rows) + "'"}
	if i%10 == 9 {
		r.Kind, r.Side = "goal", "home"
	}
	return r
}

// facts yields each incident of the wave, in the format of [fact].
func (w wave) facts(yield func(string) bool) {
	for slot := range slots {
		for m := range w.matches {
			for i := range w.rows {
				if !yield(w.id(slot, m) + " " + w.row(i).Player) {
					return
				}
			}
		}
	}
}

// goals returns the number of goals in each match.
func (w wave) goals() int { return w.rows / 10 }

// name returns the name of player i. No two names are so similar that the parser treats them as one.
func name(i int) string {
	syllables := []string{"ba", "ko", "li", "mu", "ze", "ra", "po", "ti", "vu", "ne"}
	word := func(n int) string {
		s := syllables[n%10] + syllables[n/10%10] + syllables[n/100%10]
		return strings.ToUpper(s[:1]) + s[1:]
	}
	return word(i*7+3) + " " + word(999-i)
}

// A site serves pages whose matches advance with each request. Each page has its own host, because
// the rate of requests to a host is limited.
type site struct {
	urls [slots]string

	mu    sync.Mutex
	wave  wave
	reads [slots]int // number of requests for each page
	moved bool       // whether each match shows its first row one minute later than before
	// latest is the time of the latest request for each page since play or forgetGaps. gap is the longest
	// time between two requests for a page during its matches.
	latest [slots]time.Time
	gap    time.Duration
}

func newSite(t *testing.T) *site {
	s := &site{}
	for slot := range slots {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.%d:0", slot+1))
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(s.page(slot))
		}))
		server.Listener.Close()
		server.Listener = l
		server.Start()
		t.Cleanup(server.Close)
		s.urls[slot] = server.URL
	}
	return s
}

// play starts a wave.
func (s *site) play(w wave) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wave, s.reads, s.latest = w, [slots]int{}, [slots]time.Time{}
}

// page returns the matches of a page, one step further than at the previous request. At the first
// request of a wave, the matches have not begun. After the last row, the matches are over.
func (s *site) page(slot int) []match {
	s.mu.Lock()
	defer s.mu.Unlock()
	w, n := s.wave, s.reads[slot]
	s.reads[slot]++
	live := n > 1 && (n-1)*w.step < w.rows // a page is read less often before and after its matches
	if now := time.Now(); live && !s.latest[slot].IsZero() {
		s.gap = max(s.gap, now.Sub(s.latest[slot]))
	}
	s.latest[slot] = time.Now()
	shown := min(n*w.step, w.rows)
	all := []match{}
	for m := range w.matches {
		home, away := fmt.Sprintf("Home %d", m), fmt.Sprintf("Visitors %d", m)
		one := match{ID: w.id(slot, m), Home: home, Away: away, Status: "live", Goals: shown / 10}
		switch {
		case n == 0:
			one.Status = "soon"
		case (n-1)*w.step >= w.rows:
			one.Status = "over"
		}
		for i := range shown {
			one.Rows = append(one.Rows, w.row(i))
		}
		if s.moved && shown > 0 {
			one.Rows[0].Minute = "77'"
		}
		all = append(all, one)
	}
	return all
}

// moveFirstRow sets whether each match shows its first row one minute later than before.
func (s *site) moveFirstRow(moved bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.moved = moved
}

// forgetGaps restarts the measurement of longestGap.
func (s *site) forgetGaps() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gap, s.latest = 0, [slots]time.Time{}
}

// longestGap returns the longest time between two requests for a page during its matches.
func (s *site) longestGap() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gap
}

// progress returns the fraction of the wave that every page has shown, from 0 to 1.
func (s *site) progress() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	least := s.reads[0]
	for _, n := range s.reads {
		least = min(least, n)
	}
	return min(1, float64(max(0, (least-1)*s.wave.step))/float64(s.wave.rows))
}
