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
	Header http.Header // of the response: as much of it as is kept, see [KeptHeaders]; may be nil
	Body   []byte      // decompressed, in the page's own charset
	At     time.Time   // when it was read
}

// KeptHeaders are the response headers that a [Page] keeps: those that say what it is and how old.
// Others may hold secrets, and are dropped.
var KeptHeaders = []string{"Content-Type", "Last-Modified", "ETag", "Date", "Age", "Cache-Control", "Expires", "X-Cache", "Server"}

// Modified returns the Last-Modified header; the zero time if there is none that can be parsed.
func (p Page) Modified() time.Time {
	t, _ := http.ParseTime(p.Header.Get("Last-Modified"))
	return t
}

// MaxAge returns for how long the site says that the page stays the same; 0 if it does not say.
func (p Page) MaxAge() time.Duration {
	for part := range strings.SplitSeq(p.Header.Get("Cache-Control"), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		if n, err := strconv.Atoi(value); err == nil && strings.EqualFold(name, "max-age") && n > 0 {
			return time.Duration(min(n, 1<<30)) * time.Second
		}
	}
	return 0
}
