package fanout_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/broker/memory"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/fanout"
)

// A hub streams the events of a broker's log to an SSE client.
func ExampleHub() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	b := memory.New(nil, nil)
	hub := fanout.NewHub(fanout.Options{Log: slog.New(slog.DiscardHandler)})
	done := make(chan error)
	go func() { done <- hub.Run(ctx, b) }()
	server := httptest.NewServer(hub.Handler())
	defer server.Close()

	resp, err := http.Get(server.URL + "/sse?topics=soccer.mls.*")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		var frame struct {
			Snapshot *struct{ Matches []any }
			Event    *event.Event
		}
		if !ok || json.Unmarshal([]byte(data), &frame) != nil {
			continue
		}
		if frame.Event != nil {
			fmt.Println(frame.Event.Type, frame.Event.Data.Player)
			break
		}
		fmt.Println("snapshot of", len(frame.Snapshot.Matches), "matches")
		if _, err := broker.Emit(ctx, b, "soccer.mls.goal", event.Data{Player: "Sebastian Giovinco"}); err != nil {
			fmt.Println(err)
		}
	}
	stop()
	fmt.Println("Run returned", <-done)
	// Output:
	// snapshot of 0 matches
	// soccer.mls.goal Sebastian Giovinco
	// Run returned <nil>
}
