package testenv

import (
	"testing"

	"github.com/redis/go-redis/v9"
)

// OnLossyRedis runs a test on the embedded Redis and on a real Redis server, as two subtests. lossy
// is a client of the same database as r. It loses the reply to each command once. So the server
// runs each command twice, and the client receives the second reply.
func OnLossyRedis(t *testing.T, test func(t *testing.T, r, lossy *redis.Client)) {
	OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		p := NewProxy(t, "redis://"+r.Options().Addr)
		p.LoseReplies(1)
		o := r.Options()
		lossy := redis.NewClient(&redis.Options{Addr: p.addr, DB: o.DB, Username: o.Username, Password: o.Password})
		defer lossy.Close()
		test(t, r, lossy)
	})
}
