package testenv

import (
	"testing"

	"github.com/redis/go-redis/v9"
)

// OnLossyRedis runs a test on the embedded Redis and on a real Redis server, as two subtests. lossy
// is a client of the same database as r, through a proxy that loses the first reply to each command.
// So the server runs each command twice, and the client receives the second reply.
func OnLossyRedis(t *testing.T, test func(t *testing.T, r, lossy *redis.Client)) {
	OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		p, lossy := ProxiedRedis(t, r, 0)
		p.LoseReplies(1)
		test(t, r, lossy)
	})
}

// ProxiedRedis returns a proxy for the server of r, and a client of the same database that connects
// through the proxy. maxRetries is the MaxRetries of [redis.Options]: 0 is the default of go-redis,
// and -1 means no retries. The proxy and the client close when the test ends.
func ProxiedRedis(t *testing.T, r *redis.Client, maxRetries int) (*Proxy, *redis.Client) {
	t.Helper()
	o := r.Options()
	p := NewProxy(t, "redis://"+o.Addr)
	client := redis.NewClient(&redis.Options{
		Addr: p.addr, DB: o.DB, Username: o.Username, Password: o.Password, MaxRetries: maxRetries,
	})
	t.Cleanup(func() { client.Close() })
	return p, client
}
