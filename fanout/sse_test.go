package fanout_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/matchwire/matchwire/broker/memory"
	"github.com/matchwire/matchwire/event"
)

// An sseClient parses a stream of server-sent events, as the EventSource of a browser does.
type sseClient struct {
	t     *testing.T
	resp  *http.Response
	lines *bufio.Reader
	id    string // the last event ID
}

// sse opens a stream. last is the value of the header Last-Event-ID, or "" for no header.
func (n *node) sse(t *testing.T, query, last string) *sseClient {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.URL+"/sse?"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("GET /sse: status %s, headers %v, want 200 and an event stream", resp.Status, resp.Header)
	}
	return &sseClient{t: t, resp: resp, lines: bufio.NewReader(resp.Body)}
}

// next reads the next event with data, and returns its name and its data. It also updates s.id.
func (s *sseClient) next() (name, data string) {
	s.t.Helper()
	timeout := time.AfterFunc(10*time.Second, func() { s.resp.Body.Close() })
	defer timeout.Stop()
	for {
		line, err := s.lines.ReadString('\n')
		if err != nil {
			s.t.Fatalf("reading the stream: %v", err)
		}
		field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch field {
		case "id":
			s.id = value
		case "event":
			name = value
		case "data":
			data = value
		case "":
			if data != "" {
				return name, data
			}
		}
	}
}

// read reads a frame, and checks that its cursor is the event ID.
func (s *sseClient) read() frame {
	s.t.Helper()
	_, data := s.next()
	var f frame
	if err := json.Unmarshal([]byte(data), &f); err != nil {
		s.t.Fatalf("decoding the data %s: %v", data, err)
	}
	if f.Cursor != s.id {
		s.t.Errorf("event ID %q, want the cursor %q", s.id, f.Cursor)
	}
	return f
}

// An EventSource that reconnects with Last-Event-ID misses no event.
func TestSSEResumes(t *testing.T) {
	b := memory.New(nil, nil)
	n := newNode(t, b)
	s := n.sse(t, "topics=soccer.%23", "")
	s.read()
	publishNth(t, b, "m1", "soccer.mls.goal", 1, nil)
	s.read()
	s.resp.Body.Close()
	publishNth(t, b, "m2", "ice_hockey.nhl.goal", 1, nil)
	publishNth(t, b, "m1", "soccer.mls.goal", 2, nil)
	s = n.sse(t, "topics=soccer.%23&cursor=7-00000001", s.id) // the header overrides the query
	if f := s.read(); !*f.Resumed {
		t.Fatalf("first frame %+v, want resumed to be true", f)
	}
	if f := s.read(); !strings.Contains(string(f.Event), `"seq":2`) {
		t.Errorf("received %s, want event 2", f.Event)
	}
	go n.stop()
	if name, data := s.next(); name != "close" || !strings.Contains(data, "1001") {
		t.Errorf("the last event is %q with data %s, want close with 1001", name, data)
	}
}

// The JSON of an event that another program published may have several lines.
func TestSSEWithMultilineJSON(t *testing.T) {
	b := memory.New(nil, nil)
	n := newNode(t, b)
	s := n.sse(t, "", "")
	s.read()
	m := publishNth(t, memory.New(nil, nil), "m1", "soccer.mls.goal", 1, nil)
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, m.Body, "", "  "); err != nil {
		t.Fatal(err)
	}
	m.Body = bytes.ReplaceAll(pretty.Bytes(), []byte("\n"), []byte("\r\n\r\n"))
	if _, err := b.Publish(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if e, err := event.Decode(s.read().Event); err != nil || e.ID != m.ID {
		t.Errorf("received %+v, error %v, want event %s", e, err, m.ID)
	}
}
