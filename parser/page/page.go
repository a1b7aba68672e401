package page

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A Page is the bytes of one fetch of one URL.
type Page struct {
	URL    string
	Header http.Header // those headers of the response that [KeptHeaders] names; may be nil
	Body   []byte      // decompressed, in the page's own charset
	At     time.Time   // when it was fetched
}

// KeptHeaders are the response headers that a [Page] keeps: those that give its type and its age.
// Other headers may hold secrets.
var KeptHeaders = []string{
	"Content-Type", "Last-Modified", "ETag", "Date", "Age", "Cache-Control", "Expires", "X-Cache", "Server",
}

// Modified returns the time in the Last-Modified header, or the zero time if there is no valid one.
func (p Page) Modified() time.Time {
	t, _ := http.ParseTime(p.Header.Get("Last-Modified"))
	return t
}

// MaxAge returns the max-age in the Cache-Control header, or 0 if there is none.
func (p Page) MaxAge() time.Duration {
	for part := range strings.SplitSeq(p.Header.Get("Cache-Control"), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		if n, err := strconv.Atoi(value); err == nil && strings.EqualFold(name, "max-age") && n > 0 {
			return time.Duration(min(n, 1<<30)) * time.Second
		}
	}
	return 0
}
