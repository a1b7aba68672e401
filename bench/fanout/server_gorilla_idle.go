package main

import (
	"errors"
	"net/http"
	"sync"

	"github.com/gorilla/websocket"
)

// serveGorillaIdle returns a gorilla server with minimal memory per socket: a small buffer and one
// goroutine that reads. The server sends nothing.
func serveGorillaIdle(_ logSource) (server, error) {
	upgrader := websocket.Upgrader{ReadBufferSize: 256, WriteBufferPool: &sync.Pool{}}
	return server{
		broadcast: func([]byte) error { return errors.New("gorilla-idle sends no events") },
		handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			conn, err := upgrader.Upgrade(w, r, nil)
			if err != nil {
				return // Upgrade has sent the error response
			}
			go func() {
				defer conn.Close()
				for {
					if _, _, err := conn.NextReader(); err != nil {
						return
					}
				}
			}()
		}),
	}, nil
}
