package apiclient

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/matchwire/matchwire/event"
)

const (
	// maxSilence is the time without a byte after which a connection counts as lost. A server sends
	// something every 25 seconds.
	maxSilence = time.Minute
	maxPause   = 30 * time.Second // maximum pause before a client reconnects
	longPause  = 5 * time.Second  // added to the pause after a server has refused a client
	// maxLine is the maximum size of a line that a stream keeps, in bytes. Only a snapshot is larger.
	maxLine = 8 << 20
)

// Events reads new events until ctx ends or onEvent returns an error. It calls onReady when it starts to read
// new events. It calls onEvent for each event that matches a topic pattern, with the event and its encoded form.
// After a lost connection, Events reconnects and continues after the last event. Events returns an error if the
// server does not answer the first call, or if reconnecting cannot help.
func (c *Client) Events(ctx context.Context, patterns []string, log *slog.Logger,
	onReady func(), onEvent func(event.Event, []byte) error) error {
	s := &stream{client: c, patterns: patterns, log: log, onReady: onReady, onEvent: onEvent}
	for failures := 0; ; failures++ {
		s.live = false
		err := s.connect(ctx)
		if ctx.Err() != nil {
			return nil
		}
		extra, retry := s.mayRetry(err)
		if !retry {
			return err
		}
		if s.live {
			failures = 0
		}
		pause := extra + rand.N(min(maxPause, time.Second<<min(failures, 5)))
		log.Warn("event stream ended: reconnecting", "error", err, "pause", pause.Round(time.Millisecond))
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil
		}
	}
}

// A stream follows the events of a server over one connection after the other.
type stream struct {
	client   *Client
	patterns []string
	log      *slog.Logger
	onReady  func() // nil after its call
	onEvent  func(event.Event, []byte) error
	cursor   string // of the last frame; "" before the first frame
	live     bool   // the current connection has received its first frame
}

// errSilent is the cause of the end of a connection that was silent for too long.
var errSilent = fmt.Errorf("nothing received for %v", maxSilence)

// errEvent marks an error of onEvent.
var errEvent = errors.New("event handler failed")

// A closeError is the reason why a server has closed a stream. docs/live.md lists the codes.
type closeError struct {
	Code   int
	Reason string
}

func (e *closeError) Error() string {
	return fmt.Sprintf("the process has closed the event stream: %s (code %d)", e.Reason, e.Code)
}

// mayRetry reports whether reconnecting can help after err, and how much longer than usual to wait.
func (s *stream) mayRetry(err error) (extra time.Duration, retry bool) {
	var closed *closeError
	var refused *StatusError
	var none *NoAnswerError
	switch {
	case errors.Is(err, errEvent):
		return 0, false
	case errors.As(err, &closed):
		if slices.Contains([]int{1013, 4008}, closed.Code) {
			extra = longPause
		}
		return extra, !slices.Contains([]int{1002, 1003, 1007, 1009, 4002}, closed.Code)
	case errors.As(err, &refused):
		return longPause, refused.Status >= 500 || refused.Status == http.StatusTooManyRequests
	case errors.As(err, &none):
		return 0, s.onReady == nil
	}
	return 0, true
}

// connect follows the events until the connection ends. It returns the reason, which is never nil.
func (s *stream) connect(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	query := url.Values{}
	if len(s.patterns) > 0 && !slices.Contains(s.patterns, "#") {
		query.Set("topics", strings.Join(s.patterns, ","))
	}
	request, err := s.client.request(ctx, http.MethodGet, "sse", query, nil)
	if err != nil {
		return err
	}
	if s.cursor != "" {
		request.Header.Set("Last-Event-ID", s.cursor)
	}
	silence := time.AfterFunc(maxSilence, func() { cancel(errSilent) })
	defer silence.Stop()
	response, err := s.client.send(request, read)
	if err == nil {
		defer response.Body.Close()
		err = s.read(bufio.NewReaderSize(&watched{response.Body, silence}, 64<<10))
	}
	if errors.Is(context.Cause(ctx), errSilent) {
		err = &NoAnswerError{Server: s.client.base.String(), Err: errSilent}
	}
	return err
}

// A watched reader restarts a timer whenever it reads something.
type watched struct {
	io.Reader
	silence *time.Timer
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	if n > 0 {
		w.silence.Reset(maxSilence)
	}
	return n, err
}

// read handles the server-sent events that r contains.
func (s *stream) read(r *bufio.Reader) error {
	var id, kind string
	var data []byte
	complete := true // data is complete
	for {
		line, whole, err := readLine(r)
		if err != nil {
			return fmt.Errorf("the connection was lost: %w", err)
		}
		if len(line) > 0 {
			switch field, value, _ := bytes.Cut(line, []byte(": ")); string(field) {
			case "id":
				id = string(value)
			case "event":
				kind = string(value)
			case "data":
				data, complete = value, whole
			}
			continue
		}
		if kind == "close" {
			closed := &closeError{}
			_ = json.Unmarshal(data, closed) // without a code, the client reconnects
			return closed
		}
		if len(data) > 0 {
			if err := s.frame(data, complete); err != nil {
				return err
			}
		}
		if id != "" {
			s.cursor = id
		}
		id, kind, data = "", "", nil
	}
}

// readLine returns the next line, without its end. If the line is longer than maxLine, whole is false, and the
// line lacks its rest.
func readLine(r *bufio.Reader) (line []byte, whole bool, err error) {
	whole = true
	for {
		part, err := r.ReadSlice('\n')
		if whole = whole && len(line)+len(part) <= maxLine; whole {
			line = append(line, part...)
		}
		switch {
		case err == nil:
			return bytes.TrimRight(line, "\r\n"), whole, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, false, err
		}
	}
}

// frame handles a frame. An incomplete frame is a snapshot.
func (s *stream) frame(data []byte, complete bool) error {
	var f struct {
		Event   json.RawMessage `json:"event"`
		Resumed bool            `json:"resumed"`
	}
	if complete {
		if err := json.Unmarshal(data, &f); err != nil {
			return fmt.Errorf("decoding a frame: %w", err)
		}
	}
	if f.Event == nil {
		s.begin(f.Resumed)
		return nil
	}
	e, err := event.Decode(f.Event)
	if err != nil {
		s.log.Warn("cannot decode event", "error", err)
		return nil
	}
	if err := s.onEvent(e, f.Event); err != nil {
		return fmt.Errorf("%w: %w", errEvent, err)
	}
	return nil
}

// begin handles the first frame of a connection. resumed reports whether all events after the cursor follow.
func (s *stream) begin(resumed bool) {
	s.live = true
	if s.cursor != "" && !resumed {
		s.log.Warn("events may be missing: the process no longer has all events since the connection was lost")
	}
	if s.onReady != nil {
		s.onReady()
		s.onReady = nil
	}
}
