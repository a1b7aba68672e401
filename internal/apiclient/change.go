package apiclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/matchwire/matchwire/broker"
)

// A Publisher publishes events through a server. It implements [broker.Publisher].
type Publisher struct {
	Client *Client
	// AnyKind accepts events of a sport or kind that the server does not know.
	AnyKind bool
}

// Publish publishes events in order, one call for each. It returns the number of published events.
func (p Publisher) Publish(ctx context.Context, msgs ...broker.Message) (int, error) {
	query := url.Values{}
	if p.AnyKind {
		query.Set("any_kind", "true")
	}
	for n, m := range msgs {
		if err := p.publish(ctx, query, m); err != nil {
			return n, err
		}
	}
	return len(msgs), nil
}

func (p Publisher) publish(ctx context.Context, query url.Values, m broker.Message) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	request, err := p.Client.request(ctx, http.MethodPost, "api/events", query, m.Body)
	if err != nil {
		return err
	}
	request.Header.Set("X-Transaction-Id", m.TID.String())
	response, err := p.Client.send(request, change)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, io.LimitReader(response.Body, maxResponse)) // so that the next call reuses the connection
	return err
}

// Rebuild rebuilds the store of a consumer. It calls progress with the number of events so far, about once a
// second. It returns the number of events that were handled.
func (c *Client) Rebuild(ctx context.Context, consumer string, progress func(events int)) (int, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	request, err := c.request(ctx, http.MethodPost, "api/rebuild/"+url.PathEscape(consumer), nil, nil)
	if err != nil {
		return 0, err
	}
	silence := time.AfterFunc(maxSilence, func() { cancel(errSilent) })
	defer silence.Stop()
	response, err := c.send(request, change)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	lines := json.NewDecoder(&watched{response.Body, silence})
	for events := 0; ; {
		var line struct {
			Events int
			Done   bool
			Error  string
		}
		switch err := lines.Decode(&line); {
		case err != nil && errors.Is(context.Cause(ctx), errSilent):
			return events, fmt.Errorf("the rebuild was stopped: %w", errSilent)
		case err != nil:
			return events, fmt.Errorf("the connection was lost, so the rebuild was stopped: %w", err)
		case line.Error != "":
			return line.Events, errors.New(line.Error)
		case line.Done:
			return line.Events, nil
		}
		events = line.Events
		progress(events)
	}
}
