// Package apiclient calls the HTTP API of a running matchwire, and reads its event stream.
package apiclient

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/matchwire/matchwire/internal/instances"
	"github.com/matchwire/matchwire/internal/overview"
	"github.com/matchwire/matchwire/internal/trace"
)

const (
	callTimeout = 30 * time.Second // time limit for a call; the API has a shorter limit
	dialTimeout = 5 * time.Second  // time limit for connecting
	maxResponse = 64 << 20         // maximum size of a response, in bytes
	maxProblem  = 64 << 10         // maximum size of the description of an error, in bytes
)

// A Client calls one server: a process with the role api, or a gateway. Its methods are safe for concurrent
// use.
type Client struct {
	base  *url.URL
	token string // "" for calls without a token
	http  *http.Client
}

// New returns a client for the server at a URL such as http://localhost:8080. The client sends token with
// each call, unless token is "".
func New(server, token string) (*Client, error) {
	base, err := ParseURL(server)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{}
	if t, ok := http.DefaultTransport.(*http.Transport); ok {
		transport = t.Clone()
	}
	transport.DialContext = (&net.Dialer{Timeout: dialTimeout}).DialContext
	return &Client{base: base, token: token, http: &http.Client{
		Transport: transport,
		// Another address must not receive the token.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// ParseURL parses the URL of a server.
func ParseURL(server string) (*url.URL, error) {
	base, err := url.Parse(server)
	switch {
	case strings.Contains(server, "@"): // can contain a password
		return nil, errors.New("the URL of the server must not contain a user or password")
	case err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "",
		base.RawQuery != "" || base.Fragment != "":
		return nil, fmt.Errorf("server %q: want a URL such as http://localhost:8080", server)
	}
	return base, nil
}

// A NoAnswerError reports that nothing answers at the URL of the server.
type NoAnswerError struct {
	Server string
	Err    error // the reason, or nil if the connection was refused
}

func (e *NoAnswerError) Error() string {
	text := "no matchwire answers at " + e.Server
	if e.Err != nil {
		text += " (" + e.Err.Error() + ")"
	}
	return text
}

func (e *NoAnswerError) Unwrap() error { return e.Err }

// A StatusError is a response that reports a failure.
type StatusError struct {
	Status int
	Detail string // the reason, from the server
	// Scope is the scope that an API token needs for the call.
	Scope string
	// HasToken reports whether the call had a token.
	HasToken bool
}

func (e *StatusError) Error() string { return e.Detail }

// Scopes of API tokens. Package guard describes them.
const (
	read    = "read"
	operate = "operate"
	change  = "change"
)

// Instances returns the running processes of the installation.
func (c *Client) Instances(ctx context.Context) ([]instances.Instance, error) {
	var list struct {
		Instances []instances.Instance `json:"instances"`
	}
	err := c.call(ctx, http.MethodGet, []string{"instances"}, nil, nil, &list)
	return list.Instances, err
}

// Pipeline returns the overview of the installation, with as many sources as the API returns.
func (c *Client) Pipeline(ctx context.Context) (overview.Overview, error) {
	var o overview.Overview
	err := c.call(ctx, http.MethodGet, []string{"pipeline"}, url.Values{"sources": {"200"}}, nil, &o)
	return o, err
}

// Trace returns the trace of a job, with at most the given number of scheduled jobs.
func (c *Client) Trace(ctx context.Context, id string, jobs int) (*trace.Tree, error) {
	var tree trace.Tree
	query := url.Values{"jobs": {strconv.Itoa(jobs)}}
	err := c.call(ctx, http.MethodGet, []string{"trace", id}, query, nil, &tree)
	return &tree, err
}

// call makes a call to the path /api/ followed by the escaped elements of path. It encodes body as JSON, unless
// body is nil. It decodes the response into into, unless into is nil.
func (c *Client) call(ctx context.Context, method string, path []string, query url.Values, body, into any) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var encoded []byte
	if body != nil {
		var err error
		if encoded, err = json.Marshal(body); err != nil {
			return err
		}
	}
	at := "api"
	for _, element := range path {
		if slices.Contains([]string{"", ".", ".."}, element) { // would be the path of another call
			return fmt.Errorf("%q: want a name or an ID", element)
		}
		at += "/" + url.PathEscape(element)
	}
	request, err := c.request(ctx, method, at, query, encoded)
	if err != nil {
		return err
	}
	scope := change
	if method == http.MethodGet {
		scope = operate
	}
	response, err := c.send(request, scope)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if into == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxResponse)).Decode(into); err != nil {
		return fmt.Errorf("%s: reading the response to %s %s: %w", c.base, method, request.URL.Path, err)
	}
	return nil
}

func (c *Client) request(
	ctx context.Context, method, path string, query url.Values, body []byte,
) (*http.Request, error) {
	at := c.base.JoinPath(path)
	at.RawQuery = query.Encode()
	request, err := http.NewRequestWithContext(ctx, method, at.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	return request, nil
}

// send sends a request, and returns the response if its status reports success. Otherwise it returns a
// *NoAnswerError, a *StatusError or the error of the context. scope is the scope that the request needs.
func (c *Client) send(request *http.Request, scope string) (*http.Response, error) {
	response, err := c.http.Do(request)
	if err != nil {
		return nil, NoAnswer(request.Context(), c.base.String(), err)
	}
	if response.StatusCode < 300 {
		return response, nil
	}
	defer response.Body.Close()
	return nil, &StatusError{
		Status: response.StatusCode, Detail: c.detail(response), Scope: scope, HasToken: c.token != "",
	}
}

// NoAnswer returns the error of a request to a server for people: a [*NoAnswerError], or the error of ctx if ctx was
// cancelled.
func NoAnswer(ctx context.Context, server string, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	failed := &NoAnswerError{Server: server}
	var wrapped *url.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
	case errors.Is(err, context.DeadlineExceeded):
		failed.Err = errors.New("no response in time")
	case errors.As(err, &wrapped):
		failed.Err = wrapped.Err // without the method and the URL
	default:
		failed.Err = err
	}
	return failed
}

// detail returns the reason for the failure that a response reports.
func (c *Client) detail(response *http.Response) string {
	var problem struct{ Title, Detail string }
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if kind == "application/problem+json" {
		_ = json.NewDecoder(io.LimitReader(response.Body, maxProblem)).Decode(&problem) // the status remains
	}
	notAPI := fmt.Sprintf("%s does not serve the API or the streams of matchwire: HTTP status %s", c.base, response.Status)
	return cmp.Or(problem.Detail, problem.Title, notAPI)
}
