package scoreboard_test

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/consumers/scoreboard"
	"github.com/matchwire/matchwire/event"
)

func ExampleBoards_Get() {
	server, err := miniredis.Run() // or a real Redis
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer client.Close()

	ctx := context.Background()
	c, err := scoreboard.New(consumers.Host{
		Settings: func(any) error { return nil }, // the defaults
		Redis:    client, Prefix: "mw:", Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	e, err := event.Of("soccer.mls.goal", event.Data{
		Score: &event.Score{Away: 1}, Match: &event.Match{ID: "mls-42", Home: "New York City FC", Away: "Toronto FC"},
	}, time.Now())
	if err != nil {
		fmt.Println(err)
		return
	}
	e.TID = event.NewTID()
	if err := c.Handle(ctx, e); err != nil { // matchwire calls Handle for each event
		fmt.Println(err)
		return
	}
	board, ok, err := scoreboard.NewBoards(client, "mw:").Get(ctx, "mls-42")
	fmt.Println(board.Home, board.Score, board.Away, ok, err)
	// Output: New York City FC 0-1 Toronto FC true <nil>
}
