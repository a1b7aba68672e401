package main

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	handshakesAtOnce = 256 // maximum number of concurrent handshakes
	handshakeTimeout = 30 * time.Second
)

// connect opens all sockets in the background, at most handshakesAtOnce at a time. The first channel
// receives each socket after its handshake. The second channel receives the first error.
func connect(o loadOptions) (chan *socket, chan error) {
	opened, failed := make(chan *socket, handshakesAtOnce), make(chan error, 1)
	go func() { // ends at the latest with the process
		var g errgroup.Group
		g.SetLimit(handshakesAtOnce)
		for i := range o.sockets {
			g.Go(func() error {
				s, err := open(o, i)
				if err != nil {
					return fmt.Errorf("socket %d of %d: %w", i, o.sockets, err)
				}
				opened <- s
				return nil
			})
		}
		if err := g.Wait(); err != nil {
			failed <- err
		}
	}()
	return opened, failed
}

// open connects socket i and upgrades the connection to WebSocket.
func open(o loadOptions, i int) (*socket, error) {
	from := net.ParseIP(o.sources[i%len(o.sources)])
	if from == nil {
		return nil, fmt.Errorf("source %q: want an IP address", o.sources[i%len(o.sources)])
	}
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: from}, Timeout: handshakeTimeout}
	c, err := d.Dial("tcp", o.addr)
	if err != nil {
		return nil, err
	}
	path := strings.ReplaceAll(o.path, "%d", fmt.Sprint(i%o.matches))
	rest, err := handshake(c, o.addr, path)
	if err == nil && o.protocol == "centrifuge" {
		_, err = c.Write(clientFrame(opText, []byte(`{"id":1,"connect":{}}`)))
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	fd, err := detach(c)
	if err != nil {
		return nil, err
	}
	return &socket{fd: fd, rest: rest, idle: o.idle > 0 && i%o.idle == o.idle-1}, nil
}

// handshake upgrades c to WebSocket. It returns the bytes received after the response.
func handshake(c net.Conn, host, path string) ([]byte, error) {
	_ = c.SetDeadline(time.Now().Add(handshakeTimeout))
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", path, host); err != nil {
		return nil, fmt.Errorf("handshake: %w", err)
	}
	var response []byte
	b := make([]byte, 4<<10)
	for {
		n, err := c.Read(b)
		if err != nil {
			return nil, fmt.Errorf("handshake: %w", err)
		}
		response = append(response, b[:n]...)
		if head, rest, ok := bytes.Cut(response, []byte("\r\n\r\n")); ok {
			if !bytes.HasPrefix(head, []byte("HTTP/1.1 101 ")) {
				return nil, fmt.Errorf("handshake: the server answered %.200q, want status 101", response)
			}
			return rest, nil
		}
	}
}
