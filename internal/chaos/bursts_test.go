package chaos

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/broker/rabbit"
	"github.com/matchwire/matchwire/consumers/notify"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/testenv"
)

// A receiver is the HTTP service that receives the notifications of a channel. It records the events
// that it accepts.
type receiver struct {
	mu       sync.Mutex
	rand     *rand.Rand
	fails    float64            // share of the requests that it answers with 429 or 503
	accepted map[string][]int64 // seqs of the accepted events in the order of arrival, by match
	ids      map[string]int     // number of copies of each accepted event, by ID
	late     []time.Duration    // for each event, the time until its first copy arrived
}

func (v *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var n notify.Notification
	if json.Unmarshal(body, &n) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.rand.Float64() < v.fails {
		status := http.StatusServiceUnavailable
		if v.rand.IntN(2) == 0 {
			status = http.StatusTooManyRequests
			w.Header().Set("Retry-After", "1")
		}
		w.WriteHeader(status)
		return
	}
	if v.ids[n.Event.ID]++; v.ids[n.Event.ID] == 1 {
		v.late = append(v.late, time.Since(n.Timestamp))
	}
	v.accepted[n.Event.Subject] = append(v.accepted[n.Event.Subject], n.Event.Data.Seq)
}

// count returns the number of different events that v has accepted.
func (v *receiver) count() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.ids)
}

// check fails the test unless the channel received the events of each match in the order of want.
// Events may be repeated directly after their first copy, but at most repeats times in total.
func (v *receiver) check(t *testing.T, name string, want map[string][]int64, repeats int) {
	t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	repeated := 0
	for match, expected := range want {
		got := slices.Compact(slices.Clone(v.accepted[match]))
		repeated += len(v.accepted[match]) - len(got)
		if !slices.Equal(got, expected) {
			t.Errorf("channel %s, match %s: got the events %v, want %v", name, match, v.accepted[match], expected)
		}
	}
	if repeated > repeats {
		t.Errorf("channel %s: %d events were repeated, want at most %d, the number in flight", name, repeated, repeats)
	}
	slices.Sort(v.late)
	at := func(share float64) time.Duration {
		return v.late[int(share*float64(len(v.late)-1))].Round(time.Millisecond)
	}
	t.Logf("channel %s: %d events, %d repeated; time to arrive: median %v, 90%% %v, longest %v",
		name, len(v.late), repeated, at(.5), at(.9), at(1))
}

// A burst describes the events of a match that are published together.
type burst struct {
	match string
	kinds []event.Kind
}

// bursts returns n random bursts of 2 to 5 events each. The bursts belong to at most n/10 matches.
func bursts(n int, rand *rand.Rand) (all []burst) {
	kinds := []event.Kind{event.Goal, event.Goal, event.YellowCard, event.RedCard, event.Substitution}
	for range n {
		b := burst{match: fmt.Sprint("burst-", rand.IntN(n/10))}
		for range 2 + rand.IntN(4) {
			b.kinds = append(b.kinds, kinds[rand.IntN(len(kinds))])
		}
		all = append(all, b)
	}
	return all
}

// Three processes send notifications of bursts of events to several channels. The service of one
// channel refuses some of the requests, and one process is killed. In each channel, the
// notifications of a match arrive in the order of the events.
func TestBurstsInOrder(t *testing.T) {
	parallel(t)
	number, fails := 60, 0.01
	if longForm(t) {
		number, fails = 1000, 0.04
	}
	random := rand.New(rand.NewPCG(seed(t), 2))
	url, namespace := testenv.AMQP(t, nil, "consumer.notify.all", "consumer.notify.faulty", "consumer.notify.goals")
	receivers := map[string]*receiver{}
	channels := ""
	for _, name := range []string{"all", "faulty", "goals"} {
		v := &receiver{rand: rand.New(rand.NewPCG(random.Uint64(), 3)), accepted: map[string][]int64{}, ids: map[string]int{}}
		receivers[name] = v
		server := httptest.NewServer(v)
		t.Cleanup(server.Close)
		channels += fmt.Sprintf("      %s: {webhook: {url: '%s'}}\n", name, server.URL)
	}
	receivers["faulty"].fails = fails

	dir := t.TempDir()
	config := filepath.Join(dir, "matchwire.yaml")
	text := "namespace: " + namespace + "\nconsumers:\n  notify:\n    channels:\n" + channels +
		"    rules: [{to: [goals], kinds: [goal]}, {to: [all, faulty], topics: ['#']}]\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var processes []*process
	for i := range 3 {
		p := &process{t: t, name: fmt.Sprint("consumers-", i), program: build(t),
			args: []string{"run", "--config", config, "consumers"},
			env:  []string{"AMQP_URL=" + url, "REDIS_URL=" + testenv.Redis(t)}, log: filepath.Join(dir, fmt.Sprint(i, ".log"))}
		if i > 0 {
			p.env = processes[0].env
		}
		t.Cleanup(p.stop)
		p.start("consumer=notify.goals keys")
		processes = append(processes, p)
	}

	b, err := rabbit.New(url, rabbit.Options{Namespace: namespace, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	epoch := event.NewTID().String()
	want := map[string]map[string][]int64{"all": {}, "faulty": {}, "goals": {}}
	seqs := map[string]int64{}
	all := bursts(number, random)
	for i, burst := range all {
		var msgs []broker.Message
		for _, kind := range burst.kinds {
			seqs[burst.match]++
			seq := seqs[burst.match]
			incident := event.IncidentID(namespace, burst.match, fmt.Sprint(seq))
			e, err := event.Of("soccer.mls."+string(kind), event.Data{
				Incident: incident, Rev: 1, Epoch: epoch, Seq: seq,
				Match: &event.Match{ID: burst.match, Home: "Home", Away: "Visitors"},
			}, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			e.TID = event.NewTID()
			m, err := broker.NewMessage(e)
			if err != nil {
				t.Fatal(err)
			}
			msgs = append(msgs, m)
			for name, matches := range want {
				if name != "goals" || kind == event.Goal {
					matches[burst.match] = append(matches[burst.match], seq)
				}
			}
		}
		if _, err := b.Publish(t.Context(), msgs...); err != nil {
			t.Fatal(err)
		}
		if i == len(all)/2 {
			processes[0].kill()
		}
		time.Sleep(time.Duration(random.IntN(40)) * time.Millisecond)
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		total := 0
		for _, expected := range want[name] {
			total += len(expected)
		}
		v := receivers[name]
		last, progress := 0, time.Now()
		for v.count() < total {
			if n := v.count(); n > last {
				last, progress = n, time.Now()
			}
			if time.Since(progress) > patience {
				t.Errorf("channel %s: got %d events, want %d; log of a process:\n%s", name, v.count(), total, processes[1].tail())
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		v.check(t, name, want[name], notifyLimit)
	}
}
