package apiclient

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/internal/deadletters"
)

// maxListed is the maximum number of dead letters that one call lists.
const maxListed = 1000

// Dead is a [deadletters.Store] that a server gives access to.
type Dead struct{ Client *Client }

// Counts implements [deadletters.Store].
func (d Dead) Counts(ctx context.Context) ([]deadletters.Count, error) {
	var list struct {
		Consumers []deadletters.Count `json:"consumers"`
	}
	err := d.Client.call(ctx, http.MethodGet, []string{"dead"}, nil, nil, &list)
	return list.Consumers, err
}

// List implements [deadletters.Store].
func (d Dead) List(
	ctx context.Context, consumer string, limit int, show func(deadletters.Letter) error,
) (int, error) {
	var list struct {
		Letters []deadletters.Letter `json:"dead_letters"`
		Total   int                  `json:"total"`
	}
	query := url.Values{"limit": {strconv.Itoa(min(limit, maxListed))}}
	err := d.Client.call(ctx, http.MethodGet, []string{"dead", consumer}, query, nil, &list)
	for _, l := range list.Letters {
		if err == nil {
			err = show(l)
		}
	}
	return list.Total, err
}

// Find implements [deadletters.Store].
func (d Dead) Find(ctx context.Context, consumer string, ids []string, show func(deadletters.Letter) error) error {
	for _, id := range ids {
		var l deadletters.Letter
		if err := d.Client.call(ctx, http.MethodGet, []string{"dead", consumer, id}, nil, nil, &l); err != nil {
			return err
		}
		if err := show(l); err != nil {
			return err
		}
	}
	return nil
}

// Move implements [deadletters.Store].
func (d Dead) Move(
	ctx context.Context, consumer string, s deadletters.Selection, action broker.DeadAction,
) (n int, err error) {
	method, suffix := http.MethodDelete, []string{}
	if action == broker.Requeue {
		method, suffix = http.MethodPost, []string{"replay"}
	}
	if s.All {
		return d.moveAll(ctx, method, append([]string{"dead", consumer}, suffix...))
	}
	var missing []error
	for _, id := range s.IDs {
		err := d.Client.call(ctx, method, append([]string{"dead", consumer, id}, suffix...), nil, nil, nil)
		var refused *StatusError
		switch {
		case err == nil:
			n++
		case errors.As(err, &refused) && refused.Status == http.StatusNotFound:
			missing = append(missing, err)
		default:
			return n, errors.Join(append(missing, err)...)
		}
	}
	return n, errors.Join(missing...)
}

// moveAll repeats a call until it has moved as many dead letters as there were before the first call. A replayed
// message can fail again, and is then a new dead letter.
func (d Dead) moveAll(ctx context.Context, method string, path []string) (n int, err error) {
	for total := 0; ; {
		var result struct{ Moved, Left int }
		if err := d.Client.call(ctx, method, path, nil, nil, &result); err != nil {
			return n, err
		}
		n += result.Moved
		total = cmp.Or(total, result.Moved+result.Left)
		if result.Moved == 0 || n >= total {
			return n, nil
		}
	}
}
