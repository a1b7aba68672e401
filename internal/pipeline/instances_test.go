package pipeline

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/internal/instances"
)

// An announcement contains the rate of each consumer since the previous announcement, even if the consumer has
// handled nothing yet. Only the outcome done counts. After the process has loaded a new config, an announcement
// contains the consumers of the new config. Without the role fanout, it contains no number of clients.
func TestLoads(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewRegistry()
		events := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "matchwire_consumer_events_total"},
			[]string{"consumer", "outcome"})
		polls := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "matchwire_polls_total"}, []string{"outcome"})
		clients := prometheus.NewGauge(prometheus.GaugeOpts{Name: "matchwire_fanout_connections"})
		registry.MustRegister(events, polls)
		parts := &roleParts{metrics: registry}
		use := func(all map[string]consumers.Consumer) {
			parts.current.Store(&generation{consumers: consumerSet{all: all}})
		}
		use(map[string]consumers.Consumer{"idle": {}, "scoreboard": {}})
		load := &loads{}
		check := func(replay bool, clients int, want ...instances.Consumer) {
			t.Helper()
			got, sockets := load.of(parts, Roles(), replay)
			if len(got) != len(want) || (sockets == nil) != (clients < 0) || sockets != nil && *sockets != clients {
				t.Fatalf("consumers %+v, clients %v; want %+v and %d", got, sockets, want, clients)
			}
			for i := range want {
				if got[i] != want[i] {
					t.Errorf("consumer %+v, want %+v", got[i], want[i])
				}
			}
		}
		events.WithLabelValues("scoreboard", "done").Add(10)
		events.WithLabelValues("scoreboard", "retry").Add(3)
		polls.WithLabelValues("changed").Add(2)
		check(false, -1, instances.Consumer{Name: "idle"}, instances.Consumer{Name: "parser", Handled: 2},
			instances.Consumer{Name: "scheduler"}, instances.Consumer{Name: "scoreboard", Handled: 10})
		events.WithLabelValues("scoreboard", "done").Add(6)
		polls.WithLabelValues("unchanged").Add(20)
		registry.MustRegister(clients)
		clients.Set(7)
		time.Sleep(4 * time.Second)
		check(true, 7, instances.Consumer{Name: "idle"}, instances.Consumer{Name: "parser", Handled: 22, Rate: 5},
			instances.Consumer{Name: "scoreboard", Handled: 16, Rate: 1.5})
		events.DeleteLabelValues("scoreboard", "done") // the process has loaded a config with other consumers
		events.DeleteLabelValues("scoreboard", "retry")
		use(map[string]consumers.Consumer{"added": {}})
		time.Sleep(4 * time.Second)
		check(true, 7, instances.Consumer{Name: "added"}, instances.Consumer{Name: "parser", Handled: 22})
	})
}
