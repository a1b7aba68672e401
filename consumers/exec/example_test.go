//go:build unix

package exec_test

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/consumers/exec"
	"github.com/matchwire/matchwire/event"
)

// This consumer runs a program that answers every event with ok.
func ExampleNew() {
	c, err := exec.New(consumers.Host{
		Settings: func(into any) error {
			return consumers.DecodeSettings("matchwire.yaml", `
exec: [sh, -c, 'while read -r event; do echo ok; done']
keys: ["*.*.goal"]
`, into)
		},
		Path: func(name string) string { return name },
		Log:  slog.New(slog.DiscardHandler),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- c.Run(ctx) }() // runs the program
	e, err := event.Of("soccer.mls.goal", event.Data{Player: "Sebastian Giovinco"}, time.Now())
	if err != nil {
		fmt.Println(err)
	}
	e.TID = event.NewTID()
	fmt.Println("answer:", c.Handle(ctx, e))
	stop()
	fmt.Println("Run returned:", <-done)
	// Output:
	// answer: <nil>
	// Run returned: <nil>
}
