package fanout

import (
	"fmt"
	"slices"
	"time"

	"github.com/gorilla/websocket"

	"github.com/matchwire/matchwire/broker"
)

// tick is called by its line's pump, in the client's turn at least: whatever was
// pumped is out, unless it is behind.
func (c *client) tick(now int64, turn bool, at *mark) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.shut || c.closing:
	case c.expires > 0 && now >= c.expires:
		c.finish(closeToken, "the token's time is over", endToken)
	case turn && c.codec != stream && now-c.heard.Load() > silentFor:
		c.end(endSilent)
	case turn && !c.draining:
		b := slices.Clone(pings[c.codec])
		if c.next < at.position && at.last.Offset >= c.next { // it wants little, and its cursor would age
			b = append(b, at.text[c.codec]...)
			c.next = at.position
		}
		c.put(b)
	}
}

// pings keep a connection alive, and show whether it is.
var pings = [codecs][]byte{control(websocket.PingMessage, nil), control(websocket.PingMessage, nil), []byte(": ping\n\n")}

// A mark is where a line is, as a frame that tells a client so.
type mark struct {
	last     broker.Cursor
	position uint64
	text     [codecs][]byte
}

func newMark(last broker.Cursor, position uint64) *mark {
	t := said(last.String(), fmt.Appendf(nil, `{"cursor":"%s"}`, last))
	return &mark{last: last, position: position, text: [codecs][]byte{t.ws, t.ws, fmt.Appendf(nil, "id: %s\n\n", last)}}
}

// tick looks after those clients whose turn it is, once a second; after all of
// them, if their tokens may expire. It reports whether there is none.
func (l *line) tick(turn uint8) (empty bool) {
	l.mu.Lock()
	clients := slices.Clone(l.index.turns[turn])
	if l.hub.options.Tokens != nil {
		clients = l.index.list()
	}
	at := newMark(l.last, l.pumped.Load())
	l.index.forgetGreetings(at.position)
	empty = l.index.clients == 0
	l.mu.Unlock()
	now := time.Now().Unix()
	for _, c := range clients {
		c.tick(now, c.turn == turn, at)
	}
	return empty
}
