package fanout

import (
	"embed"
	"io/fs"
	"net/http"

	"github.com/matchwire/matchwire/event"
)

// web is the live page.
//
//go:embed web
var web embed.FS

// Health says whether this node still reads the log's history; until then its
// clients wait.
func (h *Hub) Health() []event.Trouble {
	if h.isReady() {
		return nil
	}
	return []event.Trouble{{Text: "fanout still reads the event log", Down: true}}
}

// Handler serves the live page on / and the stream on /ws.
func (h *Hub) Handler() http.Handler {
	files, err := fs.Sub(web, "web")
	if err != nil {
		panic(err) // the folder is in the binary
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ws", h.ServeWS)
	page := http.FileServerFS(files)
	mux.Handle("GET /", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'self'; connect-src 'self' ws: wss:; frame-ancestors 'self'")
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		page.ServeHTTP(w, r)
	}))
	return mux
}
