package consumertest_test

import (
	"context"
	"sync"
	"testing"

	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/consumers/consumertest"
	"github.com/matchwire/matchwire/event"
)

// This test checks a consumer that collects the scorers of goals.
func ExampleRun() {
	// In your test: func TestConsumerContract(t *testing.T) { ... }
	_ = func(t *testing.T) {
		consumertest.Run(t, func(t *testing.T) consumertest.Subject {
			var mu sync.Mutex
			var effects []string
			return consumertest.Subject{
				New: func(consumers.Host) (consumers.Consumer, error) {
					return consumers.Consumer{
						Keys: []string{"*.*.goal"},
						Once: true,
						Handle: func(_ context.Context, e event.Event) error {
							mu.Lock()
							defer mu.Unlock()
							effects = append(effects, e.Data.Player)
							return nil
						},
					}, nil
				},
				Effects: func() []string {
					mu.Lock()
					defer mu.Unlock()
					return append([]string{}, effects...)
				},
			}
		})
	}
	// Output:
}
