package scoreboard_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/consumers/consumertest"
	"github.com/matchwire/matchwire/consumers/scoreboard"
)

func TestConsumerContract(t *testing.T) {
	consumertest.Run(t, func(t *testing.T) consumertest.Subject {
		server := miniredis.RunT(t)
		r := redis.NewClient(&redis.Options{Addr: server.Addr()})
		t.Cleanup(func() { r.Close() })
		return consumertest.Subject{
			New: func(h consumers.Host) (consumers.Consumer, error) {
				h.Redis = r
				return scoreboard.New(h)
			},
			Settings: "keep: 1h",
			Effects: func() (all []string) {
				boards, _ := scoreboard.NewBoards(r, "mw:").List(t.Context(), false, 100)
				for _, b := range boards {
					fields := r.HGetAll(t.Context(), scoreboard.IncidentsKey("mw:", b.Match)).Val()
					for _, id := range slices.Sorted(maps.Keys(fields)) {
						all = append(all, b.Match+" "+b.Score.String()+" "+fields[id])
					}
				}
				return all
			},
			Fail: func() func() {
				server.SetError("LOADING the dataset")
				return func() { server.SetError("") }
			},
		}
	})
}
