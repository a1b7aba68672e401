package matchday

import (
	"context"
	"fmt"
	"sync"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/event"
)

// clubSite is the name of the consumer of the day whose first event becomes a dead letter.
const clubSite = "club-site"

// newClubSite returns a consumer that stands for the site of a club. The site does not know the scorer of the first
// goal, so the event becomes a dead letter. When the dead letter is replayed, the site accepts it.
func newClubSite(consumers.Host) (consumers.Consumer, error) {
	var mu sync.Mutex
	failed := false
	return consumers.Consumer{Keys: []string{"soccer.mls.goal"}, Handle: func(_ context.Context, e event.Event) error {
		mu.Lock()
		defer mu.Unlock()
		if failed {
			return nil
		}
		failed = true
		return broker.Permanent(fmt.Errorf("the site of the club answered 422: unknown player %q", e.Data.Player))
	}}, nil
}
