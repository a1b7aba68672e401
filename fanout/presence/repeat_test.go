package presence

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/internal/testenv"
)

// If the reply to a script is lost, the Redis client sends the script again. A node is still stored
// and listed once.
func TestPresenceWhenRepliesAreLost(t *testing.T) {
	testenv.OnLossyRedis(t, func(t *testing.T, _, lossy *redis.Client) {
		one, two := NewStore(lossy, "mw:", "one"), NewStore(lossy, "mw:", "two")
		if err := one.Put(t.Context(), Presence{Connections: 3}); err != nil {
			t.Fatal(err)
		}
		if others, err := two.Others(t.Context()); len(others) != 1 || err != nil || others[0].Connections != 3 {
			t.Errorf("other nodes %v, error %v, want one node with 3 connections", others, err)
		}
	})
}
