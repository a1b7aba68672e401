package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"time"

	"github.com/gorilla/websocket"
)

// A stream is the event stream of a matchwire server, with a filter.
type stream struct {
	url   *url.URL
	query url.Values
	token string
}

// A frame contains the members of a frame of the server that the bot uses. The bot ignores snapshots.
type frame struct {
	Cursor  string
	Resumed *bool // only in a first frame: whether all events after the cursor follow
	Event   *event
}

// A closedError says why the server refused or closed a connection.
type closedError struct {
	reason string
	final  bool          // whether the server would refuse or close a new connection too
	least  time.Duration // the minimum pause before a new connection
}

func (e closedError) Error() string { return "the server " + e.reason }

// silence is the time without a frame or a ping after which a connection is dead. The server sends a ping every 25
// seconds.
const silence = time.Minute

// follow connects, continues after a cursor, and calls handle for each frame. It returns an error when the connection
// is lost, handle fails or ctx ends.
func (s stream) follow(ctx context.Context, cursor string, handle func(context.Context, frame) error) error {
	u, q := *s.url, maps.Clone(s.query)
	if cursor != "" {
		q.Set("cursor", cursor)
	}
	u.RawQuery = q.Encode()
	header := http.Header{}
	if s.token != "" {
		header.Set("Authorization", "Bearer "+s.token)
	}
	conn, response, err := websocket.DefaultDialer.DialContext(ctx, u.String(), header)
	if response != nil {
		defer response.Body.Close()
	}
	switch {
	case err != nil && response != nil:
		return refused(response)
	case err != nil:
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	conn.SetPingHandler(func(data string) error {
		_ = conn.SetReadDeadline(time.Now().Add(silence))
		return conn.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(10*time.Second))
	})
	for {
		_ = conn.SetReadDeadline(time.Now().Add(silence))
		var f frame
		if err := conn.ReadJSON(&f); err != nil {
			return closed(err)
		}
		if err := handle(ctx, f); err != nil {
			return err
		}
	}
}

// refused returns the error for the response to a failed handshake.
func refused(r *http.Response) error {
	var problem struct{ Detail string }
	_ = json.NewDecoder(r.Body).Decode(&problem) // a response of a proxy may have no such body
	reason := "refuses the connection: " + r.Status
	if problem.Detail != "" {
		reason += ": " + problem.Detail
	}
	busy := r.StatusCode == http.StatusTooManyRequests || r.StatusCode >= 500
	return closedError{reason: reason, final: !busy, least: 5 * time.Second}
}

// closed returns the error for a failed read. docs/live.md has a table of the close codes.
func closed(err error) error {
	var c *websocket.CloseError
	if !errors.As(err, &c) {
		return err
	}
	e := closedError{reason: fmt.Sprintf("closed the connection: %d %s", c.Code, c.Text)}
	switch c.Code {
	case websocket.CloseProtocolError, websocket.CloseUnsupportedData, websocket.CloseInvalidFramePayloadData,
		websocket.CloseMessageTooBig, 4002:
		e.final = true
	case websocket.CloseTryAgainLater, 4008:
		e.least = 5 * time.Second
	}
	return e
}
