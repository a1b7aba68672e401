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

// A source is an EventSource as a browser's: what it says of itself it has from
// the stream alone.
type source struct {
	t     *testing.T
	resp  *http.Response
	lines *bufio.Reader
	id    string
}

func (n *node) sse(t *testing.T, query, last string) *source {
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
		t.Fatal(resp.Status, resp.Header)
	}
	return &source{t: t, resp: resp, lines: bufio.NewReader(resp.Body)}
}

// next is the next event that has data, by its name; id follows every block.
func (s *source) next() (name, data string) {
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

func (s *source) read() frame {
	s.t.Helper()
	_, data := s.next()
	var f frame
	if err := json.Unmarshal([]byte(data), &f); err != nil {
		s.t.Fatalf("%s: %v", data, err)
	}
	if f.Cursor != s.id {
		s.t.Errorf("id %q of a frame with cursor %q", s.id, f.Cursor)
	}
	return f
}

// An EventSource that was cut off comes back with Last-Event-ID and misses
// nothing.
func TestSSEResumes(t *testing.T) {
	b := memory.New(nil, nil)
	n := newNode(t, b)
	s := n.sse(t, "topics=soccer.%23", "")
	s.read()
	seq(t, b, "m1", "soccer.mls.goal", 1, nil)
	s.read()
	s.resp.Body.Close()
	seq(t, b, "m2", "ice_hockey.nhl.goal", 1, nil)
	seq(t, b, "m1", "soccer.mls.goal", 2, nil)
	s = n.sse(t, "topics=soccer.%23&cursor=7-00000001", s.id) // the header is newer
	if f := s.read(); !*f.Resumed {
		t.Fatalf("not resumed: %+v", f)
	}
	if f := s.read(); !strings.Contains(string(f.Event), `"seq":2`) {
		t.Errorf("%s", f.Event)
	}
	go n.stop()
	if name, data := s.next(); name != "close" || !strings.Contains(data, "1001") {
		t.Errorf("at the end: %s %s", name, data)
	}
}

// An event that somebody else has encoded over several lines is one all the
// same.
func TestSSEOfManyLines(t *testing.T) {
	b := memory.New(nil, nil)
	n := newNode(t, b)
	s := n.sse(t, "", "")
	s.read()
	m := seq(t, memory.New(nil, nil), "m1", "soccer.mls.goal", 1, nil)
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, m.Body, "", "  "); err != nil {
		t.Fatal(err)
	}
	m.Body = bytes.ReplaceAll(pretty.Bytes(), []byte("\n"), []byte("\r\n\r\n"))
	if _, err := b.Publish(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if e, err := event.Decode(s.read().Event); err != nil || e.ID != m.ID {
		t.Errorf("%+v %v", e, err)
	}
}
