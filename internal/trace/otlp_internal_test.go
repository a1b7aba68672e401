package trace

import (
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v5"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/testenv"
)

// A collector is a fake OpenTelemetry collector.
type collector struct {
	*httptest.Server

	mu        sync.Mutex
	responses []func(w http.ResponseWriter) // to the first requests; later requests get 200
	requests  []*http.Request
	accepted  []*tracepb.TracesData
}

// newCollector returns a collector, which the caller starts. The collector sends responses to the first
// requests, and 200 to later requests.
func newCollector(t *testing.T, responses ...func(w http.ResponseWriter)) *collector {
	t.Helper()
	c := &collector{responses: responses}
	c.Server = httptest.NewUnstartedServer(c)
	c.Config.ErrorLog = log.New(io.Discard, "", 0) // discards errors about failed TLS handshakes
	t.Cleanup(func() { c.Close() })
	return c
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests = append(c.requests, r)
	if len(c.responses) > 0 {
		respond := c.responses[0]
		c.responses = c.responses[1:]
		respond(w)
		return
	}
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		var err error
		if body, err = gzip.NewReader(r.Body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	var data tracepb.TracesData
	bytes, err := io.ReadAll(body)
	if err == nil {
		err = proto.Unmarshal(bytes, &data)
	}
	if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/x-protobuf" {
		http.Error(w, fmt.Sprint(r.Method, r.Header, err), http.StatusBadRequest)
		return
	}
	c.accepted = append(c.accepted, &data)
}

// recorded returns all requests so far, and the decoded bodies of the accepted requests.
func (c *collector) recorded() (requests []*http.Request, accepted []*tracepb.TracesData) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.requests), slices.Clone(c.accepted)
}

// status returns a function that responds with a status code and headers. headers contains pairs of
// a name and a value.
func status(code int, headers ...string) func(w http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, "the text")
	}
}

// sink sets the environment variables in env and returns a new OTLP sink. The sink retries failed
// requests at short intervals.
func sink(t *testing.T, env map[string]string) (*OTLP, error) {
	t.Helper()
	for name, value := range env {
		t.Setenv(name, value)
	}
	o, err := NewOTLP("here", "v1.2.3")
	if err == nil {
		o.client.retry = func() *backoff.ExponentialBackOff {
			b := backoff.NewExponentialBackOff()
			b.InitialInterval = time.Millisecond
			return b
		}
	}
	return o, err
}

func mustSink(t *testing.T, env map[string]string) *OTLP {
	t.Helper()
	o, err := sink(t, env)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// one returns a batch with one span.
func one() []Span {
	return []Span{{TID: event.NewTID(), ID: event.NewSpanID(), Op: Serve, Name: "GET /", Start: time.Now()}}
}

func TestOTLPVariables(t *testing.T) {
	for name, tc := range map[string]struct {
		env    map[string]string // URL is replaced with the collector's URL
		path   string
		header map[string]string
	}{
		"endpoint":              {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "URL"}, "/v1/traces", nil},
		"endpoint with a path":  {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "URL/otel/"}, "/otel/v1/traces", nil},
		"traces endpoint":       {map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "URL/mine"}, "/mine", nil},
		"traces endpoint alone": {map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "URL"}, "/", nil},
		"both endpoints": {map[string]string{
			"OTEL_EXPORTER_OTLP_ENDPOINT":        "http://127.0.0.1:1",
			"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "URL/mine",
		}, "/mine", nil},
		"headers": {map[string]string{
			"OTEL_EXPORTER_OTLP_ENDPOINT": "URL",
			"OTEL_EXPORTER_OTLP_HEADERS":  "api-key=a%20b%3D, X-Team = red",
		}, "/v1/traces", map[string]string{"Api-Key": "a b=", "X-Team": "red"}},
		"traces headers": {map[string]string{
			"OTEL_EXPORTER_OTLP_ENDPOINT":       "URL",
			"OTEL_EXPORTER_OTLP_HEADERS":        "api-key=general",
			"OTEL_EXPORTER_OTLP_TRACES_HEADERS": "api-key=special",
		}, "/v1/traces", map[string]string{"Api-Key": "special"}},
		"gzip": {map[string]string{
			"OTEL_EXPORTER_OTLP_ENDPOINT":    "URL",
			"OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
		}, "/v1/traces", map[string]string{"Content-Encoding": "gzip"}},
		"no compression": {map[string]string{
			"OTEL_EXPORTER_OTLP_ENDPOINT":           "URL",
			"OTEL_EXPORTER_OTLP_TRACES_COMPRESSION": "none",
		}, "/v1/traces", map[string]string{"Content-Encoding": ""}},
		"insecure": {map[string]string{
			"OTEL_EXPORTER_OTLP_ENDPOINT": "URL",
			"OTEL_EXPORTER_OTLP_INSECURE": "true",
		}, "/v1/traces", map[string]string{"User-Agent": "matchwire/v1.2.3"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCollector(t)
			c.Start()
			for variable, value := range tc.env {
				tc.env[variable] = strings.Replace(value, "URL", c.URL, 1)
			}
			if err := mustSink(t, tc.env).Write(t.Context(), one()); err != nil {
				t.Fatal(err)
			}
			requests, accepted := c.recorded()
			if len(accepted) != 1 || requests[0].URL.Path != tc.path {
				t.Errorf("%d requests accepted, the first at %s; want 1 at %s", len(accepted), requests[0].URL, tc.path)
			}
			for header, want := range tc.header {
				if got := requests[0].Header.Get(header); got != want {
					t.Errorf("header %s is %q, want %q", header, got, want)
				}
			}
		})
	}
}

