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
	Header http.Header // of the response: as much of it as is kept, see keptHeaders; may be nil
	Body   []byte      // decompressed, in the page's own charset
	At     time.Time   // when it was read
}

// keptHeaders are those that say what a page is and how old. Others may hold
// secrets, and are dropped.
var KeptHeaders = []string{"Content-Type", "Last-Modified", "ETag", "Date", "Age", "Cache-Control", "Expires", "X-Cache", "Server"}

// modified is the page's Last-Modified; zero where it has none that can be read.
func (p Page) Modified() time.Time {
	t, _ := http.ParseTime(p.Header.Get("Last-Modified"))
	return t
}

// maxAge is how long the site says that the page stays as it is.
func MaxAge(p Page) time.Duration {
	for part := range strings.SplitSeq(p.Header.Get("Cache-Control"), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		if n, err := strconv.Atoi(value); err == nil && strings.EqualFold(name, "max-age") && n > 0 {
			return time.Duration(min(n, 1<<30)) * time.Second
		}
	}
	return 0
}
