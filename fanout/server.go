package fanout

import (
	"embed"
	"io/fs"
	"net/http"
)

// web is the live page.
//
//go:embed web
var web embed.FS

// Handler serves the live page on /, the stream on /ws, and on /healthz whether
// this node has read the log's history.
func (h *Hub) Handler() http.Handler {
	files, err := fs.Sub(web, "web")
	if err != nil {
		panic(err) // the folder is in the binary
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ws", h.ServeWS)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		select {
		case <-h.ready:
			_, _ = w.Write([]byte("ok\n"))
		default:
			http.Error(w, "still reading the event log", http.StatusServiceUnavailable)
		}
	})
	page := http.FileServerFS(files)
	mux.Handle("GET /", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'self'; connect-src 'self' ws: wss:; frame-ancestors 'self'")
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		page.ServeHTTP(w, r)
	}))
	return mux
}