// matchwire verifies the collector with the certificate in OTEL_EXPORTER_OTLP_CERTIFICATE. The
// client certificate authenticates matchwire to the collector.
func TestOTLPCertificates(t *testing.T) {
	cert, key, pool := clientCertificate(t)
	c := newCollector(t)
	c.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}
	c.StartTLS()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate().Raw})
	if err := os.WriteFile(ca, block, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		env  map[string]string
		want string // in the error
	}{
		{"no certificate", nil, "certificate"},
		{"no client certificate", map[string]string{"OTEL_EXPORTER_OTLP_CERTIFICATE": ca}, "certificate required"},
		{"both", map[string]string{
			"OTEL_EXPORTER_OTLP_CERTIFICATE":        ca,
			"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": cert,
			"OTEL_EXPORTER_OTLP_CLIENT_KEY":         key,
		}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", c.URL)
			o := mustSink(t, tc.env)
			var err error
			if tc.want == "" {
				err = o.Write(t.Context(), one())
			} else {
				err = o.client.try(t.Context(), nil) // without retries
			}
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
		})
	}
	if _, accepted := c.recorded(); len(accepted) != 1 {
		t.Errorf("the collector accepted %d requests, want 1", len(accepted))
	}
}

// clientCertificate writes a self-signed certificate and its key to files. pool contains the
// certificate.
func clientCertificate(t *testing.T) (certFile, keyFile string, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true,
		BasicConstraintsValid: true, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	pool = x509.NewCertPool()
	dir := t.TempDir()
	for name, block := range map[string]*pem.Block{
		"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: keyDER},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		pool.AppendCertsFromPEM(pem.EncodeToMemory(block))
	}
	return filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), pool
}

// OTEL_EXPORTER_OTLP_TIMEOUT limits how long matchwire waits for a collector that does not respond.
func TestOTLPTimeout(t *testing.T) {
	release := make(chan struct{})
	c := newCollector(t, func(http.ResponseWriter) { <-release })
	c.Start()
	defer close(release)
	o := mustSink(t, map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": c.URL,
		"OTEL_EXPORTER_OTLP_TIMEOUT":  "50",
	})
	if err := o.client.try(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "Client.Timeout") {
		t.Errorf("error %v, want Client.Timeout", err)
	}
}

