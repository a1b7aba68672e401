package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/health"
)

const (
	queueInterval = 5 * time.Second   // minimum time between two inspections of a queue by any processes
	keepQueue     = 3 * queueInterval // how long the result of an inspection is used
)

// A queueHealth checks the queues that a process has declared. All processes share the results in
// Redis, so the number of inspections does not grow with the number of processes:
//
//	mw:{health}:queue:<name>        issues of a queue (JSON)
//	mw:{health}:queue:<name>:claim  exists while no process may inspect the queue again
type queueHealth struct {
	broker broker.Broker
	redis  redis.UniversalClient
	prefix string // prefix of every Redis key
}

// check inspects the queues that no process has inspected recently, and returns the issues of all
// queues. It adds an issue if it cannot inspect the queues. If it cannot save or load the results, it
// returns only an issue about that. If it cannot claim queues in Redis, it returns no issues, because
// the check of Redis reports the error.
func (h *queueHealth) check(ctx context.Context) []health.Issue {
	queues := h.broker.Queues()
	if len(queues) == 0 {
		return nil
	}
	claimed, err := h.claim(ctx, queues)
	if err != nil {
		return nil
	}
	found, inspectErr := h.broker.QueueHealth(ctx, claimed)
	if inspectErr == nil {
		err = h.save(ctx, claimed, found)
	}
	all, loadErr := h.load(ctx, queues)
	if inspectErr != nil {
		return append(all, health.Issue{Text: inspectErr.Error()})
	}
	if err := errors.Join(err, loadErr); err != nil {
		return []health.Issue{{Text: fmt.Sprintf("the health of the queues is unknown: %v", err)}}
	}
	return all
}

func (h *queueHealth) key(queue string) string { return h.prefix + "{health}:queue:" + queue }

// claim claims the queues that no process has claimed, and returns them. This process must inspect
// them.
func (h *queueHealth) claim(ctx context.Context, queues []string) (claimed []string, err error) {
	pipe := h.redis.Pipeline()
	claims := make([]*redis.BoolCmd, len(queues))
	for i, q := range queues {
		claims[i] = pipe.SetNX(ctx, h.key(q)+":claim", 1, queueInterval)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, err
	}
	for i, q := range queues {
		if claims[i].Val() {
			claimed = append(claimed, q)
		}
	}
	return claimed, nil
}

// save stores the issues of the inspected queues for all processes.
func (h *queueHealth) save(ctx context.Context, inspected []string, found map[string][]health.Issue) error {
	if len(inspected) == 0 {
		return nil
	}
	pipe := h.redis.Pipeline()
	for _, q := range inspected {
		text, err := json.Marshal(append([]health.Issue{}, found[q]...))
		if err != nil {
			return err
		}
		pipe.Set(ctx, h.key(q), text, keepQueue)
	}
	_, err := pipe.Exec(ctx)
	return err
}

// load returns the stored issues of queues.
func (h *queueHealth) load(ctx context.Context, queues []string) (all []health.Issue, err error) {
	keys := make([]string, len(queues))
	for i, q := range queues {
		keys[i] = h.key(q)
	}
	stored, err := h.redis.MGet(ctx, keys...).Result()
	if err != nil {
		return nil, err
	}
	for _, value := range stored {
		text, ok := value.(string)
		if !ok {
			continue // no process has inspected the queue recently
		}
		var issues []health.Issue
		if err := json.Unmarshal([]byte(text), &issues); err != nil {
			return nil, err
		}
		all = append(all, issues...)
	}
	return all, nil
}
