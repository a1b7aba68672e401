package trace

import (
	"context"
	"errors"
	"maps"
	"os"
	"slices"
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/matchwire/matchwire/event"
)

// OTLP is a Sink that sends spans to an OpenTelemetry collector, by OTLP over HTTP with protobuf.
// The trace ID is the TID. Attributes are named by OpenTelemetry's semantic conventions for
// messaging.
type OTLP struct {
	client   *otlpClient
	batching Batching
	resource *resourcepb.Resource
}

// NewOTLP returns a sink for the collector that the environment names, see [OTLPEnabled]. The
// environment may also set headers, timeout, compression, certificates, batch limits and resource
// attributes, by the variables that OpenTelemetry specifies. An error names the variable at fault.
func NewOTLP(instance, version string) (*OTLP, error) {
	config, err := newOTLPConfig(os.Getenv)
	if err != nil {
		return nil, err
	}
	batching, err := otlpBatching(os.Getenv)
	if err != nil {
		return nil, err
	}
	about, err := otlpResource(os.Getenv, instance, version)
	if err != nil {
		return nil, err
	}
	return &OTLP{
		client:   newOTLPClient(config, "matchwire/"+version),
		batching: batching,
		resource: &resourcepb.Resource{Attributes: attributes(about)},
	}, nil
}

// Name returns otlp.
func (o *OTLP) Name() string { return "otlp" }

// Batching returns the limits that the environment sets, or OpenTelemetry's defaults.
func (o *OTLP) Batching() Batching { return o.batching }

// Write sends spans in one request. It retries until ctx ends if the collector is unavailable.
func (o *OTLP) Write(ctx context.Context, spans []Span) error {
	scope := &tracepb.ScopeSpans{Scope: &commonpb.InstrumentationScope{Name: "github.com/matchwire/matchwire"}}
	for _, s := range spans {
		scope.Spans = append(scope.Spans, s.otlp())
	}
	// On the wire TracesData is the same as ExportTraceServiceRequest, whose package imports gRPC.
	body, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: []*tracepb.ResourceSpans{
		{Resource: o.resource, ScopeSpans: []*tracepb.ScopeSpans{scope}},
	}})
	if err != nil {
		return err
	}
	return o.client.post(ctx, body)
}

// lost returns how many spans of a batch a failed Write did not write.
func lost(err error, batch []Span) int64 {
	var partial *partialError
	if errors.As(err, &partial) {
		return partial.rejected
	}
	return int64(len(batch))
}

// Flags of spans and links: all are sampled, and a parent or a linked span may be of another
// process.
const (
	sampledFlag     = 1
	sampledRoot     = sampledFlag | uint32(tracepb.SpanFlags_SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK)
	sampledOfRemote = sampledRoot | uint32(tracepb.SpanFlags_SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK)
)

// otlp returns s as an OTLP span.
func (s Span) otlp() *tracepb.Span {
	out := &tracepb.Span{
		TraceId: s.TID[:], SpanId: s.ID[:], Flags: sampledRoot, Name: s.title(), Kind: s.kind(),
		StartTimeUnixNano: uint64(s.Start.UnixNano()),
		EndTimeUnixNano:   uint64(s.Start.Add(time.Duration(s.Took)).UnixNano()),
		Attributes:        attributes(s.attributes()),
		Status:            &tracepb.Status{},
	}
	if s.Parent != (event.SpanID{}) {
		out.ParentSpanId, out.Flags = s.Parent[:], sampledOfRemote
	}
	if c := s.Cause; c != nil {
		cause := c.TID.Span(c.Message)
		out.Links = []*tracepb.Span_Link{{TraceId: c.TID[:], SpanId: cause[:], Flags: sampledOfRemote}}
	}
	if s.Failed {
		out.Status = &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR, Message: s.Outcome}
	}
	return out
}

// title returns the span's name. The conventions want the operation and the destination.
func (s Span) title() string {
	if s.Op == Serve || s.Op == Start {
		return s.Name
	}
	return string(s.Op) + " " + s.Name
}

func (s Span) kind() tracepb.Span_SpanKind {
	switch s.Op {
	case Serve:
		return tracepb.Span_SPAN_KIND_SERVER
	case Create, Send:
		return tracepb.Span_SPAN_KIND_PRODUCER
	case Process, Deliver:
		return tracepb.Span_SPAN_KIND_CONSUMER
	case Start:
	}
	return tracepb.Span_SPAN_KIND_INTERNAL
}

// attributes returns the span's attributes by name; those that do not apply are empty.
func (s Span) attributes() map[string]string {
	all := map[string]string{
		"matchwire.role":     s.Role,
		"matchwire.instance": s.Instance,
		"matchwire.match":    s.Match,
		"matchwire.outcome":  s.Outcome,
	}
	if e := s.Evidence; e != nil {
		all["matchwire.evidence.url"] = e.URL
		all["matchwire.evidence.snapshot"] = e.Snapshot
		all["matchwire.evidence.path"] = e.Path
	}
	if s.Op == Serve || s.Op == Start {
		return all
	}
	operation := string(s.Op)
	if s.Op == Deliver {
		operation = string(Process) // the conventions have no type of its own for it
	}
	all["messaging.system"] = "rabbitmq"
	all["messaging.operation.type"] = operation
	all["messaging.operation.name"] = string(s.Op)
	all["messaging.message.id"] = s.Message
	all["messaging.message.conversation_id"] = s.TID.String()
	all["messaging.rabbitmq.destination.routing_key"] = s.Name
	all["messaging.destination.name"] = s.Queue
	return all
}

// attributes returns the attributes that are not empty, ordered by name.
func attributes(all map[string]string) []*commonpb.KeyValue {
	var list []*commonpb.KeyValue
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if all[name] != "" {
			value := &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: all[name]}}
			list = append(list, &commonpb.KeyValue{Key: name, Value: value})
		}
	}
	return list
}
