package poll_test

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/poll"
	"github.com/matchwire/matchwire/parser/profile"
)

// An ingester saves the events of a page together with the new state of the match. The outbox
// publishes the events later.
func ExampleIngester() {
	server, err := miniredis.Run() // or a real Redis
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer client.Close()

	p, err := profile.Load("mysite.yaml", []byte(`
profile: mysite
sport: soccer
match: {league: {value: MLS}, home: .home, away: .away, status: {value: live}}
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	in := &poll.Ingester{Store: poll.NewStore(client, "mw:"), Log: slog.New(slog.DiscardHandler)}
	events, err := in.Track(p, "mls-42").Ingest(context.Background(), page.Page{
		At: time.Now(), Body: []byte(`<i class="home">Toronto FC</i> <i class="away">Seattle Sounders FC</i>`),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, e := range events {
		fmt.Println(e.Type, e.Subject, "backfill:", e.Data.Backfill)
	}
	// Output: soccer.mls.match_start mls-42 backfill: true
}
