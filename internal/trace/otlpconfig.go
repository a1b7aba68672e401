package trace

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
)

// otlpPrefix is the prefix of the environment variables of OTLP exporters. A variable for traces,
// such as OTEL_EXPORTER_OTLP_TRACES_HEADERS, takes precedence over the variable for all signals.
const otlpPrefix = "OTEL_EXPORTER_OTLP_"

const defaultOTLPTimeout = 10 * time.Second

// An otlpConfig holds the settings of an otlpClient.
type otlpConfig struct {
	url     *url.URL
	headers http.Header
	timeout time.Duration // of one request
	gzip    bool
	tls     *tls.Config // nil for the defaults
}

// An otlpEnv returns the value of an environment variable, as [os.Getenv] does.
type otlpEnv func(name string) string

// get returns the value and the full name of a variable. name is the name without the prefix. If
// the variable is not set, value is "".
func (env otlpEnv) get(name string) (value, variable string) {
	for _, variable := range []string{otlpPrefix + "TRACES_" + name, otlpPrefix + name} {
		if value := strings.TrimSpace(env(variable)); value != "" {
			return value, variable
		}
	}
	return "", otlpPrefix + name
}

// OTLPEnabled reports whether the environment names a collector and OTEL_SDK_DISABLED is not true.
// If the environment names a collector with a protocol other than http/protobuf, OTLPEnabled
// returns an error.
func OTLPEnabled(getenv func(string) string) (bool, error) {
	env := otlpEnv(getenv)
	if endpoint, _ := env.get("ENDPOINT"); endpoint == "" {
		return false, nil
	}
	if p, variable := env.get("PROTOCOL"); p != "" && p != "http/protobuf" {
		return false, fmt.Errorf("%s is %q: want http/protobuf, which collectors serve on port 4318", variable, p)
	}
	return !strings.EqualFold(getenv("OTEL_SDK_DISABLED"), "true"), nil
}

// newOTLPConfig reads the configuration from the environment. Errors name the variable and never
// contain the value of a header.
func newOTLPConfig(getenv func(string) string) (c otlpConfig, err error) {
	env := otlpEnv(getenv)
	if c.url, err = env.url(); err != nil {
		return c, err
	}
	if c.headers, err = env.headers(); err != nil {
		return c, err
	}
	c.timeout = defaultOTLPTimeout
	if text, variable := env.get("TIMEOUT"); text != "" {
		ms, err := strconv.Atoi(text)
		if err != nil || ms <= 0 {
			return c, fmt.Errorf("%s is %q: want a positive number of milliseconds", variable, text)
		}
		c.timeout = time.Duration(ms) * time.Millisecond
	}
	switch text, variable := env.get("COMPRESSION"); text {
	case "", "none":
	case "gzip":
		c.gzip = true
	default:
		return c, fmt.Errorf("%s is %q: want gzip or none", variable, text)
	}
	c.tls, err = env.tls()
	if err == nil && c.tls != nil && c.url.Scheme != "https" {
		_, variable := env.get("ENDPOINT")
		err = fmt.Errorf("%s: %s: want an https:// URL, because a certificate is configured", variable, c.url.Redacted())
	}
	return c, err
}

// url returns the URL that spans are posted to.
func (env otlpEnv) url() (*url.URL, error) {
	text, variable := env.get("ENDPOINT")
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("%s: want a URL like http://localhost:4318", variable) // the value may contain a password
	}
	switch {
	case variable == otlpPrefix+"ENDPOINT":
		u = u.JoinPath("v1", "traces")
	case u.Path == "":
		u.Path = "/"
	}
	if insecure, variable := env.get("INSECURE"); strings.EqualFold(insecure, "true") && u.Scheme == "https" {
		return nil, fmt.Errorf("%s is true, but the collector's URL is %s: want an http:// URL", variable, u.Redacted())
	}
	return u, nil
}

// headers returns the headers to add to each request.
func (env otlpEnv) headers() (http.Header, error) {
	headers := http.Header{}
	text, variable := env.get("HEADERS")
	if text == "" {
		return headers, nil
	}
	pairs, err := otlpPairs(variable, text)
	for name, value := range pairs {
		if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
			return nil, fmt.Errorf("%s: %q: want the name and value of an HTTP header", variable, name)
		}
		headers.Set(name, value)
	}
	return headers, err
}

// otlpPairs parses a list such as key1=value1,key2=value2. The values are percent-encoded. Errors
// never contain a value, which may be secret.
func otlpPairs(variable, text string) (map[string]string, error) {
	pairs := map[string]string{}
	for i, pair := range strings.Split(text, ",") {
		name, value, ok := strings.Cut(pair, "=")
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if name = strings.TrimSpace(name); !ok || name == "" || err != nil {
			return nil, fmt.Errorf("%s: item %d: want name=value with a percent-encoded value", variable, i+1)
		}
		pairs[name] = value
	}
	return pairs, nil
}

// tls returns the TLS configuration, or nil if the environment names no certificate or key.
func (env otlpEnv) tls() (*tls.Config, error) {
	ca, caVariable := env.get("CERTIFICATE")
	cert, certVariable := env.get("CLIENT_CERTIFICATE")
	key, keyVariable := env.get("CLIENT_KEY")
	if ca == "" && cert == "" && key == "" {
		return nil, nil
	}
	c := &tls.Config{}
	if ca != "" {
		pem, err := os.ReadFile(ca)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", caVariable, err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s: %s: no certificate in PEM format", caVariable, ca)
		}
	}
	if cert != "" || key != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return nil, fmt.Errorf("%s, %s: %w", certVariable, keyVariable, err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// otlpBatching returns the limits of the queue, read from the OTEL_BSP_ environment variables. The
// defaults are the same as in OpenTelemetry's batch span processor.
func otlpBatching(getenv func(string) string) (Batching, error) {
	b := Batching{Queue: 2048, Batch: 512}
	delay, timeout := 5000, 30_000 // milliseconds
	for name, number := range map[string]*int{
		"MAX_QUEUE_SIZE": &b.Queue, "MAX_EXPORT_BATCH_SIZE": &b.Batch, "SCHEDULE_DELAY": &delay, "EXPORT_TIMEOUT": &timeout,
	} {
		text := strings.TrimSpace(getenv("OTEL_BSP_" + name))
		if text == "" {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil || n <= 0 {
			return b, fmt.Errorf("OTEL_BSP_%s is %q: want a positive number", name, text)
		}
		*number = n
	}
	b.Delay, b.Timeout = time.Duration(delay)*time.Millisecond, time.Duration(timeout)*time.Millisecond
	return b, nil
}

// otlpResource returns the attributes that all spans of a process share. OTEL_SERVICE_NAME and
// OTEL_RESOURCE_ATTRIBUTES override the defaults. OTEL_RESOURCE_ATTRIBUTES can add attributes.
func otlpResource(getenv func(string) string, instance, version string) (map[string]string, error) {
	all := map[string]string{"service.name": "matchwire", "service.instance.id": instance, "service.version": version}
	if text := strings.TrimSpace(getenv("OTEL_RESOURCE_ATTRIBUTES")); text != "" {
		pairs, err := otlpPairs("OTEL_RESOURCE_ATTRIBUTES", text)
		if err != nil {
			return nil, err
		}
		maps.Copy(all, pairs)
	}
	if name := strings.TrimSpace(getenv("OTEL_SERVICE_NAME")); name != "" {
		all["service.name"] = name
	}
	return all, nil
}
