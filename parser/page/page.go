package page

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A Page is the result of one fetch of a URL.
type Page struct {
	URL    string      // after redirects, without the password
	Header http.Header // the headers of the response that are in [KeptHeaders]; may be nil
	Body   []byte      // decompressed, in the charset of the page
	At     time.Time   // when the page was fetched
	File   string      // path of the page in a recording, for log messages; "" if it was fetched
}

// KeptHeaders are the response headers that a [Page] can contain: headers about the type and age of
// the page, and about the server. A Page contains no other headers, because they may contain
// secrets.
var KeptHeaders = []string{
	"Content-Type", "Last-Modified", "ETag", "Date", "Age", "Cache-Control", "Expires", "X-Cache", "Server",
}

// Modified returns the time in the Last-Modified header, or the zero time if the header is missing
// or invalid.
func (p Page) Modified() time.Time {
	t, _ := http.ParseTime(p.Header.Get("Last-Modified"))
	return t
}

// MaxAge returns the max-age in the Cache-Control header, or 0 if the header has no max-age.
func (p Page) MaxAge() time.Duration {
	for part := range strings.SplitSeq(p.Header.Get("Cache-Control"), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		if n, err := strconv.Atoi(value); err == nil && strings.EqualFold(name, "max-age") && n > 0 {
			return time.Duration(min(n, 1<<30)) * time.Second
		}
	}
	return 0
}