// Write retries a request only after the responses for which the OTLP specification allows a retry.
func TestOTLPRetries(t *testing.T) {
	type responses = []func(http.ResponseWriter)
	cut := func(http.ResponseWriter) { panic(http.ErrAbortHandler) }
	now := time.Now().UTC().Format(http.TimeFormat)
	for name, tc := range map[string]struct {
		responses responses
		requests  int
		want      string // in the error
	}{
		"too many requests":     {responses{status(429)}, 2, ""},
		"bad gateway":           {responses{status(502)}, 2, ""},
		"unavailable":           {responses{status(503)}, 2, ""},
		"gateway timeout":       {responses{status(504)}, 2, ""},
		"connection cut":        {responses{cut}, 2, ""},
		"three failures":        {responses{status(503), cut, status(429)}, 4, ""},
		"Retry-After":           {responses{status(503, "Retry-After", "0")}, 2, ""},
		"Retry-After a date":    {responses{status(503, "Retry-After", now)}, 2, ""},
		"Retry-After too long":  {responses{status(503, "Retry-After", "3600")}, 1, "Unavailable: retry after 1h0m0s"},
		"bad request":           {responses{status(400)}, 1, "400 Bad Request: the text"},
		"unauthorized":          {responses{status(401)}, 1, "401 Unauthorized: the text"},
		"internal server error": {responses{status(500)}, 1, "500 Internal Server Error"},
		"redirect":              {responses{status(307, "Location", "/elsewhere")}, 1, "307 Temporary Redirect"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCollector(t, tc.responses...)
			c.Start()
			o := mustSink(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": c.URL})
			err := o.Write(t.Context(), one())
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
			want := 1
			if tc.want != "" {
				want = 0
			}
			requests, accepted := c.recorded()
			if len(requests) != tc.requests || len(accepted) != want {
				t.Errorf("%d requests and %d accepted, want %d and %d", len(requests), len(accepted), tc.requests, want)
			}
		})
	}
}

// If ctx ends before Write can retry, the error contains the latest response of the collector.
func TestOTLPWithoutTimeToRetry(t *testing.T) {
	c := newCollector(t, status(503, "Retry-After", "30"))
	c.Start()
	o := mustSink(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": c.URL})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	err := o.Write(ctx, one())
	if err == nil || !strings.Contains(err.Error(), "503") || !strings.Contains(err.Error(), "no time is left") {
		t.Errorf("error %v, want 503 and \"no time is left\"", err)
	}
}

// If a collector rejects some spans of a batch, the error contains the number of rejected spans and
// the reason. The collector has stored the rest of the batch, so the batch is not sent again.
func TestOTLPPartialSuccess(t *testing.T) {
	respond := func(rejected uint64, text string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			var partial []byte
			partial = protowire.AppendTag(partial, 1, protowire.VarintType)
			partial = protowire.AppendVarint(partial, rejected)
			partial = protowire.AppendTag(partial, 2, protowire.BytesType)
			partial = protowire.AppendString(partial, text)
			response := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), partial)
			w.Header().Set("Content-Type", "application/x-protobuf")
			_, _ = w.Write(response)
		}
	}
	for name, tc := range map[string]struct {
		respond func(http.ResponseWriter)
		want    string
		lost    int64
	}{
		"all accepted":  {respond(0, ""), "", 0},
		"some rejected": {respond(2, "too old"), "the collector rejected 2 spans: too old", 2},
		"a warning":     {respond(0, "use gzip"), "the collector accepted all spans, with a warning: use gzip", 0},
		"not protobuf":  {status(200, "Content-Type", "application/x-protobuf"), "decoding the collector's response: ", 3},
		"plain text":    {status(200, "Content-Type", "text/plain"), "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCollector(t, tc.respond)
			c.Start()
			o := mustSink(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": c.URL})
			batch := slices.Concat(one(), one(), one())
			err := o.Write(t.Context(), batch)
			if (err == nil) != (tc.want == "") || err != nil && !strings.HasPrefix(err.Error(), tc.want) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
			if err != nil && lost(err, batch) != tc.lost {
				t.Errorf("%d spans lost, want %d", lost(err, batch), tc.lost)
			}
			if requests, _ := c.recorded(); len(requests) != 1 {
				t.Errorf("%d requests, want 1", len(requests))
			}
		})
	}
}

// The variables that describe the process become attributes of the resource.
func TestOTLPResource(t *testing.T) {
	c := newCollector(t)
	c.Start()
	o := mustSink(t, map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": c.URL,
		"OTEL_RESOURCE_ATTRIBUTES":    "service.namespace=our%20league,service.version=mine",
		"OTEL_SERVICE_NAME":           "goals",
	})
	if err := o.Write(t.Context(), one()); err != nil {
		t.Fatal(err)
	}
	_, accepted := c.recorded()
	got := byName(accepted[0].ResourceSpans[0].Resource.Attributes)
	for name, want := range map[string]string{
		"service.name": "goals", "service.namespace": "our league", "service.version": "mine", "service.instance.id": "here",
	} {
		if got[name] != want {
			t.Errorf("attribute %s is %q, want %q", name, got[name], want)
		}
	}
}

