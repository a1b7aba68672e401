package chaos

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/matchwire/matchwire/internal/testenv"
)

const (
	recoverWithin = 10 * time.Second // longest permitted time from the end of a fault to the recovery
	patience      = 2 * time.Minute  // longest wait for a condition
	notifyLimit   = 8                // maximum number of notifications that one process sends at the same time
)

// A result is a row of the table, for one fault.
type result struct {
	fault           string
	emitted         int
	log, hook, sock count
	boards          int // number of correct scoreboards
	lost, doubled   int
	lasted          time.Duration // length of the fault
	// recovered is the time from the end of the fault until every receiver has a later event or the whole wave.
	recovered time.Duration
}

// test plays a wave, causes the fault during the wave, and waits until every receiver has the whole
// wave.
func (w *world) test(f fault) result {
	w.Helper()
	wv := w.size
	wv.name = fmt.Sprint("w", len(w.waves))
	w.waves = append(w.waves, wv)
	w.site.play(wv)
	if len(w.waves) == 1 {
		w.startRoles()
	}
	at := 0.15 + 0.25*w.rand.Float64()
	w.until("the wave to begin", func() bool { return w.site.progress() >= at })
	began := time.Now()
	f.do(w)
	over := time.Now()
	// No notification is sent for an incident that was reported only as backfill.
	missing := func(l *ledger) int {
		m := l.of(wv).missing
		if l == w.hook && f.dataLost {
			return w.log.asNews(m)
		}
		return len(m)
	}
	receivers := []*ledger{w.log, w.socket, w.hook}
	for _, l := range receivers {
		w.until("events after the fault", func() bool { return l.newest().After(over) || missing(l) == 0 })
	}
	recovered := time.Since(over)
	for _, l := range receivers {
		w.until("every receiver to have the whole wave", func() bool { return missing(l) == 0 })
	}
	w.until("correct scoreboards", func() bool { wrong, _ := boards(w.Context(), w.store, wv); return wrong == 0 })
	w.until("empty queues", func() bool { return w.waiting("consumer.scoreboard", "consumer.notify.hook") == 0 })
	wrong, _ := boards(w.Context(), w.store, wv)
	r := result{fault: f.name, emitted: wv.incidents(), log: w.log.of(wv), hook: w.hook.of(wv), sock: w.socket.of(wv),
		boards: slots*wv.matches - wrong, lasted: over.Sub(began), recovered: recovered}
	r.lost = missing(w.log) + missing(w.socket) + missing(w.hook)
	r.doubled = r.log.doubled + r.hook.doubled + r.sock.doubled + r.sock.repeated + wrong
	if f.dataLost {
		w.rebuild()
	} else {
		r.doubled += r.log.backfill + r.hook.backfill + r.sock.backfill
	}
	w.check(f, r)
	return r
}

// rebuild restores the scoreboards of earlier waves from the log.
func (w *world) rebuild() {
	w.Helper()
	missing := 0
	for _, wv := range w.waves {
		wrong, _ := boards(w.Context(), w.store, wv)
		missing += wrong
	}
	if missing == 0 && len(w.waves) > 1 {
		w.Error("Redis still has the scoreboards of earlier waves after the loss of its data")
	}
	cmd := exec.Command(w.parser.program, "rebuild", "scoreboard", "--config", w.config)
	cmd.Env = append(os.Environ(), w.env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.Fatalf("rebuild: %v: %s", err, out)
	}
	w.Logf("%d scoreboards of earlier waves were lost; rebuild: %s", missing, strings.TrimSpace(string(out)))
	for _, wv := range w.waves {
		if wrong, example := boards(w.Context(), w.store, wv); wrong > 0 {
			w.Errorf("%d scoreboards of wave %s are wrong after the rebuild: %s", wrong, wv.name, example)
		}
	}
}

// check fails the test if events are lost or doubled, if too many notifications are repeated, or if the
// recovery or a notification is late. With the race detector, it ignores all times, because the detector
// slows down all processes. It checks how late the notifications are only in the long form.
func (w *world) check(f fault, r result) {
	w.Helper()
	if r.lost > 0 || r.doubled > 0 {
		w.Errorf("%s: lost %d, doubled %d, want none: %+v", f.name, r.lost, r.doubled, r)
	}
	for _, l := range []*ledger{w.log, w.socket, w.hook} {
		l.mu.Lock()
		if len(l.reused) > 0 {
			w.Errorf("%s: two events have the same position %+v, and %d more", f.name, l.reused[0], len(l.reused)-1)
		}
		l.mu.Unlock()
	}
	if r.hook.repeated > f.repeats*len(w.consumers)*notifyLimit {
		w.Errorf("%s: %d notifications were repeated, want at most %d, the number in flight",
			f.name, r.hook.repeated, f.repeats*len(w.consumers)*notifyLimit)
	}
	if most := cmp.Or(f.recover, recoverWithin); r.recovered > most && !testenv.Race {
		w.Errorf("%s: recovered after %v, want at most %v", f.name, r.recovered, most)
	}
	if most := r.lasted + f.late; r.hook.late > most && longForm(w.T) && !testenv.Race {
		w.Errorf("%s: the latest notification was sent %v after its event, want at most %v: the fault lasted %v",
			f.name, r.hook.late, most, r.lasted)
	}
}

// until waits until ok returns true. If this takes longer than patience, until logs the end of each
// process's log and fails the test.
func (w *world) until(what string, ok func() bool) {
	w.Helper()
	w.within(patience, what, ok)
}

