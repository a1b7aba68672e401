package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"

	"github.com/matchwire/matchwire/fanout"
)

// serveMatchwire returns a fan-out node of matchwire.
func serveMatchwire(from logSource) (server, error) {
	log, broadcast, err := from.open()
	if err != nil {
		return server{}, err
	}
	// All clients of the benchmark have the same address.
	hub := fanout.NewHub(fanout.Options{
		Limits: fanout.Limits{ConnectionsPerAddress: 1 << 20}, Log: slog.New(slog.DiscardHandler),
	})
	go func() {
		fmt.Fprintln(os.Stderr, "serve matchwire:", hub.Run(context.Background(), log))
		os.Exit(1)
	}()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ws", hub.ServeWS)
	return server{broadcast: broadcast, handler: mux}, nil
}
