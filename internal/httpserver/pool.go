package httpserver

import (
	"container/list"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
)

// A pool bounds the number of connections of a server. Connections that a handler has hijacked do
// not count: the handler bounds them.
type pool struct {
	limit int

	mu      sync.Mutex
	conns   map[net.Conn]*list.Element // element of waiting; nil while a handler serves a request
	waiting *list.List                 // connections that wait for a request, the longest wait first
}

func newPool(limit int) *pool {
	return &pool{limit: limit, conns: map[net.Conn]*list.Element{}, waiting: list.New()}
}

// changed is called by the server for each change in the state of a connection. If a new connection
// exceeds the limit, changed closes the connection that has waited longest for a complete request
// header. It never closes a connection whose request a handler serves.
func (p *pool) changed(c net.Conn, state http.ConnState) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch state {
	case http.StateNew:
		p.conns[c] = p.waiting.PushBack(c)
		if len(p.conns) > p.limit {
			oldest := p.waiting.Front().Value.(net.Conn) // c itself, if handlers serve all others
			p.forget(oldest)
			abort(oldest)
		}
	case http.StateHijacked, http.StateClosed:
		p.forget(c)
	case http.StateActive, http.StateIdle: // serving and served record when handlers run
	}
}

// serving records that a handler serves a request from c.
func (p *pool) serving(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e := p.conns[c]; e != nil {
		p.waiting.Remove(e)
		p.conns[c] = nil
	}
}

// served records that c waits for its next request.
func (p *pool) served(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e, ok := p.conns[c]; ok && e == nil {
		p.conns[c] = p.waiting.PushBack(c)
	}
}

// abort closes c without a TLS alert, which could block.
func abort(c net.Conn) {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	c.Close()
}

func (p *pool) forget(c net.Conn) {
	if e := p.conns[c]; e != nil {
		p.waiting.Remove(e)
	}
	delete(p.conns, c)
}
