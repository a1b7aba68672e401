package memory_test

import (
	"context"
	"fmt"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/broker/memory"
	"github.com/matchwire/matchwire/event"
)

func ExampleBroker_ReadLog() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	b := memory.New(nil, nil)
	for _, key := range []string{"soccer.mls.match_start", "soccer.mls.goal"} {
		if _, err := broker.Emit(ctx, b, key, event.Data{}); err != nil {
			fmt.Println(err)
			return
		}
	}
	caughtUp := make(chan struct{})
	go func() { <-caughtUp; stop() }()
	err := b.ReadLog(ctx, broker.Start, caughtUp, func(at broker.Cursor, m broker.Message) error {
		fmt.Println(m.Key)
		return nil
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// soccer.mls.match_start
	// soccer.mls.goal
}
