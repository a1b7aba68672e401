package apiclient

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/event"
)

// Source asks for an action with a source: "pause", "resume" or "poll". It returns the TID of the job.
func (c *Client) Source(ctx context.Context, id, action string) (event.TID, error) {
	tid := event.NewTID()
	return tid, c.operate(ctx, "api/matches/"+url.PathEscape(id)+"/"+action, tid, nil)
}

// Test sends a test message through a consumer. It returns the result and the TID of the job.
func (c *Client) Test(ctx context.Context, consumer string) (result consumers.TestResult, tid event.TID, err error) {
	tid = event.NewTID()
	return result, tid, c.operate(ctx, "api/test/"+url.PathEscape(consumer), tid, &result)
}

// operate makes a POST call under a TID. It decodes the response into into, unless into is nil.
func (c *Client) operate(ctx context.Context, path string, tid event.TID, into any) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	request, err := c.request(ctx, http.MethodPost, path, nil, nil)
	if err != nil {
		return err
	}
	request.Header.Set("X-Transaction-Id", tid.String())
	response, err := c.send(request, change)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if into == nil {
		into = new(json.RawMessage)
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxResponse)).Decode(into); err != nil {
		return fmt.Errorf("%s: reading the response to POST %s: %w", c.base, request.URL.Path, err)
	}
	return nil
}
