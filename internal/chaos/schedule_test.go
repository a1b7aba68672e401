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

// matchPage is the profile of a page with one live match.
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

// A matchSite serves the page of one match on its own host. It records the times of polls.
type matchSite struct {
	mu    sync.Mutex
	polls []time.Time
}

func (v *matchSite) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	v.mu.Lock()
	v.polls = append(v.polls, time.Now())
	n := len(v.polls)
	v.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"home":"Home","away":"Visitors","home_score":0,"away_score":0,"page":%d}`, n)
}

// late returns the time from due until the next poll, in multiples of every.
func (v *matchSite) late(due time.Time, every time.Duration) float64 {
	times := v.times()
	i, _ := slices.BinarySearchFunc(times, due, time.Time.Compare)
	return times[i].Sub(due).Seconds() / every.Seconds()
}

func (v *matchSite) times() []time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.polls)
}

// A polledLine is a line of a worker's log that reports a poll.
type polledLine struct {
	Msg    string
	Source string
	URL    string
	Due    time.Time
}

// Several schedulers and workers poll many matches. Each poll is done once, nearly all polls are on
// time, and the work is shared evenly. When one scheduler and one worker are killed, no match misses
// more than one poll. The short form, beside other tests, only checks that the polls go on.
func TestSchedule(t *testing.T) {
	parallel(t)
	// A scheduler reads up to 8 polls together, so the work of a few rounds is shared unevenly.
	matches, every, rounds, uneven := 40, 3*time.Second, 4, 0.75
	maxGap := 20.0 // between two polls of a match, in intervals
	if longForm(t) {
		matches, every, rounds, uneven, maxGap = 200, 5*time.Second, 12, 0.2, 2.2
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
	sites := map[string]*matchSite{} // by URL
	var config strings.Builder
	config.WriteString("fetch: {ignore_robots: true, private_addresses: true}\nsources:\n")
	for i := range matches {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.1.%d:0", i+1))
		if err != nil {
			t.Fatal(err)
		}
		v := &matchSite{}
		s := httptest.NewUnstartedServer(v)
		s.Listener.Close()
		s.Listener = l
		s.Start()
		t.Cleanup(s.Close)
		sites[s.URL] = v
		fmt.Fprintf(&config, "  - {url: '%s', profile: match-page.yaml, match: m%d, every: %s}\n", s.URL, i, every)
	}
	file := write("matchwire.yaml", config.String())
	run := func(kind string, i int) *process {
		name := fmt.Sprintf("%s-%d", kind, i)
		r := &process{t: t, name: name, program: program, log: filepath.Join(dir, name+".log"),
			env:  []string{"AMQP_URL=" + rabbit.URL, "REDIS_URL=" + redis.URL},
			args: []string{"run", kind, "--config", file, "--name", name, "--log-json", "--log-level", "debug"}}
		t.Cleanup(r.stop)
		return r
	}
	var schedulers, workers [3]*process
	for i := range 3 {
		schedulers[i], workers[i] = run("scheduler", i), run("parser", i)
	}
	for i := range 3 {
		workers[i].start(parserReady)
	}
	for i := range 3 {
		schedulers[i].start(`"consumer":"scheduler","keys"`)
	}
	var shares [2][3]int // number of polls of each scheduler and of each worker while all of them run
	count := func(sign int) {
		for i := range 3 {
			shares[0][i] += sign * strings.Count(schedulers[i].output(), `"msg":"poll due"`)
			shares[1][i] += sign * strings.Count(workers[i].output(), `"msg":"polled"`)
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
	polls, late, firstPolls := 0, []float64{}, map[string]polledLine{}
	for _, w := range workers {
		for line := range strings.Lines(w.output()) {
			var p polledLine
			if json.Unmarshal([]byte(line), &p) != nil || p.Msg != "polled" {
				continue
			}
			polls++
			done[p.Source+" "+p.Due.String()]++
			if had, ok := firstPolls[p.Source]; !ok || p.Due.Before(had.Due) {
				firstPolls[p.Source] = p
			}
			if p.Due.Before(killed.Add(-every)) {
				late = append(late, sites[p.URL].late(p.Due, every))
			}
		}
	}
	var firstLate []float64 // lateness of the first polls, which are due at the same time
	for _, p := range firstPolls {
		firstLate = append(firstLate, sites[p.URL].late(p.Due, every))
	}
	slices.Sort(firstLate)
	for tick, n := range done {
		if n != 1 {
			t.Errorf("poll %s was done %d times, want once", tick, n)
		}
	}
	slices.Sort(late)
	p99 := late[len(late)*99/100]
	longest, requests := 0.0, 0
	for url, v := range sites {
		times := v.times()
		requests += len(times)
		for i := 1; i < len(times); i++ {
			if gap := times[i].Sub(times[i-1]).Seconds() / every.Seconds(); gap > longest {
				longest = gap
			}
		}
		if rest := time.Since(times[len(times)-1]).Seconds() / every.Seconds(); rest > maxGap {
			t.Errorf("%s was not polled for the last %.1f intervals, want at most %.1f", url, rest, maxGap)
		}
	}
	t.Logf("%d matches every %v: %d polls, %d requests, late by p50 %.1f %%, p99 %.1f %%, at most %.1f %% of the interval",
		matches, every, polls, requests, 100*late[len(late)/2], 100*p99, 100*late[len(late)-1])
	t.Logf("first polls, all due at the same time: late by p50 %.1f %%, at most %.1f %%",
		100*firstLate[len(firstLate)/2], 100*firstLate[len(firstLate)-1])
	t.Logf("shares of schedulers %v, of workers %v", shares[0], shares[1])
	t.Logf("longest time between two polls of a match %.2f intervals, with one scheduler and one worker killed", longest)
	for i, name := range []string{"schedulers", "workers"} {
		least, most := slices.Min(shares[i][:]), slices.Max(shares[i][:])
		mean := float64(shares[i][0]+shares[i][1]+shares[i][2]) / 3
		if float64(most) > (1+uneven)*mean || float64(least) < (1-uneven)*mean {
			t.Errorf("shares of the %s are %v, want them within %.0f %% of the mean", name, shares[i], 100*uneven)
		}
	}
	// The race detector slows down all processes.
	if most := 0.1; p99 > most && !testenv.Race {
		t.Errorf("p99 of the lateness is %.0f %% of the interval, want at most %.0f %%", 100*p99, 100*most)
	}
	if longest > maxGap {
		t.Errorf("a match was not polled for %.2f intervals, want at most %.1f", longest, maxGap)
	}
}
