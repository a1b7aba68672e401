package recording_test

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/fixtures"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/poll"
	"github.com/matchwire/matchwire/parser/profile"
	"github.com/matchwire/matchwire/parser/recording"
)

func ExampleReplayer_Play() {
	server, err := miniredis.Run()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer client.Close()

	sub := func(name string) fs.FS { // a folder of the embedded fixtures
		folder, err := fs.Sub(fixtures.FS, name)
		if err != nil {
			panic(err)
		}
		return folder
	}
	library, err := profile.LoadLibrary(sub("profiles"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fixture, err := recording.LoadFixture("one-goal", sub("soccer/one-goal"))
	if err != nil {
		fmt.Println(err)
		return
	}
	r := recording.Replayer{
		Library:  library,
		Ingester: &poll.Ingester{Store: poll.NewStore(client, "mw:"), Log: slog.New(slog.DiscardHandler), Replay: true},
		Each: func(_ context.Context, _ page.Page, events []event.Event) error {
			for _, e := range events {
				fmt.Printf("%s %q %q\n", e.Type, e.Data.Player, e.Data.Time)
			}
			return nil
		},
	}
	if err := r.Play(context.Background(), []*recording.Fixture{fixture}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// soccer.mls.match_start "" ""
	// soccer.mls.period_start "" ""
	// soccer.mls.goal "Sebastian Giovinco" "14:21"
}
