package archive_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/consumers/archive"
	"github.com/matchwire/matchwire/event"
)

func ExampleExport_Run() {
	dir, err := os.MkdirTemp("", "archive")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	server, err := miniredis.Run() // or a real Redis
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer client.Close()
	host := consumers.Host{
		Settings: func(any) error { return nil }, // the defaults
		Path:     func(name string) string { return filepath.Join(dir, name) },
		Redis:    client, Prefix: "mw:", Log: slog.New(slog.DiscardHandler),
	}
	c, err := archive.New(host)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	e, err := event.Of("soccer.mls.goal", event.Data{Player: "Sebastian Giovinco"}, time.Unix(1478475700, 0))
	e.TID = event.NewTID()
	if err == nil {
		err = c.Handle(ctx, e) // matchwire calls Handle for each event
	}
	stop()
	if err := c.Run(ctx); err != nil { // ctx has ended, so Run closes the file
		fmt.Println(err)
	}
	var csv strings.Builder
	export := archive.Export{Format: "csv"}
	if err == nil {
		err = export.Run(context.Background(), host, &csv)
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	for line := range strings.Lines(csv.String()) {
		fmt.Println(strings.Join(strings.Split(line, ",")[:2], ","))
	}
	// Output:
	// time,type
	// 2016-11-06T23:41:40Z,soccer.mls.goal
}
