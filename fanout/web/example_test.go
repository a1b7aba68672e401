package web_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/matchwire/matchwire/fanout/web"
)

// A program can serve the live page itself. The page expects the stream at /ws.
func ExampleHandler() {
	mux := http.NewServeMux()
	mux.Handle("/", web.Handler(nil))
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/match/mls-42", nil))
	fmt.Println(w.Code, w.Header().Get("Content-Type"))
	// Output: 200 text/html; charset=utf-8
}
