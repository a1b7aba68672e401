// Package overview describes a pipeline: its sources, outboxes, exchanges, queues, consumers and fan-out nodes. A
// [Reader] reads the state of the running pipeline. [Overview.Mermaid] and [Overview.DOT] draw it.
package overview

import (
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/internal/trace"
)

// An Overview describes a pipeline. An overview of a config has no members that only a running pipeline has.
type Overview struct {
	At        time.Time  `json:"at,omitzero"`       // when the state was read
	Embedded  bool       `json:"embedded"`          // one process without servers
	Partial   bool       `json:"partial,omitempty"` // a list is not complete
	Problems  []string   `json:"problems"`          // parts whose state could not be read
	Sources   Sources    `json:"sources"`
	Outboxes  Outboxes   `json:"outboxes"`
	Exchanges []Exchange `json:"exchanges"`
	Log       string     `json:"log"` // name of the stream with all events
	Queues    []Queue    `json:"queues"`
	Consumers []Consumer `json:"consumers"`
	Fanout    []Node     `json:"fanout"`
}

// Sources are the polled pages. The latest activation is first.
type Sources struct {
	Count int `json:"count"` // of all sources
	// Replay is true if a recording replaces the polls.
	Replay bool     `json:"replay,omitempty"`
	List   []Source `json:"list"`
}

// States of a source.
const (
	Starting = "starting" // before the first poll
	Polled   = "polled"
	Failing  = "failing" // the latest poll has failed
	Overdue  = "overdue" // no process polls the source on time
	Paused   = "paused"  // by an operator
	Stopped  = "stopped"
)

// A Source is a polled page.
type Source struct {
	ID       string       `json:"id"`
	URL      string       `json:"url"`
	Profile  string       `json:"profile"`
	By       string       `json:"by"` // "config" or "api"
	State    string       `json:"state,omitempty"`
	Next     time.Time    `json:"next,omitzero"` // time of the next poll
	At       time.Time    `json:"at,omitzero"`   // time of the latest poll
	Took     trace.Millis `json:"took_ms,omitempty"`
	Matches  int          `json:"matches,omitempty"` // on the latest usable page, at most 100
	Failures int          `json:"failures,omitempty"`
	Reason   string       `json:"reason,omitempty"` // why the latest poll has failed, or why polling has stopped
	Paused   time.Time    `json:"paused,omitzero"`  // since when the source is paused
}

// Outboxes hold events that the broker has not confirmed.
type Outboxes struct {
	Pending int      `json:"pending"` // recently used; most of them are empty
	List    []Outbox `json:"list"`    // with messages, the one that waits longest first
}

// An Outbox is an outbox with messages.
type Outbox struct {
	Name     string `json:"name"` // ID of a match, or "schedule"
	Messages int    `json:"messages"`
}

// An Exchange is an exchange of the broker.
type Exchange struct {
	Name string `json:"name"`
	Type string `json:"type"` // "topic" or "direct"
}

// A Queue is a queue of a consumer or of a task.
type Queue struct {
	Name     string      `json:"name"`
	Exchange string      `json:"exchange"`
	Bindings []string    `json:"bindings"`        // topic patterns, or the name of the task
	State    *QueueState `json:"state,omitempty"` // nil if the queue does not exist, or its state is unknown
}

// A QueueState is the state of a queue.
type QueueState struct {
	Messages    int `json:"messages"`
	Subscribers int `json:"subscribers"`
	Retries     int `json:"retries"` // failed messages that wait for their next attempt
	Dead        int `json:"dead"`    // dead letters
}

func stateOf(s broker.QueueState) *QueueState {
	return &QueueState{s.Messages, s.Subscribers, s.Retries, s.Dead}
}

// A Consumer handles the messages of a queue.
type Consumer struct {
	Name      string     `json:"name"` // of a consumer or a part of one; "parser" or "scheduler" for these roles
	Queue     string     `json:"queue"`
	Tests     bool       `json:"tests,omitempty"` // whether an operator can send a test message through it
	Rate      float64    `json:"rate"`            // messages handled per second
	Handled   int        `json:"handled"`         // messages handled since the instances started
	Instances []Instance `json:"instances"`
}

// An Instance is a process that runs a consumer.
type Instance struct {
	Name   string  `json:"name"`
	Status string  `json:"status"` // of the process: pass, warn or fail
	Rate   float64 `json:"rate"`
}

// A Node is a process with the role fanout.
type Node struct {
	Name    string `json:"name"`
	Status  string `json:"status"`
	Clients int    `json:"clients"` // connected to the streams
}

// New returns the overview of a pipeline with the given subscriptions, without a state. nameOf returns the name
// of the consumer of a queue.
func New(subscriptions []broker.Subscription, nameOf func(queue string) string) Overview {
	o := Overview{
		Problems: []string{}, Log: LogName, Fanout: []Node{},
		Sources: Sources{List: []Source{}}, Outboxes: Outboxes{List: []Outbox{}},
		Queues: []Queue{}, Consumers: []Consumer{},
		Exchanges: []Exchange{{broker.LiveEvents.String(), "topic"}, {broker.Tasks.String(), "direct"}},
	}
	for _, s := range subscriptions {
		o.Queues = append(o.Queues, Queue{Name: s.Queue, Exchange: s.Exchange.String(), Bindings: s.Patterns})
		o.Consumers = append(o.Consumers, Consumer{Name: nameOf(s.Queue), Queue: s.Queue, Instances: []Instance{}})
	}
	return o
}

// LogName is the name of the stream that contains all events.
const LogName = "live_events.log"
