package app

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/testenv"
)

// An evening is a site with one page that lists several matches. Their goals are scored one after
// the other.
type evening struct {
	mu      sync.Mutex
	matches int
	goals   int // number of goals so far; goal i is in match i % matches
	polls   int
}

const eveningProfile = `
profile: evening
sport: soccer
format: json
matches: {jq: '.[]'}
match:
  id: {jq: .id}
  league: {value: MLS}
  home: {jq: .home}
  away: {jq: .away}
  status: {value: live 2h}
  home_score: {jq: '.goals | length'}
  away_score: {value: 0}
incidents:
  - rows: {jq: '.goals[]'}
    kind: {value: goal}
    side: {value: home}
    player: {jq: .player}
    clock: {jq: .minute}
`

func (s *evening) ServeHTTP(rw http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.polls++
	type goal struct {
		Player string `json:"player"`
		Minute string `json:"minute"`
	}
	type match struct {
		ID    string `json:"id"`
		Home  string `json:"home"`
		Away  string `json:"away"`
		Goals []goal `json:"goals"`
	}
	page := make([]match, s.matches)
	for i := range page {
		page[i] = match{fmt.Sprint("m", i), fmt.Sprint("Home ", i), fmt.Sprint("Away ", i), []goal{}}
	}
	for i := range s.goals {
		m := &page[i%s.matches]
		m.Goals = append(m.Goals, goal{fmt.Sprint("Player ", i), fmt.Sprint(46+i/s.matches, "'")})
	}
	_ = json.NewEncoder(rw).Encode(page)
}

// score adds n goals.
func (s *evening) score(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.goals += n
}

func (s *evening) polled() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.polls
}

// A phone is a webhook that remembers the events of all alerts.
type phone struct {
	mu     sync.Mutex
	events []event.Event
}

func (p *phone) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	var n struct{ Event event.Event }
	if json.NewDecoder(r.Body).Decode(&n) == nil {
		p.mu.Lock()
		p.events = append(p.events, n.Event)
		p.mu.Unlock()
	}
}

// byPlayer returns the events by the player who scored.
func (p *phone) byPlayer() map[string][]event.Event {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := map[string][]event.Event{}
	for _, e := range p.events {
		all[e.Data.Player] = append(all[e.Data.Player], e)
	}
	return all
}

// An eveningWorld runs matchwire with a data folder, an evening, and two phones.
type eveningWorld struct {
	*testing.T
	site    *evening
	phones  [2]*phone
	config  string
	env     []string // of the process
	process *process
}

func newEveningWorld(t *testing.T, matches int) *eveningWorld {
	w := &eveningWorld{T: t, site: &evening{matches: matches}, phones: [2]*phone{{}, {}}}
	site := httptest.NewServer(w.site)
	t.Cleanup(site.Close)
	var urls []string
	for _, p := range w.phones {
		s := httptest.NewServer(p)
		t.Cleanup(s.Close)
		urls = append(urls, s.URL)
	}
	port := site.URL[strings.LastIndexByte(site.URL, ':')+1:]
	w.config = writeConfig(t, `
fetch: {private_addresses: true, ignore_robots: true, ports: [`+port+`]}
sources: [{url: "`+site.URL+`/live", profile: evening.yaml, every: 1s}]
consumers:
  scoreboard:
  notify:
    channels: {one: {webhook: {url: "`+urls[0]+`"}}, two: {webhook: {url: "`+urls[1]+`"}}}
    rules: [{topics: ["*.*.goal"]}]
`)
	profile := filepath.Join(filepath.Dir(w.config), "evening.yaml")
	if err := os.WriteFile(profile, []byte(eveningProfile), 0o600); err != nil {
		t.Fatal(err)
	}
	return w
}

// start starts matchwire with the default data folder, and waits until it has read the page.
func (w *eveningWorld) start() {
	w.Helper()
	before := w.site.polled()
	w.process = start(w.T, "msg=serving", append(w.env, "AMQP_URL=", "REDIS_URL=", "MATCHWIRE_DATA="),
		"run", "--config", w.config, "--listen", "127.0.0.1:0")
	w.process.eventually("a poll", func() bool { return w.site.polled() > before })
}

