package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"

	"github.com/matchwire/matchwire/broker/memory"
	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/fanout"
)

// serveMatchwire is a fan-out node of matchwire that reads its log from memory.
// What broadcast gets is decoded, folded and framed as any event is.
func serveMatchwire() (server, error) {
	log := memory.New(nil, nil)
	hub := fanout.NewHub(fanout.Options{Log: slog.New(slog.DiscardHandler)})
	go func() {
		fmt.Fprintln(os.Stderr, "serve matchwire:", hub.Run(context.Background(), log))
		os.Exit(1)
	}()
	broadcast := func(body []byte) error {
		e, err := event.Decode(body)
		if err != nil {
			return err
		}
		_, err = log.Publish(context.Background(), event.Message{Key: e.Type, ID: e.ID, TID: e.TID, Match: e.Subject, Time: e.Time, Body: body})
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ws", hub.ServeWS)
	return server{broadcast: broadcast, handler: mux}, nil
}