func byName(attributes []*commonpb.KeyValue) map[string]string {
	all := map[string]string{}
	for _, a := range attributes {
		all[a.Key] = a.Value.GetStringValue()
	}
	return all
}

// The collector receives a span with its IDs, times, status and link, and with the attributes of the
// semantic conventions.
func TestOTLPSpan(t *testing.T) {
	c := newCollector(t)
	c.Start()
	o := mustSink(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": c.URL})
	start := time.Date(2026, 11, 28, 15, 0, 0, 1e6, time.UTC)
	cause := event.NewTID()
	s := Span{
		TID: event.NewTID(), ID: event.SpanID{1}, Parent: event.SpanID{2}, Op: Process, Role: "notify", Instance: "here",
		Name: "soccer.mls.goal", Message: "e1", Match: "m1", Queue: "consumer.notify",
		Start: start, Took: Millis(time.Second),
		Outcome: "retry later: cut", Failed: true, Cause: &Cause{TID: cause, Message: "a"},
	}
	if err := o.Write(t.Context(), []Span{s}); err != nil {
		t.Fatal(err)
	}
	linked := cause.Span("a")
	want := &tracepb.Span{
		TraceId: s.TID[:], SpanId: s.ID[:], ParentSpanId: s.Parent[:], Flags: 0x301,
		Name: "process soccer.mls.goal", Kind: tracepb.Span_SPAN_KIND_CONSUMER,
		StartTimeUnixNano: uint64(start.UnixNano()), EndTimeUnixNano: uint64(start.Add(time.Second).UnixNano()),
		Status: &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR, Message: "retry later: cut"},
		Links:  []*tracepb.Span_Link{{TraceId: cause[:], SpanId: linked[:], Flags: 0x301}},
	}
	_, accepted := c.recorded()
	got := accepted[0].ResourceSpans[0].ScopeSpans[0].Spans[0]
	about := byName(got.Attributes)
	got.Attributes = nil
	if !proto.Equal(got, want) {
		t.Errorf("received %v\nwant     %v", got, want)
	}
	for name, want := range map[string]string{
		"messaging.system": "rabbitmq", "messaging.operation.type": "process", "messaging.operation.name": "process",
		"messaging.message.id": "e1", "messaging.message.conversation_id": s.TID.String(),
		"messaging.destination.name": "consumer.notify", "messaging.rabbitmq.destination.routing_key": "soccer.mls.goal",
		"matchwire.role": "notify", "matchwire.instance": "here", "matchwire.match": "m1",
		"matchwire.outcome": "retry later: cut",
	} {
		if about[name] != want {
			t.Errorf("attribute %s is %q, want %q", name, about[name], want)
		}
	}
}

