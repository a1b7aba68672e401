package main

import (
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// Limits as in gorilla's chat example, but with a larger queue for bursts.
const (
	gorillaQueue = 512
	writeWait    = 10 * time.Second
	pongWait     = 60 * time.Second
	pingPeriod   = pongWait * 9 / 10
)

// A gorillaHub is an optimized version of the hub in gorilla's chat example. It encodes an event
// once, as a prepared message. Each client has a queue, a goroutine that reads, and a goroutine
// that writes.
type gorillaHub struct {
	events     chan *websocket.PreparedMessage
	register   chan *gorillaClient
	unregister chan *gorillaClient
	upgrader   websocket.Upgrader
}

type gorillaClient struct {
	conn *websocket.Conn
	send chan *websocket.PreparedMessage
}

func serveGorilla(_ logSource) (server, error) {
	h := &gorillaHub{
		events:     make(chan *websocket.PreparedMessage),
		register:   make(chan *gorillaClient),
		unregister: make(chan *gorillaClient),
		upgrader:   websocket.Upgrader{ReadBufferSize: 1024, WriteBufferSize: 1024, WriteBufferPool: &sync.Pool{}},
	}
	go h.run() // ends with the process
	return server{broadcast: h.broadcast, handler: h}, nil
}

func (h *gorillaHub) broadcast(body []byte) error {
	m, err := websocket.NewPreparedMessage(websocket.TextMessage, body)
	if err == nil {
		h.events <- m
	}
	return err
}

func (h *gorillaHub) run() {
	clients := map[*gorillaClient]struct{}{}
	leave := func(c *gorillaClient) {
		if _, ok := clients[c]; ok {
			delete(clients, c)
			close(c.send)
		}
	}
	for {
		select {
		case c := <-h.register:
			clients[c] = struct{}{}
		case c := <-h.unregister:
			leave(c)
		case m := <-h.events:
			for c := range clients {
				select {
				case c.send <- m:
				default:
					leave(c) // too slow
				}
			}
		}
	}
}

func (h *gorillaHub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	conn, err := h.upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // Upgrade has sent the error response
	}
	c := &gorillaClient{conn: conn, send: make(chan *websocket.PreparedMessage, gorillaQueue)}
	h.register <- c
	// Both loops run in new goroutines, so that the memory of the request is freed.
	go c.write()
	go func() {
		c.read()
		h.unregister <- c
	}()
}

// read handles pongs until the connection ends.
func (c *gorillaClient) read() {
	defer c.conn.Close()
	c.conn.SetReadLimit(512)
	_ = c.conn.SetReadDeadline(time.Now().Add(pongWait))
	c.conn.SetPongHandler(func(string) error { return c.conn.SetReadDeadline(time.Now().Add(pongWait)) })
	for {
		if _, _, err := c.conn.ReadMessage(); err != nil {
			return
		}
	}
}

// write sends the messages in the queue, and sends pings.
func (c *gorillaClient) write() {
	defer c.conn.Close()
	ping := time.NewTicker(pingPeriod)
	defer ping.Stop()
	for {
		select {
		case m, ok := <-c.send:
			_ = c.conn.SetWriteDeadline(time.Now().Add(writeWait))
			if !ok {
				_ = c.conn.WriteMessage(websocket.CloseMessage, nil)
				return
			}
			if err := c.conn.WritePreparedMessage(m); err != nil {
				return
			}
		case <-ping.C:
			_ = c.conn.SetWriteDeadline(time.Now().Add(writeWait))
			if err := c.conn.WriteMessage(websocket.PingMessage, nil); err != nil {
				return
			}
		}
	}
}
