package pipeline

import (
	"context"
	"slices"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/broker/memory"
	"github.com/matchwire/matchwire/health"
	"github.com/matchwire/matchwire/internal/testenv"
)

// A countingBroker counts the inspections of queues. Each queue has an issue.
type countingBroker struct {
	*memory.Broker
	queues      []string
	inspections *int
}

func (b countingBroker) Queues() []string { return b.queues }

func (b countingBroker) QueueHealth(_ context.Context, queues []string) (map[string][]health.Issue, error) {
	all := map[string][]health.Issue{}
	for _, q := range queues {
		*b.inspections++
		all[q] = []health.Issue{{Text: q + " is full"}}
	}
	return all, nil
}

// Together, a hundred processes inspect each queue once. Each process reports the issues of its queues.
func TestProcessesShareInspections(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		inspections := 0
		for i := range 100 {
			queues := []string{"a", "b"}
			if i%2 == 1 {
				queues = []string{"b", "c", "d"}
			}
			h := queueHealth{broker: countingBroker{memory.New(nil, nil), queues, &inspections}, redis: r, prefix: "mw:"}
			var want []health.Issue
			for _, q := range queues {
				want = append(want, health.Issue{Text: q + " is full"})
			}
			if got := h.check(t.Context()); !slices.Equal(got, want) {
				t.Fatalf("process %d has the issues %v, want %v", i, got, want)
			}
		}
		if inspections != 4 {
			t.Errorf("%d inspections, want one for each of the four queues", inspections)
		}
		keys, err := r.Keys(t.Context(), "mw:{health}:queue:*").Result()
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range keys {
			if ttl := r.TTL(t.Context(), key).Val(); ttl <= 0 || ttl > keepQueue {
				t.Errorf("the key %s expires in %v, want more than 0 and at most %v", key, ttl, keepQueue)
			}
		}
		if len(keys) != 8 {
			t.Errorf("keys %v, want a result and a claim for each queue", keys)
		}
	})
}
