// Package web serves the live page and the JavaScript client of the streams. The files are in the
// folder files. Browsers run them as they are: there is no build step.
package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/matchwire/matchwire/event"
)

//go:embed files
var embedded embed.FS

// Files returns the files of the live page, as they are embedded.
func Files() fs.FS {
	files, err := fs.Sub(embedded, "files")
	if err != nil {
		panic(err) // files is embedded
	}
	return files
}

// policy is the content security policy of every file, without the sites whose pages may show the file in a
// frame. Pages run only scripts and styles from files of this server, and connect only to this server.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"worker-src 'self'; base-uri 'self'; form-action 'none'; frame-ancestors 'self'"

// A file is a file in the forms in which it is sent.
type file struct {
	body      []byte
	zipped    func() []byte // returns the compressed body, which it computes once
	kind      string        // media type
	tag       string        // ETag
	ancestors string        // origins whose pages may show the file in an iframe, each after a space
}

func newFile(name string, body []byte) *file {
	zipped := sync.OnceValue(func() []byte {
		var b bytes.Buffer
		z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level is valid
		_, _ = z.Write(body)                                  // a Buffer returns no errors
		_ = z.Close()
		return b.Bytes()
	})
	sum := sha256.Sum256(body)
	kind := mime.TypeByExtension(path.Ext(name))
	switch path.Ext(name) { // the types of the system can differ
	case ".js":
		kind = "text/javascript; charset=utf-8"
	case ".ts", ".txt":
		kind = "text/plain; charset=utf-8"
	}
	return &file{body, zipped, kind, `"` + hex.EncodeToString(sum[:8]) + `"`, ""}
}

// ServeHTTP sends the file, compressed if the client accepts it.
func (f *file) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy+f.ancestors)
	h.Set("Cache-Control", "no-cache") // a browser asks each time, and gets status 304 if the file is unchanged
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Vary", "Accept-Encoding")
	h.Set("ETag", f.tag)
	h.Set("Content-Type", f.kind)
	if strings.HasPrefix(f.kind, "text/javascript") { // any page may load it; the node limits which pages may connect
		h.Set("Access-Control-Allow-Origin", "*")
	}
	if r.Header.Get("If-None-Match") == f.tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := f.body
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") && len(f.zipped()) < len(body) {
		h.Set("Content-Encoding", "gzip")
		body = f.zipped()
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
}

// Handler returns a handler for the live page at / and /match/ID, for the pipeline page at /pipeline, and for the other
// files. Pages of the given origins may show the pages at /embed and /embed/ID in an iframe. An origin is like
// https://example.org or https://*.example.org.
func Handler(origins []string) http.Handler { return HandlerOf(Files(), origins) }

// HandlerOf is like [Handler], for the files of another version of the page.
func HandlerOf(files fs.FS, origins []string) http.Handler { return handlerOf(files, origins, "") }

// DemoHandler is like [Handler], but the pages load demo.js. It shows what the server of the demo sends at /demo.
func DemoHandler(origins []string) http.Handler {
	return handlerOf(Files(), origins, `<meta name="matchwire-demo" content="demo">`)
}

// handlerOf is like [HandlerOf]. It adds meta to the head of each page.
func handlerOf(files fs.FS, origins []string, meta string) http.Handler {
	mux := http.NewServeMux()
	var first []string // modules that the page needs first
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if !slices.Contains([]string{".html", ".css", ".js", ".ts", ".svg", ".txt"}, path.Ext(name)) {
			return nil // a file for people who change the page
		}
		body, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		if isNeededFirst(name) {
			first = append(first, name)
		}
		switch name {
		case "index.html":
		case "pipeline.html":
			mux.Handle("GET /pipeline", newFile(name, body))
		case "icon.svg":
			mux.HandleFunc("GET /icon.svg", icon(body))
		case "sports.js":
			mux.HandleFunc("GET /sports.js", sports)
		default:
			mux.Handle("GET /"+name, newFile(name, body))
		}
		return nil
	})
	if err != nil {
		panic(err) // the files are embedded
	}
	page, _ := fs.ReadFile(files, "index.html")
	mux.Handle("GET /{$}", newFile("index.html", withHead(page, meta, first)))
	mux.Handle("GET /match/{id}", newFile("index.html", withHead(page, `<base href="../">`+meta, first)))
	for pattern, base := range map[string]string{"GET /embed": "", "GET /embed/{id}": `<base href="../">`} {
		embedded := newFile("index.html", withHead(page, base, first))
		for _, o := range origins {
			embedded.ancestors += " " + o
		}
		mux.Handle(pattern, embedded)
	}
	return mux
}

// isNeededFirst reports whether the page needs a module for its first view.
func isNeededFirst(name string) bool {
	return strings.HasPrefix(name, "page/") && path.Ext(name) == ".js" ||
		slices.Contains([]string{"live.js", "matches.js", "dist/preact.js", "sports.js", "words/en.js", "words/en.names.js"},
			name)
}

// withHead returns the page with elements and with hints to load modules, at the beginning of its head.
func withHead(page []byte, elements string, modules []string) []byte {
	var head strings.Builder
	head.WriteString("<head>" + elements)
	for _, name := range modules {
		fmt.Fprintf(&head, `<link rel="modulepreload" href="%s">`, name)
	}
	return bytes.Replace(page, []byte("<head>"), []byte(head.String()), 1)
}

// sports sends sports.js with the names in the definitions of sports. A profile can add a sport at any time.
func sports(w http.ResponseWriter, r *http.Request) {
	names := map[event.Sport]map[string]string{}
	for _, s := range event.Sports() {
		if own := s.Rules().Names; len(own) > 0 {
			names[s] = own
		}
	}
	body, _ := json.Marshal(names) // cannot fail: names contains only strings
	newFile("sports.js", append([]byte("export default "), body...)).ServeHTTP(w, r)
}

// icon returns a handler for the icon. With the parameter n, the icon has a badge with this number.
func icon(plain []byte) http.HandlerFunc {
	all := []*file{newFile("icon.svg", plain)}
	for n := 1; n <= 10; n++ {
		text := strconv.Itoa(n)
		if n == 10 {
			text = "9+"
		}
		badge := fmt.Sprintf(`<circle cx="22" cy="10" r="10" fill="#c81e3a"/><text x="22" y="15" fill="#fff" `+
			`font-family="sans-serif" font-size="14" font-weight="700" text-anchor="middle">%s</text></svg>`, text)
		all = append(all, newFile("icon.svg", bytes.Replace(plain, []byte("</svg>"), []byte(badge), 1)))
	}
	return func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.URL.Query().Get("n"))
		all[min(max(n, 0), len(all)-1)].ServeHTTP(w, r)
	}
}
