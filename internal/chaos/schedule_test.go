package chaos

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/matchwire/matchwire/internal/testenv"
)

// matchPage is the profile of a page with one match that goes on.
const matchPage = `
profile: match-page
sport: basketball
format: json
match:
  league: {value: Chaos}
  home: {jq: .home}
  away: {jq: .away}
  status: {value: live q1}
  home_score: {jq: .home_score}
  away_score: {jq: .away_score}
`

// A venue is a match on a host of its own, which remembers when it was asked.
type venue struct {
	mu    sync.Mutex
	asked []time.Time
}

func (v *venue) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	v.mu.Lock()
	v.asked = append(v.asked, time.Now())
	n := len(v.asked)
	v.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"home":"Home","away":"Visitors","home_score":0,"away_score":0,"page":%d}`, n)
}

// late is how long after a poll was due it came, in intervals.
func (v *venue) late(due time.Time, every time.Duration) float64 {
	times := v.times()
	i, _ := slices.BinarySearchFunc(times, due, time.Time.Compare)
	return times[i].Sub(due).Seconds() / every.Seconds()
}

func (v *venue) times() []time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.asked)
}

// A ticked poll is a line of a worker's log.
type ticked struct {
	Msg    string
	Source string
	URL    string
	Due    time.Time
}

// Several schedulers and workers poll many matches: each on time, each tick
// once, the work shared evenly; and one of each killed costs no match more than
// a tick.
func TestSchedule(t *testing.T) {
	beside(t)
	matches, every, rounds, uneven := 40, 3*time.Second, 4, 0.75 // a scheduler takes up to 8 polls at once, so few rounds share unevenly by chance
	if incidents(t) > 0 {
		matches, every, rounds, uneven = 200, 5*time.Second, 12, 0.2
	}
	rabbit, redis := testenv.OwnRabbit(t, 1)[0], testenv.OwnRedis(t)
	dir := t.TempDir()
	program := build(t)
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	write("match-page.yaml", matchPage)
	venues := map[string]*venue{} // by URL
	var config strings.Builder
	config.WriteString("fetch: {ignore_robots: true, private_addresses: true}\nsources:\n")
	for i := range matches {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.1.%d:0", i+1))
		if err != nil {
			t.Fatal(err)
		}
		v := &venue{}
		s := httptest.NewUnstartedServer(v)
		s.Listener.Close()
		s.Listener = l
		s.Start()
		t.Cleanup(s.Close)
		venues[s.URL] = v
		fmt.Fprintf(&config, "  - {url: '%s', profile: match-page.yaml, match: m%d, every: %s}\n", s.URL, i, every)
	}
	file := write("matchwire.yaml", config.String())
	run := func(kind string, i int) *role {
		name := fmt.Sprintf("%s-%d", kind, i)
		r := &role{t: t, name: name, program: program, log: filepath.Join(dir, name+".log"), env: []string{"AMQP_URL=" + rabbit.URL, "REDIS_URL=" + redis.URL},
			args: []string{"run", kind, "--config", file, "--name", name, "--log-json", "--log-level", "debug"}}
		t.Cleanup(r.stop)
		return r
	}
	var schedulers, workers [3]*role
	for i := range 3 {
		schedulers[i], workers[i] = run("scheduler", i), run("parser", i)
	}
	for i := range 3 {
		workers[i].start("parser ready")
	}
	for i := range 3 {
		schedulers[i].start(`"consumer":"scheduler","keys"`)
	}
	var shares [2][3]int // since all of them run
	count := func(sign int) {
		for i := range 3 {
			shares[0][i] += sign * strings.Count(schedulers[i].said(), `"msg":"poll due"`)
			shares[1][i] += sign * strings.Count(workers[i].said(), `"msg":"polled"`)
		}
	}
	count(-1)
	time.Sleep(time.Duration(rounds) * every)
	count(1)
	killed := time.Now()
	schedulers[0].kill()
	workers[0].kill()
	time.Sleep(time.Duration(rounds/2) * every)

	done := map[string]int{}
	polls, late, first := 0, []float64{}, map[string]ticked{}
	for _, w := range workers {
		for line := range strings.Lines(w.said()) {
			var p ticked
			if json.Unmarshal([]byte(line), &p) != nil || p.Msg != "polled" {
				continue
			}
			polls++
			done[p.Source+" "+p.Due.String()]++
			if had, ok := first[p.Source]; !ok || p.Due.Before(had.Due) {
				first[p.Source] = p
			}
			if p.Due.Before(killed.Add(-every)) {
				late = append(late, venues[p.URL].late(p.Due, every))
			}
		}
	}
	var began []float64 // all at once, when the sources were activated
	for _, p := range first {
		began = append(began, venues[p.URL].late(p.Due, every))
	}
	slices.Sort(began)
	for tick, n := range done {
		if n != 1 {
			t.Errorf("tick %s was done %d times", tick, n)
		}
	}
	slices.Sort(late)
	p99 := late[len(late)*99/100]
	longest, asked := 0.0, 0
	for url, v := range venues {
		times := v.times()
		asked += len(times)
		for i := 1; i < len(times); i++ {
			if gap := times[i].Sub(times[i-1]).Seconds() / every.Seconds(); gap > longest {
				longest = gap
			}
		}
		if rest := time.Since(times[len(times)-1]).Seconds() / every.Seconds(); rest > 2.2 {
			t.Errorf("%s was not asked for %.1f intervals", url, rest)
		}
	}
	t.Logf("%d matches every %v: %d polls, %d requests, lateness p50 %.1f %%, p99 %.1f %%, most %.1f %% of the interval", matches, every, polls, asked,
		100*late[len(late)/2], 100*p99, 100*late[len(late)-1])
	t.Logf("the first polls, all at once: p50 %.1f %%, most %.1f %%", 100*began[len(began)/2], 100*began[len(began)-1])
	t.Logf("shares of schedulers %v, of workers %v; longest time between two readings of a match %.2f intervals, one scheduler and one worker killed", shares[0], shares[1], longest)
	for i, name := range []string{"schedulers", "workers"} {
		least, most := slices.Min(shares[i][:]), slices.Max(shares[i][:])
		if mean := float64(shares[i][0]+shares[i][1]+shares[i][2]) / 3; float64(most) > (1+uneven)*mean || float64(least) < (1-uneven)*mean {
			t.Errorf("the %s share %v", name, shares[i])
		}
	}
	// The race detector and the tests beside this one cost their time.
	if most := 0.1; p99 > most && !testenv.Race {
		t.Errorf("p99 of the lateness is %.0f %% of the interval, more than %.0f %%", 100*p99, 100*most)
	}
	if longest > 2.2 {
		t.Errorf("a match was left alone for %.2f intervals", longest)
	}
}
