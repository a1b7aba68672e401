package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// An eventStream is the body of a response with server-sent events. After stop, it ends with an
// event that asks the client to reconnect.
type eventStream struct {
	io.ReadCloser
	cancel context.CancelFunc // interrupts Read of the body
	closed func()

	active   atomic.Int64 // when the latest bytes were received, Unix nanoseconds
	stopping atomic.Bool
	ended    atomic.Int32 // the endReason of abort or stop, plus 1; 0 if neither was called

	// Only the goroutine that reads uses these fields.
	tail   [2]byte // the latest two bytes
	last   []byte  // the rest of the last event
	ending bool    // last is set
}

// newEventStream returns an event stream that reads from body. cancel interrupts Read of body. If there
// are too many streams, newEventStream closes body.
func (g *Gateway) newEventStream(body io.ReadCloser, cancel context.CancelFunc) (io.ReadCloser, error) {
	s := &eventStream{ReadCloser: body, cancel: cancel}
	s.touch()
	s.closed = sync.OnceFunc(func() {
		g.metrics.ended.WithLabelValues(s.kind(), endNames[s.why()]).Inc()
		g.streams.remove(s)
	})
	err := g.streams.reserve()
	if err == nil {
		if err = g.streams.add(s); err != nil {
			g.streams.free()
		}
	}
	if err != nil {
		body.Close()
		return nil, err
	}
	return s, nil
}

// Read reads from the body. After stop, it returns the last event and then [io.EOF].
func (s *eventStream) Read(b []byte) (int, error) {
	if !s.stopping.Load() {
		n, err := s.ReadCloser.Read(b)
		s.follow(b[:n])
		if err == nil || n == 0 && !s.stopping.Load() {
			if err != nil && !errors.Is(err, context.Canceled) {
				s.ended.CompareAndSwap(0, int32(endInstance)+1)
			}
			return n, err
		}
		if n > 0 { // the next call returns the error, or the last event
			return n, nil
		}
	}
	if !s.ending {
		s.ending = true
		if s.tail == [2]byte{'\n', '\n'} { // otherwise the client ignores the unfinished event, and would ignore this one
			s.last = closeEvent()
		}
	}
	n := copy(b, s.last)
	if s.last = s.last[n:]; n == 0 && len(b) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// follow records that b was received.
func (s *eventStream) follow(b []byte) {
	switch {
	case len(b) > 1:
		s.tail = [2]byte(b[len(b)-2:])
	case len(b) == 1:
		s.tail = [2]byte{s.tail[1], b[0]}
	default:
		return
	}
	s.touch()
}

// Close closes the body.
func (s *eventStream) Close() error {
	defer s.closed()
	return s.ReadCloser.Close()
}

func (s *eventStream) stop() {
	s.ended.CompareAndSwap(0, int32(endStopped)+1)
	s.stopping.Store(true)
	s.cancel()
}

func (s *eventStream) abort(why endReason) {
	s.ended.CompareAndSwap(0, int32(why)+1)
	s.cancel()
}

// why returns the reason for which the stream has ended.
func (s *eventStream) why() endReason {
	if n := s.ended.Load(); n > 0 {
		return endReason(n - 1)
	}
	return endLeft
}

func (s *eventStream) touch() { s.active.Store(time.Now().UnixNano()) }

func (s *eventStream) activeAt() time.Time { return time.Unix(0, s.active.Load()) }

func (s *eventStream) kind() string { return "sse" }

// closeEvent returns the last event of a stream. Fanout ends streams in the same way.
func closeEvent() []byte {
	object, _ := json.Marshal(map[string]any{"code": closeRestart, "reason": stopReason}) // cannot fail
	return append(append([]byte("event: close\ndata: "), object...), "\n\n"...)
}
