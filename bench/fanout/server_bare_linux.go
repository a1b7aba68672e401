package main

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A bareServer is the baseline of the benchmark: the least that a server can do. It encodes a frame
// once and writes the frame to all sockets in a loop, with one system call for each socket. It
// reads nothing and has no queues. It blocks while the send buffer of a socket is full.
type bareServer struct {
	mu  sync.Mutex
	fds []int
}

func serveBare(from logSource) (server, error) {
	s := &bareServer{}
	if from.url != "" {
		if err := from.consume(s.broadcast); err != nil {
			return server{}, err
		}
	}
	return server{broadcast: s.broadcast, accept: s.accept}, nil
}

func (s *bareServer) accept(l net.Listener) error {
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			if err := s.add(c); err != nil {
				c.Close()
				fmt.Fprintln(os.Stderr, "bare: handshake:", err)
			}
		}()
	}
}

// add completes the handshake and adds the socket.
func (s *bareServer) add(c net.Conn) error {
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	r, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil {
		return err
	}
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	// mu is held until the socket is in the list, so that the client misses no event after the
	// handshake.
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := fmt.Fprintf(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"+
		"Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		base64.StdEncoding.EncodeToString(sum[:])); err != nil {
		return err
	}
	fd, err := detach(c)
	if err != nil {
		return err
	}
	s.fds = append(s.fds, fd)
	return nil
}

func (s *bareServer) broadcast(body []byte) error {
	frame := append(textHeader(len(body)), body...)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fds = slices.DeleteFunc(s.fds, func(fd int) bool {
		err := writeAll(fd, frame)
		if err != nil {
			syscall.Close(fd)
		}
		return err != nil
	})
	return nil
}

// textHeader returns the header of an unmasked text frame of n bytes.
func textHeader(n int) []byte {
	switch {
	case n < 126:
		return []byte{0x81, byte(n)}
	case n < 1<<16:
		return []byte{0x81, 126, byte(n >> 8), byte(n)}
	}
	return []byte{0x81, 127, 0, 0, 0, 0, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
}

// writeAll writes b to a non-blocking socket. It blocks while the send buffer of the socket is
// full.
func writeAll(fd int, b []byte) error {
	for {
		n, err := syscall.Write(fd, b)
		switch {
		case err == nil && n == len(b):
			return nil
		case err == nil:
			b = b[n:]
		case err == syscall.EAGAIN:
			if _, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, -1); err != nil && err != unix.EINTR {
				return err
			}
		case err != syscall.EINTR:
			return err
		}
	}
}
