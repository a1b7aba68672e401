package testenv

import (
	"testing"

	"github.com/redis/go-redis/v9"
)

// OnLossyRedis runs a test on the embedded Redis and on a real one. lossy is a client of the same
// database as r that loses the answer to each command once: the server runs every command twice,
// and the client sees the second answer.
func OnLossyRedis(t *testing.T, test func(t *testing.T, r, lossy *redis.Client)) {
	OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		p := NewProxy(t, "redis://"+r.Options().Addr)
		p.LoseAnswers(1)
		o := r.Options()
		lossy := redis.NewClient(&redis.Options{Addr: p.addr, DB: o.DB, Username: o.Username, Password: o.Password})
		defer lossy.Close()
		test(t, r, lossy)
	})
}