// within is like until, but waits at most patience.
func (w *world) within(patience time.Duration, what string, ok func() bool) {
	w.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			if len(w.waves) > 0 {
				wv := w.waves[len(w.waves)-1]
				wrong, example := boards(w.Context(), w.store, wv)
				w.Errorf("event log %+v, notifications %+v, WebSocket client %+v, %d wrong scoreboards: %s",
					w.log.of(wv), w.hook.of(wv), w.socket.of(wv), wrong, example)
			}
			for _, r := range []*process{w.parser, w.consumers[0], w.consumers[1], w.fanout} {
				w.Logf("log of %s:\n%s", r.name, r.tail())
			}
			w.Fatalf("waited %v for %s", patience, what)
		}
	}
}

// table logs the table of results.
func (w *world) table(results []result) {
	var b strings.Builder
	tw := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, strings.Join([]string{
		"fault", "emitted", "log", "socket", "notified", "scoreboards", "lost", "doubled", "copies in log",
		"as backfill", "sends repeated", "seconds of fault", "seconds to recover", "latest notification, seconds", "",
	}, "\t"))
	for _, r := range results {
		fmt.Fprintf(tw, "%s\t%d\t%d\t%d\t%d\t%d/%d\t%d\t%d\t%d\t%d\t%d\t%.1f\t%.1f\t%.1f\t\n",
			r.fault, r.emitted, r.log.delivered, r.sock.delivered, r.hook.delivered, r.boards, slots*w.size.matches,
			r.lost, r.doubled, r.log.repeated, r.log.backfill, r.hook.repeated,
			r.lasted.Seconds(), r.recovered.Seconds(), r.hook.late.Seconds())
	}
	_ = tw.Flush()
	w.Logf("seed %d, the WebSocket client could not resume %d times\n%s", w.seed, w.socketGaps.Load(), b.String())
}

// size returns the wave for each fault, without a name. The waves of all faults together have about
// the given number of incidents. A wave is never smaller than in the short form.
func size(incidents, faults int) wave {
	perPage := incidents / faults / slots
	w := wave{matches: 2, rows: 20, step: 4}
	if perPage > 1000 {
		w = wave{matches: 25, rows: 100, step: 4}
		w.rows = (perPage/w.matches/10 + 1) * 10
	}
	return w
}

// incidents returns the value of MATCHWIRE_CHAOS_EVENTS, or 0 if the variable is not set. The value
// is the number of incidents in the long form of the tests, which "make chaos" runs. The value 0
// selects the short form, which "make test" runs.
func incidents(t *testing.T) int {
	n, err := strconv.Atoi(cmp.Or(os.Getenv("MATCHWIRE_CHAOS_EVENTS"), "0"))
	if err != nil {
		t.Fatalf("MATCHWIRE_CHAOS_EVENTS: %v", err)
	}
	return n
}

// longForm reports whether the tests run in the long form. The short form has fewer faults, clients
// and events.
func longForm(t *testing.T) bool { return incidents(t) > 0 }

// longOnly skips a test in the short form.
func longOnly(t *testing.T) {
	t.Helper()
	if !longForm(t) {
		t.Skip("takes minutes: run make chaos")
	}
}

// parallel runs a test in parallel with others in the short form, because these tests mostly wait.
// In the long form, only one test runs at a time.
func parallel(t *testing.T) {
	t.Helper()
	if !longForm(t) {
		t.Parallel()
	}
}

// seed returns MATCHWIRE_SEED, the seed of the random faults, events and attacks. The default is 1.
func seed(t *testing.T) uint64 {
	n, err := strconv.ParseUint(cmp.Or(os.Getenv("MATCHWIRE_SEED"), "1"), 10, 64)
	if err != nil {
		t.Fatalf("MATCHWIRE_SEED: %v", err)
	}
	return n
}

// testAll tests each fault and logs the table of results.
func (w *world) testAll(faults []fault) {
	w.watch()
	var results []result
	defer func() { w.table(results) }()
	for _, f := range faults {
		results = append(results, w.test(f))
	}
}

func TestChaos(t *testing.T) {
	parallel(t)
	faults := []fault{
		nothing, brokerKilled, networkCut, networkStalled, networkSlow, repliesLost, redisKilled,
		parserKilled, consumersKilled, fanoutKilled, diskAlarm, redisLost,
	}
	n := incidents(t)
	if n == 0 {
		faults = []fault{brokerKilled, parserKilled, consumersKilled, redisLost}
	}
	w := newWorld(t, 1, seed(t))
	w.size = size(n, len(faults))
	w.testAll(faults)
}

func TestChaosCluster(t *testing.T) {
	longOnly(t)
	n := incidents(t)
	faults := []fault{leaderKilled, leaderKilled}
	w := newWorld(t, 3, seed(t))
	w.size = size(n/5, len(faults))
	w.testAll(faults)
}

// When a Redis master is killed under load and its replica takes over, no event is lost or doubled, and
// no two events have the same position.
func TestChaosRedisFailover(t *testing.T) {
	for name, start := range map[string]func(testing.TB) *testenv.RedisGroup{
		"cluster": testenv.OwnRedisCluster, "Sentinels": testenv.OwnSentinels,
	} {
		t.Run(name, func(t *testing.T) {
			longOnly(t) // TestMasterIsKilled of package redisclient is the short form
			faults := []fault{nothing, masterKilled, masterKilled, parserKilled, consumersKilled, fanoutKilled}
			w := newWorldOn(t, 1, seed(t), start(t))
			w.size = size(incidents(t), 12)
			w.testAll(faults)
		})
	}
}