// check waits until each phone has received each goal. It checks that a goal always has the same event
// ID, that no position is used twice, and that alerts are repeated at most limit times on each phone.
func (w *eveningWorld) check(limit int) (repeated int) {
	w.Helper()
	goals := w.site.goals
	for i, p := range w.phones {
		w.process.eventually(fmt.Sprintf("%d goals on phone %d", goals, i), func() bool { return len(p.byPlayer()) >= goals })
		copies := 0
		positions := map[string]string{} // event IDs by position
		for player, events := range p.byPlayer() {
			copies += len(events) - 1
			for _, e := range events {
				position := fmt.Sprintln(e.Subject, e.Data.Epoch, e.Data.Seq)
				if other := positions[position]; e.ID != events[0].ID || other != "" && other != e.ID {
					w.Errorf("%s: the event %s has the position %s, which %q has too; the first alert is for %s",
						player, e.ID, position, other, events[0].ID)
				}
				positions[position] = e.ID
			}
		}
		if copies > limit {
			w.Errorf("phone %d received %d alerts again, want at most %d", i, copies, limit)
		}
		repeated += copies
	}
	return repeated
}

// restarts returns MATCHWIRE_RESTARTS, the number of times that a test kills the process. The default is 4.
func restarts(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(cmp.Or(os.Getenv("MATCHWIRE_RESTARTS"), "4"))
	if err != nil || n < 4 {
		t.Fatalf("MATCHWIRE_RESTARTS: %v, want a number of at least 4", os.Getenv("MATCHWIRE_RESTARTS"))
	}
	return n
}

// A process without servers is stopped several times, and goals are scored while it does not run. After
// the next start, each phone receives each goal, once. Another process cannot use the data folder meanwhile.
// A new process can continue from a backup of the running process. As after a kill, it sends an alert again,
// with the same event ID, if the backup was made after the alert was sent and before that was noted.
func TestRestartWithoutServers(t *testing.T) {
	t.Parallel()
	stops := restarts(t) / 4
	w := newEveningWorld(t, 3+stops/5) // a match has at most one goal in each of its minutes
	w.start()
	data := filepath.Join(filepath.Dir(w.config), defaultData)
	for range stops {
		w.site.score(4)
		w.check(0)
		code, _, errs := call(t, "", map[string]string{}, "run", "--config", w.config, "--data", data)
		if want := "another process uses the data folder " + data; code == 0 || !strings.Contains(errs, want) {
			t.Errorf("a second process: exit code %d, errors %q; want %q", code, errs, want)
		}
		w.process.stop(syscall.SIGTERM)
		w.site.score(5)
		w.start()
		w.check(0)
	}
	t.Logf("%d stops, %d goals on two phones, no alert lost or repeated", stops, w.site.goals)
	copied := filepath.Join(t.TempDir(), "copy")
	code, out, errs := call(t, "", map[string]string{}, "backup", "--data", data, copied)
	if code != 0 || !strings.Contains(out, "copied ") {
		t.Fatalf("backup: exit code %d, output %q, errors %q", code, out, errs)
	}
	w.process.stop(syscall.SIGTERM)
	w.site.score(1)
	w.process = start(t, "msg=serving", []string{"AMQP_URL=", "REDIS_URL="},
		"run", "--config", w.config, "--listen", "127.0.0.1:0", "--data", copied)
	w.check(5) // each of the last five goals may be in flight
}

// A process without servers is killed at random moments while goals are scored. Each phone receives each
// goal: once, or again with the same event ID if the process was killed while it sent the alert.
// MATCHWIRE_RESTARTS is the number of kills.
func TestKilledWithoutServers(t *testing.T) {
	t.Parallel()
	kills := restarts(t)
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 1))
	w := newEveningWorld(t, 20)
	w.start()
	w.process.eventually("the first state of all matches", func() bool {
		return strings.Contains(w.process.output(), "msg=polled") || w.site.polled() > 2
	})
	var starts []time.Duration
	for range kills {
		for range r.IntN(3) {
			w.site.score(r.IntN(4))
			time.Sleep(time.Duration(r.IntN(1200)) * time.Millisecond)
		}
		w.process.stop(syscall.SIGKILL)
		w.site.score(r.IntN(3))
		began := time.Now()
		w.start()
		starts = append(starts, time.Since(began))
	}
	w.site.score(1)
	repeated := w.check(2 * kills)
	slices.Sort(starts)
	t.Logf("seed %d: %d kills, %d goals on two phones, %d alerts repeated", seed, kills, w.site.goals, repeated)
	t.Logf("from a start until the first poll: median %v, longest %v", starts[len(starts)/2].Round(time.Millisecond),
		starts[len(starts)-1].Round(time.Millisecond))
}

// With servers, a data folder makes no sense.
func TestDataFolderWithServers(t *testing.T) {
	t.Parallel()
	env := map[string]string{"AMQP_URL": "amqp://127.0.0.1:1", "REDIS_URL": "redis://127.0.0.1:1"}
	code, _, errs := call(t, "", env, "run", "--data", t.TempDir())
	if code != exitUsage || !strings.Contains(errs, "--data is for the embedded servers") {
		t.Errorf("exit code %d, errors %q; want a usage error", code, errs)
	}
	testenv.NoSecret(t, errs)
}