// NewOTLP rejects invalid variables. The error does not contain secrets.
func TestOTLPInvalidVariables(t *testing.T) {
	const endpoint = "http://127.0.0.1:4318"
	notPEM := filepath.Join(t.TempDir(), "not.pem")
	if err := os.WriteFile(notPEM, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		variable, value string
		want            string
	}{
		"no scheme":       {"ENDPOINT", "localhost:4318", "PREFIX_ENDPOINT: want a URL like"},
		"wrong scheme":    {"TRACES_ENDPOINT", "unix:///sock", "PREFIX_TRACES_ENDPOINT: want a URL like"},
		"header":          {"HEADERS", "api-key=x,Bearer " + testenv.Secret, "PREFIX_HEADERS: item 2: want name=value"},
		"header name":     {"HEADERS", "api key=" + testenv.Secret, `PREFIX_HEADERS: "api key": want the name`},
		"header value":    {"TRACES_HEADERS", "key=%0a" + testenv.Secret, `PREFIX_TRACES_HEADERS: "key": want the name`},
		"header encoding": {"HEADERS", "key=%zz" + testenv.Secret, "PREFIX_HEADERS: item 1: want"},
		"timeout":         {"TIMEOUT", "10s", `PREFIX_TIMEOUT is "10s": want a positive number of milliseconds`},
		"compression":     {"COMPRESSION", "zstd", `PREFIX_COMPRESSION is "zstd": want gzip or none`},
		"missing file":    {"CERTIFICATE", "nowhere.pem", "PREFIX_CERTIFICATE: open nowhere.pem"},
		"not PEM":         {"CERTIFICATE", notPEM, "PREFIX_CERTIFICATE: "},
		"no key":          {"CLIENT_CERTIFICATE", notPEM, "PREFIX_CLIENT_CERTIFICATE, PREFIX_CLIENT_KEY: open"},
		"insecure https":  {"TRACES_INSECURE", "true", "PREFIX_TRACES_INSECURE is true, but"},
		"batch":           {"OTEL_BSP_MAX_QUEUE_SIZE", "-1", `OTEL_BSP_MAX_QUEUE_SIZE is "-1": want a positive number`},
		"resource":        {"OTEL_RESOURCE_ATTRIBUTES", "a=b,c", "OTEL_RESOURCE_ATTRIBUTES: item 2: want name=value"},
		"TLS for http":    {"CERTIFICATE", "", "want an https:// URL, because a certificate is configured"},
	} {
		t.Run(name, func(t *testing.T) {
			env := map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
			variable := tc.variable
			if !strings.HasPrefix(variable, "OTEL_") {
				variable = "OTEL_EXPORTER_OTLP_" + variable
			}
			env[variable] = tc.value
			switch name {
			case "insecure https":
				env["OTEL_EXPORTER_OTLP_ENDPOINT"] = "https://127.0.0.1:4318"
			case "TLS for http":
				cert, _, _ := clientCertificate(t)
				env[variable] = cert
			}
			_, err := sink(t, env)
			want := strings.ReplaceAll(tc.want, "PREFIX", "OTEL_EXPORTER_OTLP")
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Fatalf("error %v, want %q", err, want)
			}
			testenv.NoSecret(t, err.Error())
		})
	}
}

// The default limits of the queue are the same as in OpenTelemetry's batch span processor.
// Environment variables override them.
func TestOTLPBatching(t *testing.T) {
	env := map[string]string{}
	want := Batching{Queue: 2048, Batch: 512, Delay: 5 * time.Second, Timeout: 30 * time.Second}
	if got, err := otlpBatching(func(k string) string { return env[k] }); err != nil || got != want {
		t.Errorf("without variables: %+v, %v; want %+v", got, err, want)
	}
	env = map[string]string{
		"OTEL_BSP_MAX_QUEUE_SIZE": "9", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "3",
		"OTEL_BSP_SCHEDULE_DELAY": "200", "OTEL_BSP_EXPORT_TIMEOUT": "1000",
	}
	want = Batching{Queue: 9, Batch: 3, Delay: 200 * time.Millisecond, Timeout: time.Second}
	if got, err := otlpBatching(func(k string) string { return env[k] }); err != nil || got != want {
		t.Errorf("with variables: %+v, %v; want %+v", got, err, want)
	}
}

func TestOTLPEnabled(t *testing.T) {
	for name, tc := range map[string]struct {
		env  string // variables without OTEL_, each with its value
		want bool
		err  string
	}{
		"no collector":    {"", false, ""},
		"endpoint":        {"EXPORTER_OTLP_ENDPOINT=http://a", true, ""},
		"traces endpoint": {"EXPORTER_OTLP_TRACES_ENDPOINT=http://a", true, ""},
		"disabled":        {"EXPORTER_OTLP_ENDPOINT=http://a SDK_DISABLED=TRUE", false, ""},
		"same protocol":   {"EXPORTER_OTLP_ENDPOINT=http://a EXPORTER_OTLP_PROTOCOL=http/protobuf", true, ""},
		"wrong protocol": {
			"EXPORTER_OTLP_ENDPOINT=http://a EXPORTER_OTLP_PROTOCOL=grpc", false, `OTEL_EXPORTER_OTLP_PROTOCOL is "grpc"`,
		},
		"protocol of traces": {
			"EXPORTER_OTLP_ENDPOINT=http://a EXPORTER_OTLP_PROTOCOL=grpc EXPORTER_OTLP_TRACES_PROTOCOL=http/protobuf", true, "",
		},
	} {
		env := map[string]string{}
		for variable := range strings.FieldsSeq(tc.env) {
			name, value, _ := strings.Cut(variable, "=")
			env["OTEL_"+name] = value
		}
		got, err := OTLPEnabled(func(k string) string { return env[k] })
		if got != tc.want || (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
			t.Errorf("%s: %v, %v; want %v, %q", name, got, err, tc.want, tc.err)
		}
	}
}
