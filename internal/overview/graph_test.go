package overview_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/internal/overview"
)

var update = flag.Bool("update", false, "rewrite the drawings in testdata")

// running returns the overview of a running pipeline.
func running() overview.Overview {
	at := time.Date(2026, 11, 30, 20, 0, 0, 0, time.UTC)
	o := overview.New([]broker.Subscription{
		{Queue: "consumer.notify.club", Patterns: []string{"*.*.goal", "*.*.red_card"}},
		{Queue: "consumer.scheduler", Patterns: []string{"*.*.match_activated"}},
		{Queue: "task.parser.page.poll", Exchange: broker.Tasks, Patterns: []string{"parser.page.poll"}},
	}, func(queue string) string {
		if queue == "task.parser.page.poll" {
			return "parser"
		}
		return strings.TrimPrefix(queue, "consumer.")
	})
	o.At = at
	o.Sources = overview.Sources{Count: 3, List: []overview.Source{{ID: "d86f2997e0d15ba1", By: "config",
		URL: `https://site.example/"><script>?a=1&b=\`, Profile: "mls", State: overview.Polled,
		At: at.Add(-4 * time.Second)}}}
	o.Outboxes = overview.Outboxes{Pending: 2, List: []overview.Outbox{{Name: "mls-42", Messages: 3}}}
	o.Queues[0].State = &overview.QueueState{Messages: 5, Subscribers: 1, Retries: 1, Dead: 2}
	o.Consumers[0].Instances = []overview.Instance{{Name: "one", Status: "pass", Rate: 1.5}}
	o.Consumers[0].Rate = 1.5
	o.Fanout = []overview.Node{{Name: "one", Status: "pass", Clients: 1}, {Name: "two", Status: "warn", Clients: 40}}
	return o
}

// The drawings of a running pipeline, of a plan and of a replay are those in testdata.
//
//	go test ./internal/overview -run TestDrawings -update
func TestDrawings(t *testing.T) {
	t.Parallel()
	plan := running()
	plan.At, plan.Fanout, plan.Sources.List[0].At, plan.Sources.List[0].State = time.Time{}, nil, time.Time{}, ""
	replay := running()
	replay.Sources = overview.Sources{Replay: true}
	replay.Exchanges = replay.Exchanges[:1]
	replay.Queues, replay.Consumers = replay.Queues[:1], replay.Consumers[:1]
	for name, got := range map[string]string{
		"running.mmd": running().Mermaid(), "running.dot": running().DOT(),
		"plan.mmd": plan.Mermaid(), "replay.mmd": replay.Mermaid(),
	} {
		file := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
		}
	}
}
