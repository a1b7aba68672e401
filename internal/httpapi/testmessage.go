package httpapi

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/internal/trace"
)

// testTimeout is the time limit for a test of a consumer. It is longer than the consumer waits, and shorter than
// ioTimeout.
const testTimeout = 25 * time.Second

// test sends a test message through a consumer. The response is the result.
func (a *API) test(w http.ResponseWriter, r *http.Request) error {
	consumer := r.PathValue("consumer")
	send, ok := a.Tests[consumer]
	if !ok {
		detail := fmt.Sprintf("consumer %q is not enabled or has no test: want one of %s", consumer,
			strings.Join(slices.Sorted(maps.Keys(a.Tests)), ", "))
		return apiError{http.StatusNotFound, detail, ""}
	}
	result, err := send(r.Context())
	var soon *consumers.TestTooSoonError
	switch {
	case errors.As(err, &soon):
		return tooSoon(w, soon.Wait, err)
	case errors.Is(err, consumers.ErrNoTestResult):
		return apiError{http.StatusServiceUnavailable, err.Error(), ""}
	case err != nil:
		return err
	}
	outcome := fmt.Sprintf("accepted for %d of %d recipients", result.Accepted, result.Recipients)
	if result.Reason != "" {
		outcome += ": " + result.Reason
	}
	trace.From(r.Context()).SetOutcome(outcome)
	return writeJSON(w, http.StatusOK, result)
}
